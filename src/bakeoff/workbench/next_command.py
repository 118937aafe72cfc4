"""The exact command that goes on with a study whose choice is open for want of trials that were planned."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

from bakeoff.records import Decision
from bakeoff.study.evidence import read_plan
from bakeoff.study.measure import CLOSING_SECONDS
from bakeoff.study.store import StudyStore

__all__ = ["next_command", "seconds_to_go_on"]

#: A forecast is exceeded as often as not; a limit that is too short would leave the user where he was.
_ROOM = 1.3


def seconds_to_go_on(store: StudyStore, decision: Decision) -> float | None:
    """Give the time limit that lets the trials run which the verdict lacks.

    Parameters
    ----------
    store : StudyStore
    decision : Decision

    Returns
    -------
    float or None
        Seconds for `bakeoff resume`, in whole minutes; None where the choice is made, or needs no trial more.
    """
    plan = read_plan(store)
    if plan is None or plan.time_limit is None or decision.verdict.choice != "unresolved":
        return None
    dropped = set(store.fact("dropped") or {})
    done, took = set(), dict[str, tuple[float, float]]()
    forecasts = {(trial.contender, trial.n, trial.seed): max(trial.forecast, 0.1) for trial in plan.trials}
    for trial in store.trials():
        place = (trial.contender, trial.n, trial.seed)
        if trial.status == "done":
            done.add(place)
        if place in forecasts and trial.status != "failed":
            seconds, foretold = took.get(trial.contender, (0.0, 0.0))
            took[trial.contender] = seconds + trial.usage.seconds, foretold + forecasts[place]
    left = [
        trial
        for trial in plan.trials
        if trial.core and (trial.contender, trial.n, trial.seed) not in done and trial.contender not in dropped
    ]
    if not left:
        return None
    # Trials were slower or quicker than foretold: as much so are those to come.
    slowness = {name: max(seconds / foretold, 1.0) for name, (seconds, foretold) in took.items()}
    seconds = sum(trial.cost * slowness.get(trial.contender, 1.0) for trial in left)
    return 60.0 * math.ceil((_ROOM * seconds + plan.refit_seconds + CLOSING_SECONDS) / 60)


def next_command(folder: Path, seconds: float | None) -> str | None:
    """Write the command: ``bakeoff resume reviews --time-limit 5m``; None where there is none.

    Parameters
    ----------
    folder : Path
        The study's, as the user would type it.
    seconds : float or None
        As `seconds_to_go_on` gives it.

    Returns
    -------
    str or None
    """
    if seconds is None:
        return None
    return f"bakeoff resume {shlex.quote(str(folder))} --time-limit {seconds / 60:.0f}m"
