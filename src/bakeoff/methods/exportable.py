"""What of a fitted method can answer elsewhere: one network from token ids to scores, and how these are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    def scores(self, given: Sequence[Any]) -> NDArray[np.float64]:
        """Give the network's scores.

        Parameters
        ----------
        given : sequence of str, or of pairs of str

        Returns
        -------
        ndarray of float64, shape (rows, outputs)
        """
        import torch

        pairs = bool(given) and isinstance(given[0], tuple)
        parts = tuple(map(list, zip(*given, strict=True))) if pairs else (list(given),)
        settings = {"truncation": True, "max_length": self.max_tokens, "return_attention_mask": False}
        ids = self.tokenizer(*parts, verbose=False, **settings)["input_ids"]
        found = []
        with torch.inference_mode():
            for row in ids:  # one by one: no padding, and so nothing that a batch could change
                tokens = torch.tensor([row])
                found.append(self.network(tokens, torch.ones_like(tokens)).double().numpy()[0])
        return np.array(found)
