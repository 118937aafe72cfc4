"""Texts as people give them: what is read, and what only looks like a sequence of texts."""

from __future__ import annotations

import warnings

import pandas as pd
import polars as pl
import pytest

from bakeoff.errors import DataError
from bakeoff.methods.floors import TfidfLogistic
from bakeoff.tasks import written_texts
from bakeoff.testing.rows import rows_of_kind, task_for_kind


def test_one_text_is_not_read_by_its_letters() -> None:
    with pytest.raises(DataError, match="one text came: its letters would be rows"):
        written_texts("ab")


def test_a_lazy_frame_is_read_as_its_rows_and_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert written_texts(pl.LazyFrame({"text": ["one", "two"]})) == ["one", "two"]  # type: ignore[arg-type]


def test_a_table_that_holds_the_labels_too_is_not_learned_from() -> None:
    texts, labels = rows_of_kind("classification", 24)
    frame = pd.DataFrame({"text": texts, "label": labels})
    method = TfidfLogistic(task_for_kind("classification"), seed=0)
    for table in (frame, pl.DataFrame({"text": texts, "label": labels}).lazy()):
        with pytest.raises(DataError, match="its column 'label' is y"):
            method.fit(table, labels)
    assert method.fit(frame[["text"]], labels).score(frame[["text"]], labels) > 0.5
