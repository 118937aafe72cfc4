"""What a bundle remembers of its study's rows, so that later rows can be held against them without their texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bakeoff.decision.answer_profile import RANKED, countable, rankable
from bakeoff.decision.vocabulary import known_words, unknown_among_themselves
from bakeoff.records import Contender, Decision, Evidence, Reference, Trial
from bakeoff.ship.card import leaderboard_row

__all__ = ["reference_of"]

#: Lengths, and ranked answers of a run, that are kept.
_MOST_LENGTHS, _MOST_RANKED = 1000, 500


def reference_of(evidence: Evidence, decision: Decision, contender: Contender, texts: Sequence[str]) -> Reference:
    """Sum up a study's rows and how a contender answered its test rows.

    The answers are those of the trials, which had not learned from the rows that they answer; a bundle has learned from
    all of them, and would answer them better than new ones.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
        On that evidence.
    contender : Contender
    texts : sequence of str
        Of every labelled row.

    Returns
    -------
    Reference
    """
    row, kind = leaderboard_row(decision, contender), evidence.task.kind
    runs = [] if row is None else _runs(evidence, contender, row.n)
    told = [[value for value in run if value is not None] for run in runs]
    ranked = kind in RANKED
    unknown = unknown_among_themselves(texts, evidence.seed)
    score, low, high = (math.nan,) * 3 if row is None else (row.score, *row.ci)
    return Reference(
        rows=len(texts),
        metric=evidence.task.metric,
        score=_known(score),
        low=_known(low),
        high=_known(high),
        answers=() if ranked else tuple(dict(Counter(countable(kind, values))) for values in told),
        numbers=tuple(_by_rank(rankable(kind, values), _MOST_RANKED) for values in told) if ranked else (),
        abstained=tuple(len(run) - len(values) for run, values in zip(runs, told, strict=True)),
        lengths=tuple(int(length) for length in _by_rank([len(text.split()) for text in texts], _MOST_LENGTHS)),
        words=known_words(texts),
        unknown=float(unknown.mean()) if len(unknown) else 0.0,
        unknown_deviation=float(unknown.std(ddof=1)) if len(unknown) > 1 else 0.0,
        copies=1 - len(set(texts)) / len(texts) if texts else 0.0,
        tested=tuple(len(run) for run in runs),
        n=row.n if row is not None and contender.uses_labels else 0,
    )


def _runs(evidence: Evidence, contender: Contender, n: int) -> list[list[str | None]]:
    """Give the test answers of each seed, or of each round of folds that is whole."""
    own = [t for t in evidence.trials if (t.contender, t.n, t.status) == (contender.name, n, "done")]
    if not evidence.folds or not contender.seeded:
        return [list(trial.test_answers) for trial in own]
    rounds: dict[int, list[Trial]] = {}
    for trial in own:
        rounds.setdefault(trial.seed // evidence.round_folds, []).append(trial)
    whole = [trials for trials in rounds.values() if len(trials) == evidence.round_folds]
    return [[answer for trial in trials for answer in trial.test_answers] for trials in whole]


def _by_rank(values: Sequence[float], most: int) -> tuple[float, ...]:
    """Give values by their size; of more than so many, those at even ranks."""
    ordered = sorted(values)
    if len(ordered) <= most:
        return tuple(ordered)
    return tuple(ordered[place] for place in np.linspace(0, len(ordered) - 1, most).round().astype(int).tolist())


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
