"""Find the encoding and the delimiter of a text file."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from bakeoff.errors import DataError

__all__ = ["DELIMITERS", "decode", "encoding_of", "find_delimiter", "refuse_nul", "roomy_fields", "text_lines"]

DELIMITERS = (",", ";", "\t", "|")

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"\r\n|\r|\n")
_SAMPLE_RECORDS = 200
_PART_CHARACTERS = 1 << 20


def decode(content: bytes, *, source: str, encoding: str | None = None) -> str:
    """Turn a file's bytes into text.

    Parameters
    ----------
    content : bytes
        The whole file.
    source : str
        Name of the file, for messages.
    encoding : str, optional
        What the user says it is. Without it: UTF-8 with or without a byte order mark, or UTF-16 and UTF-32 with
        one.

    Returns
    -------
    str
        Line ends are left as they are.

    Raises
    ------
    DataError
        If the encoding is unknown, or the bytes are not of it; the message names the row of the first bad byte.
    """
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise DataError(
                f"--encoding must name an encoding that Python knows, such as utf-8 or cp1252; got {encoding!r}.",
                next_step="Correct the name, or leave --encoding out.",
            ) from None
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    name = encoding_of(content, encoding)
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        if encoding is None and marked is None:
            _refuse_other_than_text(content, source)
        row = len(_LINE_END_BYTES.findall(content[: error.start])) + 1
        if codecs.lookup(name).name.startswith(("utf-16", "utf-32")):
            where = f"at byte {error.start}"
        else:
            where = f"in row {row} (byte 0x{content[error.start]:02X})"
        raise DataError(
            f"{source} is not {name.removesuffix('-sig').upper()} text: the first bad byte is {where}.",
            next_step=_encoding_step(content, encoding),
        ) from error


def encoding_of(head: bytes, encoding: str | None = None) -> str:
    """Give the encoding in which a file is read, by its first bytes.

    Parameters
    ----------
    head : bytes
        Four bytes at least, where the file has them.
    encoding : str, optional
        What the user says it is; a name that Python knows.

    Returns
    -------
    str
    """
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    name = encoding or marked or "utf-8"
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" and marked == "utf-8-sig" else name


def _refuse_other_than_text(content: bytes, source: str) -> None:
    """Raise where bytes that are not UTF-8 hold a NUL, as pictures, archives and programs do."""
    if b"\0" in content:
        raise DataError(
            f"{source} is no text: it holds bytes that no table of rows has.",
            next_step="Check the path; of other formats than text, .parquet and .xlsx files are read.",
        )


def _encoding_step(content: bytes, tried: str | None) -> str:
    """Guess what the bytes are, for the next step of a message."""
    if tried is not None:
        return "Leave --encoding out, or give the encoding that the file was saved in."
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "Give the encoding that it was saved in, such as --encoding latin-1, or save it as UTF-8."
    return "It may be a Windows file: try --encoding cp1252, or save it as UTF-8."


def refuse_nul(text: str, source: str) -> None:
    """Raise where text holds a NUL character, which no text file should.

    Raises
    ------
    DataError
        With the row of the first NUL.
    """
    first = text.find("\0")
    if first < 0:
        return
    row = len(_LINE_END.findall(text, 0, first)) + 1
    share = text.count("\0") / len(text)
    step = "Remove it, or export the file again as UTF-8."
    if share > 0.2:
        order = "be" if text[0] == "\0" else "le"
        step = f"It may be UTF-16 without a byte order mark: try --encoding utf-16-{order}."
    raise DataError(f"Row {row} of {source} holds a NUL byte, which text must not.", next_step=step)


def text_lines(text: str) -> Iterator[str]:
    """Give the lines of a text with their ends as they stand, without a second copy of all of it.

    Parameters
    ----------
    text : str

    Yields
    ------
    str
        What a file that is opened with ``newline=""`` gives.
    """
    start = 0
    while start < len(text):
        # A line feed ends a line wherever it stands; a carriage return may have one behind it.
        end = text.rfind("\n", start, start + _PART_CHARACTERS) + 1 or text.find("\n", start) + 1 or len(text)
        yield from io.StringIO(text[start:end], newline="")
        start = end


@contextmanager
def roomy_fields(size: int) -> Iterator[None]:
    """Let the csv module read cells of up to `size` characters; its limit is one of the whole process."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, size + 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def find_delimiter(text: str, least_share: float = 0.0) -> str | None:
    """Find the delimiter from the widths that each candidate gives to the first records.

    Quotes are respected, so that delimiters inside quoted cells do not count. A candidate must cut the first
    record in two at least; the one that gives most records the width of the first wins, then the one that gives
    more columns.

    Parameters
    ----------
    text : str
        The whole file.
    least_share : float
        Share of the first records, 0 to 1, that must have the width of the first one.

    Returns
    -------
    str or None
        One of `DELIMITERS`; None where no candidate will do.
    """
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        with roomy_fields(len(text)):
            widths = list(islice(_widths(text, delimiter), _SAMPLE_RECORDS))
        if not widths or widths[0] < 2:
            continue
        share = sum(width == widths[0] for width in widths) / len(widths)
        if share >= least_share and (best is None or (share, widths[0]) > best[:2]):
            best = (share, widths[0], delimiter)
    return best[2] if best else None


def _widths(text: str, delimiter: str) -> Iterator[int]:
    """Give the number of fields of each record, forgiving broken quotes: reading for good reports them."""
    for record in csv.reader(text_lines(text), delimiter=delimiter):
        if record:
            yield len(record)
