"""Divide rows into train, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.allot import Unit, allot_by_label, allot_by_time
from bakeoff.data.check import SHOWN_ROWS, Check, counted, first_rows
from bakeoff.data.duplicates import connected, least_likeness, near_duplicates, numbered
from bakeoff.data.rows import Rows, Source, joined
from bakeoff.errors import DataError, OptionError

__all__ = ["Fold", "Split", "find_units", "kept_rows", "refuse_empty", "refuse_one_label", "split_rows"]

_Integers = NDArray[np.int64]
_PARTS = ("train", "validation", "test")
# Of two equal rows on different sides the one that is held out longest stays.
_KEPT_FIRST = ("test", "validation", "train", "all")


@dataclass(frozen=True, slots=True)
class Fold:
    """What one trial of a cross-fitted study sees of all rows.

    Parameters
    ----------
    train, validation, test : tuple of int
        Positions in the list of all rows, ascending.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Rows divided in three.

    Parameters
    ----------
    train, validation, test : Rows
        No text of one is in another.
    checks : tuple of Check
        What was dropped, moved or could not be kept.
    method : str
        One sentence: how the rows were divided.
    rows : Rows or None
        All rows, where they are cross-fitted.
    folds : tuple of Fold
        Round after round, where they are cross-fitted; `train`, `validation` and `test` are those of the first.
    """

    train: Rows
    validation: Rows
    test: Rows
    checks: tuple[Check, ...]
    method: str
    rows: Rows | None = None
    folds: tuple[Fold, ...] = ()


def split_rows(source: Source, *, seed: int, validation: float = 0.15, test: float = 0.25) -> Split:
    """Divide rows into train, validation and test.

    The owner's own splits are kept; a part that is missing is cut out of train. Rows with times: the latest are the
    test, the next latest the validation. Else the split is drawn by the seed, each label near its share in every part.
    Rows of one group and near-duplicates are on one side (in the parts that are cut here). Rows of the same text and
    label are kept once, and no text of an own test (or validation) split is left in another.

    Parameters
    ----------
    source : Source
        From `read_rows`.
    seed : int
        Not negative.
    validation, test : float
        Shares of all rows, above 0, together below 1.

    Returns
    -------
    Split

    Raises
    ------
    OptionError
        If the shares or the seed are outside of their ranges.
    DataError
        If a part would be empty: too few rows, or one group, near-duplicate or time that holds nearly all.
    """
    _refuse_shares(validation, test, seed)
    checks: list[Check] = []
    own, near = kept_rows(source, checks)
    pool_name = "all" if "all" in own else "train"
    shares = {"validation": validation, "test": test}
    present = 1 - sum(share for name, share in shares.items() if name in own)
    missing = {name: share / present for name, share in shares.items() if name not in own}
    parts = {name: rows for name, rows in own.items() if name in _PARTS}
    if missing:
        wanted = (1 - sum(missing.values()), missing.get("validation", 0.0), missing.get("test", 0.0))
        sides, method = _cut(own[pool_name], find_units(own[pool_name], near), wanted, seed, checks)
        for place, name in enumerate(_PARTS):
            if wanted[place] > 0:
                parts[name] = own[pool_name].take(np.flatnonzero(sides == place))
        if len(missing) < len(shares) or pool_name == "train":
            method = f"The folder's own splits are kept; {' and '.join(missing)} cut out of train: {method}"
    else:
        method = "The folder's own splits are kept."
    refuse_empty(parts, source.name)
    refuse_one_label(parts["train"])
    _note_labels(parts, checks)
    return Split(parts["train"], parts["validation"], parts["test"], tuple(checks), method)


def _refuse_shares(validation: float, test: float, seed: int) -> None:
    if not (validation > 0 and test > 0 and validation + test < 1 and seed >= 0):
        raise OptionError(
            "The shares of validation and test must be above 0 and below 1 together, and the seed not negative; got "
            f"{validation}, {test} and {seed}.",
            next_step="Correct the option.",
        )


def kept_rows(source: Source, checks: list[Check]) -> tuple[dict[str, Rows], _Integers | None]:
    """Keep rows of one text and label once, and no text on two sides of the owner's splits.

    Of rows that come undivided their near-duplicates are given, too, as the checks tell of them.
    """
    stays = _stays(source, checks)
    near = source.alike()[0][source.keys()[0][stays["all"]]] if "all" in stays else None
    return {name: dict(source.splits)[name].take(places) for name, places in stays.items()}, near


def _stays(source: Source, checks: list[Check]) -> dict[str, _Integers]:
    """Give the places of the rows that stay, by their splits."""
    keys, known = source.keys()
    labels, label_names = numbered(label for _, rows in source.splits for label in rows.labels)
    ends = dict(
        zip((name for name, _ in source.splits), accumulate(len(rows) for _, rows in source.splits), strict=True)
    )
    held = np.zeros(len(known), dtype=np.bool_)
    kept: dict[str, _Integers] = {}
    for name in (name for name in _KEPT_FIRST if name in ends):
        rows = dict(source.splits)[name]
        own = slice(ends[name] - len(rows), ends[name])
        leaking = held[keys[own]]
        free = np.flatnonzero(~leaking)
        pairs = (keys[own] * len(label_names) + labels[own])[free]
        kept[name] = np.sort(free[np.unique(pairs, return_index=True)[1]])
        held[keys[own]] = True
        for found, title, why in (
            (np.setdiff1d(free, kept[name]), "copies dropped", "with the text and label of an earlier one"),
            (np.flatnonzero(leaking), "leaks dropped", "with a text that is also held out for testing or validation"),
        ):
            if len(found):
                numbers = first_rows([rows.row_numbers[position] for position in found[: SHOWN_ROWS + 1]])
                where = "" if name == "all" else f" of {name}"
                checks.append(Check(title, "WARN", f"{counted(len(found), 'row')}{where} {why} dropped ({numbers})."))
    return kept


def _cut(
    rows: Rows, units: Sequence[Unit], shares: tuple[float, float, float], seed: int, checks: list[Check]
) -> tuple[_Integers, str]:
    """Give each row the number of its part, and say how."""
    if rows.times is not None:
        sides, moved = allot_by_time(units, rows.times, shares)
        method = "the latest rows are the test, the next latest the validation"
        if moved:
            detail = f"{counted(moved, 'row')} put in a later part than the row's own time says"
            checks.append(Check("groups over time", "WARN", f"{detail}, to stay with its group or copies."))
    else:
        sides = allot_by_label(units, rows.strata, shares, seed)
        method = f"drawn by seed {seed}, each label near its share in every part"
    together = "groups and near-duplicates" if rows.groups is not None else "near-duplicates"
    return sides, f"{method}; {together} stay on one side."


def find_units(rows: Rows, near: _Integers | None = None) -> list[Unit]:
    """Find the rows that must stay together, in the order of the rows; `near` has near-duplicates that are known."""
    found = near_duplicates(rows.texts, least_likeness(rows.kind)) if near is None else near
    units = np.unique(_first_alike(found), return_inverse=True)[1]
    if rows.groups is not None:
        places = np.arange(len(rows))
        tied = [_first_alike(units), _first_alike(numbered(rows.groups)[0])]
        units = connected(len(rows), np.concatenate([np.stack([first, places], axis=1) for first in tied]))
    # Rows by their units, in the order of the file within one.
    order = np.argsort(units, kind="stable").tolist()
    ends = np.cumsum(np.bincount(units)).tolist()
    return [tuple(order[start:end]) for start, end in pairwise([0, *ends])]


def _first_alike(numbers: _Integers) -> _Integers:
    """Give for each number where it comes first."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def refuse_empty(parts: dict[str, Rows], source: str) -> None:
    """Refuse a division that leaves a part without rows."""
    empty = [name for name in _PARTS if not len(parts[name])]
    if empty:
        raise DataError(
            f"Train, validation and test must each have a row; the rows of {source} leave none for {empty[0]}.",
            next_step="Add rows, or use a finer --group or --time: rows of one group, text or time stay together.",
        )


def refuse_one_label(train: Rows) -> None:
    """Refuse training rows of which nothing can be learned."""
    learned = set(train.labels)
    if len(learned) < 2:
        raise DataError(
            f"The training rows must have at least two labels; all have {learned.pop()!r}.",
            next_step="Add rows, or use a finer --group or --time.",
        )


def _note_labels(parts: dict[str, Rows], checks: list[Check]) -> None:
    """Say which labels the parts do not share."""
    counts = parts["train"].label_counts
    unseen = sorted(joined([parts["validation"], parts["test"]]).label_counts.keys() - counts.keys())
    untested = sorted(counts.keys() - parts["test"].label_counts.keys())
    if unseen:
        detail = f"Labels that no training row has, so that they cannot be learned: {_few(unseen)}."
        checks.append(Check("labels not in train", "WARN", detail))
    if untested:
        once = [label for label in untested if counts[label] == 1]
        rest = f" (seen once: trained on, never tested: {_few(once)})" if once else ""
        checks.append(Check("labels not in test", "WARN", f"Labels without a test row: {_few(untested)}{rest}."))


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")
