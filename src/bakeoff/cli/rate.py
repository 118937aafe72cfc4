"""``bakeoff rate``: say, blind, which of the finalists' answers is the better."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given
from bakeoff.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.judge import Judged
    from bakeoff.workbench.rate import Rateable, Tally

__all__ = ["rate"]

_KEYS = {"l": "left", "r": "right", "b": "both", "n": "neither"}


def rate(
    study: options.Study,
    rows: Annotated[int | None, options.option("--rows", metavar="ROWS", min=1, help="Most rows to rate now.")] = None,
    judge: Annotated[
        str | None,
        options.option("--judge", metavar="SERVER", help="A model that judges texts: http://host:port/v1#model."),
    ] = None,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Rate answers blind where the finalists differ; when all are rated, the share of wins with its interval.

    Neither the label of the data nor who answered what is shown. Each rating is kept at once. The study notes that test
    rows were shown: a contender that is added from then on is marked "test seen". With --judge a server's model says
    which text is the better, in both orders; its judgements are kept apart from a person's.
    """
    from bakeoff.workbench import rate as workbench

    given = Given("rate", as_json)
    if judge is not None:
        _judged(given, study, _JudgeAsked(judge, rows, tuple(allow_send or ()), prices, tuple(limit or ())))
        return
    _refuse_without_judge(allow_send, prices, limit)
    workbench.allow_rating(study)
    board = workbench.rating_board(study)
    assert board is not None
    _ask_all(given.console, study, board.open[:rows])
    board = workbench.rating_board(study)
    assert board is not None
    tally, left = workbench.tally_of(board), len(board.open)

    def document() -> dict[str, object]:
        return {
            "study": study,
            "contenders": list(tally.contenders),
            "wins": list(tally.wins),
            "both": tally.both,
            "neither": tally.neither,
            # Told when all is rated: whoever looks on the way stops when it pleases.
            "rate": None if left else tally.rate,
            "interval": None if left else list(tally.interval),
            "rated": len(board.ratings),
            "open": left,
        }

    given.give(document, lambda console: _show(console, tally, left))


@dataclass(frozen=True, slots=True)
class _JudgeAsked:
    """What the command was told of a judge."""

    server: str
    rows: int | None
    allow_send: tuple[str, ...]
    prices: Path | None
    limits: tuple[str, ...]


def _refuse_without_judge(*options_of_servers: object) -> None:
    if any(options_of_servers):
        raise OptionError(
            "--allow-send, --prices and --limit are for a model that judges, and none was named.",
            next_step="Name it: --judge http://host:port/v1#model",
        )


def _judged(given: Given, study: Path, asked: _JudgeAsked) -> None:
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.workbench.judge import JudgeOptions, judge
    from bakeoff.workbench.sending import server_terms

    terms = server_terms(asked.prices, asked.limits)
    wanted = JudgeOptions(asked.server, asked.rows, frozenset(asked.allow_send), terms)
    with TerminalWatcher(given.console) as watcher:
        watcher.kept = "Judgements that came are kept; the same command goes on with the rest."
        done = judge(study, wanted, watcher=watcher)
    tally = done.tally

    def document() -> dict[str, object]:
        return {
            "study": study,
            "judge": done.judge,
            "contenders": list(tally.contenders),
            "wins": list(tally.wins),
            "ties": tally.ties,
            "order_decided": done.order_decided,
            "rate": None if done.open else tally.rate,
            "interval": None if done.open else list(tally.interval),
            "rated": sum(tally.wins) + tally.ties,
            "open": done.open,
            "unreadable": done.unreadable,
            "failed": done.failed,
            "calls": {"asked": done.asked, "from_disk": done.from_disk, "money": done.money, "currency": done.currency},
        }

    given.give(document, lambda console: _show_judged(console, done))


def _show_judged(console: Console, done: Judged) -> None:
    from bakeoff.catalog.servers import host_of, parse_server
    from bakeoff.report.figures import clean_text, money_text

    tally, name = done.tally, parse_server(done.judge)
    (first, second), judged = tally.contenders, sum(tally.wins) + tally.ties
    judge = clean_text(f"{name.model} at {host_of(name.url)}")
    paid = f", {money_text(done.money, done.currency)}" if done.money else ""
    lines = [
        f"Judged by a model, {judge}, and by no person: {judged:,} pairs of texts, each in both orders.",
        f"{first} better on {tally.wins[0]} rows, {second} on {tally.wins[1]}; ties {tally.ties}, of which "
        f"{done.order_decided} since it named the same place in both orders.",
        f"calls: {done.asked:,} asked now, {done.from_disk:,} replies kept from before{paid}",
    ]
    if done.unreadable:
        lines.append(f"{done.unreadable:,} pairs got a reply that names no text, and stay open.")
    if done.failed is not None:
        lines.append(clean_text(f"Calls failed or were not made: {done.failed}"))
    if done.open:
        lines.append(f"No conclusion yet: {_rows_open(done.open)}.")
    elif sum(tally.wins):
        low, high = tally.interval
        lines.append(
            f"The fit of {first} wins {100 * tally.rate:.0f}% of the rows on which one was better, 95% interval "
            f"{100 * low:.0f}% to {100 * high:.0f}% (Wilson): of two fits with one seed, as this model sees them. A "
            "model that judges can favour long texts and those like its own; the verdict rests on all test rows."
        )
    for line in lines:
        console.print(line, markup=False)


def _rows_open(rows: int) -> str:
    return f"{rows:,} {'row is' if rows == 1 else 'rows are'} open"


def _ask_all(console: Console, study: Path, rows: tuple[Rateable, ...]) -> None:
    from bakeoff.workbench import rate as workbench

    for number, row in enumerate(rows, 1):
        choice = _asked(console, row, number, len(rows))
        if choice == "q":
            return
        if choice in _KEYS:
            workbench.rate(study, row.row, _KEYS[choice])


def _asked(console: Console, row: Rateable, number: int, of: int) -> str:
    from bakeoff.report.figures import visible_text

    console.print(f"\n{number} of {of}", style="dim")
    console.print(visible_text(row.text), markup=False)
    for side, answer in zip(("left", "right"), row.answers, strict=True):
        console.print(f"\n{side}", style="bold")
        console.print("(no answer)" if answer is None else visible_text(answer), markup=False)
    console.print("\nl left better  r right better  b both good  n neither  s leave open  q end", style="dim")
    while True:
        given = str(typer.prompt("better", prompt_suffix=": ", err=console.stderr)).strip().lower()[:1]
        if given in (*_KEYS, "s", "q"):
            return given
        console.print("One of l, r, b, n, s and q.", style="yellow")


def _show(console: Console, tally: Tally, left: int) -> None:
    first, second = tally.contenders
    counts = f"{first} better on {tally.wins[0]} rows, {second} on {tally.wins[1]}; both good {tally.both}, neither "
    console.print(f"\n{counts}{tally.neither}.", markup=False)
    if left:
        console.print(
            f"No conclusion yet: {_rows_open(left)}. Counts that are looked at on "
            "the way lead to one too easily, by stopping when they please.",
            markup=False,
        )
    elif sum(tally.wins):
        low, high = tally.interval
        console.print(
            f"The fit of {first} wins {100 * tally.rate:.0f}% of the rows on which one was better, 95% interval "
            f"{100 * low:.0f}% to {100 * high:.0f}% (Wilson): of two fits with one seed, as one person sees them. The "
            "verdict rests on all test rows.",
            markup=False,
        )
