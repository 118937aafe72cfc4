"""From evidence to a decision: the one door of this room that asks everything."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.decision.choice import Choice, Figures, choose, verdict_p
from bakeoff.decision.comparisons import Declared, Field, declare, field_of, figures_at, figures_of, records_of
from bakeoff.decision.considerations import considerations_of
from bakeoff.decision.costs import break_even
from bakeoff.decision.crossover import crossover_of
from bakeoff.decision.curves import curve_points
from bakeoff.decision.differences import differences_of
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.expected import cost_comparisons_of, expected_costs_of
from bakeoff.decision.flips import flips_of
from bakeoff.decision.leaderboard import leaderboard_of
from bakeoff.decision.left_out import left_out_of
from bakeoff.decision.panel import Panel
from bakeoff.decision.power import detectable_in
from bakeoff.decision.reasons import Case, confidence_of, next_of, reasons_of, scope_of
from bakeoff.decision.retraining import with_retraining
from bakeoff.decision.sweep import sweep_of
from bakeoff.errors import NoVerdictError
from bakeoff.records import Decision, Evidence, Verdict

__all__ = ["Settled", "decide", "settle"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What `settle` gives: the part of a decision that the declared test and the rule of choice make.

    Parameters
    ----------
    n : int
        Label budget at which the finalists met.
    finetune, prompt : str or None
        The finalists; None where an arm has none.
    choice : Choice
    difference : Estimate or None
        Score of the fine-tuned finalist minus that of the prompted one; None where an arm is missing.
    p_holm : float
        Its p-value after Holm's correction over all declared comparisons; NaN where an arm is missing.
    mde : float
        Smallest difference that could be shown, in points.
    """

    n: int
    finetune: str | None
    prompt: str | None
    choice: Choice
    difference: Estimate | None
    p_holm: float
    mde: float


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
    panel, field, declared, figures, retraining = _meet(evidence)
    sweep = sweep_of(figures)
    flips = flips_of(figures, [*_earlier(panel, field), (float(field.n), figures)], sweep)
    paid = cost_comparisons_of(declared, figures.stakes, figures)
    case = Case(panel, field, figures, choose(figures), records_of(panel, declared), flips, paid)
    mde = detectable_in(panel, field, declared)
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
        verdict=_verdict(case),
        sweep=sweep,
        costs=costs,
        cost_comparisons=paid,
    )


def settle(evidence: Evidence) -> Settled:
    """Test and choose, without the reasons, costs, curves and flips of `decide`.

    For simulations, which ask thousands of studies: `decide` takes the same steps and comes to the same choice, on the
    same figures.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    Settled

    Raises
    ------
    NoVerdictError
        Where `decide` does.
    """
    panel, field, declared, figures, _ = _meet(evidence)
    finetune = field.finetune.contender.name if field.finetune is not None else None
    prompt = field.prompt.contender.name if field.prompt is not None else None
    mde = detectable_in(panel, field, declared)
    return Settled(field.n, finetune, prompt, choose(figures), figures.difference, verdict_p(figures), mde)


def _meet(evidence: Evidence) -> tuple[Panel, Field, tuple[Declared, ...], Figures, str]:
    """Let the finalists, the floor, today's system and the same-base pair meet; give the figures of the rule."""
    panel = Panel(evidence)
    _need_something(panel)
    field = field_of(panel)
    panel, retraining = with_retraining(panel, field)
    declared = declare(panel, field)
    return panel, field, declared, figures_of(panel, field, declared), retraining


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


def _verdict(case: Case) -> Verdict:
    return Verdict(
        choice=case.choice.choice,
        contender=case.choice.contender,
        against=case.choice.against,
        meanwhile=case.choice.meanwhile,
        scope=scope_of(case),
        reasons=reasons_of(case),
        flips=case.flips,
        confidence=confidence_of(case),
        n=case.field.n,
        next=next_of(case),
        left_out=left_out_of(case.panel, case.field),
    )
