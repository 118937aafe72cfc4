"""Further seeds of the finalists: three tell little of their own spread, and a verdict rests on the finalists alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bakeoff.records import Trial
from bakeoff.study.plan import Plan, PlannedTrial

__all__ = ["further_seeds", "with_further"]

#: Share of the time left that they may take: the rest is for the same-base pair and the curve.
_SHARE = 0.5
#: What a forecast may fall short by.
_SAFETY = 1.1
#: Fewer seeds than these give no verdict, and more of them would not mend that.
_LEAST_SEEDS = 3


def further_seeds(
    plan: Plan,
    finalists: Mapping[str, Sequence[Trial]],
    seeded: frozenset[str],
    *,
    expected: Callable[[PlannedTrial], float],
    seconds: float,
) -> tuple[PlannedTrial, ...]:
    """Plan whole further seeds of both finalists and of the best floor, as many as time allows.

    Who they are is known from validation rows alone, so no test row takes part in who gets them, or in how many.

    Parameters
    ----------
    plan : Plan
    finalists : mapping of str to sequence of Trial
        Trials of the finalists and the best floor by ``"finetune"``, ``"prompt"`` and ``"floor"``.
    seeded : frozenset of str
        Contenders whose seeds can differ.
    expected : callable
        Seconds that a trial will take.
    seconds : float
        Time left for trials.

    Returns
    -------
    tuple of PlannedTrial
        Seed by seed; none where rows are cross-fitted, where an arm has no finalist, where they were planned before.
    """
    done = any(trial.seed >= plan.seeds for trial in plan.trials)
    if plan.round_folds > 1 or plan.seeds < _LEAST_SEEDS or done or not {"finetune", "prompt"} <= set(finalists):
        return ()
    known = {(trial.contender, trial.n): trial for trial in plan.trials}
    firsts = [trials[0] for trials in finalists.values() if trials and trials[0].contender in seeded]
    patterns = [known[first.contender, first.n] for first in firsts if (first.contender, first.n) in known]
    if len(patterns) < len(firsts):
        return ()
    chosen: list[PlannedTrial] = []
    left = _SHARE * seconds
    for seed in range(plan.seeds, plan.finalist_seeds):
        block = [replace(pattern, seed=seed, core=True, spare=False) for pattern in patterns]
        left -= _SAFETY * sum(expected(trial) for trial in block)
        if left < 0:
            break
        chosen += block
    return tuple(chosen)


def with_further(plan: Plan, further: Sequence[PlannedTrial]) -> Plan:
    """Put further trials behind those that decide."""
    deciding = [trial for trial in plan.trials if trial.core]
    rest = [trial for trial in plan.trials if not trial.core]
    more = sum(trial.cost for trial in further)
    return replace(plan, trials=(*deciding, *further, *rest), forecast=round(plan.forecast + more, 1))
