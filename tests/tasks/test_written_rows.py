"""Texts as people give them: what is read, and what only looks like a sequence of texts."""

from __future__ import annotations

import warnings

import polars as pl
import pytest

from bakeoff.errors import DataError
from bakeoff.tasks import written_texts


def test_one_text_is_not_read_by_its_letters() -> None:
    with pytest.raises(DataError, match="one text came: its letters would be rows"):
        written_texts("ab")


def test_a_lazy_frame_is_read_as_its_rows_and_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert written_texts(pl.LazyFrame({"text": ["one", "two"]})) == ["one", "two"]  # type: ignore[arg-type]
