"""``bakeoff adjudicate``: settle, blind, the labels of the rows on which the finalists differ."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.adjudicate import Adjudication, Ask

__all__ = ["adjudicate"]


def adjudicate(
    study: options.Study,
    rows: Annotated[
        int | None, options.option("--rows", metavar="ROWS", min=1, help="Most rows to settle now.")
    ] = None,
    write: Annotated[
        Path | None, options.option("--write", metavar="FILE", help="Write the open rows to this .csv instead.")
    ] = None,
    read: Annotated[
        Path | None, options.option("--read", metavar="FILE", help="Take the labels of a filled sheet.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Settle labels blind where the finalists differ, decide again, and keep both verdicts.

    Neither the label of the data nor who answered what is shown. Each answer is kept at once.
    """
    from bakeoff.cli.documents import adjudication_document
    from bakeoff.workbench import adjudicate as workbench

    given = Given("adjudicate", as_json)
    if write is not None:
        count = workbench.write_sheet(study, write)
        command = f"bakeoff adjudicate {shlex.quote(str(study))} --read {shlex.quote(str(write))}"

        def show(console: Console) -> None:
            console.print(f"{write}: {count:,} rows to settle. Fill in the column label, then:", markup=False)
            console.print(command, markup=False, soft_wrap=True)

        given.give(lambda: {"sheet": write, "rows": count, "next_command": command}, show)
        return
    ask = None if read is not None else _asker(given.console, workbench.labels_of(study))
    found = workbench.adjudicate(study, ask=ask, sheet=read, most=rows)
    given.give(lambda: adjudication_document(study, found), lambda console: _show(console, study, found))


def _asker(console: Console, labels: Sequence[str]) -> Ask:
    from bakeoff.report.figures import clean_text

    def ask(text: str, number: int, of: int) -> str | None:
        console.print(f"\n{number + 1} of {of}", style="dim")
        console.print(clean_text(text), markup=False)
        shown = "  ".join(f"{key} {clean_text(label)}" for key, label in enumerate(labels, 1))
        console.print(f"{shown}  s leave open  q end", style="dim", markup=False)
        while True:
            given = str(typer.prompt("label", prompt_suffix=": ", err=console.stderr)).strip()
            if given.lower() == "q":
                raise StopIteration
            if given.lower() == "s":
                return None
            if given.isdecimal() and 1 <= int(given) <= len(labels):
                return labels[int(given) - 1]
            found = [label for label in labels if label.lower() == given.lower()]
            if found:
                return found[0]
            console.print(f"One of the {len(labels)} labels, by its number or in full; s, or q.", style="yellow")

    return ask


def _show(console: Console, study: Path, found: Adjudication) -> None:
    console.print(
        f"\n{found.settled} of {found.rows} rows on which the finalists differ are settled; {found.changed} have "
        "another label than in the data.",
        markup=False,
    )
    for name, decision in (("as labelled", found.before), ("as settled", found.after)):
        verdict = decision.verdict
        one = next((each for each in decision.comparisons if each.role == "verdict"), None)
        told = ""
        if one is not None:
            low, high = (f"{100 * bound:+.1f}" for bound in one.ci)
            told = f"{one.a} minus {one.b}: {100 * one.difference:+.1f} points [{low}, {high}]"
        named = f" ({verdict.contender})" if verdict.contender else ""
        console.print(f"{name:<13} {verdict.choice.upper()}{named}", markup=False)
        console.print(f"{'':<13} {told}", markup=False)
    console.print(f"kept: {study / 'verdict.json'}, {study / 'verdict-adjudicated.json'}", markup=False)
