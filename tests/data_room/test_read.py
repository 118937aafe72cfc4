"""Reading files: what comes back, and what each bad file is told."""

from __future__ import annotations

import csv
import json
import tempfile
from decimal import Decimal
from pathlib import Path

import polars
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data import JsonText, read_table
from bakeoff.data.json_rows import cell_of
from bakeoff.errors import DataError

CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fault(path: Path, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        read_table(path, **options)
    return caught.value


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_any_cells_written_as_csv_are_read_back_equal(rows, delimiter):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([("text", "label"), *rows])
        table = read_table(path)
    assert table.columns == ("text", "label")
    assert table.cells == tuple(rows)
    assert table.notes == ()


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_any_cells_written_as_json_lines_are_read_back_equal(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
        path.write_bytes("\n".join(lines).encode())
        table = read_table(path)
    assert table.cells == tuple(rows)
    assert table.row_numbers == tuple(range(1, len(rows) + 1))


def test_row_numbers_are_the_lines_where_records_start(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\r\n"two\r\nlines",a\r\n\r\nplain,b\r\n')
    assert read_table(path).row_numbers == (2, 5)


def test_delimiters_inside_quotes_do_not_mislead(tmp_path):
    path = write(tmp_path, "a.csv", 'text;label\n"a, b, c; d";x\n"e, f, g";y\n')
    assert read_table(path).cells == (("a, b, c; d", "x"), ("e, f, g", "y"))


def test_tabs_without_quoting_are_read_with_a_note(tmp_path):
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"Great" movie\tgood\nno "quote\tbad\n')
    table = read_table(path)
    assert table.cells == (('"Great" movie', "good"), ('no "quote', "bad"))
    assert [note.name for note in table.notes] == ["quotes"]


def test_huge_cells_are_read_and_the_csv_limit_is_put_back(tmp_path):
    before = csv.field_size_limit()
    path = write(tmp_path, "a.csv", f"text,label\n{'x' * (before + 10)},a\n")
    assert len(read_table(path).cells[0][0]) == before + 10
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_are_found(tmp_path, encoding):
    path = write(tmp_path, "a.csv", "text,label\nschön — 猫,a\n".encode(encoding))
    assert read_table(path).columns == ("text", "label")
    assert read_table(path).cells == (("schön — 猫", "a"),)


def test_another_encoding_is_an_error_with_its_row_and_the_option(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nfine,a\nschön,b\n".encode("cp1252"))
    assert str(fault(path)) == (
        f"{path} is not UTF-8 text: the first bad byte is in row 3 (byte 0xF6). "
        "It may be a Windows file: try --encoding cp1252, or save it as UTF-8."
    )
    assert read_table(path, encoding="cp1252").cells[1] == ("schön", "b")
    assert "got 'klingon'" in str(fault(path, encoding="klingon"))
    assert "Leave --encoding out" in fault(write(tmp_path, "b.csv", b"text\n\x81\n"), encoding="cp1252").next_step


def test_nul_bytes_are_an_error_with_their_row(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nfine,a\nbro\0ken,b\n")
    assert str(fault(path)) == (
        f"Row 3 of {path} holds a NUL byte, which text must not. Remove it, or export the file again as UTF-8."
    )
    unmarked = write(tmp_path, "b.csv", "text,label\nfine,a\n".encode("utf-16-le"))
    assert "try --encoding utf-16-le" in fault(unmarked).next_step
    assert len(read_table(unmarked, encoding="utf-16-le")) == 1
    assert "Row 1" in fault(write(tmp_path, "c.jsonl", '{"text": "a\\u0000b", "label": "x"}')).message


def test_an_open_quote_is_an_error_with_the_row_where_it_opens(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\nfine,a\n"never closed,b\nmore,c\n')
    assert str(fault(path)) == (
        f"A double quote that opens in row 3 of {path} is never closed. "
        'Close it, or write a double quote inside a cell twice: "He said ""no""".'
    )
    path = write(tmp_path, "b.csv", 'text,label\n"open,a\n"next",b\n')
    assert fault(path).message == (
        f"The double quotes in row 2 of {path} do not pair up: after a closing quote (line 3) the cell must end, "
        "and it goes on."
    )


def test_too_many_fields_are_an_error_and_too_few_a_note(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nfine,a\nyes, but no,b\n")
    assert str(fault(path)) == (
        f"Row 3 of {path} has 3 fields, and the first row has 2. A cell that contains the delimiter (here the comma) "
        "must stand in double quotes; if another character divides the cells, give it with --delimiter."
    )
    table = read_table(write(tmp_path, "b.csv", "text,label\nfine,a\nshort\nfine,b\n"))
    assert table.cells[1] == ("short", None)
    assert table.notes[0].detail == "1 row had fewer fields than there are columns (row 3); filled with nothing."


def test_empty_columns_at_the_end_of_a_spreadsheet_are_let_go(tmp_path):
    assert read_table(write(tmp_path, "a.csv", "text,label,,\na,b,,\nc,d,,\n")).columns == ("text", "label")
    assert read_table(write(tmp_path, "b.csv", ",text,label\n0,a,b\n")).columns == ("column 1", "text", "label")


def test_same_column_names_are_an_error(tmp_path):
    path = write(tmp_path, "a.csv", "text,label,text\na,b,c\n")
    assert fault(path).message == (
        f"The column names in row 1 of {path} must differ from each other: 'text' comes 2 times."
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.json", "a.jsonl"])
@pytest.mark.parametrize("content", ["", " \n\n", "\ufeff"])
def test_empty_files_are_an_error(tmp_path, name, content):
    path = write(tmp_path, name, content)
    assert str(fault(path)) == f"{path} is empty: rows of data are needed. Check the path."


def test_a_header_alone_is_an_error(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\n")
    assert fault(path).message == f"{path} has column names and no rows: at least one row of data is needed."


def test_paths_that_are_no_file_of_rows(tmp_path):
    write(tmp_path, "reviews.csv", "text,label\na,b\n")
    missing = fault(tmp_path / "review.csv")
    assert missing.message == f"There is no file or folder {tmp_path / 'review.csv'}."
    assert missing.next_step == f"Did you mean {tmp_path / 'reviews.csv'}?"
    assert fault(tmp_path / "gone" / "x.csv").message == (
        f"There is no folder {tmp_path / 'gone'}, so x.csv cannot be read from it."
    )
    assert fault(tmp_path).message == f"{tmp_path} is a folder, and a file is needed here."
    assert fault(write(tmp_path, "a.docx", "x")).message == (
        "A file of rows must end in one of .csv, .tsv, .txt, .jsonl, .ndjson, .json, .parquet, .xlsx; got 'a.docx'."
    )
    assert "one character" in fault(tmp_path / "reviews.csv", delimiter="::").message


def test_json_keeps_numbers_as_written_and_lists_as_tuples(tmp_path):
    path = write(
        tmp_path, "a.jsonl", '{"text": "a", "n": 4.10, "l": ["x", 1]}\n\n{"text": "b", "b": true, "o": {"k": null}}\n'
    )
    table = read_table(path)
    assert table.columns == ("text", "n", "l", "b", "o")
    assert table.cells == (("a", "4.10", ("x", "1"), None, None), ("b", None, None, "true", '{"k": null}'))
    assert table.row_numbers == (1, 3)


def test_nothing_in_a_list_stays_null(tmp_path):
    assert read_table(write(tmp_path, "a.jsonl", '{"l": ["x", null]}')).cells == ((("x", "null"),),)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"x": [float("nan"), float("-inf")], "y": Decimal("NaN")}, '{"x": ["NaN", "-Infinity"], "y": "NaN"}'),
        (10**400, "1" + "0" * 400),
        (Decimal("sNaN"), "sNaN"),
        (Decimal("-1E+400"), "-1E+400"),
    ],
    ids=["nested", "long", "signalling", "exponent"],
)
def test_numbers_that_have_no_form_or_no_float_are_cells(value, written):
    """What stands without quotes in JSON lines must be JSON."""
    cell = cell_of(value)
    assert cell == written
    if isinstance(cell, JsonText):
        json.loads(cell, parse_constant=pytest.fail)


def test_half_characters_of_json_become_replacement_marks(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a\\ud83d b", "label": "\\ud83d\\ude00"}')
    assert read_table(path).cells == (("a\ufffd b", "😀"),)


def test_broken_json_is_an_error_with_its_row(tmp_path):
    good = '{"text": "a", "label": "x"}\n'
    cut = write(tmp_path, "a.jsonl", good + '{"text": "b", "lab')
    assert str(fault(cut)) == (
        f"Row 2 of {cut} breaks off in the middle of a value. The file may be cut short: export it again."
    )
    wrong = write(tmp_path, "b.jsonl", good + good + "{'text': 'b'}\n" + good)
    assert fault(wrong).message.startswith(f"Row 3 of {wrong} is not valid JSON (expecting property name")
    assert fault(write(tmp_path, "c.jsonl", good + "[1]\n")).message.startswith("Row 2 of ")
    assert "something follows it" in fault(write(tmp_path, "d.jsonl", '{"a": 1} {"a": 2}\n')).message


def test_json_lists_have_the_lines_of_their_objects(tmp_path):
    path = write(tmp_path, "a.json", '[\n {"text": "a",\n  "label": "x"},\n\n {"text": "b", "label": "y"}]')
    table = read_table(path)
    assert table.cells == (("a", "x"), ("b", "y"))
    assert table.row_numbers == (2, 5)
    lines = write(tmp_path, "b.json", '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n')
    assert len(read_table(lines)) == 2
    cut = write(tmp_path, "c.json", '[{"text": "a",\n "label": "x"},\n')
    assert fault(cut).message == f"The list in {cut} breaks off before the closing bracket (row 3)."
    assert "lacks a comma (row 2)" in fault(write(tmp_path, "d.json", '[{"a": 1}\n{"a": 2}]')).message
    assert "must hold a list of objects" in fault(write(tmp_path, "e.json", '{"a": [1]}')).message
    assert "holds no rows" in fault(write(tmp_path, "f.json", "[]")).message


def test_parquet_is_read_as_text(tmp_path):
    path = tmp_path / "a.parquet"
    polars.DataFrame({"text": ["a", None], "label": [1, 2], "tags": [["x"], []]}).write_parquet(path)
    table = read_table(path)
    assert table.cells == (("a", "1", ("x",)), (None, "2", ()))
    assert table.row_numbers == (1, 2)
    assert "cannot be read as a parquet file" in fault(write(tmp_path, "b.parquet", "text,label\na,b\n")).message


def test_excel_keeps_the_numbers_of_its_rows(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("rows")
        book.add_worksheet("notes")
        for row, cells in ((1, ("text", "label")), (2, ("two\nlines", 1)), (5, ("b", 2.5))):
            sheet.write_row(row, 0, cells)
    table = read_table(path)
    assert table.columns == ("text", "label")
    assert table.cells == (("two\nlines", "1"), ("b", "2.5"))
    assert table.row_numbers == (3, 6)
    assert table.notes[0].detail == "Only the first of 2 sheets was read: rows, notes."
    assert "cannot be read as an Excel workbook" in fault(write(tmp_path, "b.xlsx", "text")).message


def test_text_files_are_tables_or_one_text_a_line(tmp_path):
    assert read_table(write(tmp_path, "a.txt", "text\tlabel\na b, c\tx\n")).cells == (("a b, c", "x"),)
    lines = read_table(write(tmp_path, "b.txt", "Hello, you.\n\nNothing here, or there, to cut.\n"))
    assert lines.columns == ("text",)
    assert lines.cells == (("Hello, you.",), ("Nothing here, or there, to cut.",))
    assert lines.row_numbers == (1, 3)


def test_without_a_header_columns_have_numbers(tmp_path):
    table = read_table(write(tmp_path, "a.csv", "good one,a\nbad one,b\n"), header=False)
    assert table.columns == ("1", "2")
    assert table.row_numbers == (1, 2)
