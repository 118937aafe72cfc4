"""Find texts that are the same, or nearly so.

Nearness is the Jaccard similarity of the sets of character 5-grams. Candidates come from MinHash signatures
(`bakeoff.data.minhash`), and each candidate pair is then compared exactly (`bakeoff.data.likeness`), unless others
connect it already.

Three quarters, since a short text with one word more ("the router does not turn on", "... on again": .79) is the same
to a reader. In nine open sets of single texts with one label 0 to 5.1% of the rows come so near to another; of pairs
37% would (14% at .85).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.forms import FIELD_SEPARATOR, join_fields, split_fields
from bakeoff.data.likeness import Likeness
from bakeoff.data.minhash import Candidates, agreeing, signatures

__all__ = ["connected", "least_likeness", "loose_key", "near_by_keys", "near_duplicates", "numbered", "same_key"]

#: Least similarity of texts that count as nearly the same; of pairs, which share one of their texts by design.
_NEAR, _NEAR_PAIR = 0.75, 0.85

_MARKS = re.compile(r"[^\w\s]+")
_ASCII_MARKS = {code: " " for code in range(128) if _MARKS.fullmatch(chr(code))}

Integers = NDArray[np.int64]


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
    if text.isascii() and FIELD_SEPARATOR not in text:
        return " ".join(text.split()).casefold()
    fields = split_fields(unicodedata.normalize("NFKC", text))
    return join_fields(" ".join(field.split()).casefold() for field in fields)


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
    return _loosened(same_key(text))


def _loosened(key: str) -> str:
    bare = key.translate(_ASCII_MARKS) if key.isascii() else _MARKS.sub(" ", key)
    return " ".join(bare.split()) or key


def least_likeness(kind: str) -> float:
    """Give the similarity from which rows of a kind of task count as nearly the same, in (0, 1]."""
    return _NEAR_PAIR if kind == "pair" else _NEAR


def numbered(values: Iterable[str]) -> tuple[Integers, list[str]]:
    """Give values numbers, in the order of their first appearance.

    Parameters
    ----------
    values : iterable of str

    Returns
    -------
    numbers : array of int64
        One a value, from 0.
    names : list of str
        Each value once, by its number.
    """
    numbers: dict[str, int] = {}
    found = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), dtype=np.int64)
    return found, list(numbers)


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
        Component numbers from 0, in the order of first appearance; `near_by_keys` says whether all pairs were compared.
    """
    return near_by_keys(map(same_key, texts), threshold)[0]


def near_by_keys(keys: Iterable[str], threshold: float) -> tuple[Integers, bool]:
    """Give texts numbers as `near_duplicates` does, by their `same_key` s; and whether some pairs were passed over.

    Parameters
    ----------
    keys : iterable of str
    threshold : float
        As `near_duplicates` has it.

    Returns
    -------
    numbers : array of int64, one a key
    passed_over : bool
        Whether so many texts are of one template that not all of their pairs were compared, and others do not connect
        them all: some that are nearly the same may have different numbers.
    """
    unique, loose = numbered(map(_loosened, keys))
    if len(loose) < 2:
        return unique, False
    found, passed_over = _components(loose, threshold)
    return found[unique], passed_over


def _components(keys: Sequence[str], threshold: float) -> tuple[Integers, bool]:
    """Connect different keys: pairs that others connect already change nothing, so they are not compared."""
    signed = signatures(keys)
    likeness, candidates = Likeness(keys, threshold), Candidates(signed)
    # The first of all keys that are connected so far, of each.
    heads = np.arange(len(keys), dtype=np.int64)
    for first, second in candidates:
        apart = heads[first] != heads[second]
        first, second = first[apart], second[apart]
        enough = agreeing(signed, first, second)
        first, second = first[enough], second[enough]
        alike = likeness.alike(first, second)
        if alike.any():
            heads = _joined(heads, first[alike], second[alike])
    return np.asarray(np.unique(heads, return_inverse=True)[1], dtype=np.int64), candidates.passed_over(heads)


def _joined(heads: Integers, first: Integers, second: Integers) -> Integers:
    """Give the heads after some pairs have been connected, too."""
    ends, places = np.unique(heads[np.stack([first, second], axis=1)], return_inverse=True)
    parts = connected(len(ends), places.reshape(-1, 2))
    changed = np.arange(len(heads), dtype=np.int64)
    changed[ends] = ends[np.unique(parts, return_index=True)[1]][parts]
    return changed[heads]


def connected(count: int, pairs: Sequence[tuple[int, int]] | Integers) -> Integers:
    """Give things numbers, one for all that pairs connect, directly or by others.

    Parameters
    ----------
    count : int
        How many things there are.
    pairs : sequence of (int, int), or array of int64, shape (pairs, 2)
        Positions from 0 of two things that belong together.

    Returns
    -------
    array of int64, shape (count,)
        Component numbers from 0, in the order of first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return np.arange(count, dtype=np.int64)
    ends = np.asarray(pairs, dtype=np.int64)
    links = coo_array((np.ones(len(ends), dtype=np.int32), (ends[:, 0], ends[:, 1])), shape=(count, count))
    components = np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
    _, first, number = np.unique(components, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number]
