"""The grid of a study: all that could be run, and the forecast of each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bakeoff.methods.forecast import ModelSpeed, Workload
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender

__all__ = ["MOST_UNLABELLED", "Grid", "default_budgets", "forecast_trial", "models_of", "partner", "unlabelled_rows"]

DEFAULT_BUDGETS = (0, 16, 64, 256)
#: Texts beyond the n rows that a method gets which learns from unlabelled ones.
MOST_UNLABELLED = 1000
#: A trial's fixed part: sending rows, measuring latency, committing its record.
SECONDS_A_TRIAL = 0.6


@dataclass(frozen=True, slots=True)
class Grid:
    """All that could be run, and what it is forecast from.

    Parameters
    ----------
    contenders : tuple of Contender
        Without today's system, which needs no trial.
    speeds : mapping of str to ModelSpeed
        By model name.
    budgets : tuple of int
        Wanted label budgets, ascending; the last is the largest possible.
    seeds : int
    rows : mapping
        ``train``, ``validation`` and ``test`` rows in the data.
    labels : int
    label_tree : float
        Tokens that a row's labels cost a prompt.
    label_tokens : float
        Mean tokens of a label's words.
    finalist_seeds : int
        Seeds that the finalists get where time allows.
    unlabelled : int
        Texts without a label.
    round_folds : int
        Trials that make one seed: the folds of a round where rows are cross-fitted, else 1. `rows` are then those of
        one fold, and the rest.
    """

    contenders: tuple[Contender, ...]
    speeds: Mapping[str, ModelSpeed]
    budgets: tuple[int, ...]
    seeds: int
    rows: Mapping[str, int]
    labels: int
    label_tree: float
    label_tokens: float
    finalist_seeds: int = 0
    round_folds: int = 1
    unlabelled: int = 0

    @property
    def fits(self) -> int:
        """Trials of a seeded contender at one n."""
        return self.seeds * self.round_folds

    def answered_once(self, answer_rows: int) -> int:
        """Give how many rows a contender answers that is the same for every seed, from what a seeded one answers."""
        return min(self.fits * answer_rows, sum(self.rows.values())) if self.round_folds > 1 else answer_rows


def default_budgets(
    train_rows: int, wanted: Sequence[int] | None = None, *, time_limited: bool = False
) -> tuple[int, ...]:
    """Give the label budgets of a study: those wanted that the data allow, and all rows.

    Parameters
    ----------
    train_rows : int
    wanted : sequence of int, optional
        0, 16, 64 and 256 where not given; "all" is -1.
    time_limited : bool
        Whether further steps of four are to stand between 256 and all, for a limit that does not allow all rows.

    Returns
    -------
    tuple of int
        Ascending, without repeats, none above `train_rows`.
    """
    chosen = [*DEFAULT_BUDGETS, -1] if wanted is None else list(wanted)
    if wanted is None and time_limited:
        # The step before all rows is left out where it is nearly all.
        chosen += [n for n in (1024, 4096, 16_384) if 2 * n <= train_rows]
    return tuple(sorted({train_rows if n == -1 else n for n in chosen if n <= train_rows} or {train_rows}))


def forecast_trial(grid: Grid, contender: Contender, n: int, answer_rows: int) -> float:
    """Forecast one trial.

    Parameters
    ----------
    grid : Grid
    contender : Contender
    n, answer_rows : int

    Returns
    -------
    float
        Seconds.
    """
    spec = method_spec(contender.method)
    speed = grid.speeds.get(contender.model) if contender.model is not None else None
    work = Workload(n, answer_rows, grid.labels, grid.label_tree, grid.label_tokens, speed, contender.parameters)
    if spec.second_model is not None:
        second = grid.speeds.get(contender.parameters["prompt_model"])
        work = replace(work, second_speed=second, unlabelled=unlabelled_rows(grid, contender, n))
    return spec.forecast(work) + SECONDS_A_TRIAL


def unlabelled_rows(grid: Grid, contender: Contender, n: int) -> int:
    """Give how many texts a trial at n gets without labels; 0 for most methods."""
    if not method_spec(contender.method).learns_from_unlabelled:
        return 0
    return min(grid.unlabelled + max(grid.rows["train"] - n, 0), MOST_UNLABELLED)


def models_of(contender: Contender) -> tuple[tuple[str, str], ...]:
    """Give family and name of each model that a contender needs, the one that it is named for first."""
    spec = method_spec(contender.method)
    found = [(spec.model, contender.model)]
    if spec.second_model is not None:
        found.append((spec.second_model, contender.parameters["prompt_model"]))
    return tuple((family, name) for family, name in found if family is not None and name is not None)


def partner(grid: Grid, contender: Contender) -> str | None:
    """Give the contender whose label scores this one can reuse: the same model's, by the method that its spec names."""
    free_with = method_spec(contender.method).free_with
    same = (other for other in grid.contenders if other.method == free_with and other.model == contender.model)
    return next((other.name for other in same), None)
