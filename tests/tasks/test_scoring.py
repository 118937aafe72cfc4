"""Metrics of every kind agree with those of scikit-learn, scipy and the published definition of entity F1."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import f1_score, r2_score

from bakeoff.errors import OptionError
from bakeoff.tasks import (
    TASK_KINDS,
    default_metric,
    entities_of,
    likeliest_tags,
    metrics_of,
    scoring_of,
    task_of_kind,
    with_beginnings,
)

NAMES = ("a", "b", "c", "d")


def scoring(kind, metric):
    return scoring_of(task_of_kind(kind, name="x", labels=() if kind == "regression" else NAMES, metric=metric))


def sets_of(rows):
    return [json.dumps([name for name, has in zip(NAMES, row, strict=True) if has]) for row in rows]


@given(st.integers(0, 10_000), st.integers(2, 40))
@settings(max_examples=30, deadline=None)
def test_multi_label_f1_is_scikit_learns(seed, rows):
    rng = np.random.default_rng(seed)
    truth, answers = rng.random((2, rows, len(NAMES))) < 0.4
    given_sets = sets_of(truth), sets_of(answers)
    micro = scoring("multi-label", "micro-F1").score_values(*given_sets)
    assert micro == pytest.approx(f1_score(truth, answers, average="micro", zero_division=0))
    present = np.flatnonzero(truth.any(axis=0))
    if len(present):
        macro = np.mean([f1_score(truth[:, at], answers[:, at], zero_division=0) for at in present])
        assert scoring("multi-label", "macro-F1").score_values(*given_sets) == pytest.approx(macro)
    exact = (truth == answers).all(axis=1).mean()
    assert scoring("multi-label", "exact-match").score_values(*given_sets) == pytest.approx(exact)


@given(st.integers(0, 10_000), st.integers(3, 60))
@settings(max_examples=30, deadline=None)
def test_metrics_of_numbers_are_those_of_scipy_and_scikit_learn(seed, rows):
    rng = np.random.default_rng(seed)
    truth = rng.normal(1000.0, 2.0, rows)
    answers = truth + rng.normal(0, 1.5, rows)
    written = [[repr(float(value)) for value in values] for values in (truth, answers)]
    assert scoring("regression", "pearson").score_values(*written) == pytest.approx(pearsonr(truth, answers)[0])
    assert scoring("regression", "r2").score_values(*written) == pytest.approx(r2_score(truth, answers))
    tiny = [[repr(float(value) * 1e-9) for value in values] for values in (truth, answers)]
    assert scoring("regression", "pearson").score_values(*tiny) == pytest.approx(pearsonr(truth, answers)[0], rel=1e-6)


def test_equal_numbers_correlate_with_nothing_and_an_abstention_is_the_mean():
    pearson = scoring("regression", "pearson")
    assert pearson.score_values(["1.0", "2.0", "4.0"], ["3.0"] * 3) == 0.0
    known = pearson.score_values(["1.0", "2.0", "3.0"], ["1.0", "2.0", "3.0"])
    assert known == pytest.approx(1.0)
    assert pearson.score_values(["1.0", "2.0", "3.0"], [None, "2.0", "3.0"]) == pytest.approx(
        pearsonr([1, 2, 3], [2, 2, 3])[0]
    )


# Expected counts are those of seqeval's default mode, which is conlleval's.
@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-PER I-PER O", [(1, 3, "PER")]),
        ("B-PER B-PER I-PER", [(0, 1, "PER"), (1, 3, "PER")]),
        ("I-PER I-PER O I-LOC", [(0, 2, "PER"), (3, 4, "LOC")]),
        ("B-PER I-LOC I-LOC", [(0, 1, "PER"), (1, 3, "LOC")]),
        ("B-A-B I-A-B B-C", [(0, 2, "A-B"), (2, 3, "C")]),
        ("O O", []),
        ("I-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")]),
    ],
)
def test_entities_begin_and_end_as_conlleval_has_them(tags, expected):
    assert list(entities_of(tags.split())) == expected


def test_entity_f1_counts_whole_entities():
    truth = ["B-PER I-PER O B-LOC", "O O"]
    f1 = scoring("tagging", "entity-F1")
    assert f1.score_values(truth, truth) == 1.0
    # One right of two true, and one found that is too short.
    assert f1.score_values(truth, ["B-PER O O B-LOC", "O O"]) == pytest.approx(0.5)
    assert f1.score_values(truth, ["O O O O", "O B-LOC"]) == 0.0
    assert f1.score_values(truth, [None, "O O"]) == 0.0
    assert scoring("tagging", "token-accuracy").score_values(truth, ["B-PER O O B-LOC", "O O"]) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("multi-label", ['["a"]', '["a", "b"]', "[]", '["c"]']),
        ("regression", ["1.0", "2.5", "-3.0", "0.5"]),
        ("tagging", ["B-a O", "O O", "B-a I-a", "O B-b"]),
        ("classification", ["a", "b", "c", "a"]),
    ],
)
def test_weights_count_rows_as_often_as_copies_would(kind, values):
    for metric in metrics_of(kind):
        scored = scoring(kind, metric)
        truth, answers = scored.codes(values), scored.codes([*values[1:], values[0]])
        weights = np.array([[2, 0, 1, 3], [1, 1, 1, 1]], dtype=np.float64)
        copies = np.repeat(np.arange(4), weights[0].astype(int))
        found = scored.score(truth, answers, weights)
        assert found[0] == pytest.approx(scored.score(truth[copies], answers[copies]))
        assert found[1] == pytest.approx(scored.score(truth, answers))


def test_every_kind_that_runs_has_a_default_metric_and_refuses_others():
    values = {"regression": ["1.5"], "multi-label": ['["a"]'], "tagging": ["B-a"]}
    for kind in (kind for kind, runs in TASK_KINDS.items() if runs):
        metric = default_metric(kind, values.get(kind, ["a", "b"] * 3))
        assert metric in metrics_of(kind)
        known = scoring(kind, metric)
        with pytest.raises(OptionError, match="The metric must be one of"):
            known.with_metric("perplexity").score_values(["a"], ["a"])


_TAGS = ("B-A", "B-B", "I-A", "I-B", "O")


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_likeliest_tags_are_the_best_of_all_rows_of_tags_without_an_inside_beginning(tokens: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(tokens, len(_TAGS)))
    allowed = [path for path in product(_TAGS, repeat=tokens) if with_beginnings(path, _TAGS) == list(path)]
    best = max(allowed, key=lambda path: sum(scores[at, _TAGS.index(tag)] for at, tag in enumerate(path)))
    assert likeliest_tags(scores, _TAGS) == list(best)


def test_an_inside_tag_begins_an_entity_of_a_type_without_beginnings() -> None:
    scores = np.log([[0.1, 0.9], [0.9, 0.1]])
    assert likeliest_tags(scores, ("I-A", "O")) == ["O", "I-A"]
    assert likeliest_tags(np.empty((0, 2)), ("I-A", "O")) == []
    assert likeliest_tags(np.full((1, 1), -np.inf), ("O",)) == ["O"]


@given(st.lists(st.sampled_from(_TAGS), min_size=1, max_size=8))
def test_writing_beginnings_changes_no_entity(tags: list[str]) -> None:
    written = with_beginnings(tags, _TAGS)
    assert entities_of(written) == entities_of(tags)
    assert with_beginnings(written, _TAGS) == written
    assert with_beginnings(tags, ("I-A", "I-B", "O")) == tags
