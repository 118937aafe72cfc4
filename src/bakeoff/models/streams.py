"""Several texts read and continued behind one prefix: what generation asks of a decoder.

All rows of a pack are one sequence. A key belongs to the prefix, which every row sees, or to one row, which alone sees
it; positions are explicit. So nothing is padded, the prefix is kept once, and a row that has ended costs no more than
its room. Models that do not follow such masks are read row by row, each with the cache that its own layers ask for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from bakeoff.models.forward import Layers, takes_argument

__all__ = ["PackedStream", "PlainStream", "Stream"]

_Ints = npt.NDArray[np.int64]
#: Tokens of one row that are read at once: the mask has so many rows, whatever the text's length.
_READ_AT_ONCE = 512


class Stream(Protocol):
    """Rows under way in one model."""

    def read(self, rows: Sequence[tuple[int, Sequence[int]]]) -> torch.Tensor:
        """Read further tokens of some rows.

        Parameters
        ----------
        rows : sequence of (int, sequence of int)
            Number of the row, and the tokens that come next in it, at least one.

        Returns
        -------
        tensor, shape (rows, vocabulary)
            Logits behind each row's last token, in float32.
        """
        ...


class _GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values in room that was taken once, so that a further token copies nothing."""

    def __init__(self, keys: torch.Tensor | None, values: torch.Tensor | None, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._used = 0
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self.update(keys, values)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Take the room."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._keys, self._values = (
            state.new_empty((*state.shape[:-2], self._capacity, state.shape[-1]))
            for state in (key_states, value_states)
        )
        self.keys, self.values = self._keys[..., :0, :], self._values[..., :0, :]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put what is new behind what is there, and give all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self._used + key_states.shape[-2]
        self._keys[..., self._used : end, :] = key_states
        self._values[..., self._used : end, :] = value_states
        self._used = end
        self.keys, self.values = self._keys[..., :end, :], self._values[..., :end, :]
        return self.keys, self.values


class PackedStream:
    """Rows in one sequence, behind a prefix that is there already.

    Parameters
    ----------
    model : transformers model
        A model for which `bakeoff.models.forward.supports_packing` holds.
    past : Layers
        Keys and values of the prefix; empty where nothing is shared.
    shared : int
        Tokens of the prefix.
    rows : int
        Rows of the pack.
    capacity : int
        Most tokens that all rows will read together.
    """

    def __init__(self, model: Any, past: Layers, shared: int, rows: int, capacity: int) -> None:
        self._model, self._shared = model, shared
        layers: Any = past or [(None, None)] * model.config.get_text_config().num_hidden_layers
        self._cache = Cache(layers=[_GrowingLayer(keys, values, shared + capacity) for keys, values in layers])
        # Which row each kept key belongs to.
        self._owners = np.empty(capacity, dtype=np.int64)
        self._used = 0
        self._lengths = np.zeros(rows, dtype=np.int64)

    def read(self, rows: Sequence[tuple[int, Sequence[int]]]) -> torch.Tensor:
        """Read further tokens of some rows; see `Stream.read`."""
        if len(rows) > 1:
            return self._forward(rows)
        ((row, tokens),) = rows
        *first, last = (tokens[start : start + _READ_AT_ONCE] for start in range(0, len(tokens), _READ_AT_ONCE))
        for piece in first:
            self._forward([(row, piece)])
        return self._forward([(row, last)])

    def _forward(self, rows: Sequence[tuple[int, Sequence[int]]]) -> torch.Tensor:
        counts = np.array([len(tokens) for _, tokens in rows], dtype=np.int64)
        numbers = np.array([row for row, _ in rows], dtype=np.int64)
        ids = np.concatenate([np.asarray(tokens, dtype=np.int64) for _, tokens in rows])
        starts = np.repeat(self._shared + self._lengths[numbers], counts)
        places = np.concatenate([np.arange(count) for count in counts])
        before, after = self._used, self._used + len(ids)
        own = np.repeat(numbers, counts)
        self._owners[before:after] = own
        # A row's keys stand in the order of its text, so what stands before a token is what it may see.
        seen = own[:, None] == self._owners[None, :after]
        seen[:, before:] &= np.tri(len(ids), dtype=bool)
        model, device = self._model, self._model.device
        mask = torch.zeros((len(ids), self._shared + after), dtype=model.dtype, device=device)
        mask[:, self._shared :].masked_fill_(~torch.from_numpy(seen).to(device), torch.finfo(model.dtype).min)
        with torch.inference_mode():
            logits = model(
                input_ids=torch.from_numpy(ids)[None].to(device),
                position_ids=torch.from_numpy(starts + places)[None].to(device),
                attention_mask=mask[None, None],
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=torch.from_numpy(np.cumsum(counts) - 1).to(device),
            ).logits[0]
        self._lengths[numbers] += counts
        self._used = after
        return torch.as_tensor(logits).float()


class PlainStream:
    """Rows one after another, each read whole with a cache of its own.

    Parameters
    ----------
    model : transformers model
        Any causal language model.
    rows : int
        Rows of the pack.
    """

    def __init__(self, model: Any, rows: int) -> None:
        self._model = model
        self._keep = {"logits_to_keep": 1} if takes_argument(model, "logits_to_keep") else {}
        self._caches = [DynamicCache(config=model.config) for _ in range(rows)]

    def read(self, rows: Sequence[tuple[int, Sequence[int]]]) -> torch.Tensor:
        """Read further tokens of some rows; see `Stream.read`."""
        found = []
        with torch.inference_mode():
            for row, tokens in rows:
                ids = torch.tensor([list(tokens)], device=self._model.device)
                cache = self._caches[row]
                outputs = self._model(input_ids=ids, past_key_values=cache, use_cache=True, **self._keep)
                found.append(outputs.logits[0, -1].float())
        return torch.stack(found)

    def branch(self, sources: Mapping[int, int]) -> None:
        """Let rows go on from what others have read; see `bakeoff.models.beams.BranchingStream.branch`."""
        caches = {row: copy.deepcopy(self._caches[source]) for row, source in sources.items() if row != source}
        for row, cache in caches.items():
            self._caches[row] = cache
