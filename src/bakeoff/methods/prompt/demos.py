"""The choice of demonstrations: balanced over labels, at random or far apart, a few or as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.likeness import Likeness

__all__ = ["CHOICES", "check_choice", "choose_demonstrations", "diverse_demonstrations", "most_demonstrations"]

#: Every choice of demonstrations by its name.
CHOICES: Mapping[str, str] = {
    "balanced": "labels in turn, rows at random",
    "diverse": "labels in turn, rows that are unlike those chosen before",
    "many": "balanced, as many as the model's context holds beside the longest text",
    "retrieved": "for each text the labelled rows most like it",
}

#: Texts longer than this many times the median take room from all others.
_LONG = 4.0

#: Out of a label's rows that are left, and all rows chosen so far, gives the place of the next one.
_Pick = Callable[[Sequence[int], Sequence[int]], int]


def check_choice(name: str) -> None:
    """Refuse a name that is none of `CHOICES`.

    Raises
    ------
    OptionError
    """
    if name not in CHOICES:
        raise OptionError(
            f"demonstrations must be one of {', '.join(CHOICES)}; {name!r} came.",
            next_step="Choose one of these names.",
        )


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
    return _in_turns(texts, labels, shots, seed, lambda _left, _chosen: 0)


def diverse_demonstrations(texts: Sequence[str], labels: Sequence[str], shots: int, seed: int) -> tuple[int, ...]:
    """Choose rows to show that cover the labelled rows, as `choose_demonstrations` else does.

    Within a label each next row is the one least like all rows of the label that were chosen before it (farthest-first
    traversal, Gonzalez 1985, section 2; k-center greedy for core-sets: Sener and Savarese 2018, section 4.1), in the
    space of `bakeoff.methods.prompt.likeness`. The first is drawn by the seed, and so is one among several equally far.

    Parameters
    ----------
    texts, labels, shots, seed
        As of `choose_demonstrations`.

    Returns
    -------
    tuple of int
        Distinct positions in [0, n), in the order to be shown.
    """
    likeness = Likeness(texts)
    known: dict[int, NDArray[np.float64]] = {}

    def farthest(left: Sequence[int], chosen: Sequence[int]) -> int:
        same = [row for row in chosen if labels[row] == labels[left[0]]]
        for row in same:
            if row not in known:
                known[row] = likeness.to(texts[row])
        if not same:
            return 0
        nearest = np.max([known[row][list(left)] for row in same], axis=0)
        # Rounding must not choose among rows that are equally far.
        return int(np.argmin(np.round(nearest, 9)))

    return _in_turns(texts, labels, shots, seed, farthest)


def most_demonstrations(
    texts: Sequence[str], labels: Sequence[str], most: int, seed: int, fits: Callable[[Sequence[int]], bool]
) -> tuple[int, ...]:
    """Choose as many balanced rows as fit, for many-shot prompting (Agarwal et al. 2024, section 2).

    Parameters
    ----------
    texts, labels, seed
        As of `choose_demonstrations`.
    most : int
        How many to choose at most.
    fits : callable
        Told positions of rows, says whether a prompt that shows them fits.

    Returns
    -------
    tuple of int
        Distinct positions in [0, n), in the order to be shown; empty where not even one fits.
    """
    found: tuple[int, ...] = ()
    low, high = 0, min(most, len(texts))
    while low < high:
        middle = (low + high + 1) // 2
        rows = choose_demonstrations(texts, labels, middle, seed)
        if fits(rows):
            low, found = middle, rows
        else:
            high = middle - 1
    return found


def _in_turns(texts: Sequence[str], labels: Sequence[str], shots: int, seed: int, pick: _Pick) -> tuple[int, ...]:
    """Let labels take turns, each giving the row that `pick` chooses among its own."""
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
            if (left := queues[label]) and len(chosen) < shots:
                fitting = [row for row in left if not awkward[row]] or left
                chosen.append(left.pop(pick(fitting, chosen)))
    return tuple(int(chosen[place]) for place in generator.permutation(len(chosen)))
