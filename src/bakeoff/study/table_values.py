"""Rows, folds and answers as the values of their tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bakeoff.data import Fold, Rows
from bakeoff.records import Answer

__all__ = ["answer_values", "first_values", "fold_values", "row_values"]


def row_values(part: str, rows: Rows, first: int = 0) -> list[tuple[Any, ...]]:
    """Give the values of a part's rows, in their order, from a position on."""
    return [
        (
            part,
            first + position,
            rows.ids[position],
            rows.texts[position],
            rows.labels[position],
            rows.groups[position] if rows.groups else None,
            rows.times[position] if rows.times else None,
            rows.row_numbers[position],
        )
        for position in range(len(rows))
    ]


def fold_values(seed: int, fold: Fold) -> list[tuple[Any, ...]]:
    """Give the values of a fold: its rows of each part, in their order."""
    return [
        (seed, part, place, position)
        for part in ("train", "validation", "test")
        for place, position in enumerate(getattr(fold, part))
    ]


def answer_values(key: str, part: str, answers: Sequence[Answer]) -> list[tuple[Any, ...]]:
    """Give the values of a trial's answers to a part, in the order of its rows."""
    return [
        (
            key,
            part,
            position,
            answer.value,
            None if answer.probabilities is None else json.dumps([round(p, 6) for p in answer.probabilities]),
            answer.abstention,
            answer.raw,
            answer.seconds,
        )
        for position, answer in enumerate(answers)
    ]


def first_values(
    facts: Mapping[str, Any], rows: Mapping[str, Rows], folds: Sequence[Fold], unlabelled: Sequence[str]
) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    """Give the statements that write what a study begins with, each with its values."""
    for part, own in rows.items():
        yield "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row_values(part, own)
    for seed, fold in enumerate(folds):
        yield "INSERT INTO folds VALUES (?, ?, ?, ?)", fold_values(seed, fold)
    yield "INSERT INTO unlabelled VALUES (?, ?)", enumerate(unlabelled)
    yield "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()]
