"""What of a fitted method can answer elsewhere: one network from token ids to scores, and how these are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Exportable"]


@dataclass(frozen=True, slots=True)
class Exportable:
    """A network that answers by itself, in float32.

    Parameters
    ----------
    network : torch module
        Called with ids and mask, int64 tensors of shape (rows, tokens), padded at the end; gives scores, shape
        (rows, outputs).
    tokenizer : transformers tokenizer
    max_tokens : int
        Longest text in tokens; the rest is cut off.
    pad : int
        Id of padding.
    reading : dict
        How scores become an answer, as `bakeoff.methods.outputs` has it: plain JSON values.
    """

    network: Any
    tokenizer: Any
    max_tokens: int
    pad: int
    reading: dict[str, Any]
