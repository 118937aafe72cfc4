"""Figures that only a study can compute, since they rest on what its store holds beside the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import Rows
from bakeoff.decision import calibration_error, calibration_error_by_chance, finalists
from bakeoff.records import Evidence, Measured, Trial
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.rephrase import read_rephrased
from bakeoff.study.store import StudyStore
from bakeoff.tasks import label_codes

__all__ = ["measured_evidence"]

Reals = NDArray[np.float64]

_SECONDS_A_DAY, _DAYS_A_MONTH = 86_400.0, 365.25 / 12
#: Share of rows that may stand on the other side of a cut in time.
_STRAY = 0.05


def measured_evidence(store: StudyStore) -> Evidence:
    """Gather all that a decision may look at, with the figures that take the answers' probabilities and the rows.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    Evidence
        Its `measured` is filled in for the finalists, as validation rows choose them; else as `gather_evidence` gives
        it, which a running study asks after every trial and must be quick.
    """
    evidence = gather_evidence(store)
    if not any(trial.status == "done" for trial in evidence.trials):
        return evidence
    meeting = finalists(evidence)
    measured = Measured(
        calibration_error={
            trial.key: found
            for trials in meeting.values()
            for trial in trials
            if (found := _calibration_error(store, evidence, trial)) is not None
        },
        rephrased=read_rephrased(store),
        test_groups=_test_groups(store, evidence),
        months_to_test=_months_to_test(store, evidence),
    )
    return replace(evidence, measured=measured)


def _probabilities(store: StudyStore, evidence: Evidence, trial: Trial, part: str) -> Reals | None:
    """Give a trial's probabilities, shape (rows, labels), NaN for rows without; None where no row has any."""
    width = len(evidence.task.labels)
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
    """Give the labels of the test rows that a trial answers: of its fold, where it stands for one alone."""
    if len(trial.test_answers) == len(evidence.test_labels) or trial.seed >= len(evidence.folds):
        return evidence.test_labels
    return [evidence.test_labels[row] for row in evidence.folds[trial.seed].test]


def _answered(store: StudyStore, part: str, labels: Sequence[str]) -> Rows:
    """Give the answered rows of a part: the first of those that the store holds."""
    rows = store.rows(part)
    return rows.take(range(min(len(labels), len(rows))))


def _test_groups(store: StudyStore, evidence: Evidence) -> tuple[str, ...]:
    return _answered(store, "test", evidence.test_labels).groups or ()


def _months_to_test(store: StudyStore, evidence: Evidence) -> float:
    """Give the months between the middles of validation and test rows; NaN where test rows are not later ones."""
    moments = [
        _days(_answered(store, part, labels))
        for part, labels in (("validation", evidence.validation_labels), ("test", evidence.test_labels))
    ]
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
