"""Pairs of texts that may be nearly the same, by their MinHash signatures, without a comparison of all with all.

Signatures of the sets of character 5-grams are cut into bands, and texts that share a band are candidates (Broder 1997,
"On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets",
section 3.4). With 19 bands of 5 hashes, a pair of a Jaccard similarity of .75 becomes a candidate with probability
1 - (1 - .75^5)^19 = .994, one of .85 with .99998.

A million texts of 170 characters have 16 thousand million hashes. They are made in runs that stay in a processor's own
cache, and never held at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRAM", "Candidates", "agreeing", "gram_hashes", "runs", "signatures", "threads"]

#: Characters of a gram.
GRAM = 5

_BANDS = 19
_BAND_HASHES = 5
_HASHES = _BANDS * _BAND_HASHES
# Half a megabyte of hashes and as much for what is made of them: the second cache of a core holds both, which makes a
# hash more than twice as quick as runs of a million characters did.
_RUN_CHARACTERS = 1 << 16
# All pairs of a bucket of up to 64 rows meet; in a larger one (thousands of rows of one template) each row meets fewer
# of the rows after it, so that work grows no faster than the rows. Other bands and chains make up for most of them.
_WINDOW = 64
_LEAST_WINDOW = 4
# Pairs of a band. With up to 24,576 rows there cannot be more; of a million rows of a few templates there would be
# forty times as many, and they would take several times as long as all else together.
_MOST_PAIRS = 3 << 19
# Signatures that agree in less than this share are not compared exactly; at a similarity of .75 the standard error of
# the share over 95 hashes is .044, so this is four standard errors below.
_LEAST_AGREEMENT = 0.57
# Signatures of so many pairs stay in the cache while they are compared, too.
_COMPARED_AT_ONCE = 512

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Signatures = NDArray[np.uint32]


def signatures(keys: Sequence[str]) -> Signatures:
    """Give the MinHash signatures of texts.

    Parameters
    ----------
    keys : sequence of str

    Returns
    -------
    array of uint32, shape (len(keys), 95)
        The same for the same text, whatever stands beside it.
    """
    # Multiplication by an odd number alone: what is multiplied is well mixed already, so that an offset would change
    # neither the share of hashes that agree nor its deviation, and 32 bits take half the time of 64.
    halves = np.random.default_rng(20240117).integers(0, 1 << 31, _HASHES, dtype=np.uint32)
    factors = halves * np.uint32(2) + np.uint32(1)
    made = np.empty((len(keys), _HASHES), dtype=np.uint32)

    def sign(run: tuple[int, int]) -> None:
        hashes, starts = gram_hashes(keys[run[0] : run[1]])
        grams = (hashes >> np.uint64(32)).astype(np.uint32)
        hashed = np.empty_like(grams)
        least = np.empty((_HASHES, run[1] - run[0]), dtype=np.uint32)
        for number in range(_HASHES):
            np.multiply(grams, factors[number], out=hashed)
            np.minimum.reduceat(hashed, starts, out=least[number])
        made[run[0] : run[1]] = least.T

    # numpy lets other threads work meanwhile; each writes rows of its own.
    with ThreadPoolExecutor(threads()) as pool:
        for _ in pool.map(sign, runs(keys)):
            pass
    return made


def threads() -> int:
    """Give how many threads share work here: one a processor that this process may use, four at most."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def runs(keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Cut texts into runs that fit into the cache of a processor.

    Parameters
    ----------
    keys : sequence of str

    Yields
    ------
    start, stop : int
    """
    start = size = 0
    for position, key in enumerate(keys):
        size += max(len(key), GRAM)
        if size >= _RUN_CHARACTERS:
            yield start, position + 1
            start, size = position + 1, 0
    if start < len(keys):
        yield start, len(keys)


def gram_hashes(keys: Sequence[str]) -> tuple[Hashes, Integers]:
    """Hash all 5-grams of some texts, and say where those of each text begin.

    Parameters
    ----------
    keys : sequence of str
        A text of fewer characters has one gram.

    Returns
    -------
    hashes : array of uint64
        Of the grams of all texts, one after the other.
    starts : array of int64, shape (len(keys),)
    """
    padded = [key.ljust(GRAM, "\0") for key in keys]
    text = "".join(padded)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(len(codes) - GRAM + 1, dtype=np.uint64)
    for offset in range(GRAM):
        hashes = hashes * np.uint64(0x100000001B3) + codes[offset : offset + len(hashes)]
    # The mixing steps of splitmix64 (Steele, Lea and Flood 2014): the sum above leaves the low bits too regular.
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    counts = lengths - (GRAM - 1)
    begins = np.cumsum(lengths) - lengths
    starts = np.cumsum(counts) - counts
    inside = np.arange(counts.sum()) + np.repeat(begins - starts, counts)
    return hashes[inside], starts


class Candidates:
    """The pairs of rows that share a band, in parts; a pair may come again.

    Parameters
    ----------
    signed : array of uint32, shape (rows, 95)
    """

    def __init__(self, signed: Signatures) -> None:
        self._signed = signed
        #: Bands that so many rows share that not each of them met all others.
        self._thinned: list[int] = []

    def __iter__(self) -> Iterator[tuple[Integers, Integers]]:
        for band in range(_BANDS):
            order, bucket, windows = self._buckets(band)
            if _thin(bucket, windows).any():
                self._thinned.append(band)
            # A row that meets none so many places behind it meets none further behind.
            places = np.arange(len(order))
            for step in range(1, _WINDOW + 1):
                places = places[places + step < len(order)]
                places = places[(bucket[places + step] == bucket[places]) & (windows[places] >= step)]
                if not len(places):
                    break
                yield order[places], order[places + step]

    def passed_over(self, heads: Integers) -> bool:
        """Say whether rows share a band, did not all meet, and are not all connected by others.

        Parameters
        ----------
        heads : array of int64, shape (rows,)
            The same for rows that are connected, when all pairs have been given.

        Returns
        -------
        bool
        """
        for band in self._thinned:
            order, bucket, windows = self._buckets(band)
            thin = _thin(bucket, windows)
            own, ends = bucket[thin], heads[order[thin]]
            if ((own[1:] == own[:-1]) & (ends[1:] != ends[:-1])).any():
                return True
        return False

    def _buckets(self, band: int) -> tuple[Integers, Integers, Integers]:
        """Sort the rows that share a band with another by what they share, then by place; give their windows, too."""
        mixed = np.zeros(len(self._signed), dtype=np.uint64)
        for place in range(band * _BAND_HASHES, (band + 1) * _BAND_HASHES):
            # Different bands get one value once in 2^64 pairs: these are told apart by their signatures then.
            mixed = (mixed ^ self._signed[:, place]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
        order = np.argsort(mixed, kind="stable")
        ranked = mixed[order]
        begins = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
        sizes = np.diff(np.append(begins, len(ranked)))
        windows = _windows(sizes)
        bucket = np.repeat(np.arange(len(sizes)), sizes)
        shared = sizes[bucket] > 1
        return order[shared], bucket[shared], windows[bucket[shared]]


def _thin(bucket: Integers, windows: Integers) -> NDArray[np.bool_]:
    """Say which rows did not meet all rows that they share a bucket with."""
    return windows < np.bincount(bucket)[bucket] - 1


def _windows(sizes: Integers) -> Integers:
    """Give for buckets of these sizes how many rows behind it a row meets, so that there are not too many pairs."""
    windows, widest = sizes, _WINDOW
    while widest:
        windows = np.clip(widest * widest // sizes, min(_LEAST_WINDOW, widest), widest)
        met = np.minimum(windows, sizes - 1)
        if (met * sizes - met * (met + 1) // 2).sum() <= _MOST_PAIRS:
            break
        widest //= 2
    return windows


def agreeing(signed: Signatures, first: Integers, second: Integers) -> NDArray[np.bool_]:
    """Say which pairs of rows agree in enough hashes to be compared exactly.

    Parameters
    ----------
    signed : array of uint32, shape (rows, 95)
    first, second : array of int64, shape (pairs,)

    Returns
    -------
    array of bool, shape (pairs,)
    """
    found = np.empty(len(first), dtype=np.bool_)
    for start in range(0, len(first), _COMPARED_AT_ONCE):
        part = slice(start, start + _COMPARED_AT_ONCE)
        agreed = np.count_nonzero(signed[first[part]] == signed[second[part]], axis=1)
        found[part] = agreed >= _LEAST_AGREEMENT * _HASHES
    return found
