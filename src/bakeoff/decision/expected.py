"""Expected costs as records and as sentences: what each contender costs a month, and which is shown to cost less."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.decision import phrases
from bakeoff.decision.bills import bill_of, spending
from bakeoff.decision.choice import ALPHA, Choice, Figures, money_margin
from bakeoff.decision.comparisons import Declared
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.losses import cost_tables, loss_of
from bakeoff.decision.paired import holm
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.stakes import Stakes
from bakeoff.records import CostComparison, ExpectedCost

__all__ = ["cost_comparisons_of", "cost_sentence", "expected_costs_of", "money_beaten", "money_reason"]


def _expected(panel: Panel, cell: Cell, n: int) -> ExpectedCost:
    assumptions = panel.evidence.assumptions
    spent = spending(bill_of(cell), assumptions)
    certain, answers, interval = spent.total_a_month(assumptions), None, None
    if assumptions.priced and len(panel.truth["test"]):
        loss = loss_of(panel, cell, cost_tables(tuple(panel.labels), assumptions)).at(assumptions)
        total = loss.scaled(assumptions.volume).moved(certain)
        answers, certain, interval = loss.mean, total.mean, total.interval()
    return ExpectedCost(
        cell.contender.name, n, spent.one_off, spent.monthly, spent.prediction, answers, certain, interval
    )


def expected_costs_of(panel: Panel, n: int) -> tuple[ExpectedCost, ...]:
    """Give what every contender that stands at n is expected to cost a month, the cheapest first.

    Parameters
    ----------
    panel : Panel
    n : int
        Label budget at which the finalists met.

    Returns
    -------
    tuple of ExpectedCost
        Those whose cost is not known last.
    """
    cells = [cell for name in panel.contenders if (cell := panel.cell(name, n)) is not None]
    found = [_expected(panel, cell, n) for cell in cells]
    return tuple(sorted(found, key=lambda one: (math.inf if math.isnan(one.total) else one.total, one.contender)))


def cost_comparisons_of(
    declared: Sequence[Declared], stakes: Stakes | None, figures: Figures
) -> tuple[CostComparison, ...]:
    """Turn the declared comparisons in money into records, with Holm's correction over all of them.

    Parameters
    ----------
    declared : sequence of Declared
    stakes : Stakes or None
    figures : Figures

    Returns
    -------
    tuple of CostComparison
        In the order of `declared`; none where error costs were not given.
    """
    if stakes is None:
        return ()
    further = iter(stakes.further)
    found: list[tuple[Declared, Estimate]] = []
    for one in declared:
        arm = one.a.contender.arm
        by_role = {"floor": stakes.against_floor, "current": stakes.against_current}
        if one.role in by_role:
            stake = by_role[one.role][arm]
        elif one.role == "mixture":
            stake = stakes.mixture[one.b.contender.arm]
        else:
            stake = next(further) if one.role == "same-base" or stakes.difference is None else stakes.difference
        found.append((one, stake.a_month(figures.assumptions)))
    p_values = [estimate.p_value() for _, estimate in found]
    return tuple(
        CostComparison(
            one.a.contender.name,
            one.b.contender.name,
            one.n,
            estimate.mean,
            estimate.interval(),
            p,
            p_holm,
            one.role,
        )
        for (one, estimate), p, p_holm in zip(found, p_values, holm(p_values), strict=True)
    )


def cost_sentence(one: CostComparison, currency: str) -> str:
    """Say a comparison in money: ``a costs 120 USD a month less than b [40 less, 200 less], p = .004 (Holm)``."""
    if math.isnan(one.difference):
        return f"what {one.a} costs beside {one.b} is not known"
    low, high = (phrases.more_or_less(bound, currency) for bound in one.ci)
    gate = one.role in ("floor", "current")
    p = phrases.p_value(one.p) if gate else f"{phrases.p_value(one.p_holm)} (Holm)"
    than = "as" if one.difference == 0 else "than"
    return f"{one.a} costs {phrases.more_or_less(one.difference, currency)} a month {than} {one.b} [{low}, {high}], {p}"


def money_reason(choice: Choice, figures: Figures, comparisons: Sequence[CostComparison]) -> str | None:
    """Give the first reason of a choice that was made by expected costs; None where it rests on something else.

    Parameters
    ----------
    choice : Choice
    figures : Figures
    comparisons : sequence of CostComparison

    Returns
    -------
    str or None
    """
    role = "mixture" if choice.choice == "both" else "verdict"
    met = (one for one in comparisons if one.role == role and (role == "verdict" or one.b == choice.against))
    verdict = next(met, None)
    if verdict is None:
        return None
    currency = figures.assumptions.currency
    told = cost_sentence(verdict, currency)
    within = f"{phrases.currency(money_margin(figures), currency)} a month"
    sentences = {
        "better": f"{choice.contender} has the lower expected cost: {told}.",
        "equal-cheaper": f"The finalists' expected costs are equal within {within} ({told}); {choice.contender}'s is "
        "the lower as measured.",
        "floor": f"Neither finalist is shown to cost less than the floor {choice.contender}, wrong answers included.",
        "current": f"Neither finalist is shown to cost less than today's system {choice.contender}, wrong answers "
        "included.",
        "too-close": f"Neither a difference of expected costs nor equality within {within} is shown ({told}).",
    }
    return sentences.get(choice.basis)


def money_beaten(comparisons: Sequence[CostComparison], currency: str) -> list[str]:
    """Say how the finalists stand in money to the floor, to today's system, and one model both ways."""
    found = []
    for one in comparisons:
        told = cost_sentence(one, currency)
        if one.role in ("floor", "current"):
            what = "the floor" if one.role == "floor" else "today's system"
            shown = "" if one.p < ALPHA and one.difference < 0 else ", so it is not shown to cost less"
            found.append(f"Against {what}: {told}{shown}.")
        if one.role == "same-base":
            found.append(f"Same model both ways: {told}.")
        if one.role == "mixture":
            found.append(f"Both ways together: {told}.")
    return found
