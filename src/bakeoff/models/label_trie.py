"""The labels of a row as a tree of tokens, so that shared stems are read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bakeoff.errors import OptionError

__all__ = ["LabelTrie", "TokenIds", "build_trie", "has_prefix_clash", "shared_stem"]

TokenIds = tuple[int, ...]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelTrie:
    """A tree of label tokens, laid out depth first.

    Only inner nodes are read by the model: the last token of a label is scored from its parent, and nothing
    comes after it. Parent 0 is the root, that is the last given token; parent ``i + 1`` is inner node ``i``.

    Attributes
    ----------
    tokens : int64 array, shape (nodes,)
        Token of each inner node, a parent before its children.
    depths : int64 array, shape (nodes,)
        Tokens from the root to the node, 1 or more.
    exits : int64 array, shape (nodes,)
        One past the node's last inner descendant: node ``k`` is node ``q`` or above it where
        ``k <= q < exits[k]``.
    edge_parents : int64 array, shape (edges,)
        The parent that each scored token follows.
    edge_tokens : int64 array, shape (edges,)
        Each scored token.
    paths : int64 array, shape (sum of the labels' lengths,)
        Edges of each label, label after label.
    path_starts : int64 array, shape (labels,)
        Where each label begins in `paths`.
    """

    tokens: _Ints
    depths: _Ints
    exits: _Ints
    edge_parents: _Ints
    edge_tokens: _Ints
    paths: _Ints
    path_starts: _Ints

    def label_sums(self, edge_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add the values of each label's edges.

        Parameters
        ----------
        edge_values : float64 array, shape (edges,)
            Log-probability of each edge's token after its parent.

        Returns
        -------
        float64 array, shape (labels,)
        """
        return np.add.reduceat(edge_values[self.paths], self.path_starts)


def has_prefix_clash(sequences: Sequence[TokenIds]) -> bool:
    """Say whether one sequence is equal to another, or the beginning of another.

    Parameters
    ----------
    sequences : sequence of tuple of int
        Tokens of each label.

    Returns
    -------
    bool
    """
    ordered = sorted(sequences)
    # After sorting, whatever begins with a sequence stands right behind it.
    return any(after[: len(before)] == before for before, after in pairwise(ordered))


def build_trie(sequences: Sequence[TokenIds]) -> LabelTrie:
    """Lay out label tokens as a tree.

    Parameters
    ----------
    sequences : sequence of tuple of int, shape (labels,)
        Tokens of each label; none empty, none equal to another or the beginning of another.

    Returns
    -------
    LabelTrie

    Raises
    ------
    OptionError
        If the labels cannot be told apart by their tokens, or one has none.
    """
    if not sequences or not all(sequences) or has_prefix_clash(sequences):
        raise OptionError(
            "The labels cannot be told apart by their tokens: one is empty, or equal to the beginning of another.",
            next_step="Give labels different words, or a terminator that ends each of them.",
        )
    return _lay_out(sequences)


def _lay_out(sequences: Sequence[TokenIds]) -> LabelTrie:
    tokens: list[int] = []
    depths: list[int] = []
    exits: list[int] = []
    edge_parents: list[int] = []
    edge_tokens: list[int] = []
    edge_of: dict[TokenIds, int] = {}
    path: list[int] = []
    before: TokenIds = ()
    # Sorted, the labels are met in depth-first order, and each shares its stem with the one before it.
    for label in sorted(sequences):
        common = shared_stem(before, label)
        while len(path) > common:
            exits[path.pop()] = len(tokens)
        for depth in range(common, len(label)):
            edge_of[label[: depth + 1]] = len(edge_tokens)
            edge_parents.append(path[-1] + 1 if path else 0)
            edge_tokens.append(label[depth])
            if depth < len(label) - 1:
                path.append(len(tokens))
                tokens.append(label[depth])
                depths.append(depth + 1)
                exits.append(0)
        before = label
    for node in path:
        exits[node] = len(tokens)
    paths = [edge_of[label[: end + 1]] for label in sequences for end in range(len(label))]
    starts = np.cumsum([0] + [len(label) for label in sequences[:-1]])
    arrays = (tokens, depths, exits, edge_parents, edge_tokens, paths, starts)
    return LabelTrie(*(np.asarray(values, dtype=np.int64) for values in arrays))


def shared_stem(one: TokenIds, two: TokenIds) -> int:
    """Count the tokens that two sequences begin with.

    Parameters
    ----------
    one, two : tuple of int
        The sequences.

    Returns
    -------
    int
    """
    size = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        size += 1
    return size
