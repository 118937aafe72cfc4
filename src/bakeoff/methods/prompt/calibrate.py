"""Calibration: arithmetic on log-probabilities of labels that takes a prompt's own leaning out of them.

A prompt favours some labels whatever the text. All methods estimate this leaning as one number a label, the *shift*,
and subtract it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import OptionError

__all__ = [
    "CALIBRATIONS",
    "CONTENT_FREE_WEIGHT",
    "DOMAIN_TEXTS",
    "Calibration",
    "batch_shift",
    "blended_shift",
    "calibrated",
    "check_calibration",
    "contextual_shift",
    "domain_texts",
    "joined_shift",
    "label_prior",
    "log_shares",
    "probabilities",
]

Calibration = Literal["none", "contextual", "domain", "batch", "file"]

#: Every calibration by its name, with where its values come from.
CALIBRATIONS: Mapping[str, str] = {
    "none": "the scores as they are",
    "contextual": "from texts without content (Zhao et al. 2021)",
    "domain": "from texts of random words of the labelled rows (Fei et al. 2023); contextual where there are none",
    "batch": "from labelled rows that the prompt does not show (Zhou et al. 2023), and from texts without content",
    "file": "the values in the prompt file",
}

#: Texts without content count as this many rows beside those of batch calibration. Chosen on validation rows of the
#: amazon reviews and trec sets with SmolLM2-135M: better than rows alone by 1 to 2 points at 4, 8, 16, 32 and 64 rows.
CONTENT_FREE_WEIGHT = 8.0

#: Texts of random words of a domain; as many as Fei et al. draw (2023, section 4).
DOMAIN_TEXTS = 20

#: Ratio of the largest to the smallest share of a label from which labels count as uneven,
#: and the probability below which chance does not explain it.
_UNEVEN, _CHANCE = 3.0, 0.01

Scores = NDArray[np.float64]


def check_calibration(name: str) -> None:
    """Refuse a name that is none of `CALIBRATIONS`.

    Raises
    ------
    OptionError
    """
    if name not in CALIBRATIONS:
        raise OptionError(
            f"calibration must be one of {', '.join(CALIBRATIONS)}; {name!r} came.",
            next_step="Choose one of these names.",
        )


def probabilities(scores: Scores) -> Scores:
    """Turn scores into probabilities over the labels (softmax).

    Parameters
    ----------
    scores : ndarray of float64, shape (rows, labels)
        Log-probabilities, up to a number a row.

    Returns
    -------
    ndarray of float64, shape (rows, labels)
        In [0, 1], each row summing to 1.
    """
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)


def log_shares(scores: Scores) -> Scores:
    """Give the logarithms of `probabilities`, exact where these underflow.

    Parameters
    ----------
    scores : ndarray of float64, shape (rows, labels)

    Returns
    -------
    ndarray of float64, shape (rows, labels)
        0 or less.
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def contextual_shift(scores: Scores) -> Scores:
    """Estimate the leaning from texts without content.

    Contextual calibration (Zhao et al. 2021, section 5): the mean probability of each label over texts such as "N/A",
    of which the scores' logarithms are divided out. With the texts of `domain_texts` it is domain-context calibration.

    Parameters
    ----------
    scores : ndarray of float64, shape (texts, labels)
        Log-probabilities of the labels after texts without content.

    Returns
    -------
    ndarray of float64, shape (labels,)
        To subtract from scores; its mean is 0.
    """
    return _centred(np.log(_floored(probabilities(scores).mean(axis=0))))


def domain_texts(texts: Sequence[str], seed: int, count: int = DOMAIN_TEXTS) -> list[str]:
    """Make texts that hold the words of a domain and say nothing.

    Domain-context calibration (Fei et al. 2023, section 3.2): words are drawn from the bag of words of all texts, each
    as often as it stands there and with replacement, as many as a text has on average.

    Parameters
    ----------
    texts : sequence of str, length n
        Of the labelled rows; words stand between white space.
    seed : int
    count : int
        Texts to make.

    Returns
    -------
    list of str
        Empty where the texts have no words.
    """
    words = [word for text in texts for word in text.split()]
    if not words:
        return []
    length = max(1, round(len(words) / len(texts)))
    drawn = np.random.default_rng([seed, count]).integers(len(words), size=(count, length))
    return [" ".join(words[place] for place in row) for row in drawn.tolist()]


def batch_shift(scores: Scores, prior: Scores | None = None) -> Scores:
    """Estimate the leaning from rows whose labels are not used.

    Batch calibration (Zhou et al. 2023, section 3): the mean over a batch of rows, subtracted in the space of
    log-probabilities. It takes labels to be even; where they are not, their prior is put back.

    Parameters
    ----------
    scores : ndarray of float64, shape (rows, labels)
        Log-probabilities of the labels after these rows.
    prior : ndarray of float64, shape (labels,), optional
        Share of each label among the labelled rows, above 0.

    Returns
    -------
    ndarray of float64, shape (labels,)
        To subtract from scores; its mean is 0.
    """
    shift = np.log(_floored(probabilities(scores).mean(axis=0)))
    return _centred(shift if prior is None else shift - np.log(prior))


def label_prior(counts: Scores) -> Scores | None:
    """Give the labels' shares where they are uneven, by more than small samples of even labels are.

    Parameters
    ----------
    counts : ndarray of float64, shape (labels,)
        Labelled rows of each label.

    Returns
    -------
    ndarray of float64, shape (labels,), or None
        Shares with one row added to each label (Laplace's rule). None where the largest is at most three times the
        smallest, or a chi-squared test against even labels gives a p-value of .01 or more.
    """
    from scipy.stats import chisquare

    counted = np.asarray(counts, dtype=np.float64)
    smoothed = counted + 1.0
    if smoothed.max() <= _UNEVEN * smoothed.min() or chisquare(counted).pvalue >= _CHANCE:
        return None
    return np.asarray(smoothed / smoothed.sum(), dtype=np.float64)


def blended_shift(batch: Scores, rows: int, contextual: Scores) -> Scores:
    """Join the two estimates, the one from rows counting the more the more rows there are.

    Batch calibration on few rows is noisy, and texts without content mislead where they differ from the rows; the
    weighted mean was better than either (see `CONTENT_FREE_WEIGHT`).

    Parameters
    ----------
    batch, contextual : ndarray of float64, shape (labels,)
        Shifts of `batch_shift` and `contextual_shift`.
    rows : int
        Rows behind `batch`.

    Returns
    -------
    ndarray of float64, shape (labels,)
    """
    return np.asarray(
        (rows * batch + CONTENT_FREE_WEIGHT * contextual) / (rows + CONTENT_FREE_WEIGHT), dtype=np.float64
    )


def joined_shift(said: Scores, empty: Scores, counts: Scores) -> Scores:
    """Estimate a prompt's leaning from texts without content and from rows, whatever there is of them.

    Parameters
    ----------
    said : ndarray of float64, shape (rows, labels)
        Log-probabilities of the labels after rows; may be none.
    empty : ndarray of float64, shape (texts, labels)
        The same after texts without content; may be none.
    counts : ndarray of float64, shape (labels,)
        Labelled rows of each label.

    Returns
    -------
    ndarray of float64, shape (labels,)
        To subtract from scores; zeros where nothing came.
    """
    contextual = contextual_shift(empty) if len(empty) else np.zeros(len(counts))
    if not len(said):
        return contextual
    return blended_shift(batch_shift(said, label_prior(counts)), len(said), contextual)


def calibrated(scores: Scores, shift: Scores) -> Scores:
    """Subtract a shift.

    Parameters
    ----------
    scores : ndarray of float64, shape (rows, labels)
    shift : ndarray of float64, shape (labels,)

    Returns
    -------
    ndarray of float64, shape (rows, labels)
    """
    return np.asarray(scores - shift, dtype=np.float64)


def _floored(shares: Scores) -> Scores:
    # A probability that underflowed to 0 would make the shift infinite.
    return np.maximum(shares, np.finfo(np.float64).tiny)


def _centred(shift: Scores) -> Scores:
    return np.asarray(shift - shift.mean(), dtype=np.float64)
