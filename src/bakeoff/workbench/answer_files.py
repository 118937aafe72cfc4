"""Files of answers: how one row and its answer are written, by the ending of the file's name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from bakeoff.errors import OptionError
from bakeoff.records import Answer

__all__ = ["check_output", "parsed_value", "renamed", "row_writer"]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson")
#: Made once: `json.dumps` makes one for every cell, which is most of the time of writing a row.
_ENCODED = json.JSONEncoder(ensure_ascii=False).encode
_PROBABILITY = "probability_"

_Cell = str | float | tuple[str, ...] | None


def check_output(source: Path, output: Path | None) -> Path:
    """Give the file of answers, and refuse one that cannot be written.

    Parameters
    ----------
    source : Path
        The rows.
    output : Path, optional
        By default ``NAME.predictions.csv`` beside the rows.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        If it has another ending, no folder to stand in, is a folder, or is the file of the rows; or if these are no
        file.
    """
    if source.is_dir():
        raise OptionError(f"The rows must be a file; {source} is a folder.", next_step="Name a file in it.")
    target = Path(output) if output is not None else source.with_name(f"{source.stem}.predictions.csv")
    allowed = (*_DELIMITERS, *_JSON_LINES)
    if target.suffix.lower() not in allowed:
        raise OptionError(
            f"The output must end in one of {', '.join(allowed)}; {target.name!r} came.", next_step="Name another file."
        )
    if not target.parent.is_dir():
        raise OptionError(
            f"The output {target} has no folder to stand in: {target.parent} does not exist.",
            next_step="Make the folder, or name another.",
        )
    if target.is_dir():
        raise OptionError(f"The output must be a file; {target} is a folder.", next_step="Name a file in it.")
    if target.exists() and source.exists() and target.samefile(source):
        raise OptionError(
            f"The output must be another file than the rows; {target} came for both.", next_step="Name another file."
        )
    return target


def row_writer(
    stream: TextIO, target: Path, columns: Sequence[str], labels: Sequence[str], kind: str, *, header: bool = True
) -> Callable[[Sequence[_Cell], Answer], object]:
    """Give the function that writes one row in the format that the output's ending names.

    Written are all columns of the input (to JSON lines as they came, numbers as numbers), then ``prediction`` (empty
    for an abstention; a JSON list of several labels) and ``abstention`` (the reason, else empty); a column of the input
    with one of these names becomes ``NAME_input``.

    Parameters
    ----------
    stream : text stream
    target : Path
        Its ending names the format.
    columns : sequence of str
        Of the rows that came.
    labels : sequence of str
        Those whose probabilities are written; none for none.
    kind : str
        Of the task.
    header : bool
        Whether a table begins with the names of its columns.

    Returns
    -------
    callable
        Given the cells of a row, and its answer.
    """
    from bakeoff.data import safe_cell, whole_characters

    ours = ["prediction", "abstention", *(f"{_PROBABILITY}{label}" for label in labels)]
    names = [*map(whole_characters, renamed(columns, ours)), *ours]
    if target.suffix.lower() in _JSON_LINES:
        keys = [json.dumps(name, ensure_ascii=False) for name in names]

        def write_json(row: Sequence[_Cell], answer: Answer) -> None:
            value, *others = _added(answer, len(labels))
            # Lists and numbers have a form of their own there.
            told = None if value is None else parsed_value(kind, str(value))
            cells = map(_as_json, [*row, told, *others])
            stream.write(f"{{{', '.join(map('{}: {}'.format, keys, cells))}}}\n")

        return write_json

    table = csv.writer(stream, delimiter=_DELIMITERS[target.suffix.lower()], lineterminator="\n")
    if header:
        table.writerow([safe_cell(name) for name in names])
    return lambda row, answer: table.writerow([_tabled(cell) for cell in (*row, *_added(answer, len(labels)))])


def _added(answer: Answer, labels: int) -> list[_Cell]:
    """Give what is written beside a row: the answer, its reason, and as many probabilities as there are labels."""
    shares = answer.probabilities or (None,) * labels
    rounded = [None if share is None else round(share, 6) for share in shares[:labels]]
    return [answer.value, answer.abstention, *rounded]


def _as_json(cell: Any) -> str:
    """Give a cell as JSON holds it: what was no text when it came, without quotes."""
    if type(cell) is str:  # the most of them by far
        return _ENCODED(cell)
    if cell is None:
        return "null"
    if isinstance(cell, (list, tuple)):
        return f"[{', '.join(map(_as_json, cell))}]"
    from bakeoff.data import JsonText

    return cell if isinstance(cell, JsonText) else _ENCODED(cell)


def _tabled(cell: _Cell) -> _Cell:
    """Give a cell as a table holds it: a list, which has no form of its own there, as JSON; no text as a formula."""
    from bakeoff.data import safe_cell

    if isinstance(cell, tuple):
        return json.dumps(cell, ensure_ascii=False)
    return safe_cell(cell) if isinstance(cell, str) else cell


def parsed_value(kind: str, value: str) -> Any:
    """Read a written label: a list of labels or tags, a number, or the label itself.

    Parameters
    ----------
    kind : str
        Of the task.
    value : str
        Of an `Answer`.

    Returns
    -------
    str, float or list of str
    """
    from bakeoff.data import labels_of

    if kind == "regression":
        return float(value)
    return list(labels_of(kind, value)) if kind in ("multi-label", "tagging") else value


def renamed(columns: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Rename the input's columns that have our names, so that readers find ours under one name always."""
    taken = {*columns, *ours}
    names = []
    for column in columns:
        name = column
        if column in ours:
            name = f"{column}_input"
            while name in taken:
                name += "_"
            taken.add(name)
        names.append(name)
    return names
