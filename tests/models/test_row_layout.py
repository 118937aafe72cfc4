"""Rows of a batch: each token has one place, little is padded, and sizes recur."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.models.row_layout import Layout, recurring


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.integers(0, 5))
def test_every_token_has_one_place_beside_those_of_its_row(lengths: list[int], wider: int) -> None:
    width = max(lengths) + wider
    layout = Layout(lengths, width)
    wanted = [row * width + column for row, length in enumerate(lengths) for column in range(length)]
    assert sorted(layout.places[layout.filled].tolist()) == wanted
    assert (layout.places[layout.filled] % width == layout.columns[layout.filled]).all()
    assert [length for block in layout.blocks for length in block.lengths] == sorted(lengths, reverse=True)
    for block in layout.blocks:
        own = layout.places[block.start : block.end].reshape(len(block.lengths), block.width)
        assert (own // width == own[:, :1] // width).all(), "each line of a block is of one row"
        assert block.width * len(block.lengths) - sum(block.lengths) <= 12
    assert len(layout.places) == recurring(layout.tokens) >= layout.tokens == layout.blocks[-1].end


def test_up_to_a_thousand_tokens_have_few_sizes_that_are_little_larger() -> None:
    sizes = np.array([recurring(tokens) for tokens in range(1, 1025)])
    tokens = np.arange(1, 1025)
    assert (sizes >= tokens).all()
    assert (sizes - tokens < np.maximum(16, tokens / 8)).all()
    assert len(np.unique(sizes)) <= 40
