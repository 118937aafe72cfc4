"""What more labels bring, and what they cost to take in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.decision.costs import known_mean
from bakeoff.decision.panel import Cell, Panel

__all__ = ["LabelCost", "label_cost", "labels_read", "slope_per_doubling"]

#: One point of the score.
_POINT = 0.01
#: Doublings of the labels from which on no number of labels is said.
_MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class LabelCost:
    """What adding a label costs a contender; NaN where not measured.

    Parameters
    ----------
    seconds_to_rebuild : float
        To take new labels in at all: one fit, or one new prompt, at n.
    seconds_per_label : float
        By which that grows with each label, between the last two n measured.
    labels_read : float
        How many of n labels it reads: all of them in a fit; those that a prompt shows or calibrates on.
    labels_per_point : float
        Further labels that bring one point, at the slope measured; infinite where more labels bring nothing.
    """

    seconds_to_rebuild: float
    seconds_per_label: float
    labels_read: float
    labels_per_point: float


def slope_per_doubling(panel: Panel, name: str, upto: int) -> float:
    """Give the gain in mean test score per doubling of the labels, over the last two n up to a bound.

    NaN where fewer than two n above 0 were measured; 0 for a contender that uses no labels.
    """
    if not panel.contenders[name].uses_labels:
        return 0.0
    met = _last_two(panel, name, upto)
    if met is None:
        return math.nan
    (low, before), (high, after) = met
    return (panel.mean_score(after) - panel.mean_score(before)) / math.log2(high / low)


def label_cost(panel: Panel, cell: Cell) -> LabelCost:
    """Give what adding a label costs a contender.

    Parameters
    ----------
    panel : Panel
    cell : Cell

    Returns
    -------
    LabelCost
    """
    seconds = known_mean([trial.fit_seconds for trial in cell.trials])
    if not cell.contender.uses_labels:
        return LabelCost(seconds, 0.0, 0.0, math.inf)
    slope = slope_per_doubling(panel, cell.contender.name, cell.n)
    per_label, met = math.nan, _last_two(panel, cell.contender.name, cell.n)
    if met is not None:
        (low, before), (high, after) = met
        grown = (known_mean([trial.fit_seconds for trial in one.trials]) for one in (after, before))
        per_label = (next(grown) - next(grown)) / (high - low)
    # A slope next to nothing would need more labels than a float holds.
    flat = slope <= _POINT / _MOST_DOUBLINGS
    points = math.inf if flat else math.nan if math.isnan(slope) else cell.n * (2 ** (_POINT / slope) - 1)
    return LabelCost(seconds, per_label, labels_read(cell), points)


def _last_two(panel: Panel, name: str, upto: int) -> tuple[tuple[int, Cell], tuple[int, Cell]] | None:
    met = [(n, cell) for n in panel.budgets(name) if 0 < n <= upto and (cell := panel.cell(name, n)) is not None]
    return (met[-2], met[-1]) if len(met) > 1 else None


def labels_read(cell: Cell) -> float:
    """Give how many of its n labels a contender reads: a prompt those it shows or learns from; NaN if unknown.

    Where rows are shown to some texts and calibrate as well, each counts once.
    """
    if cell.contender.arm != "prompt":
        return float(cell.n)
    found = [_labels_read(trial.details, cell.n) for trial in cell.trials]
    return known_mean([float(number) for number in found if number is not None])


def _labels_read(details: Mapping[str, Any], n: int) -> int | None:
    """Give what a trial says of it, else what it shows and calibrates on together; None where it says neither."""
    if (told := details.get("labels_read")) is not None:
        return int(told)
    shown = details.get("demonstrations")
    if not isinstance(shown, (list, tuple)):
        return None
    return min(len(shown) + int(details.get("calibration_rows") or 0), max(n, len(shown)))
