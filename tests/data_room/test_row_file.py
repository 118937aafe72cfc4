"""A file that is read in parts gives what reading it whole does."""

from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest

from bakeoff.data import open_rows, read_table
from bakeoff.errors import DataError

ROWS = [(f"{place}", f'text "{place}"\nof two lines, {"ä" * place}', "") for place in range(7)]


def _written(folder: Path, ending: str) -> Path:
    file = folder / f"rows.{ending}"
    if ending == "parquet":
        polars.DataFrame(
            {"id": [1, 2, None], "parts": [["a", "b"], [], None], "x": [1.5, float("nan"), 2]}
        ).write_parquet(file)
    elif ending == "jsonl":
        lines = [{"a": "one"}, {"b": 4.10, "a": "two"}, {"a": None, "c": ["x", "y"]}, {"a": "a\u2028b"}]
        file.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    elif ending == "tsv":
        file.write_text('id\ttext\n1\t"open quote\n2\tplain\n3\tx\n', encoding="utf-8")
    elif ending == "json":
        file.write_text('[{"a": 1}, {"b": "2"}, {"a": "3"}]')
    else:
        quoted = ('{};"{}";{}'.format(one, two.replace('"', '""'), three) for one, two, three in ROWS)
        file.write_text("id;text;\n" + "\n".join(quoted) + "\n8;short\n", encoding="utf-16")
    return file


@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_parts_are_the_whole(tmp_path: Path, ending: str, most: int) -> None:
    file = _written(tmp_path, ending)
    whole, found = read_table(file), open_rows(file)
    assert (found.columns, found.rows) == (whole.columns, len(whole))
    parts = list(found.tables(most))
    assert all(part.columns == whole.columns and len(part) <= most for part in parts)
    assert tuple(row for part in parts for row in part.cells) == whole.cells
    assert tuple(number for part in parts for number in part.row_numbers) == whole.row_numbers
    behind = [row for part in found.tables(most, after=most) for row in part.cells]
    assert tuple(behind) == whole.cells[most:]


def test_rows_without_a_header_have_numbers_for_names(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b,c\nd,e\nf,g,h\n")
    whole, found = read_table(file, header=False), open_rows(file, header=False)
    parts = list(found.tables(1))
    assert found.columns == whole.columns == ("1", "2", "3")
    assert tuple(row for part in parts for row in part.cells) == whole.cells
    assert not any(part.named for part in parts)


@pytest.mark.parametrize(
    ("ending", "content", "told"),
    [
        ("csv", b"a,b\n1,2\n3,4,5\n", "Row 3 of .* has 3 fields"),
        ("csv", b'a,b\n1,"2\n', "opens in row 2 .* is never closed"),
        ("csv", b"a,b\n1,\xff\n", "is not UTF-8 text: the first bad byte is in row 2"),
        ("csv", b"a,b\n", "has column names and no rows"),
        ("csv", b"", "is empty"),
        ("jsonl", b'{"a": 1}\n{"a": ', "Row 2 of .* breaks off"),
        ("jsonl", b'{"a": "\\u0000"}\n', "Row 1 of .* holds a NUL character"),
        ("parquet", b"PAR1", "cannot be read as a parquet file"),
    ],
)
def test_faults_are_told_before_any_row_is_given(tmp_path: Path, ending: str, content: bytes, told: str) -> None:
    file = tmp_path / f"rows.{ending}"
    file.write_bytes(content)
    with pytest.raises(DataError, match=told):
        open_rows(file)


def test_a_parquet_file_that_fills_the_memory_or_ends_the_program_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes((Path(__file__).parents[2] / "fuzz" / "regressions" / "parquet" / "exabytes").read_bytes())
    with pytest.raises(DataError, match="it is damaged, and ends the program that reads it"):
        open_rows(file)
    polars.DataFrame({"text": ["x" * 100_000] * 1000}).write_parquet(file)
    with pytest.raises(DataError, match="would hold 100,000,000 bytes of text"):
        open_rows(file)
    polars.DataFrame({"number": [1, 2]}).write_parquet(file)
    found = open_rows(file)
    file.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as a parquet file"):
        list(found.tables(1))


def test_a_module_beside_the_rows_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("polars.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    polars.DataFrame({"text": ["a", "b"]}).write_parquet("rows.parquet")
    assert len(read_table("rows.parquet")) == open_rows("rows.parquet").rows == 2
    assert not Path("ran").exists()


def test_the_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("a,b\n1,2\n")
    other.write_text("a,b\n1,3\n")
    assert open_rows(one).sha256 != open_rows(other).sha256
    other.write_text("a,b\n1,2\n")
    assert open_rows(one).sha256 == open_rows(other).sha256
