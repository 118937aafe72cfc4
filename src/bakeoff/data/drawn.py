"""Draw rows of a file uniformly; a large file of lines is read as a stream, and never held whole."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bakeoff.data.delimited import settle_delimiter
from bakeoff.data.json_rows import object_of, table_of_objects
from bakeoff.data.read import read_table
from bakeoff.data.sniff import decode, roomy_fields
from bakeoff.data.spreadsheet import plain_sheet
from bakeoff.data.table import Table, name_columns
from bakeoff.errors import DataError

__all__ = ["Drawn", "draw_rows"]

#: A file of at most so many bytes is read whole, with every check of its form.
WHOLE_BYTES = 64 << 20
#: The beginning of a file, by which its delimiter and its encoding are told.
_HEAD_BYTES = 1 << 20
#: The longest cell of a stream.
_MOST_CHARACTERS = 1 << 24
_STREAMED = (".csv", ".tsv", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows that were drawn.

    Parameters
    ----------
    table : Table
        In the order of the file.
    rows : int
        Of the whole file.
    wanted : Table
        The rows that were asked for by their numbers, as far as the file has them.
    """

    table: Table
    rows: int
    wanted: Table


def draw_rows(
    path: Path,
    most: int | None,
    *,
    seed: int = 0,
    wanted: Collection[int] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
) -> Drawn:
    """Draw at most so many rows of a file, every row as likely as any other.

    Parameters
    ----------
    path : Path
    most : int or None
        All rows where None.
    seed : int
    wanted : collection of int
        Row numbers that are given besides.
    encoding, delimiter, header
        As of `read_table`.

    Returns
    -------
    Drawn

    Raises
    ------
    DataError
        As `read_table` does. Of a file that is read as a stream, only what is drawn is checked.
    """
    large = path.is_file() and path.stat().st_size > WHOLE_BYTES and path.suffix.lower() in _STREAMED
    if large and most is not None:
        return _streamed(path, most, seed, frozenset(wanted), encoding, delimiter, header)
    table = read_table(path, encoding=encoding, delimiter=delimiter, header=header)
    places = range(len(table))
    if most is not None and most < len(table):
        places = np.sort(np.random.default_rng(seed).choice(len(table), most, replace=False)).tolist()
    asked = [place for place, number in enumerate(table.row_numbers) if number in frozenset(wanted)]
    return Drawn(_taken(table, places), len(table), _taken(table, asked))


def _taken(table: Table, places: Collection[int]) -> Table:
    cells = tuple(table.cells[place] for place in places)
    return replace(table, cells=cells, row_numbers=tuple(table.row_numbers[place] for place in places))


def _streamed(
    path: Path,
    most: int,
    seed: int,
    wanted: frozenset[int],
    encoding: str | None,
    delimiter: str | None,
    header: bool,
) -> Drawn:
    """Keep a reservoir of rows (Vitter's algorithm R, 1985): the k-th row takes a place in it with chance most / k."""
    generator, source = np.random.default_rng(seed), str(path)
    lines = path.suffix.lower() in (".jsonl", ".ndjson")
    kept: list[tuple[int, Any]] = []
    asked: list[tuple[int, Any]] = []
    seen = 0
    with _opened(path, encoding) as stream:
        records = _lines(stream) if lines else _records(stream, _delimiter_of(path, encoding, delimiter), source)
        head = [] if lines or not header else [next(records)]
        for number, record in records:
            place = seen if seen < most else int(generator.integers(0, seen + 1))
            if seen < most:
                kept.append((number, record))
            elif place < most:
                kept[place] = (number, record)
            if number in wanted:
                asked.append((number, record))
            seen += 1

    def table(rows: list[tuple[int, Any]]) -> Table:
        if lines:
            return table_of_objects([(number, object_of(line, number, source)) for number, line in rows], source)
        return plain_sheet(name_columns([*head, *rows], source=source, header=header))

    drawn = table(sorted(kept))
    return Drawn(drawn, seen, table(asked) if asked else _taken(drawn, ()))


@contextmanager
def _opened(path: Path, encoding: str | None) -> Iterator[TextIO]:
    with path.open("rb") as beginning:
        head = beginning.read(_HEAD_BYTES)
    marked = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        with path.open(encoding=encoding or marked, newline="") as stream, roomy_fields(_MOST_CHARACTERS):
            yield stream
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.", next_step="Name its --encoding.") from error


def _delimiter_of(path: Path, encoding: str | None, given: str | None) -> str:
    """Tell the delimiter by the whole lines at the beginning of a file."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    whole = head[: head.rfind(b"\n") + 1] or head
    return settle_delimiter(decode(whole, source=str(path), encoding=encoding), given, path.suffix.lower())


def _records(stream: TextIO, delimiter: str, source: str) -> Iterator[tuple[int, Any]]:
    reader, start = csv.reader(stream, delimiter=delimiter, strict=True), 1
    try:
        for record in reader:
            if record:
                yield start, tuple(record)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"The double quotes in row {start} of {source} do not pair up: {error}.",
            next_step="Write a double quote inside a cell twice, and close what opens.",
        ) from error


def _lines(stream: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            yield number, line
