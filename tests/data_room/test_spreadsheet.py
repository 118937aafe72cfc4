"""Cells that a spreadsheet must not run: what is written before them, and that it comes off again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import SHEET_COLUMN, plain_cell, read_table, safe_cell
from bakeoff.workbench.label import write_sample

EVIL = ['=HYPERLINK("http://a.example","x")', "+1 for this", "-5 stars", "@SUM(A1)", "\t=1+1", "\r=1+1", "\uff1d1+1"]


@pytest.mark.parametrize("text", EVIL)
def test_what_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-", "+", "-0.5", "+3", "1e-9", "-1,250.50", "-12%", "plain", "a=b", "'quoted'"])
def test_what_cannot_run_stays(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text(st.sampled_from("'=+-@\t\r\n1.,e% a\uff1d"), max_size=8) | st.text(max_size=20))
def test_every_text_comes_back(text: str) -> None:
    written = safe_cell(text)
    assert plain_cell(written) == text
    assert written[:1] not in "=@\t\r\n" or len(written) < 2


def test_a_sheet_to_label_is_read_back_as_it_was(tmp_path: Path) -> None:
    texts = [f"{text} and some more words" for text in EVIL if text[0] not in "\t\r"] + [
        "'tis a plain text",
        "'-ing' forms",
    ]
    source = tmp_path / "bare.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["=review"], *([text] for text in texts)])
    assert write_sample(source, tmp_path / "sheet.csv", rows=50, text=("=review",)) == len(texts)
    raw = (tmp_path / "sheet.csv").read_text(encoding="utf-8")
    assert raw.startswith(f"'=review,label,{SHEET_COLUMN}")
    assert all(line[:1] not in "=+-@" for line in raw.splitlines())
    table = read_table(tmp_path / "sheet.csv")
    assert sorted(str(cell) for cell in table.column("=review")) == sorted(texts)
    # Any other file is read cell by cell as it stands.
    other = tmp_path / "other.csv"
    other.write_text("review,label\n'-ing' forms,a\n", encoding="utf-8")
    assert read_table(other).column("review") == ("'-ing' forms",)
