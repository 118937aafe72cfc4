"""Temperature scaling: one number that makes a tuned network's probabilities mean what they say.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2: all scores are divided by the temperature
under which held-out rows are likeliest. No answer changes, since the order of the scores stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods.finetune.token_rows import TokenRows, predict_logits

__all__ = ["LEAST_ROWS", "fit_temperature", "scale_head"]

#: Held-out rows below which a temperature would be noise.
LEAST_ROWS = 30
#: Beyond these a few rows speak, not the network.
_LOWEST, _HIGHEST = 0.25, 8.0


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
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if len(codes) < LEAST_ROWS:
        return 1.0
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, codes].mean())

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def scale_head(network: Any, held: TokenRows, pad: int) -> float:
    """Divide a network's head by the temperature of held-out rows, so that it needs no further step to answer.

    Parameters
    ----------
    network : torch.nn.Module
        Gives the scores of labels by a linear layer named ``head``.
    held : TokenRows
        Rows that it did not learn from.
    pad : int
        Id of padding.

    Returns
    -------
    float
        The temperature.
    """
    if len(held) < LEAST_ROWS:
        return 1.0
    temperature = fit_temperature(predict_logits(network, held.ids, pad), held.codes)
    with torch.no_grad():
        network.head.weight /= temperature
        network.head.bias /= temperature
    return temperature
