from __future__ import annotations

import numpy as np
import pytest

from bakeoff.errors import OptionError
from bakeoff.models.batching import length_sorted_batches, shuffled_batches


def lengths(rows: int) -> np.ndarray:
    return np.random.default_rng(3).integers(1, 200, size=rows)


def padded(batches: list[np.ndarray], sizes: np.ndarray) -> int:
    return sum(int(sizes[batch].max()) * len(batch) for batch in batches)


@pytest.mark.parametrize("max_rows", [None, 7])
def test_every_row_is_in_one_batch_and_no_batch_is_too_large(max_rows):
    sizes = lengths(301)
    batches = length_sorted_batches(sizes, max_tokens=512, max_rows=max_rows)
    assert sorted(np.concatenate(batches).tolist()) == list(range(301))
    assert all(len(batch) * sizes[batch].max() <= 512 for batch in batches)
    assert all(len(batch) <= (max_rows or 301) for batch in batches)
    assert padded(batches, sizes) < 1.05 * sizes.sum() + 512


def test_a_row_longer_than_a_batch_goes_alone():
    batches = length_sorted_batches([5, 900, 5], max_tokens=100)
    assert [batch.tolist() for batch in batches] == [[1], [0, 2]]


def test_no_rows_and_empty_rows():
    assert length_sorted_batches([], max_tokens=10) == []
    assert [batch.tolist() for batch in length_sorted_batches([0, 0, 0], max_tokens=2)] == [[0, 1], [2]]
    assert shuffled_batches([], max_rows=4, seed=1) == []


def test_shuffled_batches_are_complete_random_and_repeatable():
    sizes = lengths(300)
    one = shuffled_batches(sizes, max_rows=16, seed=1)
    again = shuffled_batches(sizes, max_rows=16, seed=1)
    other = shuffled_batches(sizes, max_rows=16, seed=2)
    assert sorted(np.concatenate(one).tolist()) == list(range(300))
    assert [batch.tolist() for batch in one] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in one] != [batch.tolist() for batch in other]
    longest = [int(sizes[batch].max()) for batch in one]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_pools_pad_less_than_a_plain_shuffle():
    sizes = lengths(512)
    pooled = padded(shuffled_batches(sizes, max_rows=16, seed=1), sizes)
    plain = padded(shuffled_batches(sizes, max_rows=16, seed=1, pool_batches=1), sizes)
    assert pooled < 1.15 * sizes.sum() < plain


def test_shuffled_batches_keep_the_token_bound():
    sizes = lengths(200)
    batches = shuffled_batches(sizes, max_rows=16, max_tokens=400, seed=1)
    assert all(len(batch) * sizes[batch].max() <= 400 for batch in batches)


def test_bounds_below_one_and_negative_lengths_are_refused():
    with pytest.raises(OptionError, match="max_tokens must be 1 or more, got 0"):
        length_sorted_batches([1], max_tokens=0)
    with pytest.raises(OptionError, match="max_rows must be 1 or more, got -1"):
        shuffled_batches([1], max_rows=-1, seed=0)
    with pytest.raises(OptionError, match="pool_batches must be 1 or more, got 0"):
        shuffled_batches([1], max_rows=1, seed=0, pool_batches=0)
    with pytest.raises(OptionError, match="cannot have -2 tokens"):
        length_sorted_batches([3, -2], max_tokens=5)
