"""Vectors of texts, encoded once in a process and charged to every trial that needs them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.contract import RunContext

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["Encoded", "count_truncated", "embed"]

#: Texts kept: 50,000 vectors of 384 numbers are 77 MB.
_MOST_KEPT = 50_000
#: Fewer rows than this are always encoded afresh, so that the latency of a row asked alone is a real one.
_LEAST_REUSED = 4
_ROWS_AT_ONCE = 256

_kept: OrderedDict[tuple[str, str], tuple[NDArray[np.float32], float]] = OrderedDict()


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Texts as vectors, and what they cost.

    Parameters
    ----------
    vectors : ndarray of float32, shape (rows, dimensions)
        NaN in rows that the deadline did not allow.
    seconds : ndarray of float64, shape (rows,)
        What encoding each row took, now or when it was first met.
    reused_seconds : float
        The part of `seconds` that was spent before, in seconds.
    """

    vectors: NDArray[np.float32]
    seconds: NDArray[np.float64]
    reused_seconds: float

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Which rows were encoded before the deadline, shape (rows,)."""
        return np.asarray(~np.isnan(self.vectors).any(axis=1))


def embed(encoder: Encoder, texts: Sequence[str], context: RunContext, *, use_deadline: bool) -> Encoded:
    """Encode texts with a frozen encoder, and reuse what this process has encoded before.

    Parameters
    ----------
    encoder : Encoder
        Its weights' sha256 names what is kept: never give one whose weights were changed.
    texts : sequence of str, length rows
    context : RunContext
    use_deadline : bool
        Whether to stop at the context's deadline.

    Returns
    -------
    Encoded
    """
    from bakeoff.models.encoder import encode

    found: dict[str, tuple[NDArray[np.float32], float]] = {}
    if len(texts) >= _LEAST_REUSED:
        found = {text: _kept[encoder.sha256, text] for text in texts if (encoder.sha256, text) in _kept}
    reused = sum(found[text][1] for text in texts if text in found)
    # Rows of one chunk share its seconds evenly, so chunks hold texts of like length.
    missing = sorted({text for text in texts if text not in found}, key=lambda text: (len(text), text))
    for start in range(0, len(missing), _ROWS_AT_ONCE):
        chunk = missing[start : start + _ROWS_AT_ONCE]
        began = time.perf_counter()
        vectors = encode(encoder, chunk, deadline=context.deadline.at if use_deadline else None)
        seconds = (time.perf_counter() - began) / len(chunk)
        found |= {text: (vector, seconds) for text, vector in zip(chunk, vectors, strict=True)}
        context.progress("encoding", min(1.0, (start + len(chunk)) / len(missing)))
    _keep(encoder.sha256, {text: found[text] for text in missing})
    return Encoded(
        vectors=np.stack([found[text][0] for text in texts]),
        seconds=np.array([found[text][1] for text in texts]),
        reused_seconds=float(reused),
    )


def count_truncated(encoder: Encoder, texts: Sequence[str]) -> int:
    """Count the texts that are longer than the encoder reads.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str

    Returns
    -------
    int
    """
    # A token has at least one character, so only long texts need their tokens counted.
    long = [text for text in texts if len(text) > encoder.max_tokens - 2]
    if not long:
        return 0
    found = encoder.tokenizer(long, truncation=False, return_attention_mask=False, verbose=False)
    return sum(len(ids) > encoder.max_tokens for ids in found["input_ids"])


def _keep(sha256: str, found: dict[str, tuple[NDArray[np.float32], float]]) -> None:
    for text, (vector, seconds) in found.items():
        if not np.isnan(vector).any():
            _kept[sha256, text] = (vector, seconds)
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
