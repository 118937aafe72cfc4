"""From evidence to a decision: the one door of this room that asks everything."""

from __future__ import annotations

from bakeoff.decision.choice import Figures, choose
from bakeoff.decision.comparisons import Field, declare, field_of, figures_at, figures_of, records_of
from bakeoff.decision.considerations import considerations_of
from bakeoff.decision.costs import break_even
from bakeoff.decision.crossover import crossover_of
from bakeoff.decision.curves import curve_points
from bakeoff.decision.differences import differences_of
from bakeoff.decision.expected import cost_comparisons_of, expected_costs_of
from bakeoff.decision.flips import flips_of
from bakeoff.decision.leaderboard import leaderboard_of
from bakeoff.decision.paired import smallest_detectable_difference
from bakeoff.decision.panel import Panel
from bakeoff.decision.reasons import Case, confidence_of, next_of, reasons_of, scope_of
from bakeoff.decision.retraining import with_retraining
from bakeoff.decision.sweep import sweep_of
from bakeoff.errors import NoVerdictError
from bakeoff.records import Decision, Evidence, Verdict

__all__ = ["decide"]


def decide(evidence: Evidence) -> Decision:
    """Choose between the ways that were measured, and say why and what would flip it.

    Finalists are chosen on validation rows at the decision budget; test rows decide once between them, by a paired
    bootstrap over seeds and rows, with Holm's correction over the declared comparisons. The choice follows from
    `bakeoff.decision.choice.choose`.

    Parameters
    ----------
    evidence : Evidence
        Of a study, finished or not.

    Returns
    -------
    Decision
        The same for the same evidence. Its verdict is ``unresolved`` where an arm is missing.

    Raises
    ------
    NoVerdictError
        If no trial was finished, or there are no test rows.
    """
    panel = Panel(evidence)
    _need_something(panel)
    field = field_of(panel)
    panel, retraining = with_retraining(panel, field)
    declared = declare(panel, field)
    figures = figures_of(panel, field, declared)
    sweep = sweep_of(figures)
    flips = flips_of(figures, [*_earlier(panel, field), (float(field.n), figures)], sweep)
    paid = cost_comparisons_of(declared, figures.stakes, figures)
    case = Case(panel, field, figures, choose(figures), records_of(panel, declared), flips, paid)
    mde = smallest_detectable_difference(len(evidence.test_labels))
    costs = expected_costs_of(panel, field.n)
    wrong = {one.contender: one.answers for one in costs if one.answers is not None} or None
    pays = break_even(field.finetune, field.prompt, panel.evidence.assumptions, wrong, {"retraining": retraining})
    return Decision(
        mde=mde,
        leaderboard=leaderboard_of(panel),
        comparisons=case.comparisons,
        curves=curve_points(panel),
        crossover=crossover_of(panel, field),
        break_even=pays,
        differences=differences_of(panel, field),
        considerations=considerations_of(panel, field, figures, pays),
        verdict=_verdict(case, mde),
        sweep=sweep,
        costs=costs,
        cost_comparisons=paid,
    )


def _need_something(panel: Panel) -> None:
    unfinished = len(panel.evidence.trials)
    if not unfinished:
        raise NoVerdictError("No trial was run: there is nothing to decide on.")
    if not any(panel.budgets(name) for name in panel.contenders):
        raise NoVerdictError(f"No trial was finished ({unfinished} cut or failed): there is nothing to decide on.")
    if not panel.evidence.test_labels:
        raise NoVerdictError("There are no test rows, so nothing was scored and there is nothing to decide on.")


def _earlier(panel: Panel, field: Field) -> list[tuple[float, Figures]]:
    """Give the rule's figures at every smaller n at which all who meet were measured."""
    below = sorted({n for name in panel.contenders for n in panel.budgets(name) if n < field.n})
    return [(float(n), at) for n in below if (at := figures_at(panel, field, n)) is not None]


def _verdict(case: Case, mde: float) -> Verdict:
    return Verdict(
        choice=case.choice.choice,
        contender=case.choice.contender,
        against=case.choice.against,
        meanwhile=case.choice.meanwhile,
        scope=scope_of(case),
        reasons=reasons_of(case),
        flips=case.flips,
        confidence=confidence_of(case, mde),
        n=case.field.n,
        next=next_of(case),
    )
