"""The form of a text: its words, its lines, how much it says again, and how much it copies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["distinct_share", "has_words", "longest_run", "repeated_share", "shared_share", "word_runs", "words_of"]

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


def words_of(text: str) -> list[str]:
    """Give the words of a text in small letters, without punctuation."""
    return _WORD.findall(text.lower())


def word_runs(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Give all runs of n words."""
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]


def repeated_share(text: str, n: int) -> float:
    """Give the share of a text's runs of n words that stood in it before (1 - distinct-n); 0 for too short a text."""
    return 1.0 - distinct_share(text, n)


def distinct_share(text: str, n: int) -> float:
    """Give distinct-n (Li et al. 2016): different runs of n words over all of them; 1 for too short a text."""
    runs = word_runs(words_of(text), n)
    return len(set(runs)) / len(runs) if runs else 1.0


def shared_share(text: str, source: str, n: int) -> float:
    """Give the share of a text's runs of n words that stand in another text; 0 for too short a text."""
    runs, known = word_runs(words_of(text), n), set(word_runs(words_of(source), n))
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def longest_run(text: str, source: str) -> int:
    """Give the most words in a row that a text has from another one."""
    words, known = words_of(text), words_of(source)
    at: dict[str, list[int]] = {}
    for place, word in enumerate(known):
        at.setdefault(word, []).append(place)
    longest, before = 0, Counter[int]()
    for word in words:
        now = Counter({place: before[place - 1] + 1 for place in at.get(word, ())})
        longest, before = max(longest, *now.values(), 0), now
    return longest


def has_words(text: str, phrase: str) -> bool:
    """Say whether a word, or words in a row, stand in a text, capitals and punctuation aside."""
    wanted = words_of(phrase)
    return bool(wanted) and tuple(wanted) in set(word_runs(words_of(text), len(wanted)))
