"""Tasks: label words, metrics against scikit-learn, and the choice of the metric."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from bakeoff.errors import OptionError
from bakeoff.tasks import (
    LabelScoring,
    Task,
    choose_metric,
    classification_task,
    label_codes,
    label_words,
    score_codes,
)

LABELS = ("a", "b", "c")
ROWS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=60)


@settings(deadline=None)
@given(ROWS)
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    truth = [true for true, _ in rows]
    answers = [answer for _, answer in rows]
    given_answers = ["<abstain>" if answer is None else answer for answer in answers]
    assert LabelScoring("accuracy", LABELS).score_values(truth, answers) == pytest.approx(
        accuracy_score(truth, given_answers)
    )
    expected = f1_score(truth, given_answers, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert LabelScoring("macro-F1", LABELS).score_values(truth, answers) == pytest.approx(expected)


@settings(deadline=None)
@given(ROWS, st.integers(0, 2**32 - 1))
def test_weights_are_copies_of_rows(rows: list[tuple[str, str | None]], seed: int) -> None:
    truth = label_codes([true for true, _ in rows], LABELS)
    answers = label_codes([answer for _, answer in rows], LABELS)
    weights = np.random.default_rng(seed).multinomial(len(rows), [1 / len(rows)] * len(rows), size=3)
    for metric in ("accuracy", "macro-F1"):
        values = score_codes(metric, truth, answers, 3, weights.astype(float))
        for value, counts in zip(np.atleast_1d(values), weights, strict=True):
            copied = np.repeat(np.arange(len(rows)), counts)
            assert value == pytest.approx(score_codes(metric, truth[copied], answers[copied], 3))


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(OptionError, match=r"one of accuracy, macro-F1; 'auc' came\. Choose one with --metric\."):
        LabelScoring("auc", LABELS).score_values(["a"], ["a"])


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_payment_fee_charged", "card payment fee charged"),
        ("positive", "positive"),
        ("ABBR", "ABBR"),
        ("helpRequest", "help Request"),
        ("a/b", "a b"),
        ("___", "___"),
    ],
)
def test_label_words_are_readable(label: str, words: str) -> None:
    assert label_words(label) == words


def test_labels_that_read_alike_keep_their_spelling() -> None:
    task = classification_task(name="x", labels=["a_b", "a b"], metric="accuracy")
    assert len(set(task.words)) == 2


def test_given_words_that_are_the_same_are_refused() -> None:
    with pytest.raises(OptionError, match="'good' stand for two labels"):
        classification_task(name="x", labels=["a", "b"], metric="accuracy", words={"a": "good", "b": "good"})


def test_uneven_labels_are_scored_by_macro_f1() -> None:
    assert choose_metric({"a": 30, "b": 10}) == "accuracy"
    assert choose_metric({"a": 31, "b": 10}) == "macro-F1"
    assert choose_metric({"a": 43, "b": 34, "stray": 1}) == "accuracy"


def test_a_task_round_trips_through_json() -> None:
    task = classification_task(name="sentiment", labels=["b", "a"], metric="accuracy", definitions={"a": "good"})
    assert task.labels == ("a", "b")
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_a_label_may_have_several_words_and_a_task_without_any_is_written_as_before() -> None:
    made = {"name": "sentiment", "labels": ("bad", "good"), "metric": "accuracy"}
    task = classification_task(**made, other_words={"good": ("great", "good", "fine", "great"), "bad": ()})
    assert task.other_words == ((), ("great", "fine"))
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task
    plain = classification_task(**made, other_words={"good": ("good",)})
    assert "other_words" not in plain.to_json()
    assert Task.from_json(plain.to_json()) == plain


@pytest.mark.parametrize("others", [{"good": ("bad",)}, {"good": ("fair",), "bad": ("fair",)}])
def test_no_word_may_stand_for_two_labels(others: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(OptionError, match=r"'(bad|fair)' stand for two labels"):
        classification_task(name="sentiment", labels=("bad", "good"), metric="accuracy", other_words=others)
