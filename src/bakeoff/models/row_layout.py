"""Where the tokens of a batch stand, so that little is computed for padding, and in few sizes.

Rows go together in blocks of like length: a block's rows are as wide as its longest one, and blocks stand end to end.
What the blocks do not fill is left over at the end, up to a size that recurs: oneDNN makes its programs anew for every
number of tokens that it has not met lately, which takes longer than some tokens more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Block", "Layout", "recurring"]

#: Places without a token that a block may have: attention of one block more costs about as much.
_MOST_PADDING = 12
#: Places are counted in steps of this, or of a sixteenth of the next power of two, where that is more.
_STEP = 16


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of like length, one below the other.

    Parameters
    ----------
    start : int
        Place of the first token.
    lengths : tuple of int
        Tokens of each row, the longest first.
    """

    start: int
    lengths: tuple[int, ...]

    @property
    def width(self) -> int:
        """Places of each row."""
        return self.lengths[0]

    @property
    def end(self) -> int:
        """The place behind the last one."""
        return self.start + len(self.lengths) * self.width

    @property
    def whole(self) -> bool:
        """Whether every place has a token."""
        return self.lengths[-1] == self.width


class Layout:
    """The places of a batch's tokens.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row, at least one a row.
    width : int
        Tokens of the batch's padded form, in which rows begin at the multiples of it.

    Attributes
    ----------
    blocks : tuple of Block
    tokens : int
        Places of the blocks.
    places : ndarray of int64
        Where each place's token stands in the flattened padded form; 0 behind the blocks.
    columns : ndarray of int64
        Which token of its row stands in each place.
    filled : ndarray of int64
        The places that have a token.
    """

    def __init__(self, lengths: Sequence[int], width: int) -> None:
        order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
        self.blocks = _blocks([lengths[row] for row in order])
        self.tokens = self.blocks[-1].end
        self.places, self.columns = np.zeros((2, recurring(self.tokens)), dtype=np.int64)
        has = np.zeros(len(self.places), dtype=np.bool_)
        first = 0
        for block in self.blocks:
            rows = np.array(order[first : first + len(block.lengths)])[:, None]
            first += len(block.lengths)
            across, here = np.arange(block.width)[None], slice(block.start, block.end)
            self.places[here] = (rows * width + across).ravel()
            self.columns[here] = np.broadcast_to(across, (len(rows), block.width)).ravel()
            has[here] = (across < np.array(block.lengths)[:, None]).ravel()
        self.filled = np.flatnonzero(has)


def recurring(tokens: int) -> int:
    """Give the least number that is not below a number of tokens, and one of few.

    Parameters
    ----------
    tokens : int
        1 or more.

    Returns
    -------
    int
        Above it by less than 16, or by less than an eighth.
    """
    step = max(_STEP, (1 << (tokens - 1).bit_length()) // 16)
    return -(-tokens // step) * step


def _blocks(lengths: Sequence[int]) -> tuple[Block, ...]:
    """Divide rows, the longest first, into blocks with little padding."""
    found: list[Block] = []
    own: list[int] = []
    padding, start = 0, 0
    for length in lengths:
        if own and padding + own[0] - length > _MOST_PADDING:
            found.append(Block(start, tuple(own)))
            own, padding, start = [], 0, found[-1].end
        own.append(length)
        padding += own[0] - length
    return (*found, Block(start, tuple(own)))
