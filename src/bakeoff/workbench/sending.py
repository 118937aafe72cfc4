"""Leave to send rows: refused, with what would be sent and at which price, until the host was allowed by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bakeoff.catalog.prices import ModelPrice, PriceTable
from bakeoff.catalog.servers import host_of, parse_server
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import OptionError
from bakeoff.records import Contender
from bakeoff.study.grid import default_budgets
from bakeoff.study.sending import Asking, Sending, sendings
from bakeoff.tasks import Task
from bakeoff.workbench.options import StudyOptions

__all__ = ["check_sending", "expected_sendings", "limits_changed", "terms_of_study"]


def terms_of_study(options: StudyOptions) -> ServerTerms:
    """Give a study's terms: prices that were assumed stand in for those that the table does not have.

    Parameters
    ----------
    options : StudyOptions

    Returns
    -------
    ServerTerms

    Raises
    ------
    OptionError
        If the price table is in another currency than the study.
    """
    table, assumed = options.terms.prices, options.assumptions
    if table.models and table.currency != assumed.currency:
        raise OptionError(
            f"The price table {table.file} is in {table.currency}, the study's costs are in {assumed.currency}.",
            next_step=f"Give the prices in one currency, or add: --assume currency={table.currency}",
        )
    if not (assumed.price_in > 0 or assumed.price_out > 0):
        return options.terms
    price = ModelPrice(assumed.price_in, assumed.price_out, assumed.price_cached, source="assumed")
    more = tuple((name, price) for name in _unpriced(options.prompt_models, table))
    return replace(options.terms, prices=replace(table, models=(*table.models, *more), currency=assumed.currency))


def _unpriced(models: Sequence[str], table: PriceTable) -> Iterable[str]:
    for spec in models:
        if spec.startswith(("http://", "https://")):
            name = parse_server(spec)
            if name.model is not None and table.price_of(name.url, name.model) is None:
                yield f"{host_of(name.url)}#{name.model}"


def expected_sendings(
    contenders: Sequence[Contender],
    task: Task,
    options: StudyOptions,
    terms: ServerTerms,
    *,
    texts: Sequence[str],
    train_rows: int,
) -> tuple[Sending, ...]:
    """Forecast what a study would send to servers, before it is planned: the most, without a time limit.

    Parameters
    ----------
    contenders : sequence of Contender
    task : Task
    options : StudyOptions
    terms : ServerTerms
    texts : sequence of str
        Validation and test rows, which every trial answers.
    train_rows : int

    Returns
    -------
    tuple of Sending
    """
    budgets = default_budgets(train_rows, options.budgets)
    askings = []
    for contender in contenders:
        shown = int(contender.parameters.get("shots", 0))
        at = [n for n in budgets if n >= shown] if contender.uses_labels else [0]
        askings.append(Asking(contender, texts, shown, len(at) * (options.seeds if contender.seeded else 1)))
    return sendings(askings, task, terms.prices)


def check_sending(found: Sequence[Sending], allow_send: frozenset[str], limits: SpendingLimits) -> None:
    """Refuse what may not be sent, and a limit on money that cannot be kept.

    Parameters
    ----------
    found : sequence of Sending
    allow_send : frozenset of str
        Hosts that were allowed.
    limits : SpendingLimits

    Raises
    ------
    OptionError
        If a host is neither this machine nor allowed, or money is limited where a price is not known.
    """
    allowed = {host.lower() for host in allow_send}
    for sending in found:
        if not sending.here and sending.host not in allowed:
            raise OptionError(
                f"The texts would be sent to {sending.host}, which is not this machine and was not allowed: "
                f"{sending.sentence()}.",
                next_step=f"If they may be sent there, add: --allow-send {sending.host}",
            )
        if limits.money is not None and sending.money is None:
            raise OptionError(
                f"The price of {sending.model or 'the model'} at {sending.host} is not known, so --money-limit cannot "
                "be kept.",
                next_step=f"Name the model after a #, and add its price to {sending.prices or 'a table'} or --prices.",
            )


def limits_changed(terms: ServerTerms, limits: SpendingLimits) -> ServerTerms:
    """Give terms with those limits replaced that are given.

    Parameters
    ----------
    terms : ServerTerms
    limits : SpendingLimits

    Returns
    -------
    ServerTerms
    """
    given = {name: getattr(limits, name) for name in ("money", "tokens", "calls")}
    return replace(terms, limits=replace(terms.limits, **{k: v for k, v in given.items() if v is not None}))
