"""Vectors of texts, encoded once on a machine and charged to every trial that needs them."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import spaced
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.vector_files import read_vectors, vector_facts, write_vectors

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["LEAST_REUSED", "Encoded", "count_truncated", "embed"]

#: Texts kept in memory: 50,000 vectors of 384 numbers are 77 MB.
_MOST_KEPT = 50_000
#: Fewer rows than this are always encoded afresh, so that the latency of a row asked alone is a real one.
LEAST_REUSED = 4
_ROWS_AT_ONCE = 256

_Vectors = dict[str, tuple[NDArray[np.float32], float]]

_kept: OrderedDict[str, _Vectors] = OrderedDict()


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


def embed(
    encoder: Encoder, texts: Sequence[str], context: RunContext, *, use_deadline: bool, fresh: bool = False
) -> Encoded:
    """Encode texts with a frozen encoder, and reuse what this process, or an earlier one, has encoded before.

    Only a whole list is reused, the same texts in any order: a text's vector depends, in its last bits, on the company
    it is encoded in, and what a trial gets must not depend on what ran before it.

    Parameters
    ----------
    encoder : Encoder
        Its weights' sha256 names what is kept: never give one whose weights were changed.
    texts : sequence of str, length rows
    context : RunContext
    use_deadline : bool
        Whether to stop at the context's deadline.
    fresh : bool
        Whether to encode all rows anew, for an encoder that was read from files which are to be tried.

    Returns
    -------
    Encoded
    """
    from bakeoff.models.encoder import encode

    # Rows of one chunk share its seconds evenly, so chunks hold texts of like length.
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    reusing = len(texts) >= LEAST_REUSED and not fresh
    facts = vector_facts(encoder, distinct) if reusing else {}
    key = json.dumps(facts, sort_keys=True)
    found = (_kept.get(key) or _from_disk(key, facts, distinct)) if reusing else {}
    reused = sum(found[text][1] for text in texts) if found else 0.0
    encoded: _Vectors = {}
    for start in range(0, 0 if found else len(distinct), _ROWS_AT_ONCE):
        chunk = distinct[start : start + _ROWS_AT_ONCE]
        began = time.perf_counter()
        vectors = encode(encoder, chunk, deadline=context.deadline.at if use_deadline else None)
        seconds = (time.perf_counter() - began) / len(chunk)
        encoded |= {text: (vector, seconds) for text, vector in zip(chunk, vectors, strict=True)}
        context.progress("encoding", min(1.0, (start + len(chunk)) / len(distinct)))
    if encoded:
        found = encoded
    if encoded and reusing and not any(np.isnan(vector).any() for vector, _seconds in encoded.values()):
        _keep(key, encoded)
        _to_disk(facts, [encoded[text] for text in distinct])
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
    long = spaced(text for text in texts if len(text) > encoder.max_tokens - 2)
    if not long:
        return 0
    found = encoder.tokenizer(long, truncation=False, return_attention_mask=False, verbose=False)
    return sum(len(ids) > encoder.max_tokens for ids in found["input_ids"])


def _from_disk(key: str, facts: dict[str, Any], texts: Sequence[str]) -> _Vectors:
    kept = read_vectors(facts)
    if kept is None:
        return {}
    found = {text: (vector, float(spent)) for text, vector, spent in zip(texts, *kept, strict=True)}
    _keep(key, found)
    return found


def _to_disk(facts: dict[str, Any], kept: Sequence[tuple[NDArray[np.float32], float]]) -> None:
    write_vectors(facts, np.stack([vector for vector, _ in kept]), np.array([seconds for _, seconds in kept]))


def _keep(key: str, fresh: _Vectors) -> None:
    _kept[key] = fresh
    while len(_kept) > 1 and sum(map(len, _kept.values())) > _MOST_KEPT:
        _kept.popitem(last=False)
