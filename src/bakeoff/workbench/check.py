"""Check rows before anything is measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.catalog import is_here, resolve_model
from bakeoff.data import Check, check_rows, spaced
from bakeoff.models.text_lengths import LongTexts, count_long_texts
from bakeoff.workbench.given_checks import given_checks, try_checks
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.rows import can_show, divide, forecast_of_showing, read_source, row_counts

__all__ = ["CheckOutcome", "check"]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What the checks found.

    Parameters
    ----------
    name : str
        The source's.
    columns : str
        One sentence on which columns were taken.
    checks : tuple of Check
    rows : mapping
        ``train``, ``validation`` and ``test`` rows as a study would divide them.
    split : str
        One sentence on how.
    mde : float
        Forecast of the smallest difference in accuracy that shows, in points; NaN for kinds without right rows.
    forecast : str
        The same in a sentence that says on what it rests; empty for kinds without right rows.
    long_texts : LongTexts or None
        Texts that the encoder of a study would cut; None where it is not on this machine yet.
    """

    name: str
    columns: str
    checks: tuple[Check, ...]
    rows: dict[str, int]
    split: str
    mde: float
    forecast: str
    long_texts: LongTexts | None = None


def check(source: Any, data: DataOptions, *, seed: int = 0, checks: Path | None = None) -> CheckOutcome:
    """Read, check and split rows; write nothing.

    Parameters
    ----------
    source : str or a table in memory
    data : DataOptions
    seed : int
    checks : Path, optional
        File of checks that written texts must pass: the right texts of the rows are held to them.

    Returns
    -------
    CheckOutcome
    """
    read = read_source(source, data)
    seeds = StudyOptions().seeds
    split = divide(read, seed=seed, seeds=seeds, division="auto")
    asked = given_checks(checks, read.kind, split.train.texts)
    known = len(split.rows or split.test), seeds, split.folds, read.kind
    return CheckOutcome(
        name=read.name,
        columns=read.columns.how,
        checks=(*check_rows(read), *split.checks, *try_checks(asked, split.train)),
        rows=row_counts(split),
        split=split.method,
        mde=can_show(*known),
        forecast=forecast_of_showing(*known),
        long_texts=_long_texts(spaced(text for _, part in read.splits for text in part.texts)),
    )


def _long_texts(texts: Sequence[str]) -> LongTexts | None:
    """Count the texts that the usual encoder would cut, where it is at hand; a check pulls nothing."""
    name = StudyOptions().encoders[0]
    if not is_here(name):
        return None
    return count_long_texts(resolve_model(name), texts)
