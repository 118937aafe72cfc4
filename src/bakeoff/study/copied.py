"""How much of what was written was copied: runs of words that stand in the targets which a trial learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.data import target_of
from bakeoff.records import Trial
from bakeoff.study.parts import StudyParts
from bakeoff.tasks.text_form import word_runs, words_of

__all__ = ["Copied", "copied_share", "copied_shares"]

#: Words in a row from which a run is not one that any two texts share.
RUN_WORDS = 8

Runs = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Copied:
    """Shares of runs of words that were copied.

    Parameters
    ----------
    by_trial : dict of str to float
        By the trial's key.
    by_targets : dict of int to float
        By n, of the test rows' own targets.
    """

    by_trial: dict[str, float]
    by_targets: dict[int, float]


def copied_shares(trials: Iterable[Trial], parts: StudyParts, study_seed: int) -> Copied:
    """Look for the test answers of trials, and for the test rows' own targets, in the targets they learned from.

    Parameters
    ----------
    trials : iterable of Trial
        Of contenders that learn from labelled rows.
    parts : StudyParts
    study_seed : int

    Returns
    -------
    Copied
        Contenders with one n and seed share a sample, which is looked through once.
    """
    known: dict[tuple[int, int], Runs] = {}
    by_trial: dict[str, float] = {}
    own: dict[int, list[float]] = {}
    for trial in trials:
        place = (trial.n, trial.seed)
        if place not in known:
            sample = parts.sample(trial.n, trial.seed, study_seed)
            known[place] = _runs(map(target_of, sample.labels))
            rows = parts.to_answer(trial.seed, seeded=True)[1]
            own.setdefault(trial.n, []).append(copied_share([target_of(label) for label in rows.labels], known[place]))
        by_trial[trial.key] = copied_share([answer or "" for answer in trial.test_answers], known[place])
    return Copied(by_trial, {n: float(np.nanmean(shares)) for n, shares in own.items() if not np.isnan(shares).all()})


def copied_share(texts: Sequence[str], known: Runs) -> float:
    """Give the share of texts' runs of eight words that are known; NaN where no text has so many.

    Parameters
    ----------
    texts : sequence of str
    known : frozenset of tuple of str

    Returns
    -------
    float
    """
    runs = [run for text in texts for run in word_runs(words_of(text), RUN_WORDS)]
    return sum(run in known for run in runs) / len(runs) if runs else float("nan")


def _runs(texts: Iterable[str]) -> Runs:
    return frozenset(run for text in texts for run in word_runs(words_of(text), RUN_WORDS))
