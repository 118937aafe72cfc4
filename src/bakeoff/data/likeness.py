"""How alike two texts are: the Jaccard similarity of the sets of their character 5-grams, of many pairs at once.

A few pairs are compared by the sets themselves. Of more, the sets are written as rows of a sparse matrix, by hashes
of 31 bits, and products of rows tell how many grams two texts share: of 100,000 pairs of 150 grams each, one counts a
gram too many. The matrix has the texts of the pairs that are compared at once, or, where very many are (rows of a few
templates), all texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.minhash import GRAM, gram_hashes, runs, threads

__all__ = ["Likeness"]

#: Fewer pairs at once are compared by sets.
_FEW = 256
#: The sets of longer texts are not kept for the next pair: a character takes some hundred bytes there.
_LONG = 2000
#: After so many pairs, and an eighth as many as there are texts, the matrix of all texts pays.
_MANY = 20_000
#: A gram of a text takes five bytes in the matrix; beyond so many characters in all it would not fit.
_MOST_CHARACTERS = 250_000_000
#: Of pairs that are not alike, at most so many are kept, in some 100 MB.
_MOST_REFUSED = 500_000
#: Columns of the matrix: as many as four bytes can number.
_COLUMNS = (1 << 31) - 1
#: So many pairs are compared at once by each of up to four threads, or fewer where they have more than so many
#: characters: memory has a bound, and an index of the matrix fits into four bytes, however long the texts are.
_COMPARED_AT_ONCE, _CHARACTERS_AT_ONCE = 8192, 5_000_000

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
        self._lengths = np.fromiter(map(len, keys), dtype=np.int64, count=len(keys))
        self._fits = int(self._lengths.sum()) <= _MOST_CHARACTERS

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
        if self._matrix is None and self._fits and self._compared > max(_MANY, len(self._keys) // 8):
            self._matrix = _matrix_of(self._keys)
        if self._matrix is not None:
            return self._by_matrix(first, second)
        pairs = list(zip(first.tolist(), second.tolist(), strict=True))
        fresh = np.array([pair not in self._refused for pair in pairs], dtype=np.bool_)
        found = np.zeros(len(first), dtype=np.bool_)
        self._compared += int(fresh.sum())
        compare = self._by_sets if fresh.sum() < _FEW else self._by_matrix
        found[fresh] = compare(first[fresh], second[fresh])
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        self._refused.update(pair for pair, alike in zip(pairs, found.tolist(), strict=True) if not alike)
        return found

    def _by_sets(self, first: Integers, second: Integers) -> NDArray[np.bool_]:
        found = np.empty(len(first), dtype=np.bool_)
        # In the order of the first, whose set is used again then.
        for place in np.lexsort((second, first)).tolist():
            found[place] = _similarity(self._keys[first[place]], self._keys[second[place]]) >= self._threshold
        return found

    def _by_matrix(self, first: Integers, second: Integers) -> NDArray[np.bool_]:
        def compared(part: slice) -> NDArray[np.bool_]:
            ends, matrix = np.stack([first[part], second[part]]), self._matrix
            if matrix is None:
                rows, places = np.unique(ends, return_inverse=True)
                ends, matrix = places.reshape(2, -1), _matrix_of([self._keys[row] for row in rows.tolist()])
            one, other = matrix[ends[0]], matrix[ends[1]]
            shared = np.diff(one.multiply(other).indptr)
            all_grams = np.diff(one.indptr) + np.diff(other.indptr) - shared
            return np.asarray(shared / all_grams >= self._threshold)

        parts = list(self._parts(first, second))
        if len(parts) < 2:
            return compared(slice(0, len(first)))
        # Products of matrices, like numpy's sums, let other threads work meanwhile.
        with ThreadPoolExecutor(threads()) as pool:
            return np.concatenate(list(pool.map(compared, parts)))

    def _parts(self, first: Integers, second: Integers) -> Iterator[slice]:
        """Cut pairs into those that are compared at once, one at least."""
        characters = np.cumsum(self._lengths[first] + self._lengths[second])
        start = read = 0
        while start < len(first):
            fits = int(np.searchsorted(characters, read + _CHARACTERS_AT_ONCE, side="right"))
            stop = min(max(fits, start + 1), start + _COMPARED_AT_ONCE, len(first))
            yield slice(start, stop)
            start, read = stop, int(characters[stop - 1])


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
        codes = (row << np.uint64(32)) | np.minimum(grams >> np.uint64(33), np.uint64(_COLUMNS - 1))
        codes.sort()
        # A sort in place and a look at neighbours take a fifth of what numpy.unique does.
        codes = codes[np.concatenate(([True], codes[1:] != codes[:-1]))]
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
    one, other = (_grams(key) if len(key) <= _LONG else _grams.__wrapped__(key) for key in (first, second))
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
