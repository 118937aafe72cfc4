"""Rows come from tables in memory as from files: of pandas, polars and Hugging Face, and with splits."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest

from bakeoff.data import read_rows
from bakeoff.data.frames import table_of_frame
from bakeoff.errors import DataError

ROWS = {
    "review": ["fine", None, "bad", "good enough", "dreadful"],
    "stars": [5, 4, 1, 4, 1],
    "day": [datetime.date(2026, 1, day) for day in range(1, 6)],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, lambda rows: pl.DataFrame(rows).lazy()])
def test_a_table_reads_as_the_same_rows(make: Any) -> None:
    read = read_rows(make(ROWS), text=("review",), label="stars", time="day")
    rows = read.split("all")
    assert rows is not None
    assert rows.texts == ("fine", "bad", "good enough", "dreadful")
    assert rows.labels == ("5", "1", "4", "1")
    assert rows.row_numbers == (1, 3, 4, 5)
    assert rows.times is not None
    assert rows.times[0] == "2026-01-01"
    assert read.name.endswith("Frame")


def test_cells_keep_lists_and_leave_gaps() -> None:
    frame = pd.DataFrame(
        {"tokens": [["a", "b"], ["c"]], "number": [1.5, float("nan")], "when": [pd.Timestamp("2026-01-02"), pd.NaT]}
    )
    table = table_of_frame(frame, "frame")
    assert table.cells == ((("a", "b"), "1.5", "2026-01-02T00:00:00"), (("c",), None, None))


def test_a_mapping_of_splits_keeps_them() -> None:
    part = pl.DataFrame({"text": ["a b", "c d"], "label": ["x", "y"]})
    read = read_rows({"train": part, "test": part, "unsupervised": part})
    assert [split for split, _ in read.splits] == ["train", "test"]
    assert any("unsupervised" in note.detail for note in read.notes)


def test_data_sets_of_hugging_face_give_labels_by_their_names() -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed: bakeoff[hub]")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    part = datasets.Dataset.from_dict({"text": ["good", "bad", "fine"], "label": [1, 0, 1]}, features=features)
    rows = read_rows(part).split("all")
    assert rows is not None
    assert rows.labels == ("positive", "negative", "positive")
    read = read_rows(datasets.DatasetDict({"train": part, "test": part}))
    assert [split for split, _ in read.splits] == ["train", "test"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (3, "a int came"),
        (["a", "b"], "a list came"),
        (pd.DataFrame({"text": []}), "DataFrame holds no rows"),
        ({}, "must have one at least"),
    ],
)
def test_what_is_no_table_of_rows_is_refused(source: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_rows(source)
