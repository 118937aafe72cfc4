from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import OptionError
from bakeoff.models.label_trie import build_trie, has_prefix_clash

sequences = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple), min_size=1, max_size=12, unique=True
)


def test_shared_stems_are_read_once_and_last_tokens_never():
    trie = build_trie([(7, 8, 9), (7, 8, 5), (6,)])
    assert sorted(trie.tokens.tolist()) == [7, 8]
    assert len(trie.edge_tokens) == 5


@given(sequences)
def test_prefix_clash_is_what_it_says(labels):
    expected = any(one == two[: len(one)] for i, one in enumerate(labels) for j, two in enumerate(labels) if i != j)
    assert has_prefix_clash(labels) == expected


@given(sequences)
def test_paths_lead_along_each_label(labels):
    if has_prefix_clash(labels):
        with pytest.raises(OptionError, match="cannot be told apart"):
            build_trie(labels)
        return
    trie = build_trie(labels)
    ends = [*trie.path_starts[1:].tolist(), len(trie.paths)]
    for label, start, end in zip(labels, trie.path_starts, ends, strict=True):
        edges = trie.paths[start:end]
        assert tuple(trie.edge_tokens[edges]) == label
        # Each edge's parent is the node of the token before it.
        for depth, (before, edge) in enumerate(pairwise(edges.tolist()), start=1):
            node = trie.edge_parents[edge] - 1
            assert trie.tokens[node] == trie.edge_tokens[before]
            assert trie.depths[node] == depth
        assert trie.edge_parents[edges[0]] == 0


@given(sequences)
def test_exits_tell_ancestors(labels):
    if has_prefix_clash(labels):
        return
    trie = build_trie(labels)
    stems = sorted({label[:depth] for label in labels for depth in range(1, len(label))})
    assert [stem[-1] for stem in stems] == trie.tokens.tolist()
    for q, below in enumerate(stems):
        for k, above in enumerate(stems):
            assert (k <= q < trie.exits[k]) == (below[: len(above)] == above)


def test_label_sums_add_the_edges_of_each_label():
    trie = build_trie([(1, 2), (3,), (1, 4)])
    values = np.array([10.0, 1.0, 2.0, 5.0])  # edges in sorted order: 1, 1-2, 1-4, 3
    assert trie.label_sums(values).tolist() == [11.0, 5.0, 12.0]


@pytest.mark.parametrize("labels", [[], [()], [(1,), ()]])
def test_empty_labels_are_refused(labels):
    with pytest.raises(OptionError, match="one is empty"):
        build_trie(labels)
