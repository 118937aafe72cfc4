"""How rows of every kind of task are written: each text and each label as one string, which every room can pass on.

A text of several fields, such as a pair of texts or the tokens of a sentence, has U+001F, the unit separator of ASCII,
between them. A label is written so that equal labels are equal strings:

``classification``, ``pair``   the label itself
``multi-label``                a JSON list of the row's labels, sorted; ``[]`` for none
``regression``                 a number, as Python writes it
``tagging``                    the tokens' tags with blanks between them
``generation``                 the texts that are right, the one to learn from first, with U+001E, the record separator
                               of ASCII, between them

What a written text is held against may carry the row's source behind it (`write_truth`), after U+001D, the group
separator.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = [
    "FIELD_SEPARATOR",
    "REFERENCE_SEPARATOR",
    "SOURCE_SEPARATOR",
    "counts_of",
    "entity_type",
    "join_fields",
    "label_names",
    "labels_of",
    "references_of",
    "source_of",
    "spaced",
    "split_fields",
    "strata_of",
    "target_of",
    "write_labels",
    "write_number",
    "write_references",
    "write_tags",
    "write_truth",
    "written_label",
]

#: Between the fields of a text.
FIELD_SEPARATOR = "\x1f"

#: Between the texts that are right for one row.
REFERENCE_SEPARATOR = "\x1e"

#: Between a label and the source that its row has.
SOURCE_SEPARATOR = "\x1d"

#: Parts of equal size by which numbers are stratified.
_BINS = 10


def join_fields(fields: Iterable[str]) -> str:
    """Write the fields of a row, such as two texts or the tokens of a sentence, as one text."""
    return FIELD_SEPARATOR.join(field.replace(FIELD_SEPARATOR, " ") for field in fields)


def split_fields(text: str, least: int = 1) -> tuple[str, ...]:
    """Give the fields of a text, at least so many; those that it lacks are empty."""
    fields = text.split(FIELD_SEPARATOR)
    return (*fields, *[""] * (least - len(fields)))


def spaced(texts: Iterable[str]) -> list[str]:
    """Write texts with blanks between their fields, as a tokenizer counts them that knows of no fields."""
    return [text.replace(FIELD_SEPARATOR, " ") for text in texts]


def write_labels(labels: Iterable[str]) -> str:
    """Write a row's labels, each once."""
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def write_number(number: float) -> str:
    """Write a number.

    Raises
    ------
    ValueError
        If it is not finite.
    """
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"a label must be a finite number; {number!r} came")
    return repr(value)


def write_tags(tags: Iterable[str]) -> str:
    """Write the tags of a row's tokens."""
    return " ".join(tags)


def write_references(references: Iterable[str]) -> str:
    """Write the texts that are right for a row, the one to learn from first, each once."""
    plain = (text.replace(REFERENCE_SEPARATOR, " ").replace(SOURCE_SEPARATOR, " ").strip() for text in references)
    return REFERENCE_SEPARATOR.join(dict.fromkeys(text for text in plain if text))


def references_of(value: str) -> tuple[str, ...]:
    """Give the texts that are right for a row of a generation task, the one to learn from first."""
    return tuple(written_label(value).split(REFERENCE_SEPARATOR))


def target_of(value: str) -> str:
    """Give the text to learn from, of a generation task's written label."""
    return written_label(value).partition(REFERENCE_SEPARATOR)[0]


def write_truth(label: str, source: str) -> str:
    """Write a label with the source of its row, for what is held against both."""
    return f"{label}{SOURCE_SEPARATOR}{source}"


def written_label(truth: str) -> str:
    """Give the label of what `write_truth` wrote; a label as it is."""
    return truth.partition(SOURCE_SEPARATOR)[0]


def source_of(truth: str) -> str:
    """Give the source of what `write_truth` wrote; empty for a label alone."""
    return truth.partition(SOURCE_SEPARATOR)[2]


def labels_of(kind: str, value: str) -> tuple[str, ...]:
    """Give the labels that a written label names: several for multi-label and tagging, none for numbers and texts."""
    if kind in ("regression", "generation"):
        return ()
    if kind == "multi-label":
        return tuple(json.loads(value))
    return tuple(value.split(" ")) if kind == "tagging" else (value,)


def entity_type(tag: str) -> str:
    """Give the type of a tag: ``"PER"`` of ``"B-PER"``, empty of ``"O"``."""
    return tag.partition("-")[2]


def label_names(kind: str, values: Iterable[str]) -> tuple[str, ...]:
    """Give the label set of written labels.

    Parameters
    ----------
    kind : str
    values : iterable of str
        Written labels.

    Returns
    -------
    tuple of str
        Sorted. For tagging also ``"O"`` and the beginning and the inside of each type; empty for regression and
        generation.
    """
    found = {label for value in set(values) for label in labels_of(kind, value)}
    if kind == "tagging":
        types = {entity_type(tag) for tag in found} - {""}
        found |= {"O", *(f"{place}-{name}" for name in types for place in "BI")} if types else set()
    return tuple(sorted(found))


def counts_of(kind: str, values: Iterable[str]) -> Counter[str]:
    """Count the rows of each label; of each type of entity for tagging, of none for numbers and texts."""
    # Labels that many rows share are taken apart once.
    sets = [(set(labels_of(kind, value)), rows) for value, rows in Counter(values).items()]
    counts: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for names, rows in sets:
        for name in names:
            counts[name] += rows
        for name in {entity_type(tag) for tag in names} - {""} if kind == "tagging" else ():
            types[name] += rows
    # Tags without types, such as parts of speech, stand for themselves.
    return types or counts


def strata_of(kind: str, values: Sequence[str]) -> tuple[str, ...]:
    """Give each row the class by which draws and splits are stratified.

    Parameters
    ----------
    kind : str
    values : sequence of str
        Written labels.

    Returns
    -------
    tuple of str, length rows
        The label; the rarest of the row's labels, or of its types of entity, where it has several; for numbers the
        tenth of the rows in which it lies, and for texts to write that of their length.
    """
    if kind in ("regression", "generation"):
        sizes = [float(value) if kind == "regression" else float(len(target_of(value))) for value in values]
        ranks = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
        return tuple(str(int(rank) * _BINS // max(len(values), 1)) for rank in ranks)
    if kind not in ("multi-label", "tagging"):
        return tuple(values)
    counts = counts_of(kind, values)
    found = []
    for value in values:
        own = counts_of(kind, (value,))
        found.append(min(own, key=lambda name: (counts[name], name), default=""))
    return tuple(found)
