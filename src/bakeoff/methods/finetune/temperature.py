"""Temperature scaling: one number that makes a tuned network's probabilities mean what they say.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2: all scores are divided by the temperature
under which held-out rows are likeliest. No answer changes, since the order of the scores stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.decision import calibration_error
from bakeoff.methods.finetune.long_texts import mean_of_pieces
from bakeoff.methods.finetune.token_rows import TokenRows, predict_logits
from bakeoff.methods.heads import softmax

__all__ = ["LEAST_ROWS", "calibrate_head", "fit_temperature", "held_out_calibration"]

#: Held-out rows below which a temperature would be noise.
LEAST_ROWS = 30
#: Beyond these a few rows speak, not the network.
_LOWEST, _HIGHEST = 0.25, 8.0
#: Parts of the held-out rows, each measured under the temperature of the others.
_PARTS = 5


def fit_temperature(logits: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Find the temperature under which the labels of held-out rows are likeliest.

    Parameters
    ----------
    logits : ndarray, shape (rows, labels)
        Of rows that the network did not learn from.
    codes : ndarray of int64, shape (rows,)

    Returns
    -------
    float
        In [0.25, 8]; 1 for fewer than `LEAST_ROWS` rows.
    """
    return 1.0 if len(codes) < LEAST_ROWS else _likeliest(logits, codes)


def _likeliest(logits: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, codes].mean())

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def held_out_calibration(logits: NDArray[np.float64], codes: NDArray[np.int64]) -> dict[str, float]:
    """Measure the calibration error of held-out rows before and after temperature scaling.

    A temperature flatters the rows that it was fitted on. So each fifth of the rows is measured under the temperature
    of the other four. That these rows also chose the weights to keep stays in both figures.

    Parameters
    ----------
    logits : ndarray, shape (rows, labels)
        Not scaled; at least `LEAST_ROWS` rows.
    codes : ndarray of int64, shape (rows,)

    Returns
    -------
    dict
        ``rows``, and the expected calibration errors ``before`` and ``after``, in [0, 1].
    """
    parts = np.arange(len(codes)) % _PARTS
    scaled = logits.copy()
    for part in range(_PARTS):
        scaled[parts == part] /= _likeliest(logits[parts != part], codes[parts != part])
    right = logits.argmax(axis=1) == codes
    before, after = (calibration_error(softmax(scores).max(axis=1), right) for scores in (logits, scaled))
    return {"rows": len(codes), "before": before, "after": after}


def calibrate_head(network: Any, held: TokenRows, pad: int, owners: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Divide a network's head by the temperature of held-out rows, and say what that did to its calibration.

    Parameters
    ----------
    network : torch.nn.Module
        Gives the scores of labels by a linear layer named ``head``; it needs no further step to answer afterwards.
    held : TokenRows
        Rows that it did not learn from.
    pad : int
        Id of padding.
    owners : ndarray of int64, shape (rows,), optional
        The text that each row is a piece of; a text counts once, by its pieces' mean.

    Returns
    -------
    dict
        ``temperature``, and ``calibration_error`` as of `held_out_calibration`; None of fewer than `LEAST_ROWS` rows.
    """
    texts = np.arange(len(held)) if owners is None else np.unique(owners, return_index=True)[1]
    if len(texts) < LEAST_ROWS:
        return {"temperature": 1.0, "calibration_error": None}
    logits, codes = predict_logits(network, held.ids, pad), held.codes[texts]
    if owners is not None:
        logits = mean_of_pieces(logits, owners)
    told = held_out_calibration(logits, codes)
    return {"temperature": _divide(network, fit_temperature(logits, codes)), "calibration_error": told}


def _divide(network: Any, temperature: float) -> float:
    with torch.no_grad():
        network.head.weight /= temperature
        network.head.bias /= temperature
    return temperature
