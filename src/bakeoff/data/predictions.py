"""Read the answers of a system that is in use today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.check import Check, counted, first_rows
from bakeoff.data.columns import find_columns, resolve_column
from bakeoff.data.duplicates import loose_key
from bakeoff.data.read import read_table
from bakeoff.data.rows import Rows
from bakeoff.data.spreadsheet import plain_cell
from bakeoff.data.table import Table
from bakeoff.errors import DataError

__all__ = ["Predictions", "read_predictions"]

# In this order: a file may carry the true labels under "label" beside the predictions.
_ANSWER_NAMES = ("prediction", "predictions", "predicted", "pred", "predicted_label", "answer", "output", "label")
_ID_NAMES = ("id", "row_id", "ids")


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers of one system to the rows of a study.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    values : tuple of str or None
        One a row, in the order of the rows; None is an abstention: no answer, or none of the labels.
    matched : int
        How many rows have an answer in the file.
    checks : tuple of Check
        Rows without an answer, answers that are no labels, and texts with several answers.
    """

    name: str
    values: tuple[str | None, ...]
    matched: int
    checks: tuple[Check, ...]


def read_predictions(
    path: str | Path,
    rows: Rows,
    labels: Sequence[str],
    *,
    text: Sequence[str] = (),
    prediction: str | None = None,
    encoding: str | None = None,
) -> Predictions:
    """Read answers and match them with rows: by id, or by text.

    Texts match exactly or, failing that, apart from capitals, white space and punctuation.

    Parameters
    ----------
    path : str or Path
        A table with a column of answers (such as ``prediction``) and one of texts or of row ids.
    rows : Rows
    labels : sequence of str
        An answer that differs from a label by capitals alone counts as that label.
    text, prediction : sequence of str, str
        Columns of the text and of the answers; found where left out.
    encoding : see `read_table`

    Returns
    -------
    Predictions

    Raises
    ------
    DataError
        If the file cannot be read, has no column of answers, or answers none of the rows.
    """
    table = read_table(path, encoding=encoding)
    answer, checks = _answer_column(table, prediction), list[Check]()
    answers = [_single(cell) for cell in table.column(answer)]
    found = None if text else _by_id(table, answers, rows)
    if found is None:
        found = _by_text(table, text, answer, answers, rows, checks)
    missing = [number for number, value in zip(rows.row_numbers, found, strict=True) if value is None]
    if len(missing) == len(rows):
        raise DataError(
            f"{path} must answer the {len(rows)} rows of {rows.source}; none of its {len(table)} texts is among them.",
            next_step="Give a file with the texts as they are in the data, or with the ids of the rows.",
        )
    if missing:
        detail = f"{len(missing)} of {len(rows)} rows have no answer ({first_rows(missing)} of {rows.source})."
        checks.append(Check("answers missing", "WARN", f"{detail} They count as abstentions."))
    values = _as_labels(found, labels, checks)
    return Predictions(Path(path).stem, values, len(rows) - len(missing), tuple(checks))


def _single(cell: str | tuple[str, ...] | None) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _answer_column(table: Table, given: str | None) -> str:
    if given is not None:
        return resolve_column(table, given, "the column of answers")
    folded = {name.casefold(): name for name in reversed(table.columns)}
    found = next((folded[name] for name in _ANSWER_NAMES if name in folded), None)
    if found is None:
        names = ", ".join(repr(name) for name in table.columns)
        raise DataError(
            f"{table.source} must have a column of answers, such as 'prediction'; there are {names}.",
            next_step="Rename the column of answers to 'prediction'.",
        )
    return found


def _by_id(table: Table, answers: Sequence[str], rows: Rows) -> list[str | None] | None:
    """Match by ids; None where the file has no ids of these rows."""
    column = next((name for name in table.columns if name.casefold() in _ID_NAMES), None)
    if column is None:
        return None
    given = dict(zip((_single(cell) for cell in table.column(column)), answers, strict=True))
    return None if given.keys().isdisjoint(rows.ids) else [given.get(row_id) for row_id in rows.ids]


def _by_text(
    table: Table, text: Sequence[str], answer: str, answers: Sequence[str], rows: Rows, checks: list[Check]
) -> list[str | None]:
    columns = find_columns(table, text=text, label=answer).text
    parts = [[cell if isinstance(cell, str) else "" for cell in table.column(name)] for name in columns]
    texts = ["\n".join(part for part in row if part.strip()) for row in zip(*parts, strict=True)]
    exact, torn = _first_answers(texts, answers, table.row_numbers)
    # A table that was kept safe for spreadsheets has an apostrophe before a text such as '- good'.
    bare = ["\n".join(plain_cell(part) for part in row if part.strip()) for row in zip(*parts, strict=True)]
    plain, _ = _first_answers(bare, answers, table.row_numbers)
    loose, _ = _first_answers(map(loose_key, bare), answers, table.row_numbers)
    if torn:
        detail = f"{len(torn)} rows of {table.source} answer an earlier text in another way ({first_rows(torn)})."
        checks.append(Check("answers differ", "WARN", f"{detail} The first answer counts."))
    given = ((exact, str), (plain, str), (loose, loose_key))
    return [next((found[key(row)] for found, key in given if key(row) in found), None) for row in rows.texts]


def _first_answers(
    keys: Iterable[str], answers: Sequence[str], numbers: Sequence[int]
) -> tuple[dict[str, str], list[int]]:
    first: dict[str, str] = {}
    torn = []
    for key, answer, number in zip(keys, answers, numbers, strict=True):
        if first.setdefault(key, answer) != answer:
            torn.append(number)
    return first, torn


def _as_labels(found: Sequence[str | None], labels: Sequence[str], checks: list[Check]) -> tuple[str | None, ...]:
    known = {label: label for label in labels}
    folded: dict[str, str | None] = {}
    for label in labels:
        folded[label.casefold()] = None if label.casefold() in folded else label

    def named(value: str | None) -> str | None:
        if value is None:
            return None
        # A table that was kept safe for spreadsheets has an apostrophe before a label such as '-1 or less'.
        given = value if value in known or value.casefold() in folded else plain_cell(value)
        return known.get(given) or folded.get(given.casefold())

    values = tuple(named(value) for value in found)
    strange = [given for given, value in zip(found, values, strict=True) if given is not None and value is None]
    if strange:
        shown = ", ".join(repr(value) for value in sorted(set(strange))[:5])
        detail = f"{counted(len(strange), 'answer')} outside the label set ({shown}): read as abstentions."
        checks.append(Check("answers outside the labels", "WARN", detail))
    return values
