"""Leave to send rows: refused, with what would be sent and at which price, until the host was allowed by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.catalog.prices import ModelPrice, PriceTable, read_prices
from bakeoff.catalog.servers import host_of, is_server, parse_server
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import OptionError
from bakeoff.records import Contender
from bakeoff.study.grid import default_budgets
from bakeoff.study.sending import Sending, asking_of, sendings
from bakeoff.tasks import Task
from bakeoff.workbench.options import StudyOptions

__all__ = ["check_sending", "expected_sendings", "server_terms", "terms_of_study", "with_limits"]

#: More connections than that no server here or elsewhere would thank us for.
_MOST_AT_A_TIME = 256


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
        if is_server(spec):
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
        askings.append(asking_of(contender, texts, times=len(at) * (options.seeds if contender.seeded else 1)))
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
                f"The price of {sending.model or 'the model'} at {sending.host} is not known, so --limit money cannot "
                "be kept.",
                next_step=f"Name the model after a #, and add its price to {sending.prices or 'a table'} or --prices.",
            )


def server_terms(prices: Path | None, limits: Sequence[str]) -> ServerTerms:
    """Read on what terms servers are to be asked.

    Parameters
    ----------
    prices : Path or None
        Table of prices; the user's own where None.
    limits : sequence of str
        ``NAME=VALUE``, see `with_limits`.

    Returns
    -------
    ServerTerms
    """
    return with_limits(ServerTerms(prices=read_prices(prices)), limits)


def with_limits(terms: ServerTerms, given: Sequence[str]) -> ServerTerms:
    """Replace the limits that are given.

    Parameters
    ----------
    terms : ServerTerms
    given : sequence of str
        Such as ``money=2.50``, ``tokens=1000000``, ``calls=5000`` and ``calls-at-a-time=8``.

    Returns
    -------
    ServerTerms

    Raises
    ------
    OptionError
        If one has another form.
    """
    for text in given:
        name, _, value = (part.strip() for part in text.partition("="))
        number = _number(name, value)
        if number is None:
            raise OptionError(
                f"A limit is money=, tokens=, calls= or calls-at-a-time= and a number from 0 on (whole but for money, "
                f"and from 1 to {_MOST_AT_A_TIME} calls at a time); {text!r} came.",
                next_step="Write for example: --limit money=2.50 --limit calls=5000",
            )
        if name == "calls-at-a-time":
            terms = replace(terms, most_at_a_time=int(number))
        else:
            changed: dict[str, Any] = {name: number}
            terms = replace(terms, limits=replace(terms.limits, **changed))
    return terms


def _number(name: str, value: str) -> float | int | None:
    """Read a limit's value; None where it is none."""
    try:
        if name == "money":
            money = float(value)
            return money if 0 <= money < math.inf else None
        whole = int(value)
    except ValueError:
        return None
    least, most = (1, _MOST_AT_A_TIME) if name == "calls-at-a-time" else (0, math.inf)
    return whole if name in ("tokens", "calls", "calls-at-a-time") and least <= whole <= most else None
