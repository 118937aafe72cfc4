"""Light typing errors in rows: how far a contender's answers hang on spelling."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.data import Rows
from bakeoff.tasks import Task, scoring_of

__all__ = ["MOST_TYPO_ROWS", "TypoRows", "typo_figures", "typo_rows", "with_light_typos"]

#: Validation rows that are answered with typing errors, and without: the answers of prompts without are there already.
MOST_TYPO_ROWS = 50
#: One word of so many gets an error, one a text at least.
_WORDS_A_TYPO = 10
#: Keys beside each other on a QWERTY keyboard.
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(r"[A-Za-zÀ-ÿ]{4,}")


@dataclass(frozen=True, slots=True)
class TypoRows:
    """Rows that are asked without and with typing errors.

    Parameters
    ----------
    texts : tuple of str, length 2 x rows
        As they are, then the same with errors.
    labels : tuple of str, length rows
        They stay with the study.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]


def typo_rows(rows: Rows) -> TypoRows:
    """Take the first rows, as they are and with typing errors.

    Parameters
    ----------
    rows : Rows

    Returns
    -------
    TypoRows
        `MOST_TYPO_ROWS` at most.
    """
    first = rows.take(range(min(len(rows), MOST_TYPO_ROWS)))
    return TypoRows((*first.texts, *(with_light_typos(text) for text in first.texts)), first.labels)


def with_light_typos(text: str, seed: int = 0) -> str:
    """Put light typing errors into a text: one word in ten, one at least, of those with four letters or more.

    Two letters change places, one is left out, one is doubled, or the key beside it is hit (the noises "swap" and "key"
    of Belinkov and Bisk 2018, section 3.2, with two as light); a word's first letter stays, by which people read it.

    Parameters
    ----------
    text : str
    seed : int
        With the text it fixes the errors.

    Returns
    -------
    str
        Unchanged where no word has four letters.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    digest = hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "replace")).digest()
    chance = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    count = max(1, round(len(text.split()) / _WORDS_A_TYPO))
    chosen = chance.choice(len(words), size=min(count, len(words)), replace=False)
    for at in sorted(chosen.tolist(), reverse=True):
        start, end = words[at].span()
        text = text[:start] + _mistyped(text[start:end], chance) + text[end:]
    return text


def _mistyped(word: str, chance: np.random.Generator) -> str:
    at = int(chance.integers(1, len(word) - 1))
    letter, following = word[at], word[at + 1]
    kind = chance.choice(["swap", "drop", "double", "key"])
    if kind == "swap" and letter != following:
        return f"{word[:at]}{following}{letter}{word[at + 2 :]}"
    if kind == "double":
        return f"{word[: at + 1]}{word[at:]}"
    row = next((row for row in _KEYBOARD if letter.lower() in row), "")
    if kind == "key" and row:
        place = row.index(letter.lower())
        beside = [row[near] for near in (place - 1, place + 1) if 0 <= near < len(row)]
        other = str(chance.choice(beside))
        return f"{word[:at]}{other.upper() if letter.isupper() else other}{word[at + 1 :]}"
    return word[:at] + word[at + 1 :]


def typo_figures(task: Task, truth: Sequence[str], answers: Sequence[str | None]) -> dict[str, Any]:
    """Compare answers without and with typing errors.

    Parameters
    ----------
    task : Task
    truth : sequence of str, length rows
    answers : sequence of (str or None), length 2 x rows
        First to the rows as they are, then to the same rows with errors.

    Returns
    -------
    dict
        ``rows``; ``kept``, the share of rows whose answer stayed; ``score`` and ``score_with_typos`` on the task's
        metric. Empty without answers.
    """
    rows = len(answers) // 2
    if not rows or rows > len(truth):
        return {}
    scoring = scoring_of(task)
    plain, mistyped = tuple(answers[:rows]), tuple(answers[rows:])
    return {
        "rows": rows,
        "kept": sum(a == b for a, b in zip(plain, mistyped, strict=True)) / rows,
        "score": scoring.score_values(truth[:rows], plain),
        "score_with_typos": scoring.score_values(truth[:rows], mistyped),
    }
