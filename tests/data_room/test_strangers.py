"""Files of rows and settings that are made to fill the memory or to end the program: each is told in a sentence."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from pathlib import Path

import polars
import pytest

from bakeoff.catalog.prices import read_prices
from bakeoff.data import read_cost_matrix, read_label_definitions, read_table
from bakeoff.errors import DataError
from bakeoff.plain_yaml import MOST_DEEP, value_of

READERS = (read_label_definitions, read_cost_matrix, read_prices)
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, "written out it has more than 500,000 values"),
        ("[" * 20_000, f"more than {MOST_DEEP} deep"),
        ("a: &a {b: *a}", "a value holds itself"),
        ("a: &a [*a]", "a value holds itself"),
        ("x" * 8_000_001, "it has 8,000,001 letters"),
    ],
)
def test_yaml_that_swells_is_refused(tmp_path, read, text, told):
    path = tmp_path / "settings.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=told):
        read(path)


def test_yaml_makes_no_object_and_runs_nothing(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(f"!!python/object/apply:os.system ['touch {tmp_path / 'ran'}']", "utf-8")
    for read in READERS:
        with pytest.raises(DataError):
            read(path)
    assert not (tmp_path / "ran").exists()


def test_shared_parts_of_yaml_are_read():
    assert value_of("a: &a [x, y]\nb: *a\n") == {"a": ["x", "y"], "b": ["x", "y"]}


@pytest.mark.parametrize("deep", [980, 985, 990, 995, 1000, 100_000])
def test_nested_json_is_a_cell_or_refused(tmp_path, deep):
    for name, text in {
        "rows.jsonl": '{"text": ' * deep + "1" + "}" * deep,
        "rows.json": "[" * deep + "]" * deep,
        "labels.json": '{"a": ' + "[" * deep + "]" * deep + "}",
    }.items():
        path = tmp_path / name
        path.write_text(text, "utf-8")
        with contextlib.suppress(DataError):
            (read_label_definitions if name == "labels.json" else read_table)(path)


def _workbook(path: Path, declared: int | None) -> None:
    """Write an archive with 70 MB of zeros, whose index says what is asked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(70 * 2**20)) + packer.flush()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(70 * 2**20) if declared is None else b"")
    if declared is not None:
        # Written by hand: zipfile itself writes what is true.
        name = b"xl/worksheets/sheet1.xml"
        head = b"\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + len(packed).to_bytes(4, "little")
        head += declared.to_bytes(4, "little") + len(name).to_bytes(2, "little") + b"\0\0"
        local = b"PK\x03\x04" + head + name + packed
        index = b"PK\x01\x02\x14\0" + head + bytes(6) + bytes(4) + bytes(4) + name
        end = b"PK\x05\x06" + bytes(4) + b"\x01\0\x01\0" + len(index).to_bytes(4, "little")
        path.write_bytes(local + index + end + len(local).to_bytes(4, "little") + b"\0\0")


@pytest.mark.parametrize("declared", [None, 1000])
def test_a_workbook_that_unpacks_to_far_more_is_refused_whatever_its_index_says(tmp_path, declared):
    path = tmp_path / "rows.xlsx"
    _workbook(path, declared)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="would unpack to more than 200 times their size"):
        read_table(path)


def test_a_parquet_file_of_far_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    polars.DataFrame({"text": polars.repeat("ab", 5_000_000, eager=True)}).write_parquet(path)
    with pytest.raises(DataError, match="would hold 5,000,000 cells"):
        read_table(path)
    polars.DataFrame({"text": ["x" * 100_000] * 1000}).write_parquet(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="would hold 100,000,000 bytes of text"):
        read_table(path)


def test_honest_files_with_one_text_many_times_are_read(tmp_path):
    frame = polars.DataFrame({"text": ["the same words"] * 20_000, "label": ["a", "b"] * 10_000})
    frame.write_parquet(tmp_path / "rows.parquet")
    frame.write_excel(tmp_path / "rows.xlsx")
    assert len(read_table(tmp_path / "rows.parquet").cells) == 20_000
    assert len(read_table(tmp_path / "rows.xlsx").cells) == 20_000
