"""Short rows of every kind of task, easily told, for the contract suites."""

from __future__ import annotations

import random

from bakeoff.data import join_fields, write_labels, write_references
from bakeoff.tasks import Task, task_of_kind

__all__ = ["rows_of_kind", "task_for_kind", "text_rows"]

_OPENINGS = (
    "The battery",
    "This phone",
    "The screen",
    "My new camera",
    "The speaker",
    "Their service",
    "The case",
    "It",
)
_GOOD = ("is excellent", "works great and I love it", "is wonderful, very happy")
_BAD = ("is terrible", "broke at once and I hate it", "is awful, very disappointed")


def text_rows(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Give short, easily told texts with the labels ``"negative"`` and ``"positive"``, in turn.

    Parameters
    ----------
    n : int
        Rows; up to 48 are distinct.
    seed : int
        Which texts come first.

    Returns
    -------
    texts, labels : list of str
        Both of length `n`; labels as even as `n` allows.
    """
    pairs = [(opening, ending) for ending in range(len(_GOOD)) for opening in _OPENINGS]
    random.Random(seed).shuffle(pairs)
    texts, labels = [], []
    for position in range(n):
        opening, ending = pairs[position // 2 % len(pairs)]
        texts.append(f"{opening} {(_BAD, _GOOD)[position % 2][ending]}.")
        labels.append(("negative", "positive")[position % 2])
    return texts, labels


def rows_of_kind(kind: str, n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Give the rows of `text_rows` with the texts and labels of another kind of task, all written.

    Parameters
    ----------
    kind : str
    n : int
    seed : int

    Returns
    -------
    texts, labels : list of str
        Several labels: what the text is of, and how it is told. Numbers: how good it is. Pairs: whether two texts
        are the same. Tags: the thing, with ``"B-THING"`` and ``"I-THING"``. Texts to write: fields of a review to the
        review as it stands, every other row with a second text that would be right.
    """
    texts, labels = text_rows(n, seed)
    if kind == "multi-label":
        return texts, [
            write_labels([label, *(["device"] if "service" not in text else [])])
            for text, label in zip(texts, labels, strict=True)
        ]
    if kind == "regression":
        steps = {ending: step / 4 for step, ending in enumerate((*_BAD, *_GOOD))}
        return texts, [repr(next(steps[ending] for ending in steps if ending in text)) for text in texts]
    if kind == "pair":
        others = [*texts[1:], *texts[:1]]
        again = [text if row % 4 < 2 else other for row, (text, other) in enumerate(zip(texts, others, strict=True))]
        pairs = [join_fields(pair) for pair in zip(texts, again, strict=True)]
        return pairs, ["positive" if row % 4 < 2 else "negative" for row in range(n)]
    if kind == "tagging":
        rows = [text.rstrip(".").split() for text in texts]
        things = {token for opening in _OPENINGS for token in opening.split()[1:]}
        tags = [["B-THING" if token in things and at else "O" for at, token in enumerate(row)] for row in rows]
        return list(map(join_fields, rows)), [" ".join(own) for own in tags]
    if kind == "generation":
        told = [_told(text, label) for text, label in zip(texts, labels, strict=True)]
        seconds = [[f"It is said: {text}"] if row % 2 else [] for row, text in enumerate(texts)]
        return told, [write_references([text, *more]) for text, more in zip(texts, seconds, strict=True)]
    return texts, labels


def _told(text: str, label: str) -> str:
    """Tell a text as fields, out of which it can be written again."""
    opening = next(each for each in _OPENINGS if text.startswith(f"{each} "))
    return f"about: {opening}\nopinion: {label}\nwords: {text.removeprefix(opening).strip(' .')}"


def task_for_kind(kind: str) -> Task:
    """Give a task of a kind for `rows_of_kind`, with a label that no row has where the kind has labels."""
    labels, metric = {
        "multi-label": (("device", "negative", "neutral", "positive"), "micro-F1"),
        "regression": ((), "pearson"),
        "generation": ((), "chrf"),
        "tagging": (("B-PLACE", "B-THING", "I-PLACE", "I-THING", "O"), "entity-F1"),
    }.get(kind, (("negative", "neutral", "positive"), "accuracy"))
    return task_of_kind(kind, name="opinion", labels=labels, metric=metric)
