"""Probabilities of labels, out of the likeliest first tokens that a server tells; none where these leave them open."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["TOP_TOKENS", "label_probabilities"]

#: First tokens that are asked for: the most that the OpenAI API gives.
TOP_TOKENS = 20
#: Least probability that the first token begins a label: below it, the model would rather write other things.
_LEAST_MASS = 0.5
#: Most by which any label's probability may be off.
_MOST_ERROR = 0.05


def label_probabilities(
    first_tokens: Sequence[tuple[str, float]], labels: Sequence[str], words: Sequence[str], answered: str | None
) -> tuple[float, ...] | None:
    """Give the probability of each label, given that the answer begins as one of them does.

    A label's probability is that of the first tokens that begin it and no other label. Tokens that begin several
    labels, and the probability of tokens that the server does not tell, could belong to any label: where they could
    move one by more than 0.05, nothing is known.

    Parameters
    ----------
    first_tokens : sequence of (str, float)
        Tokens and log-probabilities.
    labels, words : sequence of str, one length
        A label, and what stands for it in the prompt; a label may come several times, with other words.
    answered : str or None
        The label that was read out of the answer.

    Returns
    -------
    tuple of float, or None
        One per distinct label in the order of its first place, summing to 1; None where they are open, or another
        label than the answered one is likelier.
    """
    if answered is None or not first_tokens:
        return None
    beginnings: dict[str, set[str]] = {}
    for label, word in zip(labels, words, strict=True):
        beginnings.setdefault(label, {_bare(label)}).add(_bare(word))
    masses, shared, told = dict.fromkeys(beginnings, 0.0), 0.0, 0.0
    for token, chance in first_tokens:
        share, start = math.exp(chance), _bare(token)
        told += share
        fitting = [
            label for label, forms in beginnings.items() if start and any(form.startswith(start) for form in forms)
        ]
        if len(fitting) == 1:
            masses[fitting[0]] += share
        elif fitting:
            shared += share
    known, open_ = sum(masses.values()), shared + max(1.0 - told, 0.0)
    if known < _LEAST_MASS or open_ > _MOST_ERROR * (known + open_) or masses[answered] < max(masses.values()):
        return None
    return tuple(mass / known for mass in masses.values())


def _bare(text: str) -> str:
    return text.strip(" \t\r\n\u2581\u0120.,:;!?\"'`*()[]").casefold()
