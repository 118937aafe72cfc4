"""Label names: answers without rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.label_names import LabelNames, label_texts
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import MethodSuite, text_rows

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def _models(catalogue_cache: Path) -> None:
    """Give the real encoder."""


class TestLabelNames(MethodSuite):
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return LabelNames(task=task, model="minilm-l6", seed=seed)


def test_rows_change_nothing() -> None:
    task = classification_task(name="topic", labels=("sport", "cooking", "money"), metric="accuracy")
    asked = [
        "The team won the football match.",
        "Fry the onions in butter.",
        "The bank raised its rates.",
    ]
    plain = LabelNames(task, "minilm-l6").fit([], [])
    assert plain.predict(asked).tolist() == ["sport", "cooking", "money"]
    texts, _ = text_rows(6)
    taught = LabelNames(task, "minilm-l6").fit(texts, ["money"] * 6)
    np.testing.assert_array_equal(plain.vectors_, taught.vectors_)
    assert not hasattr(plain, "predict_proba")


def test_definitions_and_further_words_are_compared() -> None:
    task = classification_task(
        name="kind",
        labels=("a", "b"),
        metric="accuracy",
        words={"a": "sport", "b": "money"},
        definitions={"b": "banks, wages and prices"},
        other_words={"a": ("football", "tennis")},
    )
    assert label_texts(task, 0) == ("sport", "football", "tennis")
    assert label_texts(task, 1) == ("money: banks, wages and prices",)
    fitted = LabelNames(task, "minilm-l6").fit([], [])
    assert fitted.predict(["He won the tournament.", "Wages rose by two percent."]).tolist() == ["a", "b"]
