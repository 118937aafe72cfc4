"""Texts without a label: read, kept apart, and like no labelled row."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data import keep_unlabelled, read_rows, unlabelled
from bakeoff.errors import DataError


def _source(folder: Path, *bare: str):
    path = folder / "a.csv"
    labelled = [
        f"the {i} rooms were very {'clean' if i % 2 else 'dirty'},{'good' if i % 2 else 'bad'}" for i in range(6)
    ]
    path.write_text("\n".join(["text,label", *labelled, *(f"{text}," for text in bare)]) + "\n", encoding="utf-8")
    return read_rows(path)


def test_rows_without_a_label_are_in_no_split(tmp_path):
    source = _source(tmp_path, "nobody has said what this is", "nor this")
    assert len(source) == 6
    assert source.unlabelled == ("nobody has said what this is", "nor this")
    assert [note.detail for note in source.notes if note.name == "empty"] == [
        f"2 rows of {tmp_path / 'a.csv'} without a label kept apart (rows 8, 9)."
    ]


def test_a_test_row_without_a_label_is_dropped(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\none,a\ntwo,b\nthree,\n")
    (tmp_path / "test.csv").write_text("text,label\nfour,a\nfive,b\nsix,\n")
    assert read_rows(tmp_path).unlabelled == ("three",)


def test_copies_and_what_is_like_a_labelled_row_are_left_out(tmp_path):
    source = _source(tmp_path, "nobody has said", "Nobody  has said", "THE 3 rooms were very clean!", "nor this")
    texts, (check,) = keep_unlabelled(source, seed=0, further=("nor this", "a text of another file", " "))
    assert texts == ("nobody has said", "nor this", "a text of another file")
    assert check.status == "PASS"
    assert check.detail.startswith("7 texts without a label: 3 are kept apart")
    assert "4 are copies, like a labelled row" in check.detail


def test_of_many_a_sample_is_drawn_by_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(unlabelled, "MOST_KEPT", 5)
    source = _source(tmp_path, *(f"{word} has been told" for word in "abcdefghijklmnop"))
    first, _ = keep_unlabelled(source, seed=1)
    assert len(first) == 5
    assert keep_unlabelled(source, seed=1)[0] == first
    assert keep_unlabelled(source, seed=2)[0] != first


def test_nothing_is_said_where_all_is_labelled(tmp_path):
    assert keep_unlabelled(_source(tmp_path), seed=0) == ((), ())


def test_a_file_without_any_label_says_how_to_begin(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("text,label\none,\ntwo,\n")
    with pytest.raises(DataError, match="no row with both a text and a label") as error:
        read_rows(path)
    assert "bakeoff label DATA --write SHEET" in error.value.next_step
