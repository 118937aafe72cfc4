"""Ask each prompt model's zero-shot prompt in several phrasings, where time is left: how much hangs on the words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bakeoff.decision import deviation_beyond_chance
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender, Rephrased, RephrasedAnswers, Trial
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.executors.jobs import FitJob, JobFailed, JobResult, RephraseJob, RephraseResult
from bakeoff.study.parts import read_parts
from bakeoff.study.store import StudyStore
from bakeoff.tasks import label_codes, scoring_of

__all__ = [
    "MOST_ROWS",
    "PHRASINGS",
    "SHARE_TO_REPHRASE",
    "jobs_to_rephrase",
    "keep_rephrased",
    "read_rephrased",
    "weights_afterwards",
    "zero_shot_contenders",
]

#: Validation rows that each phrasing answers at most, and the fewest on which a spread is worth its time.
MOST_ROWS, LEAST_ROWS = 60, 30
#: Of the time that is left before spare trials begin, what phrasings may take.
SHARE_TO_REPHRASE = 0.25
#: Phrasings beside the prompt as it stands, whose scores are there already; and what they may take beyond the forecast.
PHRASINGS, _SAFETY = 8, 1.5
_FACT = "rephrased"


def jobs_to_rephrase(store: StudyStore, seconds_left: float, begun: Collection[str] = ()) -> dict[str, RephraseJob]:
    """Give the jobs that answer a prefix of the validation rows in every phrasing, one for each prompt model.

    A model is left for later where its zero-shot prompt is not measured yet, time is short, or the machine that it was
    asked on went away; and not tried again where it failed. Server models are left out: each phrasing would send the
    rows again.

    Parameters
    ----------
    store : StudyStore
        Its plan is made.
    seconds_left : float
        That may be spent on each; with fewer than all rows would take, fewer are answered.
    begun : collection of str
        Models whose job was given before.

    Returns
    -------
    dict of str to RephraseJob
        By model.
    """
    known: dict[str, Any] = store.fact(_FACT) or {}
    asked = zero_shot_contenders(read_contenders(store)).items()
    wanted = {model: one for model, one in asked if model not in known and model not in begun}
    if not wanted:
        return {}
    jobs: dict[str, RephraseJob] = {}
    trials = {trial.contender: trial for trial in store.trials() if trial.status == "done"}
    for model, contender in wanted.items():
        done = trials.get(contender.name)
        rows = min(MOST_ROWS, 0 if done is None else len(done.validation_answers))
        if done is not None and (expected := _forecast(done, rows)) > seconds_left:
            rows = int(rows * seconds_left / expected)
        if done is not None and rows >= LEAST_ROWS:
            jobs[model] = _job(store, contender, rows, max(_SAFETY * _forecast(done, rows), 30.0))
    return jobs


def keep_rephrased(store: StudyStore, model: str, result: JobResult) -> None:
    """Keep what every phrasing of a model's prompt was answered with, or that none was.

    Parameters
    ----------
    store : StudyStore
    model : str
    result : JobResult
        Nothing is kept where a machine went away.
    """
    if isinstance(result, JobFailed) and result.lost:
        return
    kept = asdict(result if isinstance(result, RephraseResult) else RephraseResult(()))
    store.set_fact(_FACT, (store.fact(_FACT) or {}) | {model: kept})


def zero_shot_contenders(contenders: Sequence[Contender]) -> Mapping[str, Contender]:
    """Give the contender that prompts without labels, by the model it asks; the first where there are several."""
    found: dict[str, Contender] = {}
    for one in contenders:
        if one.arm == "prompt" and not one.uses_labels and one.model and method_spec(one.method).model == "decoder":
            found.setdefault(one.model, one)
    return found


def _forecast(done: Trial, rows: int) -> float:
    answered = len(done.validation_answers) + len(done.test_answers)
    return _SAFETY * PHRASINGS * rows * done.usage.seconds / max(answered, 1)


def _job(store: StudyStore, contender: Contender, rows: int, seconds: float) -> RephraseJob:
    plan = read_plan(store)
    if plan is None:
        raise ValueError("prompts are rephrased after the study was planned")
    return RephraseJob(
        FitJob(
            method=contender.method,
            task=read_task(store),
            model=contender.model,
            seed=0,
            parameters=contender.parameters,
            texts=(),
            labels=(),
            validation_texts=read_parts(store, plan).validation.texts[:rows],
            test_texts=(),
            seconds=seconds,
            dtype=plan.dtype,
            device=plan.device,
        )
    )


def read_rephrased(store: StudyStore) -> dict[str, tuple[Rephrased, Rephrased]]:
    """Score what every phrasing answered.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    dict of str to (Rephrased, Rephrased)
        By model: uncalibrated, and calibrated on texts without content. A model with fewer than two phrasings is left
        out.
    """
    kept: Mapping[str, Mapping[str, Any]] = store.fact(_FACT) or {}
    return {
        model: (
            _scored(store, answers, [one.plain for one in answers]),
            _scored(store, answers, [one.calibrated for one in answers]),
        )
        for model, result in kept.items()
        if len(answers := [RephrasedAnswers(**value) for value in result["answers"]]) > 1
    }


def weights_afterwards(store: StudyStore) -> dict[str, str | None]:
    """Give the sha256 of each prompt model's weights in memory once its phrasings were tried.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    dict of str to (str or None)
    """
    return {model: result["weights_sha256"] for model, result in (store.fact(_FACT) or {}).items()}


def _scored(
    store: StudyStore, answers: Sequence[RephrasedAnswers], values: Sequence[Sequence[str | None]]
) -> Rephrased:
    task, rows = read_task(store), len(values[0])
    truth = label_codes(read_parts(store, read_plan(store)).validation.labels[:rows], task.labels)
    scoring = scoring_of(task)
    codes = np.stack([label_codes(one, task.labels) for one in values])
    return Rephrased(
        names=tuple(one.name for one in answers),
        scores=tuple(float(scoring.score(truth, one)) for one in codes),
        deviation=deviation_beyond_chance(codes == truth),
        rows=rows,
    )
