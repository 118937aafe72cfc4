"""``bakeoff rate``: say, blind, which of the finalists' answers is the better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.rate import Rateable, Tally

__all__ = ["rate"]

_KEYS = {"l": "left", "r": "right", "b": "both", "n": "neither"}


def rate(
    study: options.Study,
    rows: Annotated[int | None, options.option("--rows", metavar="ROWS", min=1, help="Most rows to rate now.")] = None,
    as_json: options.Json = False,
) -> None:
    """Rate answers blind where the finalists differ; when all are rated, the share of wins with its interval.

    Neither the label of the data nor who answered what is shown. Each rating is kept at once. The study notes that test
    rows were shown: a contender that is added from then on is marked "test seen".
    """
    from bakeoff.workbench import rate as workbench

    given = Given("rate", as_json)
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
            f"No conclusion yet: {left:,} {'row is' if left == 1 else 'rows are'} open. Counts that are looked at on "
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
