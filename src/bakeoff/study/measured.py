"""Figures that only a study can compute, since they rest on what its store holds beside the answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import Rows
from bakeoff.decision import calibration_error, calibration_error_by_chance, finalists, score_mean, suspicion
from bakeoff.records import Evidence, LabelNoise, Measured, Reading, Suspect, Trial
from bakeoff.study.copied import Copied, copied_shares
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.parts import StudyParts, read_parts
from bakeoff.study.rephrase import read_rephrased, weights_afterwards
from bakeoff.study.store import StudyStore, number_or_nan
from bakeoff.tasks import ONE_LABEL, label_codes

__all__ = ["measured_evidence"]

Reals = NDArray[np.float64]

_SECONDS_A_DAY, _DAYS_A_MONTH = 86_400.0, 365.25 / 12
#: How many of the rows that look mislabelled are named, and the share of right answers from which a contender's doubts
#: count: one that is right on 39% of banking77 held 123 of 200 rows for mislabelled.
_MOST_SUSPECTS, _LEAST_RIGHT = 10, 0.7
#: Share of rows that may stand on the other side of a cut in time.
_STRAY = 0.05


def measured_evidence(store: StudyStore, *, adjudicated: bool = False) -> Evidence:
    """Gather all that a decision may look at, with the figures that take the answers' probabilities and the rows.

    Parameters
    ----------
    store : StudyStore
    adjudicated : bool
        As of `gather_evidence`.

    Returns
    -------
    Evidence
        Its `measured` is filled in for the finalists, as validation rows choose them; else as `gather_evidence` gives
        it, which a running study asks after every trial and must be quick.
    """
    evidence = gather_evidence(store, adjudicated=adjudicated)
    if not any(trial.status == "done" for trial in evidence.trials):
        return evidence
    meeting, parts = finalists(evidence), read_parts(store, read_plan(store))
    copied = _copied(store, evidence, parts)
    measured = Measured(
        calibration_error={
            trial.key: found
            for trials in meeting.values()
            for trial in trials
            if (found := _calibration_error(store, evidence, trial)) is not None
        },
        rephrased=read_rephrased(store),
        readings=_readings(store),
        label_noise=_label_noise(store, evidence, parts, meeting),
        test_groups=parts.test.groups or (),
        months_to_test=_months_to_test(parts.validation, parts.test),
        copied=copied.by_trial,
        copied_by_targets=copied.by_targets,
    )
    return replace(evidence, measured=measured)


def _copied(store: StudyStore, evidence: Evidence, parts: StudyParts) -> Copied:
    """Look for copies where texts are written."""
    if evidence.task.kind != "generation":
        return Copied({}, {})
    learning = {one.name for one in evidence.contenders if one.uses_labels and one.arm != "current"}
    trials = [one for one in evidence.trials if one.status == "done" and one.contender in learning]
    return copied_shares(trials, parts, store.fact("seed"))


def _probabilities(store: StudyStore, evidence: Evidence, trial: Trial, part: str) -> Reals | None:
    """Give a trial's probabilities, shape (rows, labels), NaN for rows without; None where there are none."""
    width = len(evidence.task.labels)
    if evidence.task.kind not in ONE_LABEL:
        return None
    rows = [row if row is not None and len(row) == width else None for row in store.probabilities(trial.key, part)]
    if all(row is None for row in rows):
        return None
    return np.array([(np.nan,) * width if row is None else row for row in rows], dtype=np.float64)


def _calibration_error(store: StudyStore, evidence: Evidence, trial: Trial) -> tuple[float, float] | None:
    """Give a trial's calibration error on test rows and the one by chance; rows without an answer take no part."""
    shares = _probabilities(store, evidence, trial, "test")
    answers = _codes(evidence, trial.test_answers)
    truth = _codes(evidence, _true_labels(evidence, trial))
    if shares is None or not len(shares) == len(answers) == len(truth):
        return None
    kept = np.flatnonzero(np.isfinite(shares).all(axis=1) & (answers >= 0))
    if not len(kept):
        return None
    confidence = shares[kept, answers[kept]]
    right = answers[kept] == truth[kept]
    return calibration_error(confidence, right), calibration_error_by_chance(confidence)


def _true_labels(evidence: Evidence, trial: Trial) -> Sequence[str]:
    """Give the labels of the test rows that a trial answers."""
    return [evidence.test_labels[row] for row in _places(evidence, trial, "test")]


def _places(evidence: Evidence, trial: Trial, part: str) -> Sequence[int]:
    """Give the places of the rows that a trial answers: of its fold, where it stands for one alone."""
    labels = evidence.test_labels if part == "test" else evidence.validation_labels
    answers = trial.test_answers if part == "test" else trial.validation_answers
    if len(answers) == len(labels) or trial.seed >= len(evidence.folds):
        return range(len(labels))
    fold = evidence.folds[trial.seed]
    return fold.test if part == "test" else fold.validation


def _readings(store: StudyStore) -> dict[str, Reading]:
    """Give what was measured of how each model reads the texts, as the study began."""
    speeds: Mapping[str, Mapping[str, Any]] = store.fact("speeds") or {}
    after = weights_afterwards(store)
    return {
        model: Reading(
            number_or_nan(speed.get("tokens_per_word")),
            number_or_nan(speed.get("negative_log_likelihood")),
            speed.get("weights_sha256"),
            after.get(model),
        )
        for model, speed in speeds.items()
    }


def _label_noise(
    store: StudyStore, evidence: Evidence, parts: StudyParts, meeting: Mapping[str, Sequence[Trial]]
) -> LabelNoise | None:
    """Look for mislabelled rows by the answers of the finalist that is best on validation rows."""

    def merit(trials: Sequence[Trial]) -> float:
        estimate = score_mean(evidence, trials[0].contender, trials[0].n)
        return -math.inf if estimate is None or math.isnan(estimate.mean) else estimate.mean

    # Where rows are cross-fitted, validation rows are test rows of another fold.
    looked_at = {"test": parts.test} if evidence.folds else {"validation": parts.validation, "test": parts.test}
    for trials in sorted(meeting.values(), key=merit, reverse=True):
        shares = np.concatenate([_mean_shares(store, evidence, trials, part) for part in looked_at])
        if np.isfinite(shares).any():
            return _suspects(evidence, trials[0].contender, looked_at, shares)
    return None


def _mean_shares(store: StudyStore, evidence: Evidence, trials: Sequence[Trial], part: str) -> Reals:
    """Give the mean over trials of each row's probabilities, NaN for a row without any."""
    labels = evidence.test_labels if part == "test" else evidence.validation_labels
    total, counted = np.zeros((len(labels), len(evidence.task.labels))), np.zeros(len(labels))
    for trial in trials:
        shares, places = _probabilities(store, evidence, trial, part), _places(evidence, trial, part)
        if shares is not None and len(shares) == len(places):
            known = np.isfinite(shares).all(axis=1)
            rows = np.array(places, dtype=np.int64)[known]
            total[rows] += shares[known]
            counted[rows] += 1
    total[counted == 0] = np.nan
    return np.asarray(total / np.maximum(counted, 1)[:, None])


def _suspects(evidence: Evidence, contender: str, looked_at: Mapping[str, Rows], shares: Reals) -> LabelNoise | None:
    """Name the suspects; None where the contender is right too seldom for its doubts to mean anything."""
    labels = [label for part in looked_at.values() for label in part.labels]
    places = [(name, part, at) for name, part in looked_at.items() for at in range(len(part))]
    truth = _codes(evidence, labels)
    if (np.nan_to_num(shares).argmax(axis=1) == truth).mean() < _LEAST_RIGHT:
        return None
    found = suspicion(truth, shares)
    likeliest = []
    for row, code, probability in zip(found.rows, found.suggested, found.probability, strict=True):
        name, part, at = places[row]
        suggested = evidence.task.labels[code]
        likeliest.append(
            Suspect(part.ids[at], part.row_numbers[at], name, part.labels[at], suggested, float(probability))
        )
        if len(likeliest) == _MOST_SUSPECTS:
            break
    return LabelNoise(contender, len(labels), len(found.rows), tuple(likeliest))


def _months_to_test(validation: Rows, test: Rows) -> float:
    """Give the months between the middles of validation and test rows; NaN where test rows are not later ones."""
    moments = [_days(validation), _days(test)]
    if any(days is None for days in moments):
        return math.nan
    before, after = (np.array(days) for days in moments)
    # Rows that stay with their group or their copies may stand on the other side of the cut.
    later = np.quantile(after, _STRAY) >= np.quantile(before, 1 - _STRAY)
    apart = float(np.median(after) - np.median(before))
    return apart / _DAYS_A_MONTH if later and apart > 0 else math.nan


def _days(rows: Rows) -> list[float] | None:
    """Give the rows' times in days; None where there are none, or they are numbers without a calendar."""
    try:
        return [datetime.fromisoformat(at).timestamp() / _SECONDS_A_DAY for at in rows.times or ()] or None
    except ValueError:
        return None


def _codes(evidence: Evidence, values: Sequence[str | None]) -> NDArray[np.int64]:
    return label_codes(values, evidence.task.labels)
