"""What a study will send to servers: rows, calls, tokens and their price, told before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.catalog.prices import PriceTable
from bakeoff.catalog.servers import host_of, is_loopback, parse_server
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.study.evidence import read_contenders, read_task
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import read_terms
from bakeoff.tasks import Task

__all__ = ["Asking", "Sending", "asking_of", "calls_made", "calls_told", "planned_sendings", "sendings"]

#: Tokens to a word where a server did not count them, and characters to a token, of English.
_TOKENS_A_WORD, _CHARACTERS_A_TOKEN = 1.3, 4.5
#: Tokens around an instruction and its labels, and around a message.
_FRAME_TOKENS, _MESSAGE_TOKENS = 60.0, 8.0
#: Of an answer that is a text: as many as are asked for where no example of one is known.
_TEXT_TOKENS = 128.0


@dataclass(frozen=True, slots=True)
class Asking:
    """Rows that a contender is to answer.

    Parameters
    ----------
    contender : Contender
    texts : sequence of str
        One a call.
    shown : int
        Demonstrations before each.
    times : int
        How often the same texts are asked, with other demonstrations each time.
    characters : int or None
        That go with every text, demonstrations and all, where they are known.
    """

    contender: Contender
    texts: Sequence[str]
    shown: int = 0
    times: int = 1
    characters: int | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes to one model of one server; all but `rows` by forecast.

    Parameters
    ----------
    host, model : str
        `model` is empty for a server's only one.
    here : bool
        Whether it is on this machine.
    rows, calls : int
        Distinct texts, and calls with one of them each.
    tokens_in, tokens_out : float
    money : float or None
        None where no price is known.
    currency : str
    prices : str
        File of the price table.
    """

    host: str
    model: str
    here: bool
    rows: int
    calls: int
    tokens_in: float
    tokens_out: float
    money: float | None
    currency: str
    prices: str

    def sentence(self) -> str:
        """Tell it in one sentence."""
        paid = f"price unknown: it is not in {self.prices or 'a price table'}"
        if self.money is not None:
            paid = "nothing to pay: this machine" if self.here and not self.money else f"about {self._amount()}"
        named = f" ({self.model})" if self.model else ""
        return (
            f"{self.rows:,} rows in {self.calls:,} calls to {self.host}{named}: about {_rounded(self.tokens_in)} "
            f"tokens in, {_rounded(self.tokens_out)} out; {paid}"
        )

    def _amount(self) -> str:
        money = self.money or 0.0
        return f"{money:,.2f} {self.currency}" if money >= 1 else f"{money:.2g} {self.currency}"


def sendings(
    askings: Iterable[Asking], task: Task, prices: PriceTable, tokens_per_word: Mapping[str, float] | None = None
) -> tuple[Sending, ...]:
    """Forecast what goes to servers, one entry a model.

    Parameters
    ----------
    askings : iterable of Asking
        Those of methods without a server are passed over.
    task : Task
    prices : PriceTable
    tokens_per_word : mapping of str to float, optional
        By model, where a server has counted.

    Returns
    -------
    tuple of Sending
    """
    by_model: dict[str, list[Asking]] = {}
    for asking in askings:
        if asking.contender.model is not None and method_spec(asking.contender.method).model == "server":
            by_model.setdefault(asking.contender.model, []).append(asking)
    found = []
    for spec, asked in by_model.items():
        name, rate = parse_server(spec), (tokens_per_word or {}).get(spec) or _TOKENS_A_WORD
        calls = sum(len(asking.texts) * asking.times for asking in asked)
        tokens_in = sum(_tokens(asking, task, rate) * asking.times for asking in asked)
        tokens_out = calls * _answer_tokens(task)
        price = prices.price_of(name.url, name.model)
        found.append(
            Sending(
                host=host_of(name.url),
                model=name.model or "",
                here=is_loopback(host_of(name.url)),
                rows=len({text for asking in asked for text in asking.texts}),
                calls=calls,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                money=None if price is None else price.of(tokens_in, tokens_out),
                currency=prices.currency,
                prices=prices.file,
            )
        )
    return tuple(found)


def asking_of(contender: Contender, texts: Sequence[str], *, n: int | None = None, times: int = 1) -> Asking:
    """Name the rows that a contender is to answer, with the demonstrations or the whole prompt that go with each.

    Parameters
    ----------
    contender : Contender
    texts : sequence of str
    n : int, optional
        Label budget, which may be smaller than what the contender would show.
    times : int

    Returns
    -------
    Asking
    """
    given = contender.parameters
    shown = int(given.get("shots", 0))
    # Where one of several texts is chosen, each is a call.
    times *= int(given.get("candidates", 1))
    return Asking(contender, texts, shown if n is None else min(shown, n), times, given.get("characters"))


def planned_sendings(store: StudyStore, plan: Plan) -> tuple[Sending, ...]:
    """Forecast what a planned study still sends to servers: its trials without a record, spare ones included.

    Parameters
    ----------
    store : StudyStore
    plan : Plan

    Returns
    -------
    tuple of Sending
    """
    contenders, parts = {contender.name: contender for contender in read_contenders(store)}, read_parts(store, plan)
    done = {(trial.contender, trial.n, trial.seed) for trial in store.trials() if trial.status == "done"}
    askings = []
    for trial in plan.trials:
        contender = contenders[trial.contender]
        if (trial.contender, trial.n, trial.seed) in done or method_spec(contender.method).model != "server":
            continue
        validation, test = parts.to_answer(trial.seed, seeded=contender.seeded)
        askings.append(asking_of(contender, (*validation.texts, *test.texts), n=trial.n))
    speeds: Mapping[str, Any] = store.fact("speeds") or {}
    words = max(float(store.fact("text_words") or 0.0), 1.0)
    rates = {model: speed["tokens_per_row"] / words for model, speed in speeds.items()}
    return sendings(askings, read_task(store), read_terms(store).prices, rates)


def calls_made(store: StudyStore) -> str | None:
    """Tell in one sentence what the calls to servers came to; None where there were none.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    str or None
    """
    made = [trial for trial in store.trials() if trial.details.get("calls")]
    if not made:
        return None
    paid = sum(trial.usage.money for trial in made)
    return calls_told([trial.details for trial in made], paid, read_terms(store).prices.currency)


def calls_told(details: Sequence[Mapping[str, Any]], paid: float, currency: str) -> str:
    """Tell in one sentence what calls came to.

    Parameters
    ----------
    details : sequence of mapping
        Of methods that made calls, at least one.
    paid : float
        What the calls were worth, in the currency.
    currency : str

    Returns
    -------
    str
    """
    counts = {name: sum(each["calls"][name] for each in details) for name in details[0]["calls"]}
    told = f"servers: {counts['asked']:,} answers asked for, {counts['from_disk']:,} kept from before"
    if counts["failed"]:
        told += f", {counts['failed']:,} calls failed"
    if counts["perhaps_billed"]:
        told += f", {counts['perhaps_billed']:,} tries without an answer may be billed"
    told += f"; worth {paid:,.2g} {currency}" if paid else ""
    missed = next((why for each in details if (why := str(each.get("first_miss"))).startswith("miss")), None)
    return f"{told}; first {missed}" if missed else told


def _answer_tokens(task: Task) -> float:
    if task.kind == "generation":
        return _TEXT_TOKENS
    return 2.0 + sum(map(len, task.words)) / max(len(task.words), 1) / _CHARACTERS_A_TOKEN


def _tokens(asking: Asking, task: Task, rate: float) -> float:
    words = sum(len(text.split()) for text in asking.texts)
    if asking.characters is not None:
        around = _MESSAGE_TOKENS * (2 + 2 * asking.shown) + asking.characters / _CHARACTERS_A_TOKEN
        return words * rate + len(asking.texts) * around
    told = len(task.instruction or "") + sum(map(len, (*task.words, *task.definitions)))
    calls, mean = len(asking.texts), words / max(len(asking.texts), 1)
    shown = asking.shown * (mean * rate + 2 * _MESSAGE_TOKENS)
    return words * rate + calls * (_FRAME_TOKENS + told / _CHARACTERS_A_TOKEN + shown)


def _rounded(tokens: float) -> str:
    """Write a number of tokens with two digits: it is a forecast."""
    return f"{float(f'{tokens:.2g}'):,.0f}"
