"""How alike two texts are: the Jaccard similarity of the sets of their character 5-grams, of many pairs at once.

A pair is compared by Python's own sets, which a few thousand pairs are quick enough for. Where very many are compared
(rows of a few templates), the sets of all texts are written as rows of a sparse matrix, by hashes of 31 bits, and
products of rows tell how many grams two texts share: of 100,000 pairs of 150 grams each, one counts a gram too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.minhash import GRAM, gram_hashes, runs

__all__ = ["Likeness"]

#: From so many pairs on, and a quarter as many as there are texts, the matrix pays.
_FEW = 20_000
#: A gram of a text takes five bytes in the matrix; beyond so many characters in all it would not fit.
_MOST_CHARACTERS = 250_000_000
#: Of pairs that are not alike, at most so many are kept, in some 100 MB.
_MOST_REFUSED = 500_000
#: Columns of the matrix: as many as four bytes can number.
_COLUMNS = (1 << 31) - 1
_COMPARED_AT_ONCE = 8192

Integers = NDArray[np.int64]


class Likeness:
    """Compare pairs of some texts.

    Parameters
    ----------
    keys : sequence of str
        The texts.
    threshold : float
        Least similarity of two that are alike, in (0, 1].
    """

    def __init__(self, keys: Sequence[str], threshold: float) -> None:
        self._keys = keys
        self._threshold = threshold
        self._compared = 0
        # Another band may have the same pair.
        self._refused: set[tuple[int, int]] = set()
        self._matrix: Any = None
        self._fits = sum(map(len, keys)) <= _MOST_CHARACTERS

    def alike(self, first: Integers, second: Integers) -> NDArray[np.bool_]:
        """Say which pairs are alike.

        Parameters
        ----------
        first, second : array of int64, shape (pairs,)
            Positions of texts.

        Returns
        -------
        array of bool, shape (pairs,)
        """
        self._compared += len(first)
        if self._matrix is None and self._fits and self._compared > max(_FEW, len(self._keys) // 4):
            self._matrix = _matrix_of(self._keys)
        if self._matrix is None:
            return self._by_sets(first, second)
        found = np.empty(len(first), dtype=np.bool_)
        for start in range(0, len(first), _COMPARED_AT_ONCE):
            part = slice(start, start + _COMPARED_AT_ONCE)
            found[part] = self._by_matrix(first[part], second[part])
        return found

    def _by_sets(self, first: Integers, second: Integers) -> NDArray[np.bool_]:
        found = np.zeros(len(first), dtype=np.bool_)
        # In the order of the first, whose set is used again then.
        for place in np.lexsort((second, first)).tolist():
            pair = int(first[place]), int(second[place])
            if pair in self._refused:
                continue
            found[place] = _similarity(self._keys[pair[0]], self._keys[pair[1]]) >= self._threshold
            if not found[place]:
                if len(self._refused) >= _MOST_REFUSED:
                    self._refused.clear()
                self._refused.add(pair)
        return found

    def _by_matrix(self, first: Integers, second: Integers) -> NDArray[np.bool_]:
        one, other = self._matrix[first], self._matrix[second]
        shared = np.diff(one.multiply(other).indptr)
        both = np.diff(one.indptr) + np.diff(other.indptr)
        return np.asarray(shared / (both - shared) >= self._threshold)


def _matrix_of(keys: Sequence[str]) -> Any:
    """Write the set of each text as a row of a sparse matrix, a column for each hash."""
    from scipy.sparse import csr_array

    most = sum(max(len(key), GRAM) - GRAM + 1 for key in keys)
    columns, ends = np.empty(most, dtype=np.int32), np.zeros(len(keys) + 1, dtype=np.int64)
    used = 0
    for start, stop in runs(keys):
        grams, starts = gram_hashes(keys[start:stop])
        sizes = np.diff(np.append(starts, len(grams)))
        row = np.repeat(np.arange(stop - start, dtype=np.uint64), sizes)
        codes = np.unique((row << np.uint64(32)) | (grams % np.uint64(_COLUMNS)))
        columns[used : used + len(codes)] = codes & np.uint64(0xFFFFFFFF)
        own = np.bincount((codes >> np.uint64(32)).astype(np.int64), minlength=stop - start)
        ends[start + 1 : stop + 1] = used + np.cumsum(own)
        used += len(codes)
    ones = np.ones(used, dtype=np.int8)
    matrix = csr_array((ones, columns[:used], ends.astype(np.int32)), shape=(len(keys), _COLUMNS))
    matrix.has_canonical_format = True
    return matrix


@lru_cache(maxsize=2048)
def _grams(key: str) -> frozenset[str]:
    padded = key.ljust(GRAM, "\0")
    return frozenset(padded[start : start + GRAM] for start in range(len(padded) - GRAM + 1))


def _similarity(first: str, second: str) -> float:
    one, other = _grams(first), _grams(second)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
