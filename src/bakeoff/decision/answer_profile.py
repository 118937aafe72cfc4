"""Answers as what can be counted or ranked, whatever the kind of task."""

from __future__ import annotations

from collections.abc import Iterable

from bakeoff.data import entity_type, labels_of

__all__ = ["RANKED", "countable", "rankable"]

#: Kinds whose answers are ranked: numbers by their size, texts by how many words they have.
RANKED = ("regression", "generation")


def countable(kind: str, values: Iterable[str]) -> list[str]:
    """Give what is counted of answers.

    Parameters
    ----------
    kind : str
        Of the task, none of `RANKED`.
    values : iterable of str
        As written; no abstentions.

    Returns
    -------
    list of str
        The label, or the set of labels; for tags the types of entities in the row.
    """
    if kind == "tagging":
        found = ({entity_type(tag) for tag in labels_of(kind, value)} - {"", "O"} for value in values)
        return [", ".join(sorted(types)) or "none" for types in found]
    if kind == "multi-label":
        return [", ".join(sorted(labels_of(kind, value))) or "none" for value in values]
    return list(values)


def rankable(kind: str, values: Iterable[str]) -> list[float]:
    """Give what is ranked of answers: numbers, or the words of texts; see `countable`."""
    return [float(value) if kind == "regression" else float(len(value.split())) for value in values]
