"""Nearest neighbours in the space of what a prompt makes the model say.

kNN prompting (Xu et al. 2023, section 3): the model's distribution over words behind each labelled row is kept, and a
row is answered by the labelled rows whose distributions are nearest to its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.prompt.calibrate import log_shares

__all__ = ["divergences", "neighbour_scores"]

#: Rows that each label counts beside its neighbours, so that no probability is 0.
_SMOOTHING = 0.1

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def neighbour_scores(distances: Floats, codes: Codes, n_labels: int, count: int) -> Floats:
    """Score labels by the nearest labelled rows.

    Parameters
    ----------
    distances : ndarray of float64, shape (rows, anchors)
    codes : ndarray of int64, shape (anchors,)
        Labels of the anchors.
    n_labels : int
    count : int
        Neighbours, 1 or more; equal distances count in the order of the anchors.

    Returns
    -------
    ndarray of float64, shape (rows, labels)
        Logarithms of probabilities.
    """
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
    votes = np.zeros((len(distances), n_labels))
    rows = np.repeat(np.arange(len(distances)), nearest.shape[1])
    np.add.at(votes, (rows, codes[nearest].ravel()), 1.0)
    shares = votes + _SMOOTHING
    return np.asarray(np.log(shares / shares.sum(axis=1, keepdims=True)), dtype=np.float64)


def divergences(rows: Floats, anchors: Floats) -> Floats:
    """Give the Kullback-Leibler divergence of every row's distribution from every anchor's.

    Parameters
    ----------
    rows : ndarray of float64, shape (rows, words)
        Log-probabilities, up to a number a row.
    anchors : ndarray of float64, shape (anchors, words)

    Returns
    -------
    ndarray of float64, shape (rows, anchors)
        0 or more, in nats; the anchor's distribution comes first, as in the paper's equation 3.
    """
    p, q = log_shares(anchors), log_shares(rows)
    own = (np.exp(p) * p).sum(axis=1)
    return np.asarray(np.maximum(own[None, :] - q @ np.exp(p).T, 0.0), dtype=np.float64)
