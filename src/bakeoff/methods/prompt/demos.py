"""The choice of demonstrations: balanced over labels, drawn and ordered by the seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["choose_demonstrations"]

#: Texts longer than this many times the median take room from all others.
_LONG = 4.0


def choose_demonstrations(texts: Sequence[str], labels: Sequence[str], shots: int, seed: int) -> tuple[int, ...]:
    """Choose rows to show inside a prompt.

    Labels take turns, in an order drawn by the seed with the frequent ones first where there are more labels than
    shots; within a label rows are drawn at random. Texts without content and those longer than four times the median
    are passed over as long as there are others. Balance, and an order free of runs of one label, matter since a model
    favours the labels it saw most and last (Zhao et al. 2021, section 4).

    Parameters
    ----------
    texts, labels : sequence of str, length n
        The labelled rows.
    shots : int
        How many to choose; all rows where there are fewer.
    seed : int

    Returns
    -------
    tuple of int
        Distinct positions in [0, n), in the order to be shown.
    """
    generator = np.random.default_rng([seed, shots])
    lengths = np.array([len(text.strip()) for text in texts])
    median = float(np.median(lengths)) if len(lengths) else 0.0
    drawn = generator.permutation(len(texts))
    # Stable, so that the draw stays at random among rows that fit and among those that do not.
    awkward = (lengths == 0) | (lengths > _LONG * median)
    drawn = drawn[np.argsort(awkward[drawn], kind="stable")]
    queues: dict[str, list[int]] = {}
    for row in drawn.tolist():
        queues.setdefault(labels[row], []).append(row)
    # The order of `queues` is at random; frequent labels come first only where not all labels can be shown.
    turns = list(queues)
    if len(turns) > shots:
        turns.sort(key=lambda label: -len(queues[label]))
    chosen: list[int] = []
    while len(chosen) < min(shots, len(texts)):
        for label in turns:
            if queues[label] and len(chosen) < shots:
                chosen.append(queues[label].pop(0))
    return tuple(int(chosen[place]) for place in generator.permutation(len(chosen)))
