"""What is told of a study and of its trials where values have names alone: parameters, metrics and tags."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict

from bakeoff.records import Decision, Evidence, Trial
from bakeoff.tasks import scoring_of

__all__ = ["contender_values", "study_values", "trial_values"]

#: Figures of a trial that are told under their own names.
_FIGURES = ("fit_seconds", "p50_ms", "p95_ms", "rows_per_second", "size_mb")
_MOST_CHARACTERS = 500


def trial_values(evidence: Evidence, trial: Trial) -> tuple[dict[str, str], dict[str, float]]:
    """Give a trial's parameters, and its metrics as far as they were measured.

    Parameters
    ----------
    evidence : Evidence
    trial : Trial

    Returns
    -------
    parameters : dict of str to str
        Contender, method, model, n, seed, and the method's settings as ``setting.NAME``.
    metrics : dict of str to float
        ``validation`` and ``test``, each with the metric's name; figures; and what was spent, as ``spent.NAME``.
    """
    contender = next(one for one in evidence.contenders if one.name == trial.contender)
    parameters = {
        "contender": contender.name,
        "method": contender.method,
        "arm": contender.arm,
        "model": contender.model or "none",
        "n": str(trial.n),
        "seed": str(trial.seed),
        **{f"setting.{name}": _written(value) for name, value in contender.parameters.items()},
    }
    found = {name: getattr(trial, name) for name in _FIGURES}
    found |= {f"spent.{name}": float(value) for name, value in asdict(trial.usage).items()}
    metric, scoring = evidence.task.metric, scoring_of(evidence.task)
    fold = evidence.folds[trial.seed] if evidence.folds and contender.seeded else None
    for part, answers, labels, rows in (
        ("validation", trial.validation_answers, evidence.validation_labels, None if fold is None else fold.validation),
        ("test", trial.test_answers, evidence.test_labels, None if fold is None else fold.test),
    ):
        truth = [labels[row] for row in rows] if rows is not None else list(labels)
        # What was cut or failed has not answered as it would have, and has no score here as on the leaderboard.
        if trial.status == "done" and answers and len(answers) == len(truth):
            found[f"{part}.{metric}"] = scoring.score_values(truth, answers)
            found[f"{part}.valid_rate"] = sum(answer is not None for answer in answers) / len(answers)
    return parameters, _measured(found)


def contender_values(decision: Decision, trial: Trial) -> dict[str, float]:
    """Give what the leaderboard says of a trial's contender at its n, as ``contender.NAME``."""
    row = next((one for one in decision.leaderboard if (one.contender, one.n) == (trial.contender, trial.n)), None)
    if row is None:
        return {}
    return _measured({"contender.score": row.score, "contender.cost_per_1k": row.cost_per_1k})


def study_values(evidence: Evidence, decision: Decision) -> tuple[dict[str, str], dict[str, float], dict[str, str]]:
    """Give a study's parameters, metrics and tags.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision

    Returns
    -------
    parameters : dict of str to str
        Of the task and its rows, which never change.
    metrics : dict of str to float
        Of the verdict.
    tags : dict of str to str
        The verdict in words.
    """
    task, verdict = evidence.task, decision.verdict
    parameters = {
        "task": task.name,
        "kind": task.kind,
        "metric": task.metric,
        "labels": str(len(task.labels)),
        "fingerprint": evidence.fingerprint,
        "seed": str(evidence.seed),
        **{f"rows.{part}": str(count) for part, count in evidence.rows.items()},
    }
    chosen = verdict.contender or verdict.meanwhile
    row = next((one for one in decision.leaderboard if (one.contender, one.n) == (chosen, verdict.n)), None)
    metrics = {"spent_seconds": evidence.spent_seconds, "trials": float(len(evidence.trials))}
    if row is not None:
        metrics |= {f"test.{task.metric}": row.score, "test.low": row.ci[0], "test.high": row.ci[1]}
    tags = {
        "bakeoff.choice": verdict.choice,
        "bakeoff.contender": verdict.contender or "",
        "bakeoff.meanwhile": verdict.meanwhile or "",
        "bakeoff.against": verdict.against or "",
        "mlflow.note.content": " ".join(verdict.reasons),
    }
    return parameters, _measured(metrics), tags


def _written(value: object) -> str:
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return told if len(told) <= _MOST_CHARACTERS else f"{told[: _MOST_CHARACTERS - 3]}..."


def _measured(values: Mapping[str, float | None]) -> dict[str, float]:
    """Leave out what was not measured."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
