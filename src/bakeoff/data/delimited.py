"""Read text files with delimiters: .csv, .tsv and .txt."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from bakeoff.data.check import Check
from bakeoff.data.sniff import DELIMITERS, find_delimiter, roomy_fields, text_lines
from bakeoff.data.table import Cell, Record, Table, name_columns
from bakeoff.errors import DataError

__all__ = ["read_delimited", "read_lines", "settle_delimiter", "strict_records"]

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def read_delimited(text: str, *, source: str, delimiter: str | None, header: bool, suffix: str = ".csv") -> Table:
    r"""Read delimited text, strictly: a broken quote is an error, never a guess.

    Tab-separated files without any quoting rule are common (a text may begin with a quote); where a strict reading
    fails and every line has the same number of tabs, quotes are read as plain characters and a note says so.

    Parameters
    ----------
    text : str
        The whole file.
    source : str
        Name of the file, for messages.
    delimiter : str or None
        One character, or a name such as ``"tab"``; None finds it.
    header : bool
        Whether the first record holds the column names.
    suffix : str
        ``".tsv"`` means tabs where no delimiter is given.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        For a broken quote, too many fields in a row, and the faults of `name_columns`.
    """
    chosen = settle_delimiter(text, delimiter, suffix)
    notes: list[Check] = []
    try:
        with roomy_fields(len(text)):
            records = list(strict_records(text_lines(text), chosen, source))
    except DataError:
        plain = _plain_records(text) if chosen == "\t" else None
        if plain is None:
            raise
        records = plain
        notes.append(Check("quotes", "WARN", "Quotes do not pair up; they were read as plain characters."))
    if not records:
        raise DataError(f"{source} is empty: a header and rows are needed.", next_step="Check the path.")
    hint = (
        f"A cell that contains the delimiter (here the {_NAMES.get(chosen, repr(chosen))}) must stand in double "
        "quotes; if another character divides the cells, give it with --delimiter."
    )
    return name_columns(records, source=source, header=header, notes=notes, hint=hint)


def read_lines(text: str, source: str) -> Table:
    """Read a file of one text a line, as a table with the single column ``text``.

    Raises
    ------
    DataError
        If no line holds anything.
    """
    lines = enumerate(re.split(r"\r\n|\r|\n", text), start=1)
    records = [(number, (line,)) for number, line in lines if line.strip()]
    if not records:
        raise DataError(f"{source} is empty: at least one line is needed.", next_step="Check the path.")
    note = Check("format", "WARN", "No delimiter was found: read as one text a line, without a header.")
    numbers = tuple(number for number, _ in records)
    return Table(source, ("text",), tuple(cells for _, cells in records), numbers, (note,), named=False)


def settle_delimiter(text: str, given: str | None, suffix: str) -> str:
    """Give the delimiter: as it was given, by the ending of the file's name, or as the first records have it.

    Parameters
    ----------
    text : str
        The file, or its beginning.
    given : str or None
        One character, or a name such as ``"tab"``.
    suffix : str

    Returns
    -------
    str

    Raises
    ------
    DataError
        If what was given cannot divide cells.
    """
    if given is None:
        return "\t" if suffix == ".tsv" else find_delimiter(text) or DELIMITERS[0]
    delimiter = _SPELLED.get(given, given)
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
        raise DataError(
            f"--delimiter must be one character, or comma, semicolon, tab or pipe; got {given!r}.",
            next_step="Correct it, or leave --delimiter out.",
        )
    return delimiter


def strict_records(lines: Iterable[str], delimiter: str, source: str) -> Iterator[Record]:
    """Read records one by one; a broken quote is an error that names its row.

    Parameters
    ----------
    lines : iterable of str
        With their ends as they stand in the file.
    delimiter : str
        One character.
    source : str
        Name of the file, for messages.

    Yields
    ------
    Record
        Of each record that is not empty, the line on which it starts, from 1, and its cells.

    Raises
    ------
    DataError
        For a quote that is not closed, or not in pairs.
    """
    reader, start = csv.reader(lines, delimiter=delimiter, strict=True), 1
    try:
        for record in reader:
            if record:
                yield start, tuple(record)
            start = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            what = f"A double quote that opens in row {start} of {source} is never closed."
        else:
            what = (
                f"The double quotes in row {start} of {source} do not pair up: after a closing quote (line "
                f"{reader.line_num}) the cell must end, and it goes on."
            )
        raise DataError(
            what, next_step='Close it, or write a double quote inside a cell twice: "He said ""no""".'
        ) from error


def _plain_records(text: str) -> list[Record] | None:
    """Cut at tabs alone, if that gives every line the same number of cells."""
    records: list[Record] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            cells: tuple[Cell, ...] = tuple(line.split("\t"))
            records.append((number, cells))
    widths = {len(cells) for _, cells in records}
    return records if len(widths) == 1 and widths != {1} else None
