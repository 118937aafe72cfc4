"""Read JSON: one object a line (.jsonl, .ndjson), or a list of objects (.json)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from bakeoff.data.table import Cell, Table
from bakeoff.errors import DataError

__all__ = [
    "JsonText",
    "cell_of",
    "json_objects",
    "read_json",
    "read_json_lines",
    "table_of_objects",
    "whole_characters",
]


class JsonText(str):
    """A cell that was no text but a number, true, false or an object, as JSON writes it.

    A text like any other wherever cells are read; whoever writes JSON again writes it without quotes.
    """

    __slots__ = ()


# Numbers stay as they were written: 4.10 must not become 4.1 where it is a label.
_DECODER = json.JSONDecoder(parse_float=JsonText, parse_int=JsonText, parse_constant=str)


def read_json_lines(text: str, source: str) -> Table:
    """Read one JSON object a line; empty lines are skipped.

    Raises
    ------
    DataError
        For a line that is no JSON object (with its row), or a file without any.
    """
    # JSON strings may hold other line separators than this one, so splitlines would cut them.
    objects = list(json_objects(text.split("\n"), source))
    return table_of_objects(objects, source)


def json_objects(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read one JSON object a line; empty lines are skipped.

    Parameters
    ----------
    lines : iterable of str
        With or without their ends.
    source : str
        Name of the file, for messages.

    Yields
    ------
    tuple of int and dict
        The line, from 1, and the object.

    Raises
    ------
    DataError
        For a line that is no JSON object (with its row).
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            value, end = _decode(line, len(line) - len(line.lstrip()), number, source)
            if line[end:].strip():
                raise DataError(
                    f"Row {number} of {source} must be one JSON object; something follows it.",
                    next_step="Put each object on a line of its own.",
                )
            yield number, _checked(value, number, source)


def read_json(text: str, source: str) -> Table:
    """Read a list of JSON objects; a file of one object a line is read as such.

    Raises
    ------
    DataError
        For anything else, or a list that breaks off (with the line).
    """
    start = text.lstrip()[:1]
    if start == "{" and text.strip().count("\n") and not _is_one_value(text):
        return read_json_lines(text, source)
    if start != "[":
        raise DataError(
            f"{source} must hold a list of objects, [{{...}}, {{...}}]; it begins with {start!r}.",
            next_step="Write the rows as a list, or one object a line in a .jsonl file.",
        )
    return table_of_objects(list(_objects(text, source)), source)


def table_of_objects(objects: Sequence[tuple[int, dict[str, Any]]], source: str) -> Table:
    """Make a table of (row number, object) pairs; a field that an object lacks is an empty cell.

    Raises
    ------
    DataError
        If there is no object, or no field.
    """
    columns = tuple(dict.fromkeys(key for _, row in objects for key in row))
    if not columns:
        raise DataError(
            f"{source} holds no rows: at least one object with a text and a label is needed.",
            next_step="Check the path, or add rows.",
        )
    cells = tuple(_cells(row, columns, number, source) for number, row in objects)
    return Table(source, columns, cells, tuple(number for number, _ in objects))


def _cells(row: dict[str, Any], columns: Sequence[str], number: int, source: str) -> tuple[Cell, ...]:
    try:
        return tuple(cell_of(row.get(column)) for column in columns)
    except RecursionError as error:
        raise _too_deep(number, source) from error


def cell_of(value: Any) -> Cell:
    """Give a parsed value as a cell: text as it is, lists as tuples, anything else as JSON would write it."""
    if type(value) is str:  # the most of them by far
        return whole_characters(value)
    if isinstance(value, (list, tuple)):
        return tuple(_text_of(part) for part in value)
    return None if value is None else _text_of(value)


def _text_of(value: Any) -> str:
    if isinstance(value, JsonText):
        return value
    if isinstance(value, str):
        return whole_characters(value)
    has_form = value is None or isinstance(value, (int, float, Decimal, dict, list, tuple))
    return JsonText(_json_of(value)) if has_form and not _is_endless(value) else str(value)


def _is_endless(value: Any) -> bool:
    """Say whether a value is a number that JSON cannot write: infinite, or none."""
    if isinstance(value, Decimal):  # some of which have no float
        return not value.is_finite()
    return isinstance(value, float) and not math.isfinite(value)


def _json_of(value: Any) -> str:
    """Write a value as JSON does, with numbers as they were written."""
    if _is_endless(value):
        return f'"{value if isinstance(value, Decimal) else json.dumps(value)}"'  # as where a file has it
    if isinstance(value, (JsonText, Decimal)):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json_of(str(key))}: {_json_of(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_json_of, value)) + "]"
    return whole_characters(json.dumps(value, ensure_ascii=False, default=str))


def whole_characters(text: str) -> str:
    r"""Replace halves of a character (such as a lone ``\ud83d``), which no encoding can write."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(text: str, position: int, row: int, source: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        what = "breaks off in the middle of a value" if cut else f"is not valid JSON ({error.msg.lower()})"
        row += text.count("\n", position, error.pos)
        raise DataError(
            f"Row {row} of {source} {what}.",
            next_step="The file may be cut short: export it again." if cut else "Correct that line.",
        ) from error
    except RecursionError as error:
        raise _too_deep(row, source) from error


def _too_deep(row: int, source: str) -> DataError:
    return DataError(
        f"Row {row} of {source} is nested too deeply to be a row of data.", next_step="Write flat objects."
    )


def _checked(value: Any, row: int, source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(
            f'Row {row} of {source} must be a JSON object such as {{"text": "...", "label": "..."}}; '
            f"got {json.dumps(value, ensure_ascii=False)[:40]}.",
            next_step="Write each row as an object with named fields.",
        )
    return value


def _is_one_value(text: str) -> bool:
    try:
        _, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip()))
    except (json.JSONDecodeError, RecursionError):
        return False
    return not text[end:].strip()


def _objects(text: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Walk over a list of objects, one value at a time, so that each has the line where it starts."""
    position, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    expects_value = True
    while True:
        begin = position
        while text[position : position + 1].isspace():
            position += 1
        line += text.count("\n", begin, position)
        character = text[position : position + 1]
        if character == "]":
            return
        if character == "," and not expects_value:
            position, expects_value = position + 1, True
            continue
        if character == "" or not expects_value:
            what = "breaks off before the closing bracket" if character == "" else "lacks a comma"
            raise DataError(
                f"The list in {source} {what} (row {line}).",
                next_step="The file may be cut short: export it again." if character == "" else "Add the comma.",
            )
        value, end = _decode(text, position, line, source)
        yield line, _checked(value, line, source)
        line += text.count("\n", position, end)
        position, expects_value = end, False
