"""Duplicates, splits and sample orders."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data import Columns, Rows, Source, near_duplicates, nested_order, split_rows
from bakeoff.data.duplicates import connected, loose_key, same_key
from bakeoff.errors import DataError, OptionError

COLUMNS = Columns(("text",), None, "label", None, None, "")
WORDS = ["red", "green", "blue", "small", "large", "old", "new", "fast", "slow", "warm", "cold", "good", "bad", "round"]


def source_of(rows: Rows, name: str = "all") -> Source:
    return Source("rows", ((name, rows),), COLUMNS)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Give different sentences that are far from each other."""
    draw = random.Random(seed)
    return [f"{i * 7919} " + " ".join(draw.choices(WORDS, k=6)) for i in range(count)]


def parts_of(split) -> dict[str, Rows]:
    return {"train": split.train, "validation": split.validation, "test": split.test}


class TestNearDuplicates:
    def test_capitals_marks_and_white_space_do_not_count(self):
        texts = ["It is GREAT!", "it is  great", "It is great?!", "it is late"]
        assert list(near_duplicates(texts)) == [0, 0, 0, 1]

    def test_marks_alone_are_texts(self):
        assert list(near_duplicates([":)", ":(", ":)", "..."])) == [0, 1, 0, 2]
        assert loose_key(":)") != loose_key(":(")
        assert same_key(" A  b\n") == "a b"

    def test_agrees_with_comparing_all_pairs(self):
        draw = random.Random(1)
        texts = []
        for sentence in sentences(60, seed=1):
            base = sentence + " " + " ".join(draw.choices(WORDS, k=20))
            words = base.split()
            texts.append(base)
            for _ in range(3):
                words[draw.randrange(len(words))] = draw.choice(WORDS)
                texts.append(" ".join(words))

        def grams(text):
            return {text[i : i + 5] for i in range(len(text) - 4)}

        sets = [grams(loose_key(text)) for text in texts]
        pairs = [
            (i, j)
            for i, j in combinations(range(len(texts)), 2)
            if len(sets[i] & sets[j]) >= 0.75 * len(sets[i] | sets[j])
        ]
        assert len(pairs) > 30
        assert list(near_duplicates(texts)) == list(connected(len(texts), pairs))

    def test_long_and_short_texts_go_together(self):
        long = "a very long text " * 90_000
        assert list(near_duplicates([long, "a", "", long + "x", "a!"])) == [0, 1, 2, 0, 1]
        assert list(near_duplicates(["one"])) == [0]
        assert list(near_duplicates([])) == []

    def test_thousands_from_one_template_are_bounded(self):
        draw = random.Random(2)
        texts = [
            f"Dear customer, your order {draw.randrange(10**6)} was shipped today and will arrive on Monday"
            for _ in range(3000)
        ]
        assert len(set(near_duplicates(texts))) < len(texts)


class TestSplit:
    def test_shares_and_label_frequencies_are_kept(self):
        labels = ["x"] * 700 + ["y"] * 250 + ["z"] * 50
        split = split_rows(source_of(Rows.of(sentences(1000), labels)), seed=3)
        assert [len(split.train), len(split.validation), len(split.test)] == [600, 150, 250]
        for rows, share in ((split.train, 0.6), (split.validation, 0.15), (split.test, 0.25)):
            for label, count in Counter(labels).items():
                assert abs(Counter(rows.labels)[label] - share * count) < 2
        assert split.method.startswith("drawn by seed 3, each label near its share in every part")
        assert split.checks == ()

    def test_the_seed_decides(self):
        source = source_of(Rows.of(sentences(100), list("xy") * 50))
        assert split_rows(source, seed=1) == split_rows(source, seed=1)
        assert set(split_rows(source, seed=1).test.ids) != set(split_rows(source, seed=2).test.ids)

    @settings(max_examples=40, deadline=None)
    @given(data=st.data(), seed=st.integers(0, 1000))
    def test_no_group_and_no_near_duplicate_is_on_two_sides(self, data, seed):
        base = sentences(40, seed)
        picks = data.draw(st.lists(st.integers(0, 39), min_size=30, max_size=80))
        marks = data.draw(st.lists(st.sampled_from(["", "!", " ok", "  "]), min_size=80, max_size=80))
        texts = [base[pick].upper() + mark for pick, mark in zip(picks, marks, strict=False)]
        labels = [f"label {i % 3}" for i in range(len(texts))]
        groups = [str(data.draw(st.integers(0, 60))) for _ in texts]
        try:
            split = split_rows(source_of(Rows.of(texts, labels, groups=groups)), seed=seed)
        except DataError:
            return
        sides = [(name, rows) for name, rows in parts_of(split).items()]
        numbers = near_duplicates([text for _, rows in sides for text in rows.texts])
        names = [name for name, rows in sides for _ in rows.texts]
        all_groups = [group for _, rows in sides for group in rows.groups]
        for keys in (numbers, all_groups):
            where: dict[object, set[str]] = {}
            for key, name in zip(keys, names, strict=True):
                where.setdefault(key, set()).add(name)
            assert all(len(on) == 1 for on in where.values())

    @settings(max_examples=40, deadline=None)
    @given(sizes=st.lists(st.integers(1, 9), min_size=6, max_size=30), seed=st.integers(0, 99))
    def test_every_label_is_among_the_training_rows(self, sizes, seed):
        labels = [f"l{i}" for i, size in enumerate(sizes) for _ in range(size)]
        try:
            split = split_rows(source_of(Rows.of(sentences(len(labels)), labels)), seed=seed)
        except DataError:
            return
        assert set(split.train.labels) == set(labels)

    def test_parts_keep_their_shares_where_groups_are_of_all_sizes(self):
        groups = [f"g{i}" for i in range(40) for _ in range(1 + i)]
        labels = [["x", "y", "x"][i % 3] for i in range(len(groups))]
        rows = Rows.of(sentences(len(groups)), labels, groups=groups)
        for seed in range(5):
            split = split_rows(source_of(rows), seed=seed)
            sizes = [len(part) / len(rows) for part in parts_of(split).values()]
            assert np.abs(np.array(sizes) - [0.6, 0.15, 0.25]).max() < 0.02
            assert abs(Counter(split.test.labels)["y"] / len(split.test) - 1 / 3) < 0.1

    def test_labels_seen_once_are_trained_on_and_noted(self):
        labels = ["x"] * 30 + ["y"] * 30 + ["once"]
        split = split_rows(source_of(Rows.of(sentences(61), labels)), seed=0)
        assert "once" in split.train.labels
        assert [check.detail for check in split.checks] == [
            "Labels without a test row: once (seen once: trained on, never tested: once)."
        ]

    def test_copies_are_kept_once_and_conflicts_on_one_side(self):
        texts = [*sentences(60), *sentences(60)[:10], "TWO minds", "two  minds"]
        labels = [*list("xy") * 35, "x", "y"]
        split = split_rows(source_of(Rows.of(texts, labels)), seed=0)
        assert sum(len(rows) for rows in parts_of(split).values()) == 62
        holds = [sum(same_key(text) == "two minds" for text in rows.texts) for rows in parts_of(split).values()]
        assert sorted(holds) == [0, 0, 2]
        assert split.checks[0].detail == (
            "10 rows with the text and label of an earlier one dropped (rows 61, 62, 63, 64, 65, ...)."
        )

    def test_own_splits_are_kept_and_leaks_leave_train(self):
        texts = sentences(40)
        train = Rows.of(texts[:30], list("xy") * 15)
        test = Rows.of([*texts[30:], texts[0].upper()], [*list("xy") * 5, "y"])
        source = Source("folder", (("train", train), ("test", test)), COLUMNS)
        split = split_rows(source, seed=0)
        assert split.test == test
        assert texts[0] not in (*split.train.texts, *split.validation.texts)
        assert len(split.train) + len(split.validation) == 29
        assert abs(len(split.validation) - 29 * 0.15 / 0.75) < 1
        assert split.checks[0].name == "leaks dropped"
        assert "(row 1)" in split.checks[0].detail
        assert split.method.startswith("The folder's own splits are kept; validation cut out of train: drawn by seed 0")
        whole = Source("folder", (("train", split.train), ("validation", split.validation), ("test", test)), COLUMNS)
        assert parts_of(split_rows(whole, seed=9)) == parts_of(split)

    def test_the_latest_rows_are_the_test(self):
        count = 100
        times = [f"2024-01-{1 + (i * 37) % 100 // 4:02}" for i in range(count)]
        split = split_rows(source_of(Rows.of(sentences(count), list("xy") * 50, times=times)), seed=0)
        assert max(split.train.times) < min(split.validation.times)
        assert max(split.validation.times) < min(split.test.times)
        assert [len(split.train), len(split.validation), len(split.test)] == [60, 16, 24]
        assert split.method.startswith("the latest rows are the test")

    def test_groups_go_by_their_latest_time(self):
        times = [str(1000 + i) for i in range(20)]
        groups = [str(i) for i in range(19)] + ["0"]
        split = split_rows(source_of(Rows.of(sentences(20), list("xy") * 10, groups=groups, times=times)), seed=0)
        assert {"1000", "1019"} <= set(split.test.times)
        assert split.checks[0].detail.startswith("1 row put in a later part than the row's own time says")

    def test_what_cannot_be_divided_is_an_error(self):
        rows = Rows.of(sentences(20), list("xy") * 10, groups=["one"] * 20)
        with pytest.raises(DataError, match="Train, validation and test must each have a row; the rows of rows leave"):
            split_rows(source_of(rows), seed=0)
        with pytest.raises(DataError, match="must each have a row"):
            split_rows(source_of(Rows.of(sentences(20), list("xy") * 10, times=["2024"] * 20)), seed=0)
        with pytest.raises(OptionError, match=r"got 0\.5, 0\.5 and 0"):
            split_rows(source_of(rows), seed=0, validation=0.5, test=0.5)


class TestNestedOrder:
    @settings(max_examples=80, deadline=None)
    @given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=25), seed=st.integers(0, 10_000))
    def test_every_prefix_is_near_the_natural_frequencies(self, counts, seed):
        labels = [f"l{i}" for i, count in enumerate(counts) for _ in range(count)]
        order = nested_order(labels, seed)
        assert sorted(order) == list(range(len(labels)))
        codes = np.array([int(labels[i][1:]) for i in order])
        seen = np.cumsum(codes[:, None] == np.arange(len(counts)), axis=0)
        expected = np.outer(np.arange(1, len(labels) + 1), np.array(counts) / len(labels))
        assert (seen - expected).max() < 1.5
        assert (expected - seen).max() < 2

    def test_seeds_vary_the_rows_and_near_ties(self):
        labels = [f"l{i}" for i in range(77) for _ in range(20 + i % 5)]
        firsts = [{labels[i] for i in nested_order(labels, seed)[:16]} for seed in range(5)]
        assert all(len(first) == 16 for first in firsts)
        assert len(set.union(*firsts)) > 40
        assert list(nested_order(labels, 1)) == list(nested_order(labels, 1))

    def test_nothing_is_ordered_as_nothing(self):
        assert len(nested_order([], 0)) == 0
