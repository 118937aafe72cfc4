"""Figures that only a study can compute, since they rest on what its store holds beside the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision import calibration_error, calibration_error_by_chance, finalists
from bakeoff.records import Evidence, Measured, Trial
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.rephrase import read_rephrased
from bakeoff.study.store import StudyStore
from bakeoff.tasks import label_codes

__all__ = ["measured_evidence"]

Reals = NDArray[np.float64]


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
    if shares is None or not len(shares) == len(answers) == len(evidence.test_labels):
        return None
    kept = np.flatnonzero(np.isfinite(shares).all(axis=1) & (answers >= 0))
    if not len(kept):
        return None
    confidence = shares[kept, answers[kept]]
    right = answers[kept] == _codes(evidence, evidence.test_labels)[kept]
    return calibration_error(confidence, right), calibration_error_by_chance(confidence)


def _codes(evidence: Evidence, values: Sequence[str | None]) -> NDArray[np.int64]:
    return label_codes(values, evidence.task.labels)
