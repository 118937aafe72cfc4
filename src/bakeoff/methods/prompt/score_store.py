"""Label scores of rows that this process has already computed, so that contenders with one prompt share them.

A calibrated and an uncalibrated contender need the same scores of the same rows. A row that is taken from here is
charged the seconds and tokens that it had cost, so the figures of a trial do not depend on what ran before it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bakeoff.methods.contract import Deadline
    from bakeoff.methods.prompt.template import RenderedPrompt
    from bakeoff.models.scoring import LabelScorer, LabelScores

__all__ = [
    "LEAST_REUSED",
    "NO_NUMBER",
    "TIME_WAS_UP",
    "TOO_LONG",
    "RowScore",
    "ScoredRows",
    "clear_store",
    "score_rows",
    "summed_words",
]

#: Why a row that was not reached has no answer.
TIME_WAS_UP = "time was up"
#: Why a row that was reached has none.
TOO_LONG = "the text and the prompt are longer than the model's context"
NO_NUMBER = "the model gave a score that is no number"
#: Fewer rows than this are always computed, so that the latency of a row asked alone is measured.
LEAST_REUSED = 4
#: Numbers kept at most, over all prompts: 32 MB.
_MOST_NUMBERS = 4_000_000


@dataclass(frozen=True, slots=True)
class RowScore:
    """One row's label scores.

    Parameters
    ----------
    scores : ndarray of float64, shape (labels,)
        Log-probabilities; NaN for a row that is too long.
    mass : float
        Total probability of all labels.
    too_long : bool
        Whether prompt and row are longer than the model's context.
    tokens : float
        Tokens read for it, its share of the call.
    seconds : float
        Its share of the call.
    """

    scores: NDArray[np.float64]
    mass: float
    too_long: bool
    tokens: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Scores of the rows of one call; None stands for a row that was not reached before the deadline.

    Parameters
    ----------
    rows : tuple of (RowScore or None)
    reused : int
        How many came from the store.
    reused_seconds : float
        What they had cost.
    tokens, cached_tokens, prefix_tokens : int
        Tokens read, those taken from the shared prefix, and the prefix's length; 0 where nothing was computed.
    """

    rows: tuple[RowScore | None, ...]
    reused: int
    reused_seconds: float
    tokens: int
    cached_tokens: int
    prefix_tokens: int


class _Store:
    """Least recently used rows go first."""

    def __init__(self, most: int) -> None:
        self._rows: OrderedDict[tuple[bytes, str], RowScore] = OrderedDict()
        self._most = most
        self._numbers = 0
        self._lock = threading.Lock()

    def get(self, prompt: bytes, query: str) -> RowScore | None:
        """Give a kept row."""
        with self._lock:
            found = self._rows.get((prompt, query))
            if found is not None:
                self._rows.move_to_end((prompt, query))
            return found

    def put(self, prompt: bytes, query: str, row: RowScore) -> None:
        """Keep a row; what it first cost stands."""
        with self._lock:
            if (prompt, query) in self._rows:
                return
            self._rows[prompt, query] = row
            self._numbers += len(row.scores)
            while self._numbers > self._most:
                self._numbers -= len(self._rows.popitem(last=False)[1].scores)

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._rows.clear()
            self._numbers = 0


_STORE = _Store(_MOST_NUMBERS)


def clear_store() -> None:
    """Forget all rows that this process has kept."""
    _STORE.clear()


def score_rows(
    scorer: LabelScorer,
    prompt: RenderedPrompt,
    texts: Sequence[str],
    *,
    deadline: Deadline,
    progress: Callable[[int, int], None] | None = None,
    fresh: bool = False,
) -> ScoredRows:
    """Score the labels of rows, out of the store where they are kept.

    Parameters
    ----------
    scorer : LabelScorer
    prompt : RenderedPrompt
    texts : sequence of str, length rows
    deadline : Deadline
        After it no new pack of rows begins.
    progress : callable, optional
        Called with the number of computed rows done and of all to compute.
    fresh : bool
        Compute every row, as is done for fewer than `LEAST_REUSED` rows.

    Returns
    -------
    ScoredRows
        In the order of the texts.
    """
    queries = [prompt.query(text) for text in texts]
    key = _key(scorer, prompt)
    reading = not fresh and len(queries) >= LEAST_REUSED
    rows: list[RowScore | None] = [_STORE.get(key, query) if reading else None for query in queries]
    kept = [row.seconds for row in rows if row is not None]
    missing = [place for place, row in enumerate(rows) if row is None]
    if not missing or deadline.passed:
        return ScoredRows(tuple(rows), len(kept), sum(kept), 0, 0, 0)
    asked = [queries[place] for place in missing]
    found = scorer.score(
        prompt.prefix,
        asked,
        prompt.continuations,
        terminator=prompt.terminator,
        deadline=deadline.at,
        progress=progress,
    )
    for place, row in zip(missing, _shared_out(found, asked, prompt.owners), strict=True):
        rows[place] = row
        if row is not None:
            _STORE.put(key, queries[place], row)
    return ScoredRows(tuple(rows), len(kept), sum(kept), found.tokens, found.cached_tokens, found.prefix_tokens)


def summed_words(scores: NDArray[np.float64], owners: Sequence[int]) -> NDArray[np.float64]:
    """Sum the probabilities of the words that stand for one label.

    Words are distinct sequences of tokens, none the beginning of another (the scorer sees to that), so that they
    exclude each other and their probabilities add up.

    Parameters
    ----------
    scores : ndarray of float64, shape (words,)
        Log-probabilities.
    owners : sequence of int, length words
        The place of each word's label.

    Returns
    -------
    ndarray of float64, shape (labels,)
        The log of each label's summed probability; NaN where a word's is.
    """
    summed = np.full(max(owners) + 1, -np.inf)
    with np.errstate(invalid="ignore"):  # a row that is too long has NaN, and keeps it
        np.logaddexp.at(summed, np.asarray(owners, dtype=np.int64), scores)
    return summed


def _shared_out(found: LabelScores, queries: Sequence[str], owners: Sequence[int]) -> list[RowScore | None]:
    """Give each reached row its scores, and its share of the call's tokens and seconds."""
    # The longer a row, the more of the call is its own; eight characters stand for its labels.
    weights = np.array([len(query) + 8.0 for query in queries]) * found.reached
    shares = weights / max(float(weights.sum()), 1.0)
    return [
        RowScore(
            scores=summed_words(found.log_probabilities[number], owners),
            mass=float(found.mass[number]),
            too_long=bool(found.too_long[number]),
            tokens=found.tokens * float(shares[number]),
            seconds=found.seconds * float(shares[number]),
        )
        if found.reached[number]
        else None
        for number in range(len(queries))
    ]


def _key(scorer: LabelScorer, prompt: RenderedPrompt) -> bytes:
    decoder = scorer.decoder
    parts = (
        decoder.sha256,
        str(decoder.dtype),
        str(decoder.model.device),
        prompt.prefix,
        str(prompt.terminator),
        str(prompt.owners),
        *prompt.continuations,
    )
    return hashlib.sha256("\0".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "replace")).digest()
