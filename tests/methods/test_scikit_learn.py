"""Methods are scikit-learn's estimators: in pipelines and searches, with arrays, Series and frames, and pickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from bakeoff.errors import DataError
from bakeoff.methods.contract import Method
from bakeoff.methods.registry import load_method
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows
from small_models import write_encoder_folder

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
TEXTS, LABELS = text_rows(40)
NEW, _ = text_rows(8, seed=4)

FORMS: dict[str, tuple[Callable[[list[str]], Any], Callable[[list[str]], Any]]] = {
    "lists": (list, list),
    "arrays": (np.array, np.array),
    "objects": (lambda texts: np.array(texts, dtype=object), lambda labels: np.array(labels, dtype=object)),
    "a column": (lambda texts: np.array(texts, dtype=object).reshape(-1, 1), np.array),
    "series": (lambda texts: pd.Series(texts, index=range(7, 7 + len(texts))), pd.Series),
    "categories": (pd.Series, lambda labels: pd.Series(labels, dtype="category")),
    "frame": (lambda texts: pd.DataFrame({"review": texts}), pd.Series),
    "polars series": (pl.Series, pl.Series),
    "polars frame": (lambda texts: pl.DataFrame({"review": texts}), pl.Series),
}


def _tfidf() -> Method:
    return load_method("tfidf")(task=TASK, model=None, seed=0)


@pytest.mark.parametrize("form", FORMS)
def test_texts_and_labels_come_in_every_usual_form(form: str) -> None:
    texts, labels = FORMS[form]
    right = _tfidf().fit(TEXTS, LABELS)
    found = _tfidf().fit(texts(TEXTS), labels(LABELS))
    assert found.predict(texts(NEW)).tolist() == right.predict(NEW).tolist()
    np.testing.assert_array_equal(found.predict_proba(texts(NEW)), right.predict_proba(NEW))
    assert found.score(texts(TEXTS), labels(LABELS)) == right.score(TEXTS, LABELS)


def test_columns_of_a_frame_are_the_fields_of_a_pair() -> None:
    frame = pd.DataFrame({"one": TEXTS, "other": TEXTS[::-1]})
    task = classification_task(name="same", labels=("no", "yes"), metric="accuracy")
    labels = ["no", "yes"] * 20
    made = load_method("tfidf")(task=task, model=None, seed=0).fit(frame, labels)
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    assert made.predict(frame).tolist() == made.predict(pairs).tolist()


def test_a_series_with_a_gap_is_refused_by_its_place() -> None:
    with pytest.raises(DataError, match="its element 1 is of type"):
        _tfidf().fit(TEXTS, LABELS).predict(pd.Series(["fine", None]))


def test_parameters_are_read_set_and_cloned() -> None:
    made = _tfidf().fit(TEXTS, LABELS)
    copy = clone(made)
    assert copy.get_params(deep=False) == {"task": TASK, "model": None, "seed": 0}
    assert copy.set_params(seed=3).seed == 3
    assert not hasattr(copy, "classes_")
    assert is_classifier(made)
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        copy.set_params(depth=2)


def test_probabilities_stand_in_the_order_of_the_classes() -> None:
    made = _tfidf().fit(TEXTS, LABELS)
    rows = made.predict_proba(NEW)
    assert made.classes_.tolist() == ["negative", "positive"]
    assert made.classes_[rows.argmax(axis=1)].tolist() == made.predict(NEW).tolist()


def test_a_pipeline_is_searched_and_calibrated() -> None:
    made = Pipeline([("lower", FunctionTransformer(_lowered)), ("method", _tfidf())])
    assert cross_val_score(made, TEXTS, LABELS, cv=2).shape == (2,)
    searched = GridSearchCV(made, {"method__seed": [0, 1]}, cv=2).fit(np.array(TEXTS), np.array(LABELS))
    assert searched.best_estimator_.predict(NEW).tolist() == made.fit(TEXTS, LABELS).predict(NEW).tolist()
    assert cross_val_predict(_tfidf(), TEXTS, LABELS, cv=2).shape == (40,)
    calibrated = CalibratedClassifierCV(_tfidf(), cv=2).fit(TEXTS, LABELS)
    assert set(calibrated.predict(NEW)) <= {"negative", "positive"}


def test_a_fitted_method_is_pickled() -> None:
    made = _tfidf().fit(TEXTS, LABELS)
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict_proba(NEW), made.predict_proba(NEW))


def test_a_tuned_encoder_is_pickled_after_it_has_answered(tmp_path: Path) -> None:
    settings = {"model": write_encoder_folder(tmp_path / "encoder"), "max_epochs": 1, "least_steps": 2}
    made = load_method("full")(task=TASK, seed=0, **settings).fit(TEXTS, LABELS)
    wanted = made.predict_proba(NEW)
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict_proba(NEW), wanted)


@pytest.mark.models
def test_a_tuned_encoder_is_searched_in_a_pipeline_and_pickled(catalogue_cache: Path) -> None:
    probe = load_method("probe")(task=TASK, model="minilm-l6", seed=0)
    made = Pipeline([("lower", FunctionTransformer(_lowered)), ("probe", probe)])
    texts, labels = pd.Series(TEXTS), np.array(LABELS)
    searched = GridSearchCV(made, {"probe__long_texts": ["cut", "cut-short"]}, cv=2, error_score="raise")
    searched.fit(texts, labels)
    assert searched.best_score_ > 0.8
    assert cross_val_score(clone(made), texts, labels, cv=2).mean() == pytest.approx(searched.best_score_)
    again = pickle.loads(pickle.dumps(searched.best_estimator_))
    np.testing.assert_allclose(again.predict_proba(NEW), searched.predict_proba(NEW), atol=1e-6)


def _lowered(texts: Any) -> list[str]:
    return [text.lower() for text in texts]
