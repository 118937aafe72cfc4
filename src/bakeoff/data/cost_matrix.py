"""Read what answers cost: ``--cost-matrix FILE``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.data.read import read_text_file
from bakeoff.data.sniff import find_delimiter
from bakeoff.errors import DataError
from bakeoff.plain_yaml import node_of

__all__ = ["read_cost_matrix"]

_FORM = "Write a table: the answered labels in the first row, and in each further row a true label and its costs."


def read_cost_matrix(path: str | Path) -> dict[str, dict[str, float]]:
    """Read the cost of each answer, by true and answered label.

    Parameters
    ----------
    path : str or Path
        A .csv or .tsv table, its first column the true labels, its header the answered ones; or a .yaml, .yml or .json
        mapping of true label to answered label to cost. ``<abstain>`` among the answered labels is an abstention.

    Returns
    -------
    dict of str to dict of str to float
        Finite costs; below 0 is a gain.

    Raises
    ------
    DataError
        If the file is missing, broken or of another form, a label comes twice, or a cost is no number.
    """
    file = Path(path)
    text = read_text_file(file, "a file of costs")
    mapped = file.suffix.lower() in (".yaml", ".yml", ".json")
    rows = _mapped(text, str(file)) if mapped else _table(text, str(file))
    if not rows:
        raise DataError(f"{file} must give the cost of at least one answer; it is empty.", next_step=_FORM)
    return {truth: {answer: _cost(value, truth, answer, file) for answer, value in row.items()} for truth, row in rows}


def _table(text: str, source: str) -> list[tuple[str, dict[str, Any]]]:
    records = [record for record in csv.reader(io.StringIO(text), delimiter=find_delimiter(text) or ",") if any(record)]
    if len(records) < 2:
        return []
    answers = [cell.strip() for cell in records[0][1:]]
    _refuse_twice(answers, source)
    truths = [record[0].strip() for record in records[1:]]
    _refuse_twice(truths, source)
    for truth, record in zip(truths, records[1:], strict=True):
        if len(record) - 1 != len(answers):
            raise DataError(
                f"The row {truth!r} of {source} must have {len(answers)} costs, one for each answered label; it has "
                f"{len(record) - 1}.",
                next_step=_FORM,
            )
    rows = [dict(zip(answers, record[1:], strict=True)) for record in records[1:]]
    return list(zip(truths, rows, strict=True))


def _mapped(text: str, source: str) -> list[tuple[str, dict[str, Any]]]:
    import yaml

    try:
        # JSON is YAML, too. BaseLoader makes text of every scalar: labels such as no and 1 stay as they are.
        loader = yaml.BaseLoader(text)
        node = node_of(text, loader)
        value = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise DataError(f"{source} is not valid YAML ({said}).", next_step="Correct it.") from error
    if value is None:
        return []
    if not isinstance(value, Mapping) or not all(isinstance(row, Mapping) for row in value.values()):
        raise DataError(
            f"{source} must map each true label to the costs of its answers; it holds something else.",
            next_step="Write lines such as 'positive: {negative: 5, positive: 0}'.",
        )
    return [(str(truth), {str(answer): cost for answer, cost in row.items()}) for truth, row in value.items()]


def _refuse_twice(labels: list[str], source: str) -> None:
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise DataError(f"{source} must name each label once; {twice!r} comes twice.", next_step="Remove one of them.")


def _cost(value: Any, truth: str, answer: str, source: Path) -> float:
    try:
        cost = float(value)
    except (TypeError, ValueError):
        cost = math.nan
    if not math.isfinite(cost):
        raise DataError(
            f"The cost of answering {answer!r} where {truth!r} is true must be a number; {source} has {value!r}.",
            next_step="Write an amount such as 2.5, without a currency.",
        )
    return cost
