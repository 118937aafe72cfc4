"""From evidence to a decision: the one door of this room that asks everything."""

from __future__ import annotations

from bakeoff.decision.choice import choose
from bakeoff.decision.comparisons import declare, field_of, figures_at, figures_of, records_of
from bakeoff.decision.considerations import considerations_of
from bakeoff.decision.costs import break_even
from bakeoff.decision.crossover import crossover_of
from bakeoff.decision.curves import curve_points
from bakeoff.decision.differences import differences_of
from bakeoff.decision.flips import flips_of
from bakeoff.decision.leaderboard import leaderboard_of
from bakeoff.decision.paired import smallest_detectable_difference
from bakeoff.decision.panel import Panel
from bakeoff.decision.reasons import Case, confidence_of, next_of, reasons_of, scope_of
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
    declared = declare(panel, field)
    figures = figures_of(panel, field, declared)
    earlier = [
        (float(n), at) for n in _budgets_below(panel, field.n) if (at := figures_at(panel, field, n)) is not None
    ]
    flips = flips_of(figures, [*earlier, (float(field.n), figures)])
    case = Case(panel, field, figures, choose(figures), records_of(panel, declared), flips)
    mde = smallest_detectable_difference(len(evidence.test_labels))
    pays = break_even(field.finetune, field.prompt, evidence.assumptions)
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
    )


def _need_something(panel: Panel) -> None:
    unfinished = len(panel.evidence.trials)
    if not unfinished:
        raise NoVerdictError("No trial was run: there is nothing to decide on.")
    if not any(panel.budgets(name) for name in panel.contenders):
        raise NoVerdictError(f"No trial was finished ({unfinished} cut or failed): there is nothing to decide on.")
    if not panel.evidence.test_labels:
        raise NoVerdictError("There are no test rows, so nothing was scored and there is nothing to decide on.")


def _budgets_below(panel: Panel, n: int) -> list[int]:
    return sorted({budget for name in panel.contenders for budget in panel.budgets(name) if budget < n})


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
