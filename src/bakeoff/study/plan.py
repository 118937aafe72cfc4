"""The plan of a study: which contender is fitted at which n with which seed, in which order, on how many rows.

Without a time limit all of the grid is planned. With one, the label budget at which the arms meet is the largest that
fits with three seeds, and what is left of the time buys the curve below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bakeoff.errors import StudyError
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.study.blocks import Block, Blocks, PlannedTrial, distinct, shared_scores
from bakeoff.study.grid import Grid, forecast_trial, partner
from bakeoff.study.required import required_sets

__all__ = ["COMPARED_ROWS", "Plan", "PlannedTrial", "extend_plan", "grow_plan", "make_plan"]

#: More rows than these are not answered: they would narrow no interval by much and cost every trial its share.
MOST_TEST_ROWS, MOST_VALIDATION_ROWS = 2000, 1000
#: Share of the time that the deciding trials may take by forecast: the rest is for a forecast that was too low.
CORE_SHARE = 0.95
#: The same where a larger test part would leave nothing for the curve below.
CORE_SHARE_LARGE_TEST = 0.45
#: Rows that a refitted and a reloaded method both answer before a bundle counts.
COMPARED_ROWS = 32
#: Set aside for the refit: its forecast. A part of that will do, since training can be
#: shortened to what is left; only that part, up to a share of the time, makes the budget smaller at which arms meet.
REFIT_LEAST, REFIT_SHARE = 0.6, 0.3
#: Share of what is left over that any one contender beyond the required may take.
OTHERS_SHARE = 0.6
_LEAST_TEST_ROWS = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen plan, kept with the study and reused on resume.

    Parameters
    ----------
    decision_budget : int
        n at which the arms are meant to meet.
    budgets : tuple of int
        All label budgets of the plan, ascending.
    seeds : int
    answered : mapping
        ``validation`` and ``test``: how many rows every trial answers.
    trials : tuple of PlannedTrial
        In the order in which they run.
    forecast : float
        Seconds of all trials that are not spare.
    refit_seconds : float
        Seconds set aside to refit the winner on every labelled row.
    time_limit : float or None
        Seconds for the whole study.
    dtype, device : str
    threads : int
    round_folds : int
        Trials that make one seed, as in `Grid`.
    finalist_seeds : int
        Seeds that the finalists get where time allows; see `bakeoff.study.further`.
    """

    decision_budget: int
    budgets: tuple[int, ...]
    seeds: int
    answered: Mapping[str, int]
    trials: tuple[PlannedTrial, ...]
    forecast: float
    refit_seconds: float
    time_limit: float | None
    dtype: str
    device: str
    threads: int
    round_folds: int = 1
    finalist_seeds: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give the plan as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """Rebuild a plan from `to_json`'s values."""
        fields = dict(value)
        fields["trials"] = tuple(PlannedTrial(**trial) for trial in value["trials"])
        fields["budgets"] = tuple(value["budgets"])
        return cls(**fields)


def _sizes(grid: Grid, most_test_rows: int | None) -> list[dict[str, int]]:
    """Numbers of rows to answer that may be tried, the largest first; whole parts where they are small."""
    test_rows = min(grid.rows["test"], most_test_rows or MOST_TEST_ROWS)
    tests = [test_rows] + [size for size in (1000, 500, _LEAST_TEST_ROWS, 200, 100) if size < test_rows]
    validation = min(grid.rows["validation"], MOST_VALIDATION_ROWS)
    return [{"validation": min(validation, max(100, size // 2)), "test": size} for size in tests]


def make_plan(
    grid: Grid,
    *,
    time_left: float | None,
    time_limit: float | None,
    dtype: str,
    device: str,
    threads: int,
    most_test_rows: int | None = None,
    ships: bool = True,
) -> Plan:
    """Make the plan.

    Parameters
    ----------
    grid : Grid
    time_left, time_limit : float or None
        Seconds that trials, refit and report may take in all; the user's limit, kept in the plan. None without a limit.
    dtype, device, threads : str, str, int
    most_test_rows : int, optional
        Most test rows to answer.
    ships : bool
        Whether the winner is refitted at the end, for which time is kept.

    Returns
    -------
    Plan
    """
    sizes = _sizes(grid, most_test_rows)
    if time_left is None:
        answered = {**sizes[0], "validation": min(grid.rows["validation"], MOST_VALIDATION_ROWS)}
        blocks = Blocks(grid, answered, grid.contenders)
        every = [block for n in reversed(grid.budgets) for block in blocks.blocks(grid.contenders, n)]
        core = {(b.contender.name, b.n) for b in blocks.blocks(grid.contenders, grid.budgets[-1])}
        return _plan(grid, answered, grid.budgets[-1], every, core, None, dtype, device, threads)
    required, n, answered = _meeting(grid, sizes, time_left, ships)
    wanted = _refit_seconds(grid, required) if ships else 0.0
    least = _least_refit(wanted, time_left)
    blocks = Blocks(grid, answered, required)
    core_blocks = blocks.blocks(required, n)
    core_seconds = sum(block.seconds for block in distinct(core_blocks))
    pair_seconds = 1.02 * _pair_seconds(grid, blocks, n)
    # What the deciding trials and a same-base pair leave goes to a whole refit before it goes to the curve: it is what
    # the user takes home.
    refit = min(wanted, max(least, time_left - (core_seconds + pair_seconds) / CORE_SHARE))
    left = CORE_SHARE * (time_left - refit) - core_seconds
    more = _optional(grid, blocks, n, left)
    core = {(b.contender.name, b.n) for b in core_blocks}
    return _plan(grid, answered, n, [*core_blocks, *more], core, time_limit, dtype, device, threads, refit=refit)


def _pair_seconds(grid: Grid, blocks: Blocks, n: int) -> float:
    """Forecast of the cheapest tuned contender beyond the required: one seed, at the budget below n or at n."""
    tuned = [c for c in grid.contenders if c.arm == "finetune" and c not in blocks.required]
    budgets = [budget for budget in grid.budgets if budget <= n][-2:]
    found = [block for one in tuned for budget in budgets if (block := blocks.block(one, budget)) is not None]
    return min((replace(block, seeds=block.seeds[: grid.round_folds]).seconds for block in found), default=0.0)


def _refit_seconds(grid: Grid, required: Sequence[Contender]) -> float:
    """Forecast of refitting the dearest of the required contenders on every labelled row, and comparing it reloaded."""
    rows = sum(grid.rows.values())
    return max((forecast_trial(grid, c, rows, 2 * COMPARED_ROWS) for c in required), default=10.0) + 5.0


def _least_refit(wanted: float, time_left: float) -> float:
    return min(REFIT_SHARE * time_left, REFIT_LEAST * wanted)


def _meeting(
    grid: Grid, sizes: list[dict[str, int]], time_left: float, ships: bool
) -> tuple[tuple[Contender, ...], int, dict[str, int]]:
    """Find which contenders are required, and where they meet: a dearer prompt must cost no label."""
    found = []
    for required in required_sets(grid):
        least = _least_refit(_refit_seconds(grid, required), time_left) if ships else 0.0
        fits, n, answered = _decision_point(grid, sizes, time_left - least, required)
        enough = answered["test"] >= min(_LEAST_TEST_ROWS, sizes[0]["test"])
        learning = [c for c in required if c.arm == "prompt" and c.uses_labels]
        learns = all(n >= method_spec(c.method).least_n for c in learning)
        found.append(((fits and learns, enough, n), (required, n, answered)))
    best = max(reached for reached, _ in found)
    points = [point for reached, point in found if reached == best]
    # Where nothing fits, the cheapest is nearest to it.
    return points[0] if best[0] else points[-1]


def _decision_point(
    grid: Grid, sizes: list[dict[str, int]], available: float, required: Sequence[Contender]
) -> tuple[bool, int, dict[str, int]]:
    """Find the largest n, and with it the largest test part, at which all that is required fits; and whether any is."""
    large = [s for s in sizes if s["test"] >= min(_LEAST_TEST_ROWS, sizes[0]["test"])]
    small = [s for s in sizes if s not in large]
    budgets = [n for n in reversed(grid.budgets) if n >= 2] or [grid.budgets[-1]]
    for tier in (large, small):
        for n in budgets:
            for answered in tier:
                share = CORE_SHARE if answered is tier[-1] else CORE_SHARE_LARGE_TEST
                cost = sum(b.seconds for b in distinct(Blocks(grid, answered, required).blocks(required, n)))
                if cost <= share * available:
                    return True, n, answered
    return False, budgets[-1], sizes[-1]


def _optional(grid: Grid, blocks: Blocks, n: int, left: float) -> list[Block]:
    """Fill what time is left: the other contenders at the largest n that fits them, then the curve below.

    What does not fit by forecast is planned as spare.
    """
    below = [b for b in reversed(grid.budgets) if b <= n]
    chosen: list[Block] = []
    beyond = [c for c in grid.contenders if c not in blocks.required]
    # The same-base pair first, and what reuses scores behind what it reuses.
    for contender in sorted(beyond, key=lambda c: (partner(grid, c) is not None, c.arm != "finetune")):
        shared = partner(grid, contender)
        ahead = next((block for block in chosen if block.contender.name == shared), None)
        budgets = below if ahead is None else [ahead.n]
        given = [block for budget in budgets if (block := blocks.block(contender, budget)) is not None]
        if given and ahead is not None:
            chosen.append(replace(given[0], seeds=ahead.seeds, spare=ahead.spare))
        elif given:
            # Tuning the decoder that is prompted makes the same-base pair, which a study should not be without.
            share = 1.0 if contender.arm == "finetune" else OTHERS_SHARE
            chosen.append(_largest_that_fits(given, share * left, grid.round_folds))
        if given:
            left -= 0.0 if chosen[-1].spare else chosen[-1].seconds
    for block in _curve(blocks, n):
        fits = block.seconds <= left
        chosen.append(replace(block, spare=not fits))
        left -= block.seconds if fits else 0.0
    return chosen


def _largest_that_fits(given: Sequence[Block], seconds: float, round_folds: int) -> Block:
    """Give the first block that fits with all seeds; else with one, which decides nothing; else the cheapest, spare."""
    single = [replace(block, seeds=block.seeds[:round_folds]) for block in given]
    fitting = (block for block in (*given, *single) if block.seconds <= seconds)
    return next(fitting, replace(min(given, key=lambda block: block.forecast), spare=True))


def _curve(blocks: Blocks, n: int) -> Iterator[Block]:
    """Give the blocks below n, those next to it first, all required contenders at one budget together."""
    learning = [contender for contender in blocks.required if contender.uses_labels]
    for budget in (b for b in reversed(blocks.grid.budgets) if b < n):
        # What reuses scores stands behind what it reuses.
        yield from sorted(blocks.blocks(learning, budget), key=lambda block: (block.shares is not None, block.seconds))


def _plan(
    grid: Grid,
    answered: Mapping[str, int],
    n: int,
    blocks: Sequence[Block],
    core: set[tuple[str, int]],
    time_limit: float | None,
    dtype: str,
    device: str,
    threads: int,
    refit: float = 0.0,
) -> Plan:
    """Put blocks in order: what decides first, seed by seed, the cheapest first; then the rest in the order given."""
    rank = {id(block): position for position, block in enumerate(blocks)}
    once = distinct(blocks)
    planned: set[tuple[str | None, int]] = {(block.contender.name, block.n) for block in once}
    keyed = [
        (
            (0, seed, block.shares is not None, block.forecast, rank[id(block)])
            if (block.contender.name, block.n) in core
            else (1 + block.spare, rank[id(block)], seed),
            block.trial(seed, shared_scores(block, seed, planned), core=(block.contender.name, block.n) in core),
        )
        for block in once
        for seed in block.seeds
    ]
    trials = tuple(trial for _key, trial in sorted(keyed, key=lambda pair: pair[0]))
    return Plan(
        decision_budget=n,
        budgets=tuple(sorted({trial.n for trial in trials} | {n})),
        seeds=grid.seeds,
        round_folds=grid.round_folds,
        finalist_seeds=grid.finalist_seeds,
        answered=dict(answered),
        trials=trials,
        forecast=round(sum(trial.cost for trial in trials if not trial.spare), 1),
        refit_seconds=round(refit, 1),
        time_limit=time_limit,
        dtype=dtype,
        device=device,
        threads=threads,
    )


def extend_plan(plan: Plan, grid: Grid, added: Sequence[Contender]) -> Plan:
    """Put the trials of further contenders behind those of a plan: at its budgets, on the rows that it answers.

    Parameters
    ----------
    plan : Plan
    grid : Grid
        With all contenders.
    added : sequence of Contender

    Returns
    -------
    Plan
    """
    blocks = Blocks(grid, plan.answered, grid.contenders)
    budgets = [n for n in reversed(plan.budgets) if n <= plan.decision_budget]
    given = distinct([block for n in budgets for block in blocks.blocks(added, n)])
    known: set[tuple[str | None, int]] = {(trial.contender, trial.n) for trial in plan.trials}
    known |= {(block.contender.name, block.n) for block in given}
    trials = [
        block.trial(seed, shared_scores(block, seed, known), core=block.n in (plan.decision_budget, 0))
        for block in given
        for seed in block.seeds
    ]
    return replace(
        plan,
        trials=(*plan.trials, *sorted(trials, key=lambda trial: (not trial.core, trial.seed))),
        forecast=round(plan.forecast + sum(trial.cost for trial in trials), 1),
    )


def grow_plan(plan: Plan, grid: Grid, budgets: Sequence[int], *, seconds: float | None = None) -> Plan:
    """Put the trials with added training rows behind those of a plan; the arms meet at the largest budget that fits.

    Parameters
    ----------
    plan : Plan
    grid : Grid
        With the added rows.
    budgets : sequence of int
        Larger than the training rows before, ascending.
    seconds : float, optional
        That the trials which decide may take.

    Returns
    -------
    Plan
        Trials that were planned before decide nothing any more where they learned from fewer rows.

    Raises
    ------
    StudyError
        If none fits.
    """
    blocks = Blocks(grid, plan.answered, grid.contenders)
    planned = {trial.contender for trial in plan.trials if trial.n > 0}
    deciding = {trial.contender for trial in plan.trials if trial.core}
    learning = [one for one in grid.contenders if one.name in planned]
    n = _largest_grown(blocks, [one for one in learning if one.name in deciding], budgets, seconds)
    given = distinct(blocks.blocks(learning, n))
    known: set[tuple[str | None, int]] = {(block.contender.name, block.n) for block in given}
    trials = [
        block.trial(seed, shared_scores(block, seed, known), core=block.contender.name in deciding)
        for block in given
        for seed in block.seeds
    ]
    before = [replace(trial, core=trial.core and trial.n == 0) for trial in plan.trials]
    return replace(
        plan,
        decision_budget=n,
        budgets=(*plan.budgets, n),
        trials=(*before, *sorted(trials, key=lambda trial: (not trial.core, trial.seed))),
        forecast=round(plan.forecast + sum(trial.cost for trial in trials), 1),
    )


def _largest_grown(blocks: Blocks, deciding: Sequence[Contender], budgets: Sequence[int], seconds: float | None) -> int:
    """Give the largest budget whose deciding trials fit; refused where none does."""
    costs = {n: sum(block.seconds for block in blocks.blocks(deciding, n)) for n in budgets}
    fitting = [n for n in budgets if seconds is None or costs[n] <= CORE_SHARE * seconds]
    if not fitting:
        raise StudyError(
            f"Trials with {budgets[0]:,} labelled rows, the fewest that use what is added, take about "
            f"{costs[budgets[0]]:,.0f} s; {max(seconds or 0.0, 0.0):,.0f} s are there for them.",
            next_step="Give a larger --time-limit, or none.",
        )
    return fitting[-1]
