"""Find texts that are the same, or nearly so.

Nearness is the Jaccard similarity of the sets of character 5-grams. Candidates come from MinHash signatures cut into
bands (Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4), and each candidate pair is then compared exactly. With 19 bands of 5 hashes, a pair at
the threshold of .75 becomes a candidate with probability 1 - (1 - .75^5)^19 = .994, one at .85 with .99998.

Three quarters, since a short text with one word more ("the router does not turn on", "... on again": .79) is the same
to a reader. In nine open sets of single texts with one label 0 to 5.1% of the rows come so near to another; of pairs
37% would (14% at .85).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.forms import join_fields, split_fields

__all__ = ["connected", "least_likeness", "loose_key", "near_duplicates", "same_key"]

#: Least similarity of texts that count as nearly the same; of pairs, which share one of their texts by design.
_NEAR, _NEAR_PAIR = 0.75, 0.85

_GRAM = 5
_BANDS = 19
_BAND_HASHES = 5
_HASHES = _BANDS * _BAND_HASHES
_CHUNK_CHARACTERS = 1 << 20
# All pairs of a bucket of up to 64 rows meet; in a larger one (thousands of rows of one template) each row meets fewer
# of the rows after it, so that work grows no faster than the rows. Other bands and chains make up for most of them.
_WINDOW = 64
_LEAST_WINDOW = 4
# Signatures that agree in less than this share are not compared exactly; at a similarity of .75 the standard error of
# the share over 95 hashes is .044, so this is four standard errors below.
_LEAST_AGREEMENT = 0.57

_BLANKS = re.compile(r"\s+")
_MARKS = re.compile(r"[^\w\s]+")

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Signatures = NDArray[np.uint32]


def same_key(text: str) -> str:
    """Give the key that texts share which differ in capitals and white space alone.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
    """
    fields = split_fields(unicodedata.normalize("NFKC", text))
    return join_fields(_BLANKS.sub(" ", field).strip().casefold() for field in fields)


def loose_key(text: str) -> str:
    """Give the key that texts share which differ in capitals, white space and punctuation alone.

    A text of punctuation alone keeps it: a smile and a frown are not one text.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
    """
    key = same_key(text)
    return _BLANKS.sub(" ", _MARKS.sub(" ", key)).strip() or key


def least_likeness(kind: str) -> float:
    """Give the similarity from which rows of a kind of task count as nearly the same, in (0, 1]."""
    return _NEAR_PAIR if kind == "pair" else _NEAR


def near_duplicates(texts: Sequence[str], threshold: float = _NEAR) -> Integers:
    """Give texts numbers, one for all near-duplicates and chains of them.

    Parameters
    ----------
    texts : sequence of str
        Any texts.
    threshold : float
        Least Jaccard similarity of the character 5-grams of two `loose_key` s, in (0, 1].

    Returns
    -------
    array of int64, shape (len(texts),)
        Component numbers from 0, in the order of first appearance.
    """
    numbers: dict[str, int] = {}
    unique = np.array([numbers.setdefault(loose_key(text), len(numbers)) for text in texts], dtype=np.int64)
    keys = list(numbers)
    if len(keys) < 2:
        return unique
    pairs = [
        (first, second)
        for first, second in _candidates(_signatures(keys))
        if _similarity(keys[first], keys[second]) >= threshold
    ]
    return connected(len(keys), pairs)[unique]


def connected(count: int, pairs: Sequence[tuple[int, int]]) -> Integers:
    """Give things numbers, one for all that pairs connect, directly or by others.

    Parameters
    ----------
    count : int
        How many things there are.
    pairs : sequence of (int, int)
        Positions from 0 of two things that belong together.

    Returns
    -------
    array of int64, shape (count,)
        Component numbers from 0, in the order of first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return np.arange(count, dtype=np.int64)
    ends = np.array(pairs, dtype=np.int64)
    links = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    components = np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
    _, first, number = np.unique(components, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number]


def _chunks(keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Cut keys into runs of about a million characters, to bound memory."""
    start = size = 0
    for position, key in enumerate(keys):
        size += max(len(key), _GRAM)
        if size >= _CHUNK_CHARACTERS:
            yield start, position + 1
            start, size = position + 1, 0
    if start < len(keys):
        yield start, len(keys)


def _signatures(keys: Sequence[str]) -> Signatures:
    generator = np.random.default_rng(20240117)
    factors = generator.integers(0, 1 << 63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = generator.integers(0, 1 << 63, _HASHES, dtype=np.uint64)
    signatures = np.empty((len(keys), _HASHES), dtype=np.uint32)
    for start, stop in _chunks(keys):
        grams, starts = _gram_hashes(keys[start:stop])
        for number in range(_HASHES):
            least = np.minimum.reduceat(grams * factors[number] + offsets[number], starts)
            signatures[start:stop, number] = (least >> np.uint64(32)).astype(np.uint32)
    return signatures


def _gram_hashes(keys: Sequence[str]) -> tuple[Hashes, Integers]:
    """Hash all 5-grams of some keys, and say where those of each key begin."""
    padded = [key.ljust(_GRAM, "\0") for key in keys]
    text = "".join(padded)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(len(codes) - _GRAM + 1, dtype=np.uint64)
    for offset in range(_GRAM):
        hashes = hashes * np.uint64(0x100000001B3) + codes[offset : offset + len(hashes)]
    # The mixing steps of splitmix64 (Steele, Lea and Flood 2014): the sum above leaves the low bits too regular.
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    counts = np.array([len(key) - _GRAM + 1 for key in padded], dtype=np.int64)
    begins = np.concatenate(([0], np.cumsum([len(key) for key in padded])[:-1])).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    inside = np.arange(counts.sum()) - np.repeat(starts, counts) + np.repeat(begins, counts)
    return hashes[inside], starts


def _candidates(signatures: Signatures) -> list[tuple[int, int]]:
    """Give the pairs of rows that share a band and agree in enough hashes."""
    found: list[Any] = []
    for band in range(_BANDS):
        part = np.ascontiguousarray(signatures[:, band * _BAND_HASHES : (band + 1) * _BAND_HASHES])
        buckets = part.view(np.dtype((np.void, part.dtype.itemsize * _BAND_HASHES))).ravel()
        _, bucket, sizes = np.unique(buckets, return_inverse=True, return_counts=True)
        order = np.argsort(bucket, kind="stable")
        order = order[sizes[bucket[order]] > 1]
        sorted_buckets = bucket[order]
        windows = np.clip(_WINDOW * _WINDOW // sizes, _LEAST_WINDOW, _WINDOW)[sorted_buckets]
        for step in range(1, min(_WINDOW, int(sizes.max()) - 1) + 1):
            same = (sorted_buckets[step:] == sorted_buckets[:-step]) & (windows[step:] >= step)
            found.append(_agreeing(signatures, order[:-step][same], order[step:][same]))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.empty((0, 2), dtype=np.int64)
    return [(int(first), int(second)) for first, second in pairs]


def _agreeing(signatures: Signatures, first: Integers, second: Integers) -> Integers:
    kept = []
    for start in range(0, len(first), 1 << 16):
        one, other = first[start : start + (1 << 16)], second[start : start + (1 << 16)]
        agreement = (signatures[one] == signatures[other]).mean(axis=1)
        near = agreement >= _LEAST_AGREEMENT
        kept.append(np.stack([one[near], other[near]], axis=1))
    return np.concatenate(kept) if kept else np.empty((0, 2), dtype=np.int64)


@lru_cache(maxsize=4096)
def _grams(key: str) -> frozenset[str]:
    padded = key.ljust(_GRAM, "\0")
    return frozenset(padded[start : start + _GRAM] for start in range(len(padded) - _GRAM + 1))


def _similarity(first: str, second: str) -> float:
    one, other = _grams(first), _grams(second)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
