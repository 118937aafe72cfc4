"""The rule of choice: a pure function of a few figures, so that what would flip it can be searched for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bakeoff.decision.estimate import Estimate
from bakeoff.decision.paired import holm

__all__ = ["ALPHA", "Basis", "Choice", "Figures", "Miss", "Side", "beats", "choose", "total_cost", "verdict_p"]

#: Level of every declared comparison, after Holm's correction.
ALPHA = 0.05

#: On what a choice rests.
Basis = Literal[
    "better", "equal-cheaper", "only-one-left", "floor", "current", "too-close", "missing-arm", "few-seeds", "none-left"
]


@dataclass(frozen=True, slots=True)
class Miss:
    """A hard limit that a finalist misses, and the value of the limit from which on it would not."""

    figure: str
    limit: float
    at: float


@dataclass(frozen=True, slots=True)
class Side:
    """An arm's finalist, as the rule sees it.

    Parameters
    ----------
    contender : str
    score : float
        Mean test score.
    against_floor, against_current : Estimate or None
        Its score minus that of the best floor, and of today's system; None where there is none.
    build_cost, run_cost : float
        Money to build it once, and for one prediction; NaN where not known.
    p95_ms : float
        Lowest 95% latency of all contenders of its arm; NaN where not measured.
    missed : tuple of Miss
        The hard limits that it misses; any one shuts it out.
    """

    contender: str
    score: float
    against_floor: Estimate | None
    against_current: Estimate | None
    build_cost: float
    run_cost: float
    p95_ms: float
    missed: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the choice depends on.

    Parameters
    ----------
    finetune, prompt : Side or None
        The finalists; None where an arm has no finished trial.
    difference : Estimate or None
        Score of the fine-tuned finalist minus that of the prompted one.
    floor, current : str or None
        Best floor on validation rows, and today's system, where they may be chosen.
    further_p : tuple of float
        p-values of the declared comparisons that cannot change the choice, but count in Holm's correction.
    volume, horizon_months, margin : float
        From the assumptions.
    enough_seeds : bool
        Whether both finalists have the seeds that a verdict needs.
    p95_limit : float
        A limit of the 95% latency to try, in ms; infinite for none.
    """

    finetune: Side | None
    prompt: Side | None
    difference: Estimate | None
    floor: str | None
    current: str | None
    further_p: tuple[float, ...]
    volume: float
    horizon_months: float
    margin: float
    enough_seeds: bool
    p95_limit: float = math.inf


@dataclass(frozen=True, slots=True)
class Choice:
    """What the rule says: see `bakeoff.records.Verdict` for the first four; `basis` is on what it rests."""

    choice: str
    contender: str | None
    against: str | None
    meanwhile: str | None
    basis: Basis


def total_cost(side: Side, figures: Figures) -> float:
    """Give the money for building a finalist and running it over the horizon; NaN where not known."""
    return side.build_cost + side.run_cost * figures.volume * figures.horizon_months


def verdict_p(figures: Figures) -> float:
    """Give the p-value of the finalists' difference after Holm's correction over all declared comparisons."""
    if figures.difference is None:
        return math.nan
    sides = [side for side in (figures.finetune, figures.prompt) if side is not None]
    others = [one for side in sides for one in (side.against_floor, side.against_current) if one is not None]
    return holm([figures.difference.p_value(), *(one.p_value() for one in others), *figures.further_p])[0]


def beats(against: Estimate | None) -> bool:
    """Say whether a finalist is shown to be better than a floor or today's system; nothing to beat is beaten.

    The p-value is not corrected for the other comparisons. A choice needs this and the rest of the rule together, and a
    claim that needs every one of its tests keeps its level without a correction (intersection-union test, Berger 1982).
    """
    return against is None or (against.mean > 0 and against.p_value() < ALPHA)


def _cheaper(figures: Figures, sides: dict[str, Side]) -> str:
    """Give the arm with the lower total; the higher score where a cost is not known, or both are equal."""
    costs = {arm: total_cost(side, figures) for arm, side in sides.items()}
    if len(set(costs.values())) == 1 or any(math.isnan(cost) for cost in costs.values()):
        return max(sides, key=lambda arm: sides[arm].score)
    return min(costs, key=lambda arm: costs[arm])


def _between(figures: Figures, sides: dict[str, Side]) -> tuple[str | None, Basis]:
    """Choose between two finalists that are both in: the arm, or None, and on what that rests."""
    difference = figures.difference
    if not figures.enough_seeds:
        return None, "few-seeds"
    if difference is None or math.isnan(difference.mean):
        return None, "too-close"
    if verdict_p(figures) < ALPHA:
        return ("finetune" if difference.mean > 0 else "prompt"), "better"
    if difference.equal_within(figures.margin):
        return _cheaper(figures, sides), "equal-cheaper"
    return None, "too-close"


_CHOICES = {"finetune": "fine-tune", "prompt": "prompt"}


def _standing(
    figures: Figures, sides: dict[str, Side], floored: dict[str, bool], kept: dict[str, bool]
) -> Choice | None:
    """Give the choice of what stands as long as nothing is shown to beat it: the floor, or today's system."""
    best = max(sides, key=lambda arm: sides[arm].score)
    if figures.current is not None and not any(kept.values()):
        return Choice("keep-current", figures.current, sides[best].contender, None, "current")
    if figures.floor is not None and not any(floored.values()):
        return Choice("floor", figures.floor, sides[best].contender, None, "floor")
    return None


def choose(figures: Figures) -> Choice:
    """Choose by the rule.

    Hard limits come first. A floor, and today's system, stand until a finalist is shown to be better. Between the
    finalists: the significantly better on the metric; else, equal inside the margin (TOST), the cheaper; else
    ``unresolved``, with the cheaper to use meanwhile.

    Parameters
    ----------
    figures : Figures

    Returns
    -------
    Choice
    """
    given = {"finetune": figures.finetune, "prompt": figures.prompt}
    measured = {arm: side for arm, side in given.items() if side is not None}
    sides = {arm: side for arm, side in measured.items() if not side.missed and not (side.p95_ms > figures.p95_limit)}
    fallback = figures.current or figures.floor
    if not measured:
        return Choice("unresolved", None, None, fallback, "missing-arm")
    if not sides:
        return Choice("unresolved", None, None, fallback, "none-left")
    floored = {arm: beats(side.against_floor) for arm, side in sides.items()}
    kept = {arm: beats(side.against_current) for arm, side in sides.items()}
    fit = {arm: side for arm, side in sides.items() if floored[arm] and kept[arm]}
    standing = _standing(figures, sides, floored, kept) if figures.enough_seeds else None
    if len(measured) < 2:
        only = next(iter(sides.values())).contender if fit else fallback
        return Choice("unresolved", None, None, only, "missing-arm")
    if standing is not None:
        return standing
    if len(sides) < 2:
        return _only_left(figures, sides, measured)
    arm, basis = _between(figures, sides)
    meanwhile = sides[_cheaper(figures, fit or sides)].contender if fit or fallback is None else fallback
    if arm is None:
        return Choice("unresolved", None, None, meanwhile, basis)
    if basis == "equal-cheaper" and arm not in fit and fit:
        # The cheaper of two equals is not shown to beat what stands; the dearer is.
        arm = next(iter(fit))
    other = next(name for name in sides if name != arm)
    return Choice(_CHOICES[arm], sides[arm].contender, sides[other].contender, None, basis)


def _only_left(figures: Figures, sides: dict[str, Side], measured: dict[str, Side]) -> Choice:
    ((arm, side),) = sides.items()
    against = next(one.contender for name, one in measured.items() if name != arm)
    if not figures.enough_seeds:
        return Choice("unresolved", None, None, side.contender, "few-seeds")
    return Choice(_CHOICES[arm], side.contender, against, None, "only-one-left")
