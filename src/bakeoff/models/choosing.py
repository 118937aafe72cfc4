"""The choice of a text's next token: what may not come, and of the rest the likeliest or a drawn one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

__all__ = ["barred_tokens", "choose_token", "forbidden_words"]

#: Tokens that are tried before a text that holds a forbidden word with each of them is let go on.
_MOST_TRIED = 64


def barred_tokens(ids: Sequence[int], size: int) -> list[int]:
    """Give the tokens with which a run of so many tokens would come a second time.

    Parameters
    ----------
    ids : sequence of int
        The text's tokens so far.
    size : int
        Tokens of a run; 0 for none.

    Returns
    -------
    list of int
    """
    if size < 2 or len(ids) < size:
        return []
    last = list(ids[len(ids) - size + 1 :])
    starts = range(len(ids) - size + 1)
    return [ids[at + size - 1] for at in starts if list(ids[at : at + size - 1]) == last]


def forbidden_words(words: Sequence[str]) -> re.Pattern[str] | None:
    """Give the expression of any of some words, whole and whatever their case; None where there are none.

    Parameters
    ----------
    words : sequence of str

    Returns
    -------
    re.Pattern or None
    """
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word.strip()) for word in words)})(?!\w)", re.IGNORECASE)


def choose_token(
    logits: torch.Tensor,
    temperature: float,
    top_p: float,
    chance: np.random.Generator | None,
    refused: Callable[[int], bool] | None,
) -> int:
    """Choose one row's next token.

    Parameters
    ----------
    logits : tensor, shape (vocabulary,)
        Changed where tokens are refused.
    temperature, top_p : float
        As in `bakeoff.models.generate.WriteSettings`.
    chance : Generator or None
        The row's own; None for the likeliest token.
    refused : callable, optional
        Says of a token whether it may not come.

    Returns
    -------
    int
    """
    for _ in range(_MOST_TRIED):
        token = int(logits.argmax()) if chance is None else _drawn(logits, temperature, top_p, chance)
        if refused is None or not refused(token):
            break
        logits[token] = -torch.inf
    return token


def _drawn(logits: torch.Tensor, temperature: float, top_p: float, chance: np.random.Generator) -> int:
    """Draw a token: softmax at the temperature, the nucleus of `top_p`, one number of the row's own stream."""
    scaled = logits.double().cpu().numpy() / temperature
    shares = np.exp(scaled - scaled.max())
    order = np.argsort(-shares, kind="stable")[: int(np.count_nonzero(shares))]
    sums = np.cumsum(shares[order])
    kept = int(np.searchsorted(sums, top_p * sums[-1])) + 1
    order, sums = order[:kept], sums[:kept]
    return int(order[min(int(np.searchsorted(sums, chance.random() * sums[-1], side="right")), len(order) - 1)])
