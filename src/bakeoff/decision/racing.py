"""Which contenders may still become their arm's finalist, and whether further seeds of these would tell more."""

from __future__ import annotations

import math
from collections.abc import Collection

from bakeoff.decision.comparisons import field_of
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.requirements import is_out
from bakeoff.decision.resampling import estimate_difference
from bakeoff.records import Arm, Evidence

__all__ = ["further_seeds_tell", "in_the_race"]

#: Standard deviation over seeds that is taken for granted while fewer than three tell.
_SEED_DEVIATION = 0.015

#: Gain on a rival per doubling of the labels that a contender is granted which was measured at fewer of them.
_CATCH_UP = 0.01

#: Resamples of the validation rows: only a standard error is wanted of them.
_RESAMPLES = 400

#: Rise in the chance of a decision that is worth two further seeds of both finalists.
_LEAST_GAIN = 0.15


def in_the_race(evidence: Evidence, arm: Arm, n: int, dear: Collection[str] = ()) -> tuple[str, ...]:
    """Give the contenders of an arm that may still become its finalist at n labelled rows, the likeliest first.

    The leader is the one with the best mean validation score so far. Another stays while its paired difference from the
    leader, at the largest budget at which both were measured, is less than one standard error below 0; a point per
    doubling is granted to what was measured at fewer labels than n. A dear contender must be level with the leader
    without these.

    Parameters
    ----------
    evidence : Evidence
        Of the study so far.
    arm : Arm
    n : int
        Label budget at which the arms are to meet.
    dear : collection of str
        Contenders that cost many times what the others do at n.

    Returns
    -------
    tuple of str
        Without those that were dropped, that finished nothing, or that miss a hard limit (unless all do). All that are
        left where errors have prices, since a lower score may cost less, and where no validation row is labelled.
    """
    panel = Panel(evidence)
    cells = {c.name: cell for c in panel.arm(arm) if (cell := _latest(panel, c.name, n)) is not None}
    within = {name: cell for name, cell in cells.items() if not is_out(panel, cell)} or cells
    kept = {name: cell for name, cell in within.items() if name not in evidence.dropped} or within
    scores = {name: panel.mean_score(cell, "validation") for name, cell in kept.items()}
    ranked = sorted(kept, key=lambda name: -scores[name] if not math.isnan(scores[name]) else math.inf)
    if len(ranked) < 2 or evidence.assumptions.priced or not evidence.validation_labels:
        return tuple(ranked)
    leader = ranked[0]
    bounds = {name: _optimistic(panel, kept[name], kept[leader], n, name in dear) for name in ranked[1:]}
    return (leader, *sorted((name for name in bounds if bounds[name] >= 0), key=lambda name: -bounds[name]))


def further_seeds_tell(evidence: Evidence, seeds: int) -> bool:
    """Say whether further seeds of the finalists would make a decision on the test rows likelier.

    The difference that the test rows will show is foretold from that of the validation rows: normal, with the variance
    of what is known now and of what the test rows add. Decided is a difference that is significant at 5%, or equality
    inside the margin.

    Parameters
    ----------
    evidence : Evidence
        Of the study so far; of its test rows only their number counts.
    seeds : int
        Seeds that each finalist would have in all.

    Returns
    -------
    bool
        Whether they raise the chance of a decision by `_LEAST_GAIN` or more. True where no validation row is labelled;
        False where an arm has no finalist.
    """
    panel = Panel(evidence)
    field = field_of(panel)
    if field.finetune is None or field.prompt is None:
        return False
    if not evidence.validation_labels:
        return True
    gap = estimate_difference(panel, field.finetune, field.prompt, rows="validation", resamples=_RESAMPLES)
    seeded = field.finetune.contender.seeded + field.prompt.contender.seeded
    spread = max(gap.seeds_variance * gap.seeds, seeded * _SEED_DEVIATION**2)
    share = len(evidence.validation_labels) / max(len(evidence.test_labels), 1)

    def chance(count: int) -> float:
        return _decided(gap, gap.rows_variance * share, spread / count, count, evidence.assumptions.margin)

    return seeds > gap.seeds and chance(seeds) - chance(gap.seeds) >= _LEAST_GAIN


def _decided(gap: Estimate, rows_variance: float, seeds_variance: float, seeds: int, margin: float) -> float:
    """Give the chance that a difference, foretold from `gap`, will be significant or equal inside the margin."""
    from scipy.special import ndtr, stdtrit

    variance = rows_variance + seeds_variance
    se, deviation = math.sqrt(variance), math.sqrt(variance + gap.se**2)
    if deviation == 0:
        return 1.0
    df = (seeds - 1) * (variance / seeds_variance) ** 2 if seeds_variance else math.inf
    shown, equal = float(stdtrit(df, 0.975)) * se, margin - float(stdtrit(df, 0.95)) * se

    def below(value: float) -> float:
        return float(ndtr((value - gap.mean) / deviation))

    return below(-shown) + 1.0 - below(shown) + (below(equal) - below(-equal) if equal > 0 else 0.0)


def _latest(panel: Panel, name: str, n: int) -> Cell | None:
    """Give a contender's trials at the largest budget up to n."""
    budgets = [budget for budget in panel.budgets(name) if budget <= n]
    return panel.cell(name, max(budgets)) if budgets else None


def _optimistic(panel: Panel, own: Cell, leader: Cell, n: int, dear: bool) -> float:
    """Give what a contender may be ahead of the leader at n, at its best."""
    common = _common(panel, own, leader, n)
    a, b = common if common is not None else (own, leader)
    gap = estimate_difference(panel, a, b, rows="validation", resamples=_RESAMPLES)
    if dear:
        return gap.mean
    seeded = own.contender.seeded + leader.contender.seeded
    assumed = seeded * _SEED_DEVIATION**2 / max(gap.seeds, 1)
    spread = math.sqrt(gap.rows_variance + max(gap.seeds_variance, assumed))
    learns = own.contender.uses_labels and a.n < n
    return gap.mean + spread + (_CATCH_UP * math.log2(n / max(a.n, 1)) if learns else 0.0)


def _common(panel: Panel, own: Cell, leader: Cell, n: int) -> tuple[Cell, Cell] | None:
    """Give both contenders' trials at the largest budget up to n that both have."""
    budgets = {*panel.budgets(own.contender.name), *panel.budgets(leader.contender.name)}
    for budget in sorted((budget for budget in budgets if budget <= n), reverse=True):
        a, b = panel.cell(own.contender.name, budget), panel.cell(leader.contender.name, budget)
        if a is not None and b is not None:
            return a, b
    return None
