"""Batches of rows of similar length, so that little is padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.errors import OptionError

__all__ = ["Indices", "length_sorted_batches", "shuffled_batches"]

Indices = npt.NDArray[np.int64]


def length_sorted_batches(
    lengths: Sequence[int] | npt.NDArray[np.int64], *, max_tokens: int, max_rows: int | None = None
) -> list[Indices]:
    """Group rows of similar length, the longest first.

    The longest rows come first so that a lack of memory shows in the first batch, not in the last.

    Parameters
    ----------
    lengths : sequence of int, shape (rows,)
        Tokens of each row, 0 or more.
    max_tokens : int
        Most tokens of a batch, padding included: rows of the batch times its longest row. A row that is
        longer by itself makes a batch of its own.
    max_rows : int, optional
        Most rows of a batch. Default: no bound.

    Returns
    -------
    list of int64 array
        Row indices of each batch. Every row is in exactly one batch; rows of equal length keep their order.

    Raises
    ------
    OptionError
        If a bound is less than 1, or a length less than 0.
    """
    sizes = _checked(lengths, max_tokens, max_rows)
    order = np.argsort(-sizes, kind="stable")
    most = max_rows if max_rows is not None else max(1, len(order))
    batches: list[Indices] = []
    at = 0
    while at < len(order):
        longest = max(1, int(sizes[order[at]]))
        count = min(most, max(1, max_tokens // longest))
        batches.append(order[at : at + count])
        at += count
    return batches


def shuffled_batches(
    lengths: Sequence[int] | npt.NDArray[np.int64],
    *,
    max_rows: int,
    seed: int,
    max_tokens: int | None = None,
    pool_batches: int = 16,
) -> list[Indices]:
    """Group rows of similar length in random order, for one pass of training.

    Rows are shuffled, cut into pools of ``pool_batches`` batches, sorted by length inside each pool, and the
    batches are shuffled again. So the padding is small and a batch is still a random draw of its pool.

    Parameters
    ----------
    lengths : sequence of int, shape (rows,)
        Tokens of each row, 0 or more.
    max_rows : int
        Most rows of a batch.
    seed : int
        Seed of the two shuffles; another one for each pass gives other batches.
    max_tokens : int, optional
        Most tokens of a batch, padding included. Default: no bound.
    pool_batches : int
        Batches a pool holds: 1 is a plain shuffle, a large number sorts everything.

    Returns
    -------
    list of int64 array
        Row indices of each batch. Every row is in exactly one batch.

    Raises
    ------
    OptionError
        If a bound is less than 1, or a length less than 0.
    """
    sizes = _checked(lengths, 1 if max_tokens is None else max_tokens, max_rows)
    if pool_batches < 1:
        raise OptionError(f"pool_batches must be 1 or more, got {pool_batches}.", next_step="Leave it at its default.")
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(sizes))
    bound = max_tokens if max_tokens is not None else max_rows * max(1, int(sizes.max(initial=1)))
    batches: list[Indices] = []
    for start in range(0, len(order), max_rows * pool_batches):
        pool = order[start : start + max_rows * pool_batches]
        grouped = length_sorted_batches(sizes[pool], max_tokens=bound, max_rows=max_rows)
        batches.extend(pool[group] for group in grouped)
    return [batches[at] for at in generator.permutation(len(batches))]


def _checked(lengths: Sequence[int] | npt.NDArray[np.int64], max_tokens: int, max_rows: int | None) -> Indices:
    sizes = np.asarray(lengths, dtype=np.int64)
    for name, bound in (("max_tokens", max_tokens), ("max_rows", max_rows)):
        if bound is not None and bound < 1:
            raise OptionError(f"{name} must be 1 or more, got {bound}.", next_step=f"Give a {name} of 1 or more.")
    if sizes.size and int(sizes.min()) < 0:
        raise OptionError(f"A row cannot have {int(sizes.min())} tokens.", next_step="Give lengths of 0 or more.")
    return sizes
