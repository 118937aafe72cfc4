"""From the cells of a table to the written texts and labels of a kind of task."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Sequence

from bakeoff.data.check import first_rows
from bakeoff.data.columns import Columns
from bakeoff.data.forms import (
    FIELD_SEPARATOR,
    join_fields,
    write_labels,
    write_number,
    write_references,
    write_tags,
)
from bakeoff.data.table import Cell, Table
from bakeoff.errors import DataError, OptionError

__all__ = ["KINDS", "divider_of", "infer_kind", "single_texts", "written_labels", "written_texts"]

#: Kinds of rows that can be read.
KINDS = ("classification", "multi-label", "regression", "pair", "tagging", "generation")

#: Numbers of which so many differ, and some have a fraction, are a scale and no classes.
_MOST_NUMBER_CLASSES = 20
_FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*([eE][-+]?\d+)?")
#: What divides several labels in one cell of text, the first that any cell has.
_DIVIDERS = (";", "|", ",")
#: Other schemes of tags say begin, inside, last and single.
_SCHEMES = {"E": "I", "L": "I", "S": "B", "U": "B"}


def infer_kind(table: Table, columns: Columns) -> str:
    """Tell the kind of task by the columns and the labels in them.

    Texts to write are known by the names of their columns alone, ``source`` and ``target``.

    Parameters
    ----------
    table : Table
    columns : Columns

    Returns
    -------
    str
        ``"tagging"`` where texts are lists of tokens, ``"multi-label"`` where labels are lists, ``"regression"`` where
        they are over 20 different numbers, some with a fraction, ``"generation"`` where they are texts to write,
        ``"pair"`` where there is a second text, else ``"classification"``.
    """
    if columns.label is None:
        return "classification"
    if columns.written:
        return "generation"
    texts, labels = table.column(columns.text[0]), table.column(columns.label)
    if any(isinstance(cell, tuple) for cell in labels):
        return "tagging" if any(isinstance(cell, tuple) for cell in texts) else "multi-label"
    values = {cell.strip() for cell in labels if isinstance(cell, str) and cell.strip()}
    if len(values) > _MOST_NUMBER_CLASSES and all(map(_is_number, values)) and any(map(_FRACTION.fullmatch, values)):
        return "regression"
    return "classification" if columns.text_pair is None else "pair"


def written_texts(table: Table, columns: Columns, kind: str) -> list[str]:
    """Write the texts of a table; see `bakeoff.data.forms`.

    Parameters
    ----------
    table : Table
    columns : Columns
    kind : str

    Returns
    -------
    list of str, length rows
        Empty where a row has no text, or one of a pair is missing.

    Raises
    ------
    DataError
        If a cell holds something else.
    """
    if kind == "tagging":
        return [join_fields(_tokens(cell)) for cell in table.column(columns.text[0])]
    texts = [single_texts(table, name, "text") for name in columns.text]
    if len(texts) == 1:
        joined = [text if text.strip() else "" for text in texts[0]]
    else:
        joined = ["\n".join(part for part in parts if part.strip()) for parts in zip(*texts, strict=True)]
    if columns.text_pair is None:
        if kind == "pair":
            raise OptionError(
                f"A pair needs a second text; {table.source} has no column for it that is known by its name.",
                next_step="Name it with --text-pair.",
            )
        return joined
    others = single_texts(table, columns.text_pair, "text-pair")
    return [
        join_fields((one, other)) if one.strip() and other.strip() else ""
        for one, other in zip(joined, others, strict=True)
    ]


def divider_of(tables: Sequence[Table], columns: Columns) -> str | None:
    """Find what divides several labels in a cell of text: the same for all files, so that none is read otherwise."""
    cells = [cell for table in tables for cell in table.column(str(columns.label))]
    texts = [cell for cell in cells if isinstance(cell, str) and not _listed(cell)]
    return next((mark for mark in _DIVIDERS if any(mark in text for text in texts)), None)


def written_labels(table: Table, columns: Columns, kind: str, divider: str | None = None) -> list[str]:
    """Write the labels of a table; see `bakeoff.data.forms`.

    Parameters
    ----------
    table : Table
    columns : Columns
        With a label.
    kind : str
    divider : str, optional
        Of several labels in one cell of text; see `divider_of`.

    Returns
    -------
    list of str, length rows
        Empty where a row has no label.

    Raises
    ------
    DataError
        If a label is none of the kind: no number, or tags that are not as many as the tokens.
    """
    name = str(columns.label)
    if kind in ("classification", "pair"):
        # Rows of one label share its text: of a million rows that is a difference of 50 MB.
        return [sys.intern(label.strip()) for label in single_texts(table, name, "label")]
    cells = table.column(name)
    if kind == "generation":
        return _references(table, columns)
    if kind == "multi-label":
        return _each(table, cells, "a list of labels", lambda cell: _label_set(cell, divider))
    if kind == "regression":
        return _each(table, cells, "a finite number", _number)
    found = _each(table, cells, "a list of tags without blanks", _tag_list)
    texts = table.column(columns.text[0])
    odd = [
        number
        for number, cell, tags in zip(table.row_numbers, texts, found, strict=True)
        if tags and len(_tokens(cell)) != len(tags.split(" "))
    ]
    if odd:
        raise DataError(
            f"Every token needs one tag; {first_rows(odd)} of {table.source} have another number of tags than tokens.",
            next_step="Give tokens and tags as lists of one length.",
        )
    return found


def _references(table: Table, columns: Columns) -> list[str]:
    """Write the texts that are right for each row: the target first, then what the column of references adds."""
    targets = single_texts(table, str(columns.label), "label")
    if columns.references is None:
        return [write_references((target,)) for target in targets]
    others = [cell if isinstance(cell, tuple) else (cell or "",) for cell in table.column(columns.references)]
    # A row without a target has none to learn from, whatever else is right.
    return [
        write_references((target, *more)) if target.strip() else ""
        for target, more in zip(targets, others, strict=True)
    ]


def single_texts(table: Table, column: str, role: str) -> list[str]:
    """Give the cells of a column as texts, and refuse lists.

    Parameters
    ----------
    table : Table
    column, role : str
        The role names the option by which another column can be chosen.

    Returns
    -------
    list of str, length rows
        Empty for an empty cell.
    """
    texts = []
    for cell, number in zip(table.column(column), table.row_numbers, strict=True):
        if isinstance(cell, tuple):
            raise DataError(
                f"Row {number} of {table.source} has a list in {column!r}; one {role} a row is needed.",
                next_step=f"Name another column with --{role}, or write one value a row.",
            )
        # What divides the fields of a text cannot stand inside of one.
        texts.append((cell or "").replace(FIELD_SEPARATOR, " "))
    return texts


def _each(table: Table, cells: Sequence[Cell], wanted: str, write: Callable[[Cell], str]) -> list[str]:
    """Write every filled cell, and name those that cannot be."""
    found, odd = [], []
    for cell, number in zip(cells, table.row_numbers, strict=True):
        empty = cell is None or (isinstance(cell, str) and not cell.strip())
        try:
            found.append("" if empty else write(cell))
        except ValueError:
            odd.append((number, cell))
    if odd:
        raise DataError(
            f"Every label must be {wanted}; {first_rows([number for number, _ in odd])} of {table.source} have "
            f"others, such as {str(odd[0][1])[:40]!r}.",
            next_step="Correct the cells, or name another column with --label or another kind with --task.",
        )
    return found


def _tokens(cell: Cell) -> tuple[str, ...]:
    if isinstance(cell, tuple):
        return cell
    return _listed(cell or "") or tuple((cell or "").split())


def _listed(cell: str) -> tuple[str, ...]:
    """Read a JSON list in a cell of text; empty where it is none."""
    if not cell.lstrip().startswith("["):
        return ()
    try:
        value = json.loads(cell)
    except json.JSONDecodeError:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _label_set(cell: Cell, divider: str | None) -> str:
    if isinstance(cell, tuple):
        return write_labels(label.strip() for label in cell if label.strip())
    text = (cell or "").strip()
    if _listed(text) or text.replace(" ", "") == "[]":
        return write_labels(label.strip() for label in _listed(text) if label.strip())
    parts = text.split(divider) if divider else [text]
    return write_labels(part.strip() for part in parts if part.strip())


def _number(cell: Cell) -> str:
    if isinstance(cell, tuple):
        raise ValueError("a list")
    return write_number(float(cell or ""))


def _tag_list(cell: Cell) -> str:
    tags = _tokens(cell)
    if not tags or any(not tag or tag.split() != [tag] for tag in tags):
        raise ValueError("no tags")
    return write_tags(_in_bio(tag) for tag in tags)


def _in_bio(tag: str) -> str:
    place, dash, name = tag.partition("-")
    return f"{_SCHEMES.get(place, place)}{dash}{name}" if name else tag


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
