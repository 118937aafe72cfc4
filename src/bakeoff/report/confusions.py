"""What each of the verdict's two contenders takes for what, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import MASKED, Panel
from bakeoff.records import Decision
from bakeoff.report.answered import Answered, pair_of, record_of

__all__ = ["Cell", "ConfusedPair", "Confusions", "Matrix", "confusions"]

#: Labels that a heat table shows at most, and pairs that are listed.
MOST_LABELS, MOST_PAIRS = 12, 12

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cell:
    """Of the rows with one true label, those that got one answer.

    Parameters
    ----------
    answer : str
        In words.
    rows : float
        Mean over seeds.
    share : float
        Of the rows with the true label, in [0, 1].
    right : bool
    """

    answer: str
    rows: float
    share: float
    right: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """A contender's heat table; `lines` holds true label, its rows, and one cell for each of `columns`."""

    contender: str
    arm: str
    n: int
    seeds: int
    source: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, int, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Rows of one label that were answered with another, mean over seeds, for each of the two contenders."""

    truth: str
    answer: str
    rows: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Confusions:
    """The heat tables, the likeliest confusions where there are more than two labels, and how many labels there are."""

    matrices: tuple[Matrix, ...]
    pairs: tuple[ConfusedPair, ...]
    labels: int


def confusions(panel: Panel, decision: Decision) -> Confusions | None:
    """Count what the verdict's contenders answer to the rows of each label.

    Parameters
    ----------
    panel : Panel
    decision : Decision

    Returns
    -------
    Confusions or None
        None where rows do not have one label each, or no contender of the verdict has finished trials. With more than
        `MOST_LABELS` labels those that take part in most confusions of either contender are shown, the others together.
    """
    pair = pair_of(panel, decision)
    if not panel.rows_are_right or not pair or not len(panel.truth["test"]):
        return None
    counts = [_counts(panel, one) for one in pair]
    size = len(panel.labels)
    wrong = np.stack([_wrong(one) for one in counts])
    involved = (wrong.sum(axis=2)[:, :size] + wrong.sum(axis=1)[:, :size]).sum(axis=0)
    shown = sorted(np.argsort(-involved, kind="stable")[:MOST_LABELS].tolist())
    matrices = tuple(_matrix(panel, one, count, shown) for one, count in zip(pair, counts, strict=True))
    return Confusions(matrices, _pairs(panel, wrong) if size > 2 else (), size)


def _counts(panel: Panel, one: Answered) -> Reals:
    """Count answers by true label: mean over seeds, shape (labels, labels + 1), the last column for abstentions."""
    size, truth, codes = len(panel.labels), panel.truth["test"], one.cell.test
    found = np.zeros((size, size + 1))
    for line in codes:
        known = (truth >= 0) & (line != MASKED)
        np.add.at(found, (truth[known], np.where(line[known] < 0, size, line[known])), 1)
    return np.asarray(found / len(codes))


def _wrong(counts: Reals) -> Reals:
    found = counts.copy()
    np.fill_diagonal(found, 0)
    return found


def _matrix(panel: Panel, one: Answered, counts: Reals, shown: Sequence[int]) -> Matrix:
    size = len(panel.labels)
    left = [place for place in range(size) if place not in shown]
    columns: list[tuple[str, list[int]]] = [(panel.labels[place], [place]) for place in shown]
    columns += [("other labels", left)] if left else []
    columns += [("no answer", [size])] if counts[:, size].any() else []
    lines = []
    for place in shown:
        rows = counts[place].sum()
        cells = tuple(
            Cell(name, float(counts[place, at].sum()), float(counts[place, at].sum() / max(rows, 1)), at == [place])
            for name, at in columns
        )
        lines.append((panel.labels[place], round(float(rows)), cells))
    contender = one.cell.contender
    return Matrix(
        contender.name,
        contender.arm,
        one.cell.n,
        len(one.cell.seeds),
        record_of(one.cell.trials),
        tuple(name for name, _ in columns),
        tuple(lines),
    )


def _pairs(panel: Panel, wrong: Reals) -> tuple[ConfusedPair, ...]:
    names = (*panel.labels, "no answer")
    total = wrong.sum(axis=0)
    order = np.argsort(-total, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(at), total.shape[1]) for at in order if total.flat[at] > 0]
    return tuple(
        ConfusedPair(panel.labels[truth], names[answer], tuple(float(one[truth, answer]) for one in wrong))
        for truth, answer in places
    )
