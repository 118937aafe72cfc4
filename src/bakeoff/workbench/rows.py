"""Read rows, and divide them as a study does."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.data import (
    FOLDS,
    Fold,
    Rows,
    Source,
    Split,
    can_cross_fit,
    cross_fit_rows,
    fold_overlap,
    nested_order,
    read_rows,
    read_table,
    split_rows,
    written_texts,
)
from bakeoff.decision import detectable_difference
from bakeoff.errors import DataError, OptionError
from bakeoff.tasks import ONE_LABEL, Task
from bakeoff.workbench.options import DataOptions, Division, KnownBefore

__all__ = [
    "can_show",
    "divide",
    "divided_parts",
    "forecast_of_showing",
    "further_unlabelled",
    "known_before",
    "read_source",
    "row_counts",
]


def read_source(source: Any, options: DataOptions) -> Source:
    """Read the rows of a file, a folder, a catalogue data set or a hub data set.

    Parameters
    ----------
    source : str or a table in memory
    options : DataOptions

    Returns
    -------
    Source
    """
    return read_rows(
        source,
        text=options.text,
        label=options.label,
        group=options.group,
        time=options.time,
        encoding=options.encoding,
        delimiter=options.delimiter,
        header=options.header,
        min_label_rows=options.min_label_rows,
        rare=options.rare,
        text_pair=options.text_pair,
        kind=options.kind,
    )


def further_unlabelled(read: Source, options: DataOptions) -> tuple[str, ...]:
    """Read the texts of a further file, by the names of the columns of the labelled rows.

    Parameters
    ----------
    read : Source
    options : DataOptions

    Returns
    -------
    tuple of str
        None where no file is given.

    Raises
    ------
    DataError
        If it has not their columns.
    """
    if options.unlabelled is None:
        return ()
    table = read_table(
        options.unlabelled, encoding=options.encoding, delimiter=options.delimiter, header=options.header
    )
    columns = [name for name in (*read.columns.text, read.columns.text_pair) if name is not None]
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise DataError(
            f"{options.unlabelled} must have the text columns of {read.name} ({', '.join(columns)}); it has "
            f"{', '.join(table.columns)}.",
            next_step="Name its column as that of the labelled rows.",
        )
    return tuple(written_texts(table, read.columns, read.kind))


def divide(read: Source, *, seed: int, seeds: int, division: Division) -> Split:
    """Divide rows as a study does: cross-fitted where they are few, else in one split.

    Parameters
    ----------
    read : Source
    seed, seeds : int
    division : {"auto", "one", "cross-fit"}

    Returns
    -------
    Split

    Raises
    ------
    OptionError
        If cross-fitting is asked for where the rows have splits or times of their own.
    """
    if division == "cross-fit" and (read.split("all") is None or read.columns.time is not None):
        raise OptionError(
            "Rows with splits of their own, or with --time, cannot be cross-fitted.",
            next_step="Give one file without --time, or leave --split away.",
        )
    if division == "cross-fit" or (division == "auto" and can_cross_fit(read)):
        return cross_fit_rows(read, seed=seed, seeds=seeds)
    return split_rows(read, seed=seed)


def divided_parts(split: Split, seed: int = 0) -> dict[str, Rows]:
    """Give the parts as the study keeps them.

    Where not all rows are answered, a prefix of validation and test rows is: they are permuted once, so that any prefix
    is a sample of near natural frequencies, whatever the order of the file was. Where rows are cross-fitted, all are
    test rows, in the order that the folds count in.
    """
    if split.rows is not None:
        return {"train": split.rows.take(()), "validation": split.rows.take(()), "test": split.rows}
    drawn = {
        part: rows.take(nested_order(rows.strata, seed))
        for part, rows in (("validation", split.validation), ("test", split.test))
    }
    return {"train": split.train, **drawn}


def row_counts(split: Split) -> dict[str, int]:
    """Give how many rows train, validate and test; of the smallest fold, and the rest, where they are cross-fitted."""
    if split.rows is None:
        return {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    least = {part: min(len(getattr(fold, part)) for fold in split.folds) for part in ("train", "validation")}
    return {**least, "test": len(split.rows) - sum(least.values())}


def can_show(test_rows: int, seeds: int, folds: tuple[Fold, ...], kind: str) -> float:
    """Give the smallest difference that a study would show, before anything of it has run.

    Parameters
    ----------
    test_rows : int
        Rows that are tested.
    seeds : int
        Seeds, or rounds of folds.
    folds : tuple of Fold
        None where rows are not cross-fitted.
    kind : str
        Of the task.

    Returns
    -------
    float
        In points, (0, 100]; NaN where an answer as a whole is not right or wrong, of which nothing is known before.
    """
    if kind not in ONE_LABEL:
        return math.nan
    return detectable_difference(test_rows, seeds, folds=FOLDS if folds else 0, overlap=fold_overlap(folds))


def forecast_of_showing(test_rows: int, seeds: int, folds: tuple[Fold, ...], kind: str) -> str:
    """Say what `can_show` comes to, as the forecast that it is, and by what: the rows, and how far seeds may differ.

    Parameters
    ----------
    test_rows, seeds, folds, kind
        As of `can_show`.

    Returns
    -------
    str
        One sentence; empty where nothing is known before.
    """
    differ = can_show(test_rows, seeds, folds, kind)
    if math.isnan(differ):
        return ""
    alike = detectable_difference(
        test_rows, seeds, folds=FOLDS if folds else 0, overlap=fold_overlap(folds), seed_deviation=0.0
    )
    runs = f"{seeds} {'round of folds' if folds else 'seed'}{'' if seeds == 1 else 's'}"
    runs = runs.replace("round of foldss", "rounds of folds")
    return (
        f"Forecast from {test_rows:,} test rows and {runs}, nothing measured yet: a true difference shows in 4 of 5 "
        f"studies from {alike:.1f} points on if seeds score alike, from {differ:.1f} if they differ by 2."
    )


def known_before(read: Source, task: Task, split: Split, mde: float = float("nan"), forecast: str = "") -> KnownBefore:
    """Say what is known of divided rows before anything runs on them.

    Parameters
    ----------
    read : Source
    task : Task
    split : Split
    mde, forecast
        As of `KnownBefore`.

    Returns
    -------
    KnownBefore
    """
    return KnownBefore(read.name, read.columns.how, task, row_counts(split), split.method, mde, forecast)
