"""A look at two contenders: what a paired comparison says that nobody declared beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.decision.paired import mcnemar_mid_p
from bakeoff.decision.panel import Cell, Panel, pair_codes, paired_means
from bakeoff.decision.resampling import estimate_difference

__all__ = ["Look", "PairedRows", "look_at"]


@dataclass(frozen=True, slots=True)
class PairedRows:
    """The answers of one pair of fits to the same rows.

    Parameters
    ----------
    seed : int or None
        Of the fits (the round, where rows are cross-fitted); None where no seed changes either.
    both, only_a, only_b, neither : int
        Rows that both answer right, one alone, or neither.
    p : float
        McNemar's two-sided mid-p: of these two fits, not of what refits would do.
    """

    seed: int | None
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float


@dataclass(frozen=True, slots=True)
class Look:
    """Two contenders side by side on the same test rows.

    Parameters
    ----------
    a, b : str
        Names.
    n : int
        Label budget at which they meet.
    metric : str
    score_a, score_b : float
        Means over seeds.
    difference : float
        Mean score of a minus that of b.
    ci : tuple of float
        95% interval of the difference over seeds and rows.
    p : float
        Two-sided p-value over seeds and rows, not corrected for other looks.
    rows, seeds : int
        Behind it.
    pairs : tuple of PairedRows
        One for each seed; empty where an answer as a whole is not right or wrong.
    """

    a: str
    b: str
    n: int
    metric: str
    score_a: float
    score_b: float
    difference: float
    ci: tuple[float, float]
    p: float
    rows: int
    seeds: int
    pairs: tuple[PairedRows, ...]


def look_at(panel: Panel, a: Cell, b: Cell, n: int) -> Look:
    """Compare two contenders on the rows that both answered.

    Parameters
    ----------
    panel : Panel
    a, b : Cell
    n : int
        Label budget that they stand for.

    Returns
    -------
    Look
    """
    estimate = estimate_difference(panel, a, b)
    codes_a, codes_b = pair_codes(a, b)
    truth = panel.truth["test"]
    score_a, score_b = paired_means(panel, a, b)
    pairs = []
    for place in range(len(codes_a)) if panel.rows_are_right else ():
        right_a, right_b = codes_a[place] == truth, codes_b[place] == truth
        answered = int((codes_a[place] >= -1).sum())
        both, only_a, only_b = (int(rows.sum()) for rows in (right_a & right_b, right_a & ~right_b, right_b & ~right_a))
        seeded = [cell for cell in (a, b) if cell.contender.seeded]
        seed = seeded[0].seeds[place] if seeded else None
        left = answered - both - only_a - only_b
        pairs.append(PairedRows(seed, both, only_a, only_b, left, mcnemar_mid_p(only_a, only_b)))
    return Look(
        a=a.contender.name,
        b=b.contender.name,
        n=n,
        metric=panel.metric,
        score_a=score_a,
        score_b=score_b,
        difference=estimate.mean,
        ci=estimate.interval(),
        p=estimate.p_value(),
        rows=estimate.rows,
        seeds=estimate.seeds,
        pairs=tuple(pairs),
    )
