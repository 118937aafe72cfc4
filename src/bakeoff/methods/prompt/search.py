"""Sequential halving: many prompts on few labelled rows, then the better half of them on twice as many.

Each round costs about as much as the last, so most of what there is to spend goes to prompts that are still in doubt
(Karnin, Koren and Somekh 2013, section 3). All prompts of a round are compared on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.prompt import calibrate

__all__ = ["Candidate", "Found", "candidates_of", "fit_score", "halve", "rounds_of"]

#: Rows that the first round asks at least: fewer rank prompts at random.
LEAST_ROWS = 8

One = TypeVar("One")

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of the search space.

    Parameters
    ----------
    wording : str
        One of `bakeoff.methods.prompt.phrasings.WORDINGS`.
    verbalizer : str
        One of `bakeoff.methods.prompt.verbalizers.VERBALIZERS`: which words stand for a label.
    shots : int
        Demonstrations, 0 or more.
    draw : int
        Which draw of them.
    """

    wording: str
    verbalizer: str
    shots: int
    draw: int


@dataclass(frozen=True, slots=True)
class Found(Generic[One]):
    """What a search knows of one candidate.

    Parameters
    ----------
    candidate : Candidate
        Or a point of another search space.
    rows : int
        Labelled rows that it was asked.
    score : float
        As `fit_score` gives it; minus infinity where nothing is known.
    """

    candidate: One
    rows: int
    score: float


def candidates_of(
    first: Sequence[Candidate],
    wordings: Sequence[str],
    verbalizers: Sequence[str],
    shots: Sequence[int],
    draws: int,
    most: int,
    seed: int,
) -> tuple[Candidate, ...]:
    """Give the prompts to compare: some that are always among them, the others drawn from the whole space.

    Parameters
    ----------
    first : sequence of Candidate
    wordings, verbalizers : sequence of str
    shots : sequence of int
    draws : int
        Draws of demonstrations for each number of shots, 1 or more.
    most : int
        Candidates at most, `first` included.
    seed : int

    Returns
    -------
    tuple of Candidate
        Distinct.
    """
    space = [
        Candidate(wording, verbalizer, count, draw)
        for wording, verbalizer, count in product(wordings, verbalizers, shots)
        for draw in range(draws if count else 1)
    ]
    order = np.random.default_rng([seed, len(space)]).permutation(len(space))
    drawn = [space[place] for place in order if space[place] not in first]
    return tuple([*first, *drawn][:most])


def rounds_of(candidates: int, kept: int, rows: int) -> tuple[tuple[int, int], ...]:
    """Plan the rounds: how many candidates each compares, on how many rows.

    Parameters
    ----------
    candidates, kept, rows : int
        Candidates at the start, those wanted at the end, and labelled rows that there are; 1 or more.

    Returns
    -------
    tuple of (int, int)
        Candidates halve from round to round, as long as more than `kept` are left, and rows double up to all in the
        last.
    """
    sizes = [candidates]
    while sizes[-1] > 2 * kept:
        sizes.append((sizes[-1] + 1) // 2)
    last = len(sizes) - 1
    return tuple((size, min(rows, max(LEAST_ROWS, rows >> (last - place)))) for place, size in enumerate(sizes))


def halve(
    candidates: Sequence[One], kept: int, rows: int, ask: Callable[[One, int, int], float | None]
) -> tuple[tuple[Found[One], ...], ...]:
    """Search.

    Parameters
    ----------
    candidates : sequence of Candidate
        Or of points of another search space, which are told apart by equality.
    kept : int
        How many are wanted.
    rows : int
        Labelled rows that there are.
    ask : callable
        Takes a candidate, the number of rows that it was asked so far and the number that it is to be asked in all;
        gives its score on all of them, or None where time is up.

    Returns
    -------
    tuple of tuple of Found
        Round by round, the best first; a candidate that time did not reach stands behind all others.
    """
    rounds: list[tuple[Found[One], ...]] = []
    left, asked = list(candidates), 0
    for size, wanted in rounds_of(len(left), kept, rows):
        left = left[:size]
        found: list[Found[One]] = []
        for candidate in left:
            score = ask(candidate, asked, wanted)
            if score is None:
                break
            found.append(Found(candidate, wanted, score))
        reached = {one.candidate for one in found}
        found.sort(key=lambda one: -one.score)
        found += [Found(candidate, asked, -np.inf) for candidate in left if candidate not in reached]
        if len(reached) < len(left) and rounds:
            # A round that was cut compares unlike things: the last whole one stands.
            break
        rounds.append(tuple(found))
        left, asked = [one.candidate for one in found], wanted
        if len(reached) < size:
            break
    return tuple(rounds)


def fit_score(said: Floats, codes: Codes, empty: Floats, counts: Floats) -> float:
    """Say how well a prompt fits labelled rows: the mean log-probability of the right label, calibrated.

    It tells prompts apart on fewer rows than the share of right answers, of which eight rows know nine values.

    Parameters
    ----------
    said : ndarray of float64, shape (rows, labels)
        Log-probabilities of the labels. Rows with a value that is no number are left out.
    codes : ndarray of int64, shape (rows,)
    empty : ndarray of float64, shape (texts, labels)
        After texts without content; may be none.
    counts : ndarray of float64, shape (labels,)
        Labelled rows of each label.

    Returns
    -------
    float
        0 or less, in nats; minus infinity where no row has scores.
    """
    usable = np.isfinite(said).all(axis=1)
    if not usable.any():
        return -np.inf
    shift = calibrate.joined_shift(said[usable], empty[np.isfinite(empty).all(axis=1)], counts)
    logs = calibrate.log_shares(said[usable] - shift)
    return float(logs[np.arange(len(logs)), codes[usable]].mean())
