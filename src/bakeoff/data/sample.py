"""The order in which labelled rows are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["nested_order"]

# Classes whose claims to the next place differ by less than this many rows are put in an order by the seed. Without
# it, 16 rows of 77 classes of nearly one size would be of the same 16 classes under every seed.
_NEAR_TIE = 0.5


def nested_order(labels: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Order rows so that every prefix has the label frequencies of the whole, as near as whole rows can.

    Each place goes to the label that is furthest behind its share (the largest deficit, with a fixed random head start
    of up to half a row for each label); rows within a label come in random order. So the first *n* rows are the sample
    of a label budget *n*, and larger samples contain smaller ones.

    Parameters
    ----------
    labels : sequence of str
        Labels of the pool that rows are drawn from.
    seed : int
        Not negative. The same labels and seed give the same order.

    Returns
    -------
    array of int64, shape (len(labels),)
        A permutation of the positions from 0.

    Notes
    -----
    Place *k* goes to a label whose deficit with its head start is at least the mean over labels, so a label is
    never more than 1.5 rows over its share of any prefix. Of shortfalls no bound below 1.5 (labels - 1) is proven;
    none of 2 rows or more was seen in 400 draws of 2 to 40 labels.
    """
    generator = np.random.default_rng(seed)
    names, codes = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    rows = [generator.permutation(np.flatnonzero(codes == code)) for code in range(len(names))]
    head_start = generator.uniform(0.0, _NEAR_TIE, len(names))
    sizes = np.array([len(part) for part in rows], dtype=np.int64)
    shares = sizes / max(len(codes), 1)
    taken = np.zeros(len(names), dtype=np.int64)
    claims = head_start.copy()
    order = np.empty(len(codes), dtype=np.int64)
    for place in range(len(order)):
        claims += shares
        code = int(claims.argmax())
        order[place] = rows[code][taken[code]]
        taken[code] += 1
        claims[code] = claims[code] - 1.0 if taken[code] < sizes[code] else -np.inf
    return order
