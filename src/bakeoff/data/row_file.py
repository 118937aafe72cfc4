"""A file of rows that is read in parts, so that it may be larger than memory."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from bakeoff.data.columnar import check_parquet, plain_rows, readable, text_bytes
from bakeoff.data.delimited import settle_delimiter, strict_records
from bakeoff.data.json_rows import json_objects, table_of_objects
from bakeoff.data.read import read_table, without_nul
from bakeoff.data.sniff import encoding_of, roomy_fields
from bakeoff.data.spreadsheet import SHEET_COLUMN
from bakeoff.data.swelling import refuse_swelling_texts
from bakeoff.data.table import Cell, Record, Table, name_columns
from bakeoff.errors import DataError

__all__ = ["RowFile", "open_rows"]

#: Of a file's beginning, by which its delimiter is found.
_SAMPLE_CHARACTERS = 4_000_000
#: Rows of a parquet file that are read at once: each reading opens the file anew.
_PARQUET_ROWS = 16_384
#: Rows of a table while a file is looked through.
_LOOK_ROWS = 4096

#: Gives the tables of a file, of so many rows each at most.
_Read = Callable[[int], Iterator[Table]]


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows that was looked through once.

    Parameters
    ----------
    source : str
        Its path.
    columns : tuple of str
        All columns that any row has.
    rows : int
    sha256 : str
        Of the file's bytes.
    read : callable
        Gives its tables, of so many rows each at most.
    """

    source: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    read: _Read

    def tables(self, most: int, after: int = 0) -> Iterator[Table]:
        """Give the rows in order.

        Parameters
        ----------
        most : int
            Rows of a table.
        after : int
            Rows at the beginning that are left out, a multiple of `most`.

        Yields
        ------
        Table
            All with the same columns, as `read_table` reads the whole file.
        """
        passed = 0
        for table in self.read(most):
            if passed >= after:
                yield _fitted(table, self.columns)
            passed += len(table)


def open_rows(
    path: str | Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool = True
) -> RowFile:
    """Look through a file of rows, in constant memory where its format allows.

    Read in parts are .csv, .tsv, .jsonl, .ndjson and .parquet files. Others are kept whole, and so are those that are
    not written by the rules of their format and are understood all the same.

    Parameters
    ----------
    path, encoding, delimiter, header
        As for `read_table`.

    Returns
    -------
    RowFile

    Raises
    ------
    DataError
        As `read_table` does; nothing of the file is given before all of it was read once.
    """
    file = Path(path)
    if _is_parquet(file):
        check_parquet(file, _PARQUET_ROWS)
    try:
        read = _reader(file, encoding, delimiter, header)
        columns, rows = _looked_through(read) if read else ((), 0)
    # What is wrong, and in which row, is said by the reader of whole files; or it understands the file.
    except (DataError, UnicodeError, LookupError, OSError):
        read, rows = None, 0
    if not read or not rows or SHEET_COLUMN in columns:
        table = read_table(file, encoding=encoding, delimiter=delimiter, header=header)
        read, columns, rows = partial(_parts, table), table.columns, len(table)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return RowFile(str(file), columns, rows, digest, read)


def _reader(file: Path, encoding: str | None, delimiter: str | None, header: bool) -> _Read | None:
    """Give what reads a file in parts; None for a format that is read whole."""
    suffix = file.suffix.lower()
    if _is_parquet(file):
        return partial(_parquet_tables, file)
    if suffix not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        return None
    if encoding is not None:
        codecs.lookup(encoding)
    with file.open("rb") as stream:
        name = encoding_of(stream.read(4), encoding)
    if suffix in (".jsonl", ".ndjson"):
        return partial(_json_tables, file, name)
    with file.open(encoding=name, newline="") as text:
        chosen = settle_delimiter(text.read(_SAMPLE_CHARACTERS), delimiter, suffix)
    return partial(_delimited_tables, file, name, chosen, header)


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet" and file.is_file()


def _looked_through(read: _Read) -> tuple[tuple[str, ...], int]:
    columns: dict[str, None] = {}
    rows = 0
    for table in read(_LOOK_ROWS):
        columns |= dict.fromkeys(without_nul(table).columns)
        rows += len(table)
    return tuple(columns), rows


def _delimited_tables(file: Path, encoding: str, delimiter: str, header: bool, most: int) -> Iterator[Table]:
    source = str(file)
    with file.open(encoding=encoding, newline="") as stream, roomy_fields(file.stat().st_size):
        records = strict_records(stream, delimiter, source)
        first = next(records, None)
        if first is None:
            return
        names = first
        if not header:
            names = (first[0], tuple(str(place) for place in range(1, len(first[1]) + 1)))
            records = chain([first], records)
        while part := list[Record](islice(records, most)):
            table = name_columns([names, *part], source=source, header=True)
            yield replace(table, named=header)


def _json_tables(file: Path, encoding: str, most: int) -> Iterator[Table]:
    with file.open(encoding=encoding, newline="\n") as stream:
        objects = json_objects(stream, str(file))
        while part := list(islice(objects, most)):
            yield table_of_objects(part, str(file))


def _parquet_tables(file: Path, most: int) -> Iterator[Table]:
    import polars

    with readable(file, "a parquet file", polars.exceptions.PolarsError):
        scanned = polars.scan_parquet(file)
        columns, height = tuple(scanned.collect_schema().names()), scanned.select(polars.len()).collect().item()
        for start in range(0, height, _PARQUET_ROWS):
            frame = scanned.slice(start, _PARQUET_ROWS).collect()
            refuse_swelling_texts(file, text_bytes(frame))
            cells = plain_rows(frame)
            # Parts may end inside of what was read at once, and go on in the next.
            for at in range(0, len(cells), most):
                numbers = range(start + at + 1, start + min(at + most, len(cells)) + 1)
                yield Table(str(file), columns, cells[at : at + most], tuple(numbers))


def _parts(table: Table, most: int) -> Iterator[Table]:
    for start in range(0, len(table), most):
        end = start + most
        yield replace(table, cells=table.cells[start:end], row_numbers=table.row_numbers[start:end])


def _fitted(table: Table, columns: tuple[str, ...]) -> Table:
    """Give a part the columns of the whole file; what it lacks is empty."""
    if table.columns == columns:
        return table
    place = {name: at for at, name in enumerate(table.columns)}
    order = [place.get(name) for name in columns]
    cells: list[tuple[Cell, ...]] = [tuple(None if at is None else row[at] for at in order) for row in table.cells]
    return replace(table, columns=columns, cells=tuple(cells))
