"""Where the tokens of a batch stand, so that little is computed for padding, and in few sizes.

Short rows share sequences of one width, the longest rows first, each into the fullest sequence with room; a row that is
longer than these has a sequence by itself. Attention is quickest in such widths: per token it takes twice as long in
sequences of 22 as in sequences of 32 or 64. And sizes recur: oneDNN makes its programs anew for every number of tokens
that it has not met, which takes longer than a batch of reviews.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "Sequences", "end_to_end"]

#: Width of the sequences that short rows share, and what the width of others is a multiple of.
_WIDTH, _LONG_STEP = 64, 32
#: Fewer tokens than a sequence holds have one of a multiple of this.
_STEP = 16

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Sequences of one width, which stand one behind the other.

    Parameters
    ----------
    start : int
        Place of the first token.
    owners : ndarray of int64, shape (sequences, width)
        The row of each token; -1 where there is none.
    """

    start: int
    owners: Places

    @property
    def end(self) -> int:
        """The place behind the last one."""
        return self.start + self.owners.size

    @property
    def whole(self) -> bool:
        """Whether each sequence is one row, without padding."""
        return bool((self.owners == self.owners[:, :1]).all())


class Layout:
    """The places of a batch's tokens.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row, at least one a row.
    width : int
        Tokens of a row of the batch's padded form.

    Attributes
    ----------
    blocks : tuple of Sequences
        The widest first.
    places : ndarray of int64
        Where each place's token stands in the flattened padded form; 0 where there is none.
    columns : ndarray of int64
        Which token of its row stands in each place; 0 where there is none.
    filled : ndarray of int64
        The places that have a token.
    """

    def __init__(self, lengths: Sequence[int], width: int) -> None:
        groups: dict[int, list[int]] = {}
        for row in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
            wide = lengths[row] > _WIDTH
            groups.setdefault(_up(lengths[row], _LONG_STEP) if wide else _WIDTH, []).append(row)
        owners, columns = [], []
        for size, rows in groups.items():
            own = [lengths[row] for row in rows]
            size = min(size, _up(sum(own), _STEP))
            sequences, begins = end_to_end(own, size)
            owner = np.full((max(sequences) + 1, size), -1, dtype=np.int64)
            column = np.zeros_like(owner)
            for row, sequence, begin, length in zip(rows, sequences, begins, own, strict=True):
                owner[sequence, begin : begin + length] = row
                column[sequence, begin : begin + length] = np.arange(length)
            owners.append(owner)
            columns.append(column)
        starts = np.cumsum([0, *(owner.size for owner in owners)]).tolist()
        self.blocks = tuple(Sequences(start, owner) for start, owner in zip(starts, owners, strict=False))
        every = np.concatenate([owner.ravel() for owner in owners])
        self.columns: Places = np.concatenate([column.ravel() for column in columns])
        self.places: Places = np.maximum(every, 0) * width + self.columns
        self.filled: Places = np.flatnonzero(every >= 0)


def end_to_end(lengths: Sequence[int], size: int) -> tuple[list[int], list[int]]:
    """Lay rows, the longest first, each into the fullest sequence with room.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row.
    size : int
        Tokens of a sequence; as many as the longest row has, or more.

    Returns
    -------
    sequences, begins : list of int
        The sequence of each row, from 0, and the place in it where the row begins.
    """
    filled: list[int] = []
    sequences, begins = [0] * len(lengths), [0] * len(lengths)
    for row in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        room = [at for at, used in enumerate(filled) if used + lengths[row] <= size]
        at = max(room, key=filled.__getitem__, default=len(filled))
        if at == len(filled):
            filled.append(0)
        sequences[row], begins[row] = at, filled[at]
        filled[at] += lengths[row]
    return sequences, begins


def _up(tokens: int, step: int) -> int:
    return -(-tokens // step) * step
