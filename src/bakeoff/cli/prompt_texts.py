"""How texts that a prompt wrote look in the terminal, beside those that are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bakeoff.report.figures import clean_text, score_text, visible_text
from bakeoff.workbench.prompt_history import TriedRow
from bakeoff.workbench.prompt_write import WroteOutcome

__all__ = ["add_texts", "checks_text", "text_change", "wrote_document", "wrote_lines"]

#: Characters of a source, and of a text, that are printed.
_SOURCE_WIDTH, _WRITTEN_WIDTH = 150, 400


def add_texts(table: Table, rows: Sequence[TriedRow], most: int) -> None:
    """Show some answers beside the texts that are right: the worst, the best, and those between them.

    Parameters
    ----------
    table : Table
        Of two columns.
    rows : sequence of TriedRow
    most : int
    """
    ordered = sorted(rows, key=lambda row: row.score or 0.0)
    step = max((len(ordered) - 1) / max(most - 1, 1), 1.0)
    places = dict.fromkeys(round(number * step) for number in range(most))
    for place in places:
        if place < len(ordered):
            row = ordered[place]
            table.add_row(
                f"  {score_text(row.score or 0.0)}", Text(_cut(clean_text(row.text), _SOURCE_WIDTH), style="dim")
            )
            table.add_row("  wrote", _answer(row))
            table.add_row("  right", Text(_cut(visible_text(row.target), _WRITTEN_WIDTH), style="green"))


def text_change(before: TriedRow, after: TriedRow) -> Text:
    """Show what two versions wrote for one row.

    Parameters
    ----------
    before, after : TriedRow

    Returns
    -------
    Text
    """
    scores = f"{score_text(before.score or 0.0)} -> {score_text(after.score or 0.0)}  "
    source = clean_text(_cut(after.text, _SOURCE_WIDTH))
    return Text.assemble((scores, "bold"), (f"{source}\n", "dim"), _answer(before), "\n-> ", _answer(after))


def wrote_lines(done: WroteOutcome) -> RenderableType:
    """Show the texts that a prompt wrote, one for each seed.

    Parameters
    ----------
    done : WroteOutcome

    Returns
    -------
    renderable
    """
    shown: list[RenderableType] = []
    for (seed, answer), checked in zip(done.answers, done.checked, strict=True):
        said = visible_text(answer.value) if answer.value is not None else f"no answer: {answer.abstention}"
        passed = f"; {checks_text(checked)}" if checked else ""
        shown += [Text(f"seed {seed}, {answer.tokens_out} tokens{passed}", style="dim"), Text(f"{said}\n")]
    return Group(*shown, Text(f"{Path(done.model).name}, {_how(done)}", style="dim"))


def checks_text(values: Mapping[str, float | None]) -> str:
    """Tell the value of each check, or its mean: ``lines 1.000, rhyme .500``; a dash for one that applies nowhere."""
    return ", ".join(f"{name} {'-' if value is None else score_text(value)}" for name, value in values.items())


def _how(done: WroteOutcome) -> str:
    """Say how texts were written."""
    control = done.control
    how = "the likeliest token each time"
    if control.temperature:
        how = f"temperature {control.temperature:g}" + (f", top_p {control.top_p:g}" if control.top_p < 1.0 else "")
    return how + (f", the best of {control.candidates}" if control.candidates > 1 else "")


def wrote_document(done: WroteOutcome) -> dict[str, Any]:
    """Give the texts that a prompt wrote.

    Parameters
    ----------
    done : WroteOutcome

    Returns
    -------
    dict
    """
    texts = [
        {"seed": seed, "text": one.value, "no_answer": one.abstention, "tokens": one.tokens_out, "checks": checked}
        for (seed, one), checked in zip(done.answers, done.checked, strict=True)
    ]
    control = done.control
    return {
        "model": done.model,
        "temperature": control.temperature,
        "top_p": control.top_p,
        "candidates": control.candidates,
        "texts": texts,
    }


def _answer(row: TriedRow) -> Text:
    if row.answer is None:
        return Text("no answer", style="red")
    return Text(_cut(visible_text(row.answer), _WRITTEN_WIDTH))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
