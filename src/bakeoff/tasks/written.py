"""Rows and answers as people give and use them, written and read: tuples of texts, lists of labels, numbers, tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import (
    FIELD_SEPARATOR,
    join_fields,
    labels_of,
    write_labels,
    write_number,
    write_references,
    write_tags,
    write_truth,
)
from bakeoff.errors import DataError
from bakeoff.tasks.task import ABSTAIN, Task

__all__ = ["are_pairs", "check_columns", "check_labels", "truths", "values_of", "written_labels", "written_texts"]


def written_texts(X: Sequence[Any]) -> list[str]:
    """Write texts: a string as it is, a pair or a row of tokens as one string (see `bakeoff.data.forms`).

    A list, an array or a Series of texts will do, and a table or array of one column, or of one column a field.

    Raises
    ------
    DataError
        If an element is something else.
    """
    if isinstance(X, str):
        raise DataError(
            "X must be a sequence of str, and one text came: its letters would be rows.",
            next_step="Put it into a list.",
        )
    texts = list(_rows_of(X))
    for position, text in enumerate(texts):
        if isinstance(text, (tuple, list)) and text and all(isinstance(field, str) for field in text):
            texts[position] = join_fields(text)
        elif not isinstance(text, str):
            raise DataError(
                f"X must be a sequence of str, or of rows of str; its element {position} is of type "
                f"{type(text).__name__}.",
                next_step="Give the texts themselves.",
            )
    return texts


def _rows_of(X: Any) -> Iterable[Any]:
    """Give rows one by one: of a table or an array of one column its cells, of several the tuples of each row."""
    # A table of pandas or polars, walked through, gives the names of its columns or the columns.
    X = _collected(X)
    if _is_table(X):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return X[:, 0].tolist() if X.shape[1] == 1 else map(tuple, X.tolist())
    return list(X)


def _is_table(X: Any) -> bool:
    # The type is asked, as a lazy table of polars itself would read its source to tell its columns.
    return hasattr(type(X), "columns") and hasattr(X, "to_numpy")


def _collected(X: Any) -> Any:
    """Read a lazy table of polars, whose rows have no place before that; give anything else as it is."""
    return X.collect() if hasattr(type(X), "columns") and hasattr(type(X), "collect") else X


def check_columns(X: Any, y: Sequence[Any]) -> None:
    """Refuse a table of which a column is the labels: a method would learn to read them off.

    Raises
    ------
    DataError
        If one is.
    """
    X = _collected(X)
    if not _is_table(X):
        return
    labels = list(map(str, y))
    for column in X.columns:
        if labels and list(map(str, X[column])) == labels:
            raise DataError(
                f"X holds the labels: its column {str(column)!r} is y, and would be learned from.",
                next_step="Give the columns of the texts alone, such as X[['text']].",
            )


def written_labels(kind: str, y: Iterable[Any]) -> list[str]:
    """Write labels of a kind: labels, lists of labels, numbers, or lists of tags; those written stay as they are.

    Raises
    ------
    DataError
        If one cannot be read as such.
    """
    found = []
    for position, label in enumerate(y):
        try:
            found.append(_written(kind, label))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"y must hold what the kind {kind} has for labels; its element {position} is {str(label)[:40]!r}.",
                next_step="Give a list of labels, a finite number, or a list of tags a row.",
            ) from error
    return found


def _written(kind: str, label: Any) -> str:
    if kind == "regression":
        return write_number(float(label))
    if kind == "multi-label":
        return write_labels(map(str, labels_of(kind, label) if isinstance(label, str) else label))
    if kind == "tagging":
        return label if isinstance(label, str) else write_tags(map(str, label))
    if kind == "generation":
        return label if isinstance(label, str) else write_references(map(str, label))
    return str(label)


def truths(task: Task, texts: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Give what answers are held against when they are scored: the labels, with their sources where there are checks.

    Parameters
    ----------
    task : Task
    texts, labels : sequence of str, length rows
        Written ones.

    Returns
    -------
    tuple of str, length rows
        For `bakeoff.tasks.scoring_of`.
    """
    if not task.checks:
        return tuple(labels)
    return tuple(write_truth(label, text) for text, label in zip(texts, labels, strict=True))


def are_pairs(task: Task, texts: Sequence[str]) -> bool:
    """Say whether written texts are pairs of texts: those of the kind pair, and numbers may have them, too."""
    return task.kind in ("pair", "regression") and any(FIELD_SEPARATOR in text for text in texts)


def check_labels(task: Task, texts: Sequence[str], labels: Sequence[str]) -> None:
    """Hold labels against the task's, and tags against the tokens.

    Raises
    ------
    DataError
        For a label that is none of the task's, and a row with another number of tags than tokens.
    """
    known = set(task.labels)
    unknown = sorted({name for label in set(labels) for name in labels_of(task.kind, label)} - known)
    if unknown:
        raise DataError(
            f"Labels must be among the task's {len(task.labels)}; {unknown[0]!r} came.",
            next_step="Add it to the task's labels, or leave the row out.",
        )
    if task.kind != "tagging":
        return
    for position, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if text.count(FIELD_SEPARATOR) != label.count(" "):
            raise DataError(
                f"Every token needs one tag; row {position} has {text.count(FIELD_SEPARATOR) + 1} tokens and "
                f"{label.count(' ') + 1} tags.",
                next_step="Give tokens and tags of one length.",
            )


def values_of(task: Task, answers: Sequence[str | None], texts: Sequence[str]) -> NDArray[Any]:
    """Give answers as people use them.

    Parameters
    ----------
    task : Task
    answers : sequence of str or None, length rows
        Written labels; None is an abstention.
    texts : sequence of str, length rows

    Returns
    -------
    ndarray, shape (rows,)
        Labels as str, with ``"<abstain>"`` for an abstention; texts likewise, as objects; numbers as float64, with
        NaN; tuples of labels, or of tags, as objects, with ``("<abstain>",)`` or all ``"O"``.
    """
    if task.kind == "regression":
        return np.array([np.nan if one is None else float(one) for one in answers], dtype=np.float64)
    if task.kind == "generation":
        return np.array([ABSTAIN if one is None else one for one in answers], dtype=object)
    if task.kind not in ("multi-label", "tagging"):
        return np.array([ABSTAIN if one is None else one for one in answers], dtype=np.str_)
    found = np.empty(len(answers), dtype=object)
    for place, (answer, text) in enumerate(zip(answers, texts, strict=True)):
        nothing = (ABSTAIN,) if task.kind == "multi-label" else ("O",) * (text.count(FIELD_SEPARATOR) + 1)
        found[place] = nothing if answer is None else labels_of(task.kind, answer)
    return found
