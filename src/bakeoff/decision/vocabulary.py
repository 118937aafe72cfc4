"""Which words a study's rows have: kept as hashes, short of rare ones.

A hash says no word, but whoever has it can try words: a common word of the rows is found out so; rare ones are not
kept.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["known_words", "unknown_among_themselves", "unknown_shares"]

#: Rows in which a word must stand to count as known: what one or two customers wrote is nobody's vocabulary, and is
#: not to be found out by trying its hash.
LEAST_ROWS = 3
#: Words that are kept, the commonest first.
MOST_WORDS = 50_000
_PARTS = 10
_WORD = re.compile(r"\w+")

Reals = NDArray[np.float64]


def _words(text: str) -> list[int]:
    return [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in _WORD.findall(text.casefold())]


def known_words(texts: Sequence[str]) -> str:
    """Give the words that stand in three texts or more.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    str
        Their hashes (CRC-32), sorted, four bytes each, in base64.
    """
    counts = Counter(word for text in texts for word in set(_words(text)))
    kept = [word for word, count in counts.most_common(MOST_WORDS) if count >= LEAST_ROWS]
    return base64.b64encode(np.array(sorted(kept), dtype="<u4").tobytes()).decode("ascii")


def unknown_shares(texts: Sequence[str], known: str) -> Reals:
    """Give the share of each text's words that are not known; texts without a word are left out.

    Parameters
    ----------
    texts : sequence of str
    known : str
        From `known_words`.

    Returns
    -------
    ndarray of float64, shape (texts with a word,)
    """
    words = frozenset(np.frombuffer(base64.b64decode(known), dtype="<u4").tolist())
    return _shares([_words(text) for text in texts], words)


def _shares(rows: Sequence[Sequence[int]], words: frozenset[int]) -> Reals:
    return np.array([sum(word not in words for word in row) / len(row) for row in rows if row], dtype=np.float64)


def unknown_among_themselves(texts: Sequence[str], seed: int = 0) -> Reals:
    """Give the share of each text's words that do not stand in three of the texts outside its own tenth.

    Parameters
    ----------
    texts : sequence of str
    seed : int
        Draws the tenths.

    Returns
    -------
    ndarray of float64, shape (texts with a word,)
        What `unknown_shares` gives for further texts of the same source, or a little more.
    """
    rows = [_words(text) for text in texts]
    counts = Counter(word for row in rows for word in set(row))
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    found = []
    for part in range(_PARTS):
        own = [rows[place] for place in order[part::_PARTS]]
        inside = Counter(word for row in own for word in set(row))
        known = frozenset(word for word in inside if counts[word] - inside[word] >= LEAST_ROWS)
        found.append(_shares(own, known))
    return np.concatenate(found)
