"""Which contenders a verdict cannot do without, where time does not allow all."""

from __future__ import annotations

from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.study.grid import Grid, forecast_trial

__all__ = ["required_sets"]


def required_sets(grid: Grid) -> tuple[tuple[Contender, ...], ...]:
    """Give the contenders without which a verdict would be unfair to its arm, in every choice that a plan has.

    The floors, every zero-shot prompt, all methods on an encoder (else all that tune), and of the quickest prompt model
    one method that may stand for all prompts that learn from labels. Where it has none of these, all of its prompts.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    tuple of tuple of Contender
        At least one set, each in the grid's order: that with the dearest standing method first, which is the better
        prompt where time allows it.
    """
    prompts = [c for c in grid.contenders if c.arm == "prompt"]
    tuned = [c for c in grid.contenders if c.arm == "finetune"]
    on_encoder = [c for c in tuned if method_spec(c.method).model == "encoder"] or tuned
    costs = [(forecast_trial(grid, c, 64, 100), c.model) for c in prompts if c.uses_labels]
    quickest = min(costs, key=lambda cost: cost[0])[1] if costs else None
    learning = [c for c in prompts if c.uses_labels and c.model == quickest]
    standing = [c for c in learning if method_spec(c.method).stands_for_learning]
    standing.sort(key=lambda c: -_seconds_of_seeds(grid, c))

    def with_these(chosen: list[Contender]) -> tuple[Contender, ...]:
        return tuple(
            c
            for c in grid.contenders
            if c.arm in ("floor", "both")
            or c in on_encoder
            or (c.arm == "prompt" and (not c.uses_labels or c in chosen))
        )

    return tuple(with_these([one]) for one in standing) or (with_these(learning),)


def _seconds_of_seeds(grid: Grid, contender: Contender) -> float:
    """Forecast three seeds at 64 rows, so that what seeds share counts."""
    first = forecast_trial(grid, contender, 64, 300)
    return first + 2 * (forecast_trial(grid, contender, 64, 0) if method_spec(contender.method).seeds_share else first)
