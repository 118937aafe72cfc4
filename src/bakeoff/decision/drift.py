"""Whether later rows are like a study's: named two-sample tests, each with a size that a person can judge.

With enough rows every difference is significant, so a shift is told only where it is shown (Holm over all looks) and as
large as `least` says. That no shift is shown is not that there is none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.paired import holm
from bakeoff.decision.redecide import newcombe_interval
from bakeoff.records import Finding, Look, Reference

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = [
    "LEAST_AUC",
    "abstentions_look",
    "answers_look",
    "corrected",
    "lengths_look",
    "look_without",
    "numbers_look",
    "texts_look",
    "unknown_words_look",
]

#: Cohen's small effect (d = .2) as the chance that of two rows, one of either kind, the new one looks the newer.
LEAST_AUC = 0.556
#: Kolmogorov's distance of lengths, and of answers that are numbers.
LEAST_DISTANCE = 0.10
#: Shares of words, of answers beyond what chance moves, and of rows without an answer.
LEAST_WORDS, LEAST_ANSWERS, LEAST_ABSTENTIONS = 0.03, 0.05, 0.02
#: Fewer rows on either side are not compared; of texts, fewer that differ.
LEAST_ROWS = 20
ALPHA = 0.05
_FOLDS = 5
_DRAWS = 500
#: Expected count from which on the chi-square distribution holds (Cochran 1954).
_LEAST_EXPECTED = 5.0
_Z = 1.959964
_NO_INTERVAL = (math.nan, math.nan)

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


def corrected(looks: Sequence[Look]) -> tuple[Look, ...]:
    """Correct the p-values of several looks by Holm's method, and say what each found.

    Parameters
    ----------
    looks : sequence of Look

    Returns
    -------
    tuple of Look
    """
    told = []
    for look, p in zip(looks, holm([look.p for look in looks]), strict=True):
        finding: Finding = "no shift shown"
        if math.isnan(p):
            finding = "not compared"
        elif p < ALPHA:
            finding = "shifted" if look.size >= look.least else "small"
        told.append(replace(look, p_holm=p, finding=finding))
    return tuple(told)


def _look(name: str, test: str, least: float, told: str, **figures: Any) -> Look:
    values: dict[str, Any] = {
        "figure": math.nan, "before": math.nan, "ci": _NO_INTERVAL, "p": math.nan, "size": math.nan
    } | figures  # fmt: skip
    return Look(name=name, test=test, least=least, told=told, p_holm=math.nan, finding="not compared", **values)


def texts_look(before: Sequence[str], after: Sequence[str], seed: int = 0) -> Look:
    """Let a classifier tell new texts from a study's, by words and pairs of words.

    The classifier two-sample test (Lopez-Paz and Oquab 2017; found strong among tests of shift by Rabanser, Guennemann
    and Lipton 2019): logistic regression on TF-IDF, cross-fitted in five folds. Of texts that are nearly the same
    the first counts on either side, as they are no rows apart; both are in one fold. The AUC is the mean over folds;
    the p-value is that of Mann and Whitney's statistic, one-sided, the interval DeLong's (1988), both with the variance
    of a mean over folds that learn from rows in common (Nadeau and Bengio 2003).

    Parameters
    ----------
    before, after : sequence of str
        Texts of the study, and new ones.
    seed : int
        Draws the folds.

    Returns
    -------
    Look
    """
    test = "classifier two-sample test"
    if min(len(before), len(after)) < LEAST_ROWS:
        return _look("texts", test, LEAST_AUC, f"too few rows to compare: {len(after)} against {len(before)}")
    texts, groups, is_new = _apart(before, after)
    new = int(is_new.sum())
    counted = f"{new:,} against {len(texts) - new:,}"
    enough = min(new, len(texts) - new) >= LEAST_ROWS
    folds = [_fold_auc(*held) for held in _cross_fitted(texts, groups, is_new, seed)] if enough else []
    if not folds:
        return _look("texts", test, LEAST_AUC, f"too few texts that differ: {counted}")
    auc = float(np.mean([area for area, _, _ in folds]))
    wider = math.sqrt(1 + len(folds) / max(len(folds) - 1, 1))
    null = wider * math.sqrt(sum(null for _, null, _ in folds)) / len(folds)
    half = _Z * wider * math.sqrt(sum(variance for _, _, variance in folds)) / len(folds)
    from scipy.stats import norm

    return _look(
        "texts",
        test,
        LEAST_AUC,
        f"a classifier tells the new row of two in {100 * auc:.0f} of 100 pairs (50 is chance), texts that differ: "
        f"{counted}",
        figure=auc,
        before=0.5,
        ci=(max(0.0, auc - half), min(1.0, auc + half)),
        p=float(norm.sf((auc - 0.5) / null)),
        size=auc,
    )


def _apart(before: Sequence[str], after: Sequence[str]) -> tuple[list[str], Integers, Integers]:
    """Give the first text of each group of near-duplicates on either side, its group, and whether it is new."""
    from bakeoff.data import near_duplicates

    texts = [*before, *after]
    numbers = near_duplicates(texts).tolist()
    first: dict[tuple[bool, int], int] = {}
    for place, number in enumerate(numbers):
        first.setdefault((place >= len(before), number), place)
    kept, sides = list(first.values()), [int(new) for new, _ in first]
    return [texts[at] for at in kept], np.array([numbers[at] for at in kept]), np.array(sides)


def _cross_fitted(texts: Sequence[str], groups: Integers, is_new: Integers, seed: int) -> list[tuple[Reals, Integers]]:
    """Give, for each fold, the scores of a classifier that did not see it, and what the rows are."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    features: csr_matrix = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]", sublinear_tf=True
    ).fit_transform([text if text.strip() else "-" for text in texts])
    divided = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    found = []
    for known, held in divided.split(features, is_new, groups):
        if len(set(is_new[held].tolist())) < 2 or len(set(is_new[known].tolist())) < 2:
            continue
        model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=200).fit(features[known], is_new[known])
        found.append((np.asarray(model.decision_function(features[held])), is_new[held]))
    return found


def _fold_auc(scores: Reals, is_new: Integers) -> tuple[float, float, float]:
    """Give the area under the curve, its variance where there is no shift, and DeLong's variance."""
    from scipy.stats import rankdata

    new, old = scores[is_new == 1], scores[is_new == 0]
    ranks = rankdata(np.concatenate([new, old]))
    above = (ranks[: len(new)] - rankdata(new)) / len(old)
    below = 1 - (ranks[len(new) :] - rankdata(old)) / len(new)
    null = (len(new) + len(old) + 1) / (12 * len(new) * len(old))
    variance = sum(float(part.var(ddof=1)) / len(part) for part in (above, below) if len(part) > 1)
    return float(above.mean()), null, variance


def lengths_look(reference: Reference, words: Sequence[int]) -> Look:
    """Compare how long texts are, in words, by Kolmogorov and Smirnov's test.

    Parameters
    ----------
    reference : Reference
    words : sequence of int
        Of each new text.

    Returns
    -------
    Look
    """
    return _distance_look("lengths", reference.lengths, words, LEAST_DISTANCE, "median {after:.0f} words, {before:.0f}")


def numbers_look(reference: Reference, values: Sequence[float]) -> Look:
    """Compare answers that are numbers, or texts by their words, by Kolmogorov and Smirnov's test.

    Parameters
    ----------
    reference : Reference
        Of its runs the one that is the nearest counts.
    values : sequence of float

    Returns
    -------
    Look
    """
    told = "median {after:.3g}, {before:.3g}"
    found = [_distance_look("answers", run, values, LEAST_DISTANCE, told) for run in reference.numbers]
    return max(
        found,
        key=lambda look: -math.inf if math.isnan(look.p) else look.p,
        default=look_without("answers", "the study has no answers to compare with"),
    )


def look_without(name: str, why: str) -> Look:
    """Give a look at what cannot be compared.

    Parameters
    ----------
    name, why : str

    Returns
    -------
    Look
    """
    return _look(name, "", math.nan, f"not compared: {why}")


def _distance_look(name: str, before: Sequence[float], after: Sequence[float], least: float, told: str) -> Look:
    test = "Kolmogorov-Smirnov"
    if min(len(before), len(after)) < LEAST_ROWS:
        return _look(name, test, least, f"too few rows to compare: {len(after)} against {len(before)}")
    from scipy.stats import ks_2samp

    found = ks_2samp(after, before)
    distance, medians = float(found.statistic), (float(np.median(after)), float(np.median(before)))
    return _look(
        name,
        test,
        least,
        f"{told.format(after=medians[0], before=medians[1])} in the study; distance {distance:.2f}",
        figure=medians[0],
        before=medians[1],
        p=float(found.pvalue),
        size=distance,
    )


def unknown_words_look(reference: Reference, shares: Reals) -> Look:
    """Compare the share of words that a study's rows do not have, by Welch's test, one-sided.

    The study's share was told from nine tenths of its rows, and is therefore a little high: fewer are no shift.

    Parameters
    ----------
    reference : Reference
    shares : ndarray of float64
        Of each new text.

    Returns
    -------
    Look
    """
    test = "Welch"
    if min(len(shares), reference.rows) < LEAST_ROWS:
        return _look("unknown words", test, LEAST_WORDS, "too few rows to compare")
    from scipy.stats import ttest_ind_from_stats

    after, deviation = float(shares.mean()), float(shares.std(ddof=1))
    known = reference.unknown, reference.unknown_deviation, reference.rows
    found = ttest_ind_from_stats(after, deviation, len(shares), *known, equal_var=False, alternative="greater")
    half = _Z * deviation / math.sqrt(len(shares))
    same = deviation == 0 and reference.unknown_deviation == 0
    return _look(
        "unknown words",
        test,
        LEAST_WORDS,
        f"{100 * after:.1f}% of a row's words, {100 * reference.unknown:.1f}% in the study",
        figure=after,
        before=reference.unknown,
        ci=(max(0.0, after - half), min(1.0, after + half)),
        p=float(after <= reference.unknown) if same else float(found.pvalue),
        size=after - reference.unknown,
    )


def answers_look(reference: Reference, answers: Sequence[str], seed: int = 0) -> Look:
    """Compare how often each answer comes: total variation, and a chi-square test of homogeneity.

    A shift of what a classifier answers tells a shift of the labels (Lipton, Wang and Smola 2018). The study's fits
    differ by seed, so the test is that against the run that is the likeliest, and of the distance only that counts
    which is beyond chance (drawn 500 times) and beyond how far a run is from the mean of all.

    Parameters
    ----------
    reference : Reference
    answers : sequence of str
        Abstentions left out.
    seed : int

    Returns
    -------
    Look
    """
    test = "chi-square"
    runs = [run for run in reference.answers if sum(run.values()) >= LEAST_ROWS]
    if not runs or len(answers) < LEAST_ROWS:
        return _look("answers", test, LEAST_ANSWERS, f"too few answers to compare: {len(answers)}")
    after = Counter(answers)
    names = sorted({*after, *(name for run in runs for name in run)})
    new = np.array([after[name] for name in names], dtype=np.float64)
    old = np.array([[run.get(name, 0) for name in names] for run in runs], dtype=np.float64)
    shares, mean = new / new.sum(), (old / old.sum(axis=1, keepdims=True)).mean(axis=0)
    distance = float(np.abs(shares - mean).sum() / 2)
    between = max(float(np.abs(run / run.sum() - mean).sum() / 2) for run in old)
    chance = _distance_by_chance(mean, len(answers), int(old[0].sum()), seed)
    moved = int(np.argmax(np.abs(shares - mean)))
    return _look(
        "answers",
        test,
        LEAST_ANSWERS,
        f"{100 * distance:.1f} points of answers moved ({100 * max(chance, between):.1f} by chance and by seed); most "
        f"{names[moved]}: {100 * shares[moved]:.0f}%, {100 * mean[moved]:.0f}% before",
        figure=distance,
        before=max(chance, between),
        p=max(_homogeneity_p(new, run) for run in old),
        size=distance - max(chance, between),
    )


def _distance_by_chance(shares: Reals, new: int, old: int, seed: int) -> float:
    """Give the mean total variation of two samples of one distribution."""
    generator = np.random.default_rng(seed)
    drawn = [generator.multinomial(count, shares, size=_DRAWS) / count for count in (new, old)]
    return float(np.abs(drawn[0] - drawn[1]).sum(axis=1).mean() / 2)


def _homogeneity_p(new: Reals, old: Reals) -> float:
    """Give the p-value of one distribution behind two lines of counts, rare answers put together."""
    from scipy.stats import chi2_contingency

    counts = np.stack([new, old])
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < _LEAST_EXPECTED
    pooled = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)]) if rare.any() else counts
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return 1.0
    return float(chi2_contingency(pooled, correction=False).pvalue)


def abstentions_look(reference: Reference, abstained: int, rows: int) -> Look:
    """Compare the share of rows without an answer, by Fisher's exact test against the likeliest run.

    Parameters
    ----------
    reference : Reference
    abstained, rows : int
        Of the new rows.

    Returns
    -------
    Look
        Its interval is Newcombe's (1998), of the difference.
    """
    from scipy.stats import fisher_exact

    runs = [(none, of) for none, of in zip(reference.abstained, _tested(reference), strict=False) if of]
    if not runs or rows < LEAST_ROWS:
        return _look("abstentions", "Fisher", LEAST_ABSTENTIONS, "too few rows to compare")
    before = float(np.mean([none / of for none, of in runs]))
    tables = [np.array([[abstained, rows - abstained], [none, of - none]]) for none, of in runs]
    share = abstained / rows
    return _look(
        "abstentions",
        "Fisher",
        LEAST_ABSTENTIONS,
        f"{100 * share:.1f}% of rows, {100 * before:.1f}% in the study",
        figure=share,
        before=before,
        ci=newcombe_interval((share, rows), (before, runs[0][1])),
        p=max(float(fisher_exact(table).pvalue) for table in tables),
        size=abs(share - before),
    )


def _tested(reference: Reference) -> Sequence[int]:
    """Give the test rows of each run; bundles of earlier versions have only the answers, of numbers at most 500."""
    told = [sum(run.values()) for run in reference.answers] or [len(run) for run in reference.numbers]
    return reference.tested or [none + count for none, count in zip(reference.abstained, told, strict=False)]
