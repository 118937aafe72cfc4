"""Cross-fitting: which rows a seed learns from, chooses on and tests."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data import FOLDS, Rows, Source, can_cross_fit, check_rows, cross_fit_rows, duplicates, minhash
from bakeoff.data.columns import Columns
from bakeoff.errors import DataError, OptionError

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _source(labels, groups=None, times=None, name="all"):
    texts = [
        f"{LETTERS[i % 26] * 5} {LETTERS[(i // 26) % 26] * 5} {i} {LETTERS[(i * 7) % 26] * 9}"
        for i in range(len(labels))
    ]
    rows = Rows.of(texts, labels, groups=groups, times=times)
    return Source("rows.csv", ((name, rows),), Columns(("text",), None, "label", None, None, "as you said"))


@settings(max_examples=25, deadline=None)
@given(st.integers(40, 120), st.integers(0, 5), st.sampled_from([1, 2, 3]))
def test_folds_divide_all_rows(rows, seed, seeds):
    labels = ["yes" if i % 3 else "no" for i in range(rows)]
    split = cross_fit_rows(_source(labels), seed=seed, seeds=seeds)
    assert split.rows is not None
    everything = set(range(len(split.rows)))
    tested = Counter(position for fold in split.folds for position in fold.test)
    assert set(tested.values()) == {seeds}
    assert set(tested) == everything
    assert len(split.folds) == FOLDS * seeds
    for place in range(0, len(split.folds), FOLDS):
        held = Counter(position for fold in split.folds[place : place + FOLDS] for position in fold.validation)
        assert set(held.values()) == {1}
    for fold in split.folds:
        parts = [set(part) for part in (fold.train, fold.validation, fold.test)]
        assert set.union(*parts) == everything
        assert sum(map(len, parts)) == len(everything)
        shares = [Counter(split.rows.labels[i] for i in part)["no"] / len(part) for part in parts]
        assert max(shares) - min(shares) < 0.2


def test_groups_are_never_on_two_sides_of_a_fold():
    labels = ["yes" if i % 2 else "no" for i in range(90)]
    groups = [f"customer {i // 3}" for i in range(90)]
    split = cross_fit_rows(_source(labels, groups), seed=1, seeds=3)
    assert split.rows is not None
    assert split.rows.groups is not None
    for fold in split.folds:
        sides = [{split.rows.groups[i] for i in part} for part in (fold.train, fold.validation, fold.test)]
        assert not (sides[0] & sides[1])
        assert not (sides[0] & sides[2])
        assert not (sides[1] & sides[2])


def test_what_the_checks_find_near_stays_together_and_is_searched_once(monkeypatch):
    """Each row meets two others of those that share a band, so that in another order other rows would be near."""
    signed, signatures = [], duplicates.signatures
    monkeypatch.setattr(duplicates, "signatures", lambda keys: signed.append(len(keys)) or signatures(keys))
    monkeypatch.setattr(minhash, "_WINDOW", 2)
    towns = ("Bonn", "Rome", "Oslo", "Lima", "Kiev", "Bern")
    texts = [
        f"Your order {i * 7919 % 100_003} has left our house in {towns[i % 6]}, dear customer number {i % 37}."
        for i in range(200)
    ]
    rows = Rows.of(texts, ["yes", "no"] * 100)
    source = Source("rows.csv", (("all", rows),), Columns(("text",), None, "label", None, None, "as you said"))
    check_rows(source)
    split = cross_fit_rows(source, seed=1, seeds=1)
    assert signed == [200]
    near = dict(zip(rows.ids, source.alike()[0].tolist(), strict=True))
    assert len(set(near.values())) < 150
    assert split.rows is not None
    for fold in split.folds:
        sides = [{near[split.rows.ids[i]] for i in part} for part in (fold.train, fold.validation, fold.test)]
        assert not (sides[0] & sides[1])
        assert not (sides[0] & sides[2])
        assert not (sides[1] & sides[2])


def test_rounds_of_folds_differ():
    split = cross_fit_rows(_source(["yes", "no"] * 60), seed=0, seeds=2)
    assert set(split.folds[0].test) not in [set(fold.test) for fold in split.folds[3:]]


def test_who_is_cross_fitted():
    assert can_cross_fit(_source(["yes", "no"] * 50))
    assert not can_cross_fit(_source(["yes", "no"] * 1000))
    assert not can_cross_fit(_source(["yes", "no"] * 50, name="train"))
    assert not can_cross_fit(_source(["yes", "no"] * 50, times=[f"{i:04}" for i in range(100)]))


def test_what_cannot_be_folded_is_refused():
    with pytest.raises(DataError, match="at least two labels"):
        cross_fit_rows(_source(["yes"] * 40), seed=0, seeds=3)
    with pytest.raises(OptionError, match="must not be negative"):
        cross_fit_rows(_source(["yes", "no"] * 40), seed=-1, seeds=3)
