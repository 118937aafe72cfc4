"""The choice of demonstrations."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.methods.prompt.demos import choose_demonstrations, diverse_demonstrations, most_demonstrations
from bakeoff.methods.prompt.likeness import Likeness

ROWS = st.lists(st.tuples(st.text(max_size=9), st.sampled_from("abcde")), max_size=30)


@pytest.mark.parametrize("choose", [choose_demonstrations, diverse_demonstrations])
@settings(deadline=None, max_examples=60)
@given(rows=ROWS, shots=st.integers(0, 12), seed=st.integers(0, 99))
def test_distinct_balanced_and_repeatable(choose, rows, shots, seed):
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    chosen = choose(texts, labels, shots, seed)
    assert len(set(chosen)) == len(chosen) == min(shots, len(rows))
    assert chosen == choose(texts, labels, shots, seed)
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


def test_long_and_empty_texts_are_passed_over_by_the_diverse_choice_too():
    texts = ["short text", "  ", "brief words", "odd " * 50, "small talk", "tiny thing"]
    labels = ["a", "a", "b", "b", "a", "b"]
    assert all({1, 3}.isdisjoint(diverse_demonstrations(texts, labels, 4, seed)) for seed in range(20))


def test_diverse_rows_stand_for_each_kind_of_text():
    kinds = ("the battery is empty after an hour", "my parcel never came to the house", "screen cracked in the rain")
    texts = [f"{kind} {number}" for kind in kinds for number in range(6)]
    for seed in range(20):
        chosen = diverse_demonstrations(texts, ["a"] * 18, 3, seed)
        assert {row // 6 for row in chosen} == {0, 1, 2}
    missed = [len({row // 6 for row in choose_demonstrations(texts, ["a"] * 18, 3, seed)}) < 3 for seed in range(20)]
    assert any(missed), "a draw at random would do"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text("abcde ", min_size=4, max_size=12), min_size=3, max_size=8), st.integers(0, 9))
def test_the_diverse_rows_cover_the_others_at_most_twice_as_far_as_the_best_could(texts, seed):
    # Gonzalez's bound holds for a metric: the angle between two vectors is one, and grows as likeness falls.
    texts = [f"{text:<12}".replace(" ", "_") for text in texts]
    likeness = Likeness(texts)
    angles = np.arccos(np.clip([likeness.to(text) for text in texts], 0.0, 1.0))

    def radius(rows):
        return angles[list(rows)].min(axis=0).max()

    best = min(radius(rows) for rows in combinations(range(len(texts)), 2))
    assert radius(diverse_demonstrations(texts, ["a"] * len(texts), 2, seed)) <= 2 * best + 1e-6


@settings(deadline=None)
@given(ROWS, st.integers(0, 40), st.integers(0, 30))
def test_most_demonstrations_fit_and_one_more_would_not(rows, most, room):
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    found = most_demonstrations(texts, labels, most, 0, lambda chosen: len(chosen) <= room)
    assert len(set(found)) == len(found) == min(most, room, len(rows))
    assert most_demonstrations(texts, labels, most, 0, lambda _: False) == ()


def test_likeness_is_1_to_itself_and_0_to_a_stranger():
    likeness = Likeness(["good phone", "bad case", "   "])
    assert likeness.to("good phone") == pytest.approx([1.0, 0.0, 0.0])
    assert likeness.to("你好").tolist() == likeness.to("").tolist() == [0.0, 0.0, 0.0]
    assert Likeness(["", " "]).to("good").tolist() == [0.0, 0.0]


def test_seeds_differ_in_choice_and_order():
    texts = [f"text {number}" for number in range(20)]
    draws = {choose_demonstrations(texts, ["a", "b"] * 10, 4, seed) for seed in range(10)}
    assert len(draws) > 5
    assert len({tuple("ab"[row % 2] for row in draw) for draw in draws}) > 1
