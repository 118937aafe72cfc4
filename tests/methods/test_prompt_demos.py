"""The choice of demonstrations."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.methods.prompt.demos import choose_demonstrations

ROWS = st.lists(st.tuples(st.text(max_size=9), st.sampled_from("abcde")), max_size=30)


@settings(deadline=None)
@given(ROWS, st.integers(0, 12), st.integers(0, 99))
def test_distinct_balanced_and_repeatable(rows, shots, seed):
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    chosen = choose_demonstrations(texts, labels, shots, seed)
    assert len(set(chosen)) == len(chosen) == min(shots, len(rows))
    assert chosen == choose_demonstrations(texts, labels, shots, seed)
    available, taken = Counter(labels), Counter(labels[row] for row in chosen)
    for label in available:
        # A label has at most one row fewer than any other, unless all of its rows are shown.
        assert taken[label] == available[label] or taken[label] >= max(taken.values(), default=0) - 1


def test_frequent_labels_come_first_where_not_all_fit():
    labels = ["rare1", "often", "often", "often", "some", "some", "rare2"]
    for seed in range(20):
        chosen = choose_demonstrations(["text"] * 7, labels, 2, seed)
        assert {labels[row] for row in chosen} == {"often", "some"}


def test_long_and_empty_texts_are_passed_over():
    texts = ["short text", "  ", "short text", "long " * 50, "short text", "short text"]
    assert all({1, 3}.isdisjoint(choose_demonstrations(texts, ["a", "a", "b", "b", "a", "b"], 4, s)) for s in range(20))
    assert set(choose_demonstrations(texts, ["a"] * 6, 6, 0)) == set(range(6))


def test_seeds_differ_in_choice_and_order():
    texts = [f"text {number}" for number in range(20)]
    draws = {choose_demonstrations(texts, ["a", "b"] * 10, 4, seed) for seed in range(10)}
    assert len(draws) > 5
    assert len({tuple("ab"[row % 2] for row in draw) for draw in draws}) > 1
