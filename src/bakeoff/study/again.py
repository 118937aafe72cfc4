"""Rows that are asked again beside the trials: with typing errors, with instructions inside, in other phrasings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.study.executors.inject import INJECTED_ROWS
from bakeoff.study.grid import Grid, forecast_trial
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.rephrase import MOST_ROWS as REPHRASED_ROWS
from bakeoff.study.rephrase import PHRASINGS, zero_shot_contenders
from bakeoff.study.typos import MOST_TYPO_ROWS

__all__ = ["AskedAgain", "forecast_again", "gets_instructions", "gets_typos"]


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """What is asked beside the trials, by forecast.

    Parameters
    ----------
    rows : int
        Answers, over all contenders.
    seconds : float
        On top of the trials' own.
    """

    rows: int
    seconds: float

    def sentence(self) -> str:
        """Tell it in one sentence."""
        return (
            f"beside the trials, where time is left: about {self.seconds:,.0f} s for {self.rows:,} answers to rows "
            "asked again with typing errors, instructions inside, or in other phrasings; none by a server"
        )


def gets_typos(plan: Plan, contender: Contender, planned: PlannedTrial) -> bool:
    """Say whether a trial's rows are asked again with typing errors: a contender's first trial at its largest n.

    A server would be sent the rows again, for money.
    """
    largest = max(trial.n for trial in plan.trials if trial.contender == planned.contender)
    return planned.seed == 0 and planned.n == largest and method_spec(contender.method).model != "server"


def gets_instructions(plan: Plan, contender: Contender, planned: PlannedTrial) -> bool:
    """Say whether a trial's rows are asked again with instructions of their own: once a contender, where arms meet.

    Floors and server models are left out; a server would be sent the rows again.
    """
    meets = planned.n in (0, plan.decision_budget) and planned.seed == 0
    return (
        meets and contender.arm != "floor" and method_spec(contender.method).model in ("encoder", "decoder", "seq2seq")
    )


def forecast_again(grid: Grid, plan: Plan) -> AskedAgain:
    """Forecast what is asked beside the planned trials that are not spare.

    Parameters
    ----------
    grid : Grid
    plan : Plan

    Returns
    -------
    AskedAgain
        At most, since all of it waits for time that is left.
    """
    contenders: Mapping[str, Contender] = {contender.name: contender for contender in grid.contenders}
    validation = plan.answered["validation"]
    asked: list[tuple[Contender, int, int]] = []
    for trial in plan.trials:
        contender = contenders[trial.contender]
        if trial.spare:
            continue
        if gets_typos(plan, contender, trial):
            # Prompts have the scores of the rows as they are.
            times = 1 if contender.arm == "prompt" else 2
            asked.append((contender, trial.n, times * min(MOST_TYPO_ROWS, validation)))
        if gets_instructions(plan, contender, trial):
            asked.append((contender, trial.n, 2 * min(INJECTED_ROWS, validation)))
    rephrased = min(REPHRASED_ROWS, validation)
    asked += [(one, 0, PHRASINGS * rephrased) for one in zero_shot_contenders(grid.contenders).values()]
    return AskedAgain(sum(rows for *_, rows in asked), sum(_seconds(grid, plan, *one) for one in asked))


def _seconds(grid: Grid, plan: Plan, contender: Contender, n: int, rows: int) -> float:
    """Forecast what further rows add to a trial."""
    answered = sum(plan.answered.values())
    return forecast_trial(grid, contender, n, answered + rows) - forecast_trial(grid, contender, n, answered)
