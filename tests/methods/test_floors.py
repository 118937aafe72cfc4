"""Floors pass the contract suite, and do what they are named for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.errors import DataError
from bakeoff.methods.contract import Method
from bakeoff.methods.floors import Majority, TfidfLogistic
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import MethodSuite, text_rows


class TestMajority(MethodSuite):
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return Majority(task=task, seed=seed)


class TestTfidfLogistic(MethodSuite):
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return TfidfLogistic(task=task, seed=seed)


@pytest.fixture
def task() -> Task:
    return classification_task(name="sentiment", labels=("negative", "neutral", "positive"), metric="accuracy")


def test_majority_answers_the_most_frequent_label(task: Task) -> None:
    method = Majority(task=task).fit(["a", "b", "c", "d"], ["positive", "neutral", "positive", "negative"])
    assert method.predict(["x", ""]).tolist() == ["positive", "positive"]
    np.testing.assert_allclose(method.predict_proba(["x"]), [[0.25, 0.25, 0.5]])


def test_majority_takes_the_first_label_on_a_tie(task: Task) -> None:
    assert Majority(task=task).fit(["a", "b"], ["positive", "neutral"]).predict(["x"]).tolist() == ["neutral"]


def test_majority_learns_from_one_row(task: Task) -> None:
    assert Majority(task=task).fit(["a"], ["positive"]).predict(["x"]).tolist() == ["positive"]


def test_tfidf_learns_what_the_words_tell(task: Task) -> None:
    texts, labels = text_rows(32)
    unseen, truth = text_rows(48, seed=3)
    method = TfidfLogistic(task=task).fit(texts, labels)
    assert np.mean(method.predict(unseen) == np.array(truth)) == 1.0


def test_tfidf_gives_a_label_without_rows_no_probability(task: Task) -> None:
    method = TfidfLogistic(task=task).fit(*text_rows(16))
    assert method.predict_proba(["neutral"])[0, 1] == 0.0


def test_tfidf_chooses_its_strength_inside_the_rows(task: Task) -> None:
    method = TfidfLogistic(task=task).fit(*text_rows(50))
    assert method.details_["strength"]["folds"] == 3
    assert {pair[0] for pair in method.details_["strength"]["scores"]} == {1.0, 10.0, 100.0}
    assert TfidfLogistic(task=task).fit(*text_rows(49)).details_["strength"]["folds"] == 0


def test_tfidf_learns_from_blank_texts(task: Task, tmp_path: Path) -> None:
    method = TfidfLogistic(task=task).fit(["", " ", "\n"], ["positive", "positive", "negative"])
    assert method.predict(["", "word"]).tolist() == ["positive", "positive"]
    method.save(tmp_path)
    loaded = TfidfLogistic.load(tmp_path, method.get_params(deep=False))
    assert loaded.predict([""]).tolist() == ["positive"]


def test_tfidf_needs_two_labels(task: Task) -> None:
    with pytest.raises(DataError, match="two labels"):
        TfidfLogistic(task=task).fit(["a", "b"], ["positive", "positive"])
