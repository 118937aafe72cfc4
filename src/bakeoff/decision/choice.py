"""The rule of choice: a pure function of a few figures, so that what would flip it can be searched for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bakeoff.decision.bills import Bill, spending
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.paired import holm
from bakeoff.decision.stakes import Stakes
from bakeoff.records import Assumptions

__all__ = [
    "ALPHA",
    "Basis",
    "Choice",
    "Figures",
    "Miss",
    "Side",
    "beats",
    "choose",
    "expected_costs",
    "leads",
    "money_margin",
    "total_cost",
    "verdict_p",
]

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
    bill : Bill
        What it takes to build, to keep and to run.
    p95_ms : float
        Lowest 95% latency of all contenders of its arm; NaN where not measured.
    missed : tuple of Miss
        The hard limits that it misses; any one shuts it out.
    """

    contender: str
    score: float
    against_floor: Estimate | None
    against_current: Estimate | None
    bill: Bill
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
    assumptions : Assumptions
    enough_seeds : bool
        Whether both finalists have the seeds that a verdict needs.
    p95_limit : float
        A limit of the 95% latency to try, in ms; infinite for none.
    stakes : Stakes or None
        The declared comparisons in money, where error costs are given; the choice is then by these.
    both : Side or None
        The best mixture of the two ways, where it has the seeds that a verdict needs.
    over : mapping of str to Estimate
        Its score minus that of the finalist of each arm, ``"finetune"`` and ``"prompt"``.
    no_labels : bool
        Whether they meet without a labelled row, so that nothing can be tuned but what a prompt labels.
    """

    finetune: Side | None
    prompt: Side | None
    difference: Estimate | None
    floor: str | None
    current: str | None
    further_p: tuple[float, ...]
    assumptions: Assumptions
    enough_seeds: bool
    p95_limit: float = math.inf
    stakes: Stakes | None = None
    both: Side | None = None
    over: Mapping[str, Estimate] = field(default_factory=dict)
    no_labels: bool = False

    @property
    def volume(self) -> float:
        """Predictions a month."""
        return self.assumptions.volume

    @property
    def horizon_months(self) -> float:
        """Months over which one-off costs are spread."""
        return self.assumptions.horizon_months

    @property
    def margin(self) -> float:
        """Difference in score that counts as equal."""
        return self.assumptions.margin


@dataclass(frozen=True, slots=True)
class Choice:
    """What the rule says: see `bakeoff.records.Verdict` for the first four; `basis` is on what it rests."""

    choice: str
    contender: str | None
    against: str | None
    meanwhile: str | None
    basis: Basis


def total_cost(side: Side, figures: Figures) -> float:
    """Give the money to build a finalist and run it over the horizon, wrong answers left out; NaN where not known."""
    spent = spending(side.bill, figures.assumptions)
    return spent.once + figures.horizon_months * (spent.a_month + spent.prediction * figures.volume)


def leads(figures: Figures) -> dict[str, Estimate]:
    """Give what the rule compares, positive where the first of a pair is better.

    Scores; or, where error costs are given, the expected cost of a month that is saved.

    Parameters
    ----------
    figures : Figures

    Returns
    -------
    dict of str to Estimate
        ``"verdict"`` (the fine-tuned finalist against the prompted one); ``"ARM floor"`` and ``"ARM current"`` where
        there is one to beat; ``"both ARM"`` for the best mixture against each finalist.
    """
    found: dict[str, Estimate] = {}
    if figures.stakes is not None:
        stakes, assumptions = figures.stakes, figures.assumptions
        if stakes.difference is not None:
            found["verdict"] = stakes.difference.a_month(assumptions).reversed()
        for what, against in (("floor", stakes.against_floor), ("current", stakes.against_current)):
            found |= {f"{arm} {what}": stake.a_month(assumptions).reversed() for arm, stake in against.items()}
        return found | {f"both {arm}": stake.a_month(assumptions).reversed() for arm, stake in stakes.mixture.items()}
    if figures.difference is not None:
        found["verdict"] = figures.difference
    for arm, side in (("finetune", figures.finetune), ("prompt", figures.prompt), ("both", figures.both)):
        if side is not None and side.against_floor is not None:
            found[f"{arm} floor"] = side.against_floor
        if side is not None and side.against_current is not None:
            found[f"{arm} current"] = side.against_current
    return found | {f"both {arm}": estimate for arm, estimate in figures.over.items()}


def money_margin(figures: Figures) -> float:
    """Give the difference that counts as equal: of the score, or, where error costs are given, of a month's cost."""
    return figures.margin if figures.stakes is None else figures.stakes.margin(figures.assumptions)


def verdict_p(figures: Figures) -> float:
    """Give the p-value of the finalists' difference in score after Holm's correction over all declared comparisons."""
    by_score = replace(figures, stakes=None)
    return _corrected(by_score, leads(by_score))


def _corrected(figures: Figures, found: dict[str, Estimate], what: str = "verdict") -> float:
    if what not in found:
        return math.nan
    further = figures.further_p
    if figures.stakes is not None:
        further = tuple(stake.a_month(figures.assumptions).p_value() for stake in figures.stakes.further)
    others = [one.p_value() for name, one in found.items() if name != what]
    return holm([found[what].p_value(), *others, *further])[0]


def beats(against: Estimate | None) -> bool:
    """Say whether a finalist is shown to be better than a floor or today's system; nothing to beat is beaten.

    The p-value is not corrected for the other comparisons. A choice needs this and the rest of the rule together, and a
    claim that needs every one of its tests keeps its level without a correction (intersection-union test, Berger 1982).
    """
    return against is None or (against.mean > 0 and against.p_value() < ALPHA)


def expected_costs(figures: Figures, sides: dict[str, Side]) -> dict[str, float]:
    """Give finalists' money over the horizon, that of their wrong answers included where these have a cost."""
    costs = {name: total_cost(side, figures) for name, side in sides.items()}
    if figures.stakes is None:
        return costs
    predictions = figures.volume * figures.horizon_months
    lost = {arm: loss.at(figures.assumptions).mean for arm, loss in figures.stakes.answers.items()}
    return {name: costs[name] + predictions * lost.get(side.bill.arm, math.nan) for name, side in sides.items()}


def _cheaper(figures: Figures, sides: dict[str, Side], found: dict[str, Estimate]) -> str:
    """Give the arm with the lower total; the higher score where a cost is not known, or both are equal."""
    if len(sides) == 1:
        return next(iter(sides))
    saved = found["verdict"].mean if figures.stakes is not None and "verdict" in found else math.nan
    if saved != 0 and not math.isnan(saved):
        return "finetune" if saved > 0 else "prompt"
    costs = {arm: total_cost(side, figures) for arm, side in sides.items()}
    if len(set(costs.values())) == 1 or any(math.isnan(cost) for cost in costs.values()):
        return max(sides, key=lambda arm: sides[arm].score)
    return min(costs, key=lambda arm: costs[arm])


def _between(figures: Figures, sides: dict[str, Side], found: dict[str, Estimate]) -> tuple[str | None, Basis]:
    """Choose between two finalists that are both in: the arm, or None, and on what that rests."""
    difference = found.get("verdict")
    if not figures.enough_seeds:
        return None, "few-seeds"
    if difference is None or math.isnan(difference.mean):
        return None, "too-close"
    if _corrected(figures, found) < ALPHA:
        return ("finetune" if difference.mean > 0 else "prompt"), "better"
    if difference.equal_within(money_margin(figures)):
        return _cheaper(figures, sides, found), "equal-cheaper"
    return None, "too-close"


_CHOICES = {"finetune": "fine-tune", "prompt": "prompt"}


def _known(sides: dict[str, Side], found: dict[str, Estimate], what: str) -> bool:
    """Say whether any finalist could be compared with what stands: it may not be known what either costs."""
    met = [found[name] for arm in sides if (name := f"{arm} {what}") in found]
    return not met or not all(math.isnan(one.mean) for one in met)


def _standing(
    figures: Figures,
    sides: dict[str, Side],
    found: dict[str, Estimate],
    floored: dict[str, bool],
    kept: dict[str, bool],
) -> Choice | None:
    """Give the choice of what stands as long as nothing is shown to beat it: the floor, or today's system."""
    best = max(sides, key=lambda arm: sides[arm].score)
    if figures.stakes is not None:
        best = _cheaper(figures, sides, found)
    if figures.current is not None and not any(kept.values()) and _known(sides, found, "current"):
        return Choice("keep-current", figures.current, sides[best].contender, None, "current")
    if figures.floor is not None and not any(floored.values()) and _known(sides, found, "floor"):
        return Choice("floor", figures.floor, sides[best].contender, None, "floor")
    return None


def choose(figures: Figures) -> Choice:
    """Choose by the rule.

    Hard limits come first. A floor, and today's system, stand until a finalist is shown to be better. Between the
    finalists: the significantly better on the metric; else, equal inside the margin (TOST), the cheaper; else
    ``unresolved``, with the cheaper to use meanwhile. The best mixture of both ways takes the place of what was chosen
    so where, by the same two tests, it is better or as good and cheaper; where neither finalist was chosen, it must be
    so against both, or against the prompted one alone where no row is labelled. Where error costs are given, better
    means a lower expected cost of a month throughout.

    Parameters
    ----------
    figures : Figures

    Returns
    -------
    Choice
    """
    way = _choose_way(figures)
    return _mixture(figures, way) or way


def _mixture(figures: Figures, way: Choice) -> Choice | None:
    """Give the choice of the best mixture; None where it is not shown to be worth it."""
    both = figures.both
    given = {"finetune": figures.finetune, "prompt": figures.prompt}
    if both is None or both.missed or both.p95_ms > figures.p95_limit:
        return None
    if not figures.enough_seeds or figures.prompt is None or (figures.finetune is None and not figures.no_labels):
        return None
    found = leads(figures)
    if not (beats(found.get("both floor")) and beats(found.get("both current"))):
        return None
    fit = {
        arm: side
        for arm, side in given.items()
        if side is not None and not side.missed and not side.p95_ms > figures.p95_limit
    }
    chosen = {arm: side for arm, side in fit.items() if side.contender == way.contender}
    rivals = chosen or fit
    grounds: list[Basis] = [_over(figures, both, arm, side, found) for arm, side in rivals.items()]
    if "too-close" in grounds:
        return None
    against = max((chosen or fit or given).values(), key=lambda side: side.score if side is not None else -math.inf)
    basis: Basis = "only-one-left" if not grounds else "equal-cheaper" if "equal-cheaper" in grounds else "better"
    return Choice("both", both.contender, against.contender if against else None, None, basis)


def _over(figures: Figures, both: Side, arm: str, side: Side, found: dict[str, Estimate]) -> Basis:
    """Say on what a mixture would be chosen over an arm's finalist: ``too-close`` where it would not."""
    lead = found.get(f"both {arm}")
    if lead is None or math.isnan(lead.mean):
        return "too-close"
    if _corrected(figures, found, f"both {arm}") < ALPHA:
        return "better" if lead.mean > 0 else "too-close"
    if not lead.equal_within(money_margin(figures)):
        return "too-close"
    if figures.stakes is not None:
        return "equal-cheaper" if lead.mean > 0 else "too-close"
    return "equal-cheaper" if total_cost(both, figures) < total_cost(side, figures) else "too-close"


def _choose_way(figures: Figures) -> Choice:
    """Choose between the two ways, what stands, and neither."""
    given = {"finetune": figures.finetune, "prompt": figures.prompt}
    measured = {arm: side for arm, side in given.items() if side is not None}
    sides = {arm: side for arm, side in measured.items() if not side.missed and not (side.p95_ms > figures.p95_limit)}
    fallback = figures.current or figures.floor
    if not measured:
        return Choice("unresolved", None, None, fallback, "missing-arm")
    if not sides:
        return Choice("unresolved", None, None, fallback, "none-left")
    found = leads(figures)
    floored = {arm: beats(found.get(f"{arm} floor")) for arm in sides}
    kept = {arm: beats(found.get(f"{arm} current")) for arm in sides}
    fit = {arm: side for arm, side in sides.items() if floored[arm] and kept[arm]}
    standing = _standing(figures, sides, found, floored, kept) if figures.enough_seeds else None
    if len(measured) < 2:
        only = next(iter(sides.values())).contender if fit else fallback
        return Choice("unresolved", None, None, only, "missing-arm")
    if standing is not None:
        return standing
    if len(sides) < 2:
        return _only_left(figures, sides, measured)
    arm, basis = _between(figures, sides, found)
    meanwhile = sides[_cheaper(figures, fit or sides, found)].contender if fit or fallback is None else fallback
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
