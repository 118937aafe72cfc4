"""Cross-fitting: divide rows in folds, so that every row is answered by methods that did not learn from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.allot import Unit, allot_by_label
from bakeoff.data.check import Check
from bakeoff.data.rows import Rows, Source
from bakeoff.data.sample import nested_order
from bakeoff.data.split import Fold, Split, find_units, kept_rows, refuse_empty, refuse_one_label
from bakeoff.errors import OptionError

__all__ = ["CROSS_FIT_BELOW", "FOLDS", "can_cross_fit", "cross_fit_rows", "fold_overlap"]

#: From so many rows on, one split has test rows enough to decide on.
CROSS_FIT_BELOW = 2000
_VALIDATION = 0.15
#: Folds of a round: more would leave more rows to train on, and cost as many more trials.
FOLDS = 3

_Sides = NDArray[np.int64]


def can_cross_fit(source: Source) -> bool:
    """Say whether rows are to be cross-fitted: fewer than `CROSS_FIT_BELOW`, without splits of their own and times.

    Parameters
    ----------
    source : Source

    Returns
    -------
    bool
    """
    rows = source.split("all")
    return rows is not None and rows.times is None and len(rows) < CROSS_FIT_BELOW


def cross_fit_rows(source: Source, *, seed: int, seeds: int) -> Split:
    """Divide rows in rounds of three folds, one round a seed; every row is a test row of one fold of each round.

    Folds are grouped and stratified as in `split_rows`. A fold's validation rows are some of the next fold's test rows,
    so that within a round no row is a validation row twice.

    Parameters
    ----------
    source : Source
        For which `can_cross_fit` holds.
    seed : int
        Of all draws; not negative.
    seeds : int
        Number of rounds.

    Returns
    -------
    Split
        Its `rows` are all rows in one random order, its `folds` divide them; `train`, `validation` and `test` are those
        of the first fold.

    Raises
    ------
    OptionError
        If the seed is negative.
    DataError
        If a fold would have an empty part, or training rows of one label only.
    """
    if seed < 0:
        raise OptionError(f"The seed must not be negative; {seed} came.", next_step="Correct the option.")
    checks: list[Check] = []
    rows, units = _in_one_order(source, seed, checks)
    strata = rows.strata
    folds: list[Fold] = []
    for number in range(seeds):
        sides = allot_by_label(units, strata, [1 / FOLDS] * FOLDS, seed + 1000 * number, teach=False)
        held = _held_out(rows, units, sides, seed + 1000 * number)
        folds += [_fold(sides, held, place) for place in range(FOLDS)]
    taken = [{part: rows.take(getattr(fold, part)) for part in ("train", "validation", "test")} for fold in folds]
    for parts in taken:
        refuse_empty(parts, source.name)
        refuse_one_label(parts["train"])
    first = taken[0]
    together = "groups and near-duplicates" if rows.groups is not None else "near-duplicates"
    method = (
        f"cross-fitted in {seeds} rounds of {FOLDS} folds, drawn by seed {seed}: each row is tested by methods that "
        f"did not see it; {together} stay on one side."
    )
    return Split(first["train"], first["validation"], first["test"], tuple(checks), method, rows, tuple(folds))


def _in_one_order(source: Source, seed: int, checks: list[Check]) -> tuple[Rows, list[Unit]]:
    """Give the rows that are divided, in one random order, and which of them stay together: what the checks tell of.

    Of very many rows alike other pairs are compared in another order, and other rows would be found near.
    """
    own, near = kept_rows(source, checks)
    order = nested_order(own["all"].strata, seed)
    rows = own["all"].take(order)
    return rows, find_units(rows, None if near is None else near[order])


def fold_overlap(folds: Sequence[Fold]) -> float:
    """Say how far the fits of a round share their training rows.

    Parameters
    ----------
    folds : sequence of Fold

    Returns
    -------
    float
        Folds of a round times the test rows of a fold for each of its training rows; 0 without folds.
    """
    return max((FOLDS * len(fold.test) / len(fold.train) for fold in folds), default=0.0)


def _held_out(rows: Rows, units: Sequence[Unit], sides: _Sides, seed: int) -> NDArray[np.bool_]:
    """Draw from each fold's test rows those that are validation rows of the fold before."""
    share, strata = _VALIDATION * FOLDS, rows.strata
    held = np.zeros(len(rows), dtype=np.bool_)
    for place in range(FOLDS):
        own = [unit for unit in units if sides[unit[0]] == place]
        rank = {row: position for position, row in enumerate(sorted(row for unit in own for row in unit))}
        placed = [tuple(rank[row] for row in unit) for unit in own]
        drawn = allot_by_label(placed, [strata[row] for row in rank], [1 - share, share], seed, teach=False)
        held[np.array(list(rank), dtype=np.int64)[drawn == 1]] = True
    return held


def _fold(sides: _Sides, held: NDArray[np.bool_], place: int) -> Fold:
    tested = sides == place
    validating = held & (sides == (place + 1) % FOLDS)
    parts = (~tested & ~validating, validating, tested)
    return Fold(*(tuple(int(row) for row in np.flatnonzero(part)) for part in parts))
