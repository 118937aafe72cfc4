"""Blocks of a plan: one contender at one n with all its seeds, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.study.grid import Grid, forecast_trial, partner, unlabelled_rows

__all__ = ["Block", "Blocks", "PlannedTrial", "distinct", "shared_scores"]

#: What a trial costs that reuses another's label scores, as a share of its cost alone.
SHARED_COST = 0.1


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One trial to run: `forecast` in seconds; `core` where the verdict needs it.

    A `spare` trial has no time by forecast, and runs if the others took less. `shares` names the contender whose label
    scores it reuses, where that runs at the same n before it; its own name where its earlier seeds have them. With
    these scores at hand it takes `reusing` seconds by forecast.
    """

    contender: str
    n: int
    seed: int
    forecast: float
    core: bool
    spare: bool = False
    shares: str | None = None
    reusing: float = 0.0

    @property
    def cost(self) -> float:
        """Seconds by forecast, reused label scores left out."""
        return self.reusing if self.shares else self.forecast

    def finds_scores(self, done: Collection[tuple[str | None, int, int]]) -> bool:
        """Say whether its label scores are there, after trials of these contenders, budgets and seeds."""
        if self.shares == self.contender:
            return any(contender == self.contender for contender, _n, _seed in done)
        return (self.shares, self.n, self.seed) in done


@dataclass(frozen=True, slots=True)
class Block:
    """One contender at one n with all its seeds."""

    contender: Contender
    n: int
    seeds: tuple[int, ...]
    forecast: float
    spare: bool = False
    shares: str | None = None
    #: How many seeds pay in full; those behind them reuse the scores of the rows that these have answered.
    paying: int | None = None
    #: Seconds of one that reuses scores.
    reusing: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of all seeds by forecast."""
        paying = 0 if self.shares else len(self.seeds) if self.paying is None else min(self.paying, len(self.seeds))
        return paying * self.forecast + (len(self.seeds) - paying) * self.reusing

    def trial(self, seed: int, shares: str | None, *, core: bool) -> PlannedTrial:
        """Give the trial of one seed."""
        forecast, reusing = round(self.forecast, 3), round(self.reusing, 3)
        return PlannedTrial(self.contender.name, self.n, seed, forecast, core, self.spare, shares, reusing)


class Blocks:
    """Forecasts of blocks for one number of answered rows, and the contenders that are required."""

    def __init__(self, grid: Grid, answered: Mapping[str, int], required: Sequence[Contender]) -> None:
        self.grid = grid
        self.answer_rows = sum(answered.values())
        self.required = required

    def block(self, contender: Contender, n: int) -> Block | None:
        """Give the block of a contender at n; None where it cannot work with so few rows, or leaves none to label."""
        spec = method_spec(contender.method)
        at = n if contender.uses_labels else 0
        if at < spec.least_n or (spec.learns_from_unlabelled and not unlabelled_rows(self.grid, contender, at)):
            return None
        seeds = tuple(range(self.grid.fits)) if contender.seeded else (0,)
        answers = self.answer_rows if contender.seeded else self.grid.answered_once(self.answer_rows)
        seconds = forecast_trial(self.grid, contender, at, answers)
        shares, paying, reusing = partner(self.grid, contender), None, SHARED_COST * seconds
        if spec.seeds_share:
            # Every seed learns from rows of its own: only the answered rows are the same.
            paying, reusing = self.grid.round_folds, forecast_trial(self.grid, contender, at, 0)
        return Block(contender, at, seeds, seconds, shares=shares, paying=paying, reusing=reusing)

    def blocks(self, contenders: Sequence[Contender], n: int) -> list[Block]:
        """Give the blocks of those contenders that can work with n rows."""
        found = (self.block(contender, n) for contender in contenders)
        return [block for block in found if block is not None]


def shared_scores(block: Block, seed: int, planned: set[tuple[str | None, int]]) -> str | None:
    """Name the contender whose label scores a trial reuses: another at the same n, or its own earlier seeds."""
    if (block.shares, block.n) in planned:
        return block.shares
    return block.contender.name if block.paying is not None and seed >= block.paying else None


def distinct(blocks: Sequence[Block]) -> list[Block]:
    """Keep the first of repeats: a contender that uses no labels has one block for every n."""
    first: dict[tuple[str, int], Block] = {}
    for block in blocks:
        first.setdefault((block.contender.name, block.n), block)
    return list(first.values())
