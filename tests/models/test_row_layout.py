"""Rows of a batch: each token has one place, little is padded, and sizes recur."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.models.row_layout import Layout


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.integers(0, 5))
def test_every_token_has_one_place_beside_those_of_its_row(lengths: list[int], wider: int) -> None:
    width = max(lengths) + wider
    layout = Layout(lengths, width)
    wanted = [row * width + column for row, length in enumerate(lengths) for column in range(length)]
    assert sorted(layout.places[layout.filled].tolist()) == wanted
    assert (layout.places[layout.filled] % width == layout.columns[layout.filled]).all()
    for block in layout.blocks:
        places = layout.places[block.start : block.end].reshape(block.owners.shape)
        here = block.owners >= 0
        assert (places[here] // width == block.owners[here]).all()
        for owner in block.owners:
            own = [row for row in dict.fromkeys(owner.tolist()) if row >= 0]
            assert sum(lengths[row] for row in own) == (owner >= 0).sum(), "a row stands in one sequence, whole"
    assert layout.blocks[-1].end == len(layout.places) == len(layout.columns)


def test_batches_of_reviews_have_few_sizes_and_little_padding() -> None:
    generator = np.random.default_rng(0)
    sizes, padding = set[int](), []
    for _ in range(200):
        lengths = (4 + generator.gamma(3.0, 6.5, size=generator.integers(1, 33))).astype(int).tolist()
        places = len(Layout(lengths, max(lengths)).places)
        sizes.add(places)
        padding.append(1 - sum(lengths) / places)
    assert len(sizes) <= 35, "200 batches, most of them of another number of tokens"
    assert np.mean(padding) < 0.15
