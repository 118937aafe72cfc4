"""What answers cost: wrong ones and abstentions, by row, with the same bootstrap as scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.bills import bill_of, spending
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.fits import fit_deviations, rows_of_fits, spread_of_deviations
from bakeoff.decision.panel import MASKED, Cell, Codes, Panel, pair_codes
from bakeoff.decision.resampling import (
    RESAMPLES_OF_FITS,
    bootstrap_means,
    rounds_of,
    summarise,
    summarise_folds,
)
from bakeoff.records import Assumptions
from bakeoff.tasks import ABSTAIN

__all__ = [
    "DrawnLoss",
    "Folded",
    "Loss",
    "SettledLoss",
    "cost_tables",
    "drawn_costs",
    "loss_difference",
    "loss_of",
    "table_span",
    "validation_cost",
    "validation_parts",
]

Tables = NDArray[np.float64]


def cost_tables(labels: tuple[str, ...], assumptions: Assumptions) -> Tables:
    """Lay out what each answer costs, in two parts that have prices of their own.

    Parameters
    ----------
    labels : tuple of str
    assumptions : Assumptions

    Returns
    -------
    ndarray of float64, shape (2, labels, labels + 1)
        Answers, and abstentions, by true label and answered label; an abstention's column is the last. In units of
        `_prices`. An abstention without a cost of its own costs what the dearest answer to that label does.
    """
    size = len(labels)
    tables = np.zeros((2, size, size + 1))
    matrix = assumptions.cost_matrix
    if matrix is None:
        tables[0, :, :size] = 1.0 - np.eye(size)
        tables[1, :, size] = 1.0
        return tables
    own = any(ABSTAIN in given for given in matrix.values())
    for row, truth in enumerate(labels):
        given = matrix.get(truth, {})
        for column, answer in enumerate(labels):
            missing = 0.0 if row == column else assumptions.error_cost or 0.0
            tables[0, row, column] = given.get(answer, missing)
        reviewed = not own and assumptions.review_cost is not None
        tables[1, row, size] = 1.0 if reviewed else given.get(ABSTAIN, tables[0, row].max())
    return tables


def _prices(assumptions: Assumptions) -> tuple[float, float]:
    """Give the prices of the two tables' units."""
    review = assumptions.review_cost
    if assumptions.cost_matrix is None:
        error = assumptions.error_cost or 0.0
        return error, error if review is None else review
    own = any(ABSTAIN in row for row in assumptions.cost_matrix.values())
    return assumptions.matrix_factor, assumptions.matrix_factor if own or review is None else review


def table_span(tables: Tables, assumptions: Assumptions) -> float:
    """Give the cost of the dearest answer less that of the cheapest."""
    table = np.tensordot(_prices(assumptions), tables, 1)
    return float(table.max() - table.min())


class Loss(Protocol):
    """A cost of answers for one prediction, or the difference of two, under any prices."""

    def at(self, assumptions: Assumptions) -> Estimate:
        """Give the estimate under these assumptions."""
        ...  # pragma: no cover

    def apart(self, assumptions: Assumptions) -> float:
        """Give the part of the rows' variance that differs from seed to seed."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class SettledLoss:
    """A cost that stays as it is, whatever the prices."""

    estimate: Estimate

    def at(self, assumptions: Assumptions) -> Estimate:  # noqa: ARG002
        """Give the estimate."""
        return self.estimate

    def apart(self, assumptions: Assumptions) -> float:  # noqa: ARG002
        """Give 0: between measured numbers of labels it is not known."""
        return 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """What the fits of cross-fitted rounds cost beside each other; see `bakeoff.decision.resampling.summarise_folds`.

    Parameters
    ----------
    seen : ndarray of float64, shape (2, fits)
        Deviations, as `bakeoff.decision.resampling.fit_deviations` gives them, for both parts of `cost_tables`.
    drawn : ndarray of float64, shape (2, resamples, fits)
    folds : int
        Of a round.
    overlap : float
    """

    seen: NDArray[np.float64]
    drawn: NDArray[np.float64]
    folds: int
    overlap: float


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLoss:
    """A cost of answers as the bootstrap drew it, for both parts of `cost_tables` apart.

    Parameters
    ----------
    tables : ndarray of float64, shape (2, labels, labels + 1)
    points : ndarray of float64, shape (2, seeds)
    draws : ndarray of float64, shape (2, resamples, seeds)
    rows : int
    folded : Folded or None
        Where rows are cross-fitted.
    """

    tables: Tables
    points: NDArray[np.float64]
    draws: NDArray[np.float64]
    rows: int
    folded: Folded | None = None
    _known: dict[tuple[float, float], Estimate] = field(default_factory=dict, repr=False)

    def at(self, assumptions: Assumptions) -> Estimate:
        """Give the estimate of the mean cost, in money for one prediction, under these prices.

        The costs are first brought to a range of 1, so that `summarise` bounds the variance as it does for scores.
        """
        prices = _prices(assumptions)
        if prices not in self._known:
            span = table_span(self.tables, assumptions)
            self._known[prices] = (
                self._summarised(np.array(prices) / span).scaled(span) if span > 0 else self._flat(prices)
            )
        return self._known[prices]

    def _summarised(self, prices: NDArray[np.float64]) -> Estimate:
        values = np.tensordot(prices, self.points, 1), np.tensordot(prices, self.draws, 1)
        if self.folded is None:
            return summarise(*values, self.rows)
        folded, rounds = self.folded, len(values[0])
        fits = np.tensordot(prices, folded.seen, 1), np.tensordot(prices, folded.drawn, 1)
        of_fits = spread_of_deviations(*fits, rounds, folded.folds)
        return summarise_folds(*values, self.rows, of_fits=of_fits, folds=folded.folds, overlap=folded.overlap)

    def _flat(self, prices: tuple[float, float]) -> Estimate:
        points = np.tensordot(prices, self.points, 1)
        return Estimate(float(points.mean()), 0.0, 0.0, 1.0, len(points), self.rows)

    def apart(self, assumptions: Assumptions) -> float:
        """Give the part of the rows' variance that differs from seed to seed: I of `summarise`, in money squared."""
        draws = np.tensordot(_prices(assumptions), self.draws, 1)
        if draws.shape[1] < 2:
            return 0.0
        own = draws - draws.mean(axis=1, keepdims=True)
        variance = float(own.var(axis=0, ddof=1).mean())
        return variance / (len(self.points[0]) - 1)


def _costs(tables: Tables, truth: Codes, answers: Codes) -> NDArray[np.float64]:
    """Look up every row's cost; shape (2, sets, rows). An abstention takes the last column; a masked row has NaN."""
    found = tables[:, truth[None, :], np.maximum(answers, -1)]
    return np.where(answers != MASKED, found, np.nan)


def _folded(
    panel: Panel, rounds: Sequence[int], tables: Tables, codes: Sequence[Codes], signs: Sequence[float]
) -> Folded | None:
    """Give what the fits cost beside each other, of a contender or of a pair; None without rounds of folds."""
    if not rounds:
        return None
    truth, count = panel.truth["test"], len(rounds)
    tested, own = rows_of_fits(panel, rounds)
    seen, drawn = np.zeros((2, len(own))), np.zeros((2, RESAMPLES_OF_FITS, len(own)))
    for sign, one in zip(signs, codes, strict=True):
        values = np.where(tested[None, :, None, :], _costs(tables, truth, one)[:, None], np.nan)
        means = bootstrap_means(values.reshape(-1, len(truth)), RESAMPLES_OF_FITS, panel.evidence.seed)
        means = means.reshape(-1, 2, len(own), count).transpose(1, 0, 2, 3)
        seen += sign * fit_deviations(np.nanmean(values, axis=3), own)
        drawn += sign * fit_deviations(means, own)
    return Folded(seen, drawn, panel.evidence.round_folds, panel.evidence.fold_overlap)


def drawn_costs(
    panel: Panel, tables: Tables, codes: Codes, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw what sets of answers to test rows cost, for one prediction.

    Parameters
    ----------
    panel : Panel
    tables : ndarray of float64, shape (2, labels, labels + 1)
    codes : ndarray of int64, shape (sets, rows)
    resamples : int

    Returns
    -------
    points : ndarray of float64, shape (2, sets)
        As they were seen.
    draws : ndarray of float64, shape (2, resamples, sets)
        The same rows for every set.
    """
    truth = panel.truth["test"]
    distinct, position = np.unique(codes, axis=0, return_inverse=True)
    position = position.reshape(-1)
    values = _costs(tables, truth, distinct)
    drawn = bootstrap_means(values.reshape(-1, len(truth)), resamples, panel.evidence.seed)
    drawn = drawn.reshape(len(drawn), 2, len(distinct)).transpose(1, 0, 2)
    return np.nanmean(values, axis=2)[:, position], drawn[:, :, position]


def _drawn(
    panel: Panel, tables: Tables, codes: Sequence[Codes], signs: Sequence[float], resamples: int, rounds: Sequence[int]
) -> DrawnLoss:
    seeds = len(codes[0])
    points, drawn = drawn_costs(panel, tables, np.concatenate(codes), resamples)
    parts = [(sign, slice(seeds * part, seeds * (part + 1))) for part, sign in enumerate(signs)]
    return DrawnLoss(
        tables,
        np.asarray(sum(sign * points[:, part] for sign, part in parts)),
        np.asarray(sum(sign * drawn[:, :, part] for sign, part in parts)),
        int((codes[0] != MASKED).any(axis=0).sum()),
        _folded(panel, rounds, tables, codes, signs),
    )


def loss_difference(panel: Panel, a: Cell, b: Cell, tables: Tables, *, resamples: int = 5_000) -> DrawnLoss:
    """Estimate what the answers of a cost more than those of b, for one prediction, paired by seed and test row.

    Parameters
    ----------
    panel : Panel
    a, b : Cell
    tables : ndarray of float64, shape (2, labels, labels + 1)
    resamples : int

    Returns
    -------
    DrawnLoss
    """
    codes = pair_codes(a, b)
    return _drawn(panel, tables, codes, (1.0, -1.0), resamples, rounds_of(panel, "test", a, b, len(codes[0])))


def loss_of(panel: Panel, cell: Cell, tables: Tables, *, resamples: int = 1_000) -> DrawnLoss:
    """Estimate what a contender's answers cost for one prediction, on test rows."""
    codes = cell.codes("test")
    # One model that answers all folds has no fits of its own in each.
    rounds = rounds_of(panel, "test", cell, cell, len(codes)) if cell.contender.seeded else ()
    return _drawn(panel, tables, (codes,), (1.0,), resamples, rounds)


def validation_cost(panel: Panel, cell: Cell, truth: Codes, codes: Codes) -> float:
    """Give a contender's expected cost of a month by answers to validation rows.

    This chooses finalists where error costs are given, as the validation score does elsewhere.

    Parameters
    ----------
    panel : Panel
    cell : Cell
    truth : ndarray of int64, shape (rows,)
    codes : ndarray of int64, shape (seeds, rows)

    Returns
    -------
    float
        Infinite where it is not known.
    """
    assumptions = panel.evidence.assumptions
    parts = validation_parts(cost_tables(tuple(panel.labels), assumptions), truth, codes)
    if parts is None:
        return math.inf
    total = spending(bill_of(cell), assumptions).total_a_month(assumptions)
    found = total + assumptions.volume * float(np.dot(_prices(assumptions), parts))
    return math.inf if math.isnan(found) else found


def validation_parts(tables: Tables, truth: Codes, codes: Codes) -> NDArray[np.float64] | None:
    """Average the cost of answers to validation rows, both parts of `tables` apart; None where there are none."""
    if not len(truth) or codes.shape[1] != len(truth) or (codes == MASKED).all():
        return None
    return np.asarray(np.nanmean(_costs(tables, truth, codes), axis=(1, 2)))
