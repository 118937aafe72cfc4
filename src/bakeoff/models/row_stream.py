"""Rows under way side by side behind one prefix, each with keys and values of its own: what long texts ask for.

In a pack that is one sequence (`bakeoff.models.streams.PackedStream`) a token's attention goes over the keys of all
rows, most of them masked, and grows with the square of what the pack holds. Here a token's attention has two parts,
joined before the softmax: over the prefix, whose keys all rows share and which is one product of matrices for all of
them, and over its own row's keys (the split of Hydragen, Juravsky et al. 2024, section 3.1). So packs can hold many
rows, and a further token of each costs little more than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from bakeoff.models.forward import Layers, prefix_layers

__all__ = ["RowStream", "supports_rows"]

_Ints = npt.NDArray[np.int64]
_NAME = "bakeoff_rows"
#: Tokens of each row that are read at once, and shares of attention of one layer that are held at once.
_READ_AT_ONCE, _MOST_SHARES = 512, 1 << 24
#: Arguments with which an attention is another than the plain one.
_UNLIKE = ("softcap", "s_aux", "position_bias", "sliding_window")


class _RowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of each row in room of its own; the stream says where new ones go."""

    def __init__(self, stream: RowStream) -> None:
        super().__init__()
        self._stream = stream

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Take the room."""
        self.dtype, self.device = key_states.dtype, key_states.device
        rows, capacity = self._stream.rows, self._stream.capacity
        # One place more than there are tokens, for what pads. Nothing may be left that is no number: it is masked, but
        # nought times that would not be nought.
        self.keys, self.values = (
            state.new_zeros((rows, state.shape[1], capacity + 1, state.shape[3]))
            for state in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put what is new behind what each row has, and give all that the rows of the block have."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        block, places, end = self._stream.block, self._stream.places, self._stream.end
        slots = torch.arange(block.start, block.stop, device=places.device)[:, None]
        # Indices apart by a slice stand first: (rows, tokens, heads, size).
        self.keys[slots, :, places] = key_states.transpose(1, 2)
        self.values[slots, :, places] = value_states.transpose(1, 2)
        return self.keys[block, :, :end], self.values[block, :, :end]

    def gather(self, sources: Sequence[int]) -> None:
        """Give each of the first rows the keys and values of another, or its own."""
        with torch.inference_mode():
            for states in (self.keys, self.values):
                states[: len(sources)] = states[list(sources)]

    def move(self, source: int, target: int) -> None:
        """Put one row's keys and values in another's place."""
        with torch.inference_mode():
            self.keys[target].copy_(self.keys[source])
            self.values[target].copy_(self.values[source])


class RowStream:
    """Rows side by side behind a prefix that is there already; see `bakeoff.models.streams.Stream`.

    Parameters
    ----------
    model : transformers model
        A model for which `supports_rows` holds.
    past : Layers
        Keys and values of the prefix; empty where nothing is shared.
    shared : int
        Tokens of the prefix.
    rows : int
        Rows of the pack.
    capacity : int
        Most tokens that one row will read.
    """

    def __init__(self, model: Any, past: Layers, shared: int, rows: int, capacity: int) -> None:
        self._model, self._past, self._shared = model, past, shared
        self.rows, self.capacity = rows, capacity
        layers = [_RowLayer(self) for _ in range(model.config.get_text_config().num_hidden_layers)]
        self._layers, self._cache = layers, Cache(layers=layers)
        # The rows under way stand in the first slots, in this order.
        self._under_way: list[int] = []
        self._lengths = np.zeros(rows, dtype=np.int64)
        #: Of the forward under way: its rows, where their tokens go, and where the longest row ends.
        self.block, self.places, self.end = slice(0, 0), torch.zeros(0), 0
        self._hidden = torch.zeros(0)

    def read(self, rows: Sequence[tuple[int, Sequence[int]]]) -> torch.Tensor:
        """Read further tokens of some rows; rows left out have ended. See `bakeoff.models.streams.Stream.read`."""
        tokens = dict(rows)
        self._keep(set(tokens))
        order = self._under_way
        counts = np.array([len(tokens[row]) for row in order], dtype=np.int64)
        last: list[Any] = [None] * len(order)
        for first in range(0, int(counts.max()), _READ_AT_ONCE):
            now = np.clip(counts - first, 0, _READ_AT_ONCE)
            width = int(now.max())
            ids = np.zeros((len(order), width), dtype=np.int64)
            for slot, row in enumerate(order):
                ids[slot, : now[slot]] = tokens[row][first : first + width]
            self._read_piece(ids, now, last)
        logits = torch.as_tensor(self._head(torch.stack(last))).float()
        slot_of = {row: slot for slot, row in enumerate(order)}
        return logits[[slot_of[row] for row, _ in rows]]

    def _read_piece(self, ids: _Ints, counts: _Ints, last: list[Any]) -> None:
        """Read some tokens of each row, as many rows at a time as attention has room for; keep each row's last state.

        What pads a row goes to a place behind all others, which no token sees.
        """
        before = self._lengths[: len(ids)].copy()
        places = np.where(
            np.arange(ids.shape[1]) < counts[:, None], before[:, None] + np.arange(ids.shape[1]), self.capacity
        )
        self._lengths[: len(ids)] = before + counts
        heads = self._model.config.get_text_config().num_attention_heads
        seen = self._shared + int(self._lengths[: len(ids)].max())
        at_once = max(1, _MOST_SHARES // (heads * ids.shape[1] * seen))
        for start in range(0, len(ids), at_once):
            block = slice(start, min(start + at_once, len(ids)))
            if not counts[block].any():
                continue
            states = self._forward(ids[block], places[block], block)
            for slot in range(block.start, block.stop):
                if counts[slot]:
                    last[slot] = states[slot - start, int(counts[slot]) - 1]

    def _forward(self, ids: _Ints, places: _Ints, block: slice) -> torch.Tensor:
        device = self._model.device
        self.block, self.end = block, int(self._lengths[block].max())
        self.places = torch.from_numpy(places).to(device)
        self._hidden = (torch.arange(self.end, device=device) > self.places[:, :, None])[:, None, None]
        with torch.inference_mode(), _attending(self):
            states: torch.Tensor = self._model.base_model(
                input_ids=torch.from_numpy(ids).to(device),
                position_ids=self.places + self._shared,
                # A mask of four axes is passed on as it is; the attention makes its own.
                attention_mask=torch.zeros((1, 1, 1, 1), dtype=self._model.dtype, device=device),
                past_key_values=self._cache,
                use_cache=True,
            ).last_hidden_state
        return states

    def _head(self, states: torch.Tensor) -> Any:
        with torch.inference_mode():
            return self._model.get_output_embeddings()(states)

    def _keep(self, rows: set[int]) -> None:
        """Let the rows that go on stand in the first slots: the last one takes the place of one that has ended."""
        if not self._under_way:
            self._under_way = sorted(rows)
            return
        slot = 0
        while slot < len(self._under_way):
            if self._under_way[slot] in rows:
                slot += 1
                continue
            last = self._under_way.pop()
            if slot < len(self._under_way):
                self._under_way[slot] = last
                self._lengths[slot] = self._lengths[len(self._under_way)]
                for layer in self._layers:
                    layer.move(len(self._under_way), slot)

    def branch(self, sources: Mapping[int, int]) -> None:
        """Let rows go on from what others have read; see `bakeoff.models.beams.BranchingStream.branch`."""
        slot_of = {row: slot for slot, row in enumerate(self._under_way)}
        order = [*self._under_way, *(row for row in sources if row not in slot_of)]
        slots = [slot_of[sources.get(row, row)] for row in order]
        for layer in self._layers:
            layer.gather(slots)
        self._lengths[: len(order)] = self._lengths[slots]
        self._under_way = order

    def attend(self, module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> Any:
        """Give what each token takes from the prefix and from its own row, shape (rows, tokens, heads, size)."""
        rows, heads, width, size = query.shape
        groups = key.shape[1]
        # (rows, key heads, heads of each x tokens, size)
        asked = (query * scaling).reshape(rows, groups, heads // groups * width, size)
        own = asked @ key.transpose(2, 3)
        own = own.view(rows, groups, heads // groups, width, -1).masked_fill(self._hidden, torch.finfo(own.dtype).min)
        if not self._shared:
            shares = own.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
            taken = shares.view(rows, groups, -1, shares.shape[-1]) @ value
        else:
            keys, values = self._past[module.layer_idx]
            together = asked.transpose(0, 1).reshape(groups, -1, size)
            said = (together @ keys[0].transpose(1, 2)).view(groups, rows, -1, self._shared).transpose(0, 1)
            both = torch.cat([said, own.reshape(rows, groups, -1, own.shape[-1])], dim=-1)
            shares = both.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
            of_prefix = shares[..., : self._shared].transpose(0, 1).reshape(groups, -1, self._shared)
            taken = (of_prefix @ values[0]).view(groups, rows, -1, size).transpose(0, 1)
            taken = taken + shares[..., self._shared :] @ value
        return taken.reshape(rows, heads, width, size).transpose(1, 2).contiguous()


_STREAMS: list[RowStream] = []


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001  # the stream has its own
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001  # none in evaluation
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as the stream under way says: what a model's layers call."""
    if any(kwargs.get(name) is not None for name in _UNLIKE):
        raise NotImplementedError("an attention that is not the plain one")
    return _STREAMS[-1].attend(module, query, key, value, query.shape[-1] ** -0.5 if scaling is None else scaling), None


@contextmanager
def _attending(stream: RowStream) -> Iterator[None]:
    """Let the model's layers attend as a stream says, for one forward."""
    config = stream._model.config.get_text_config()
    usual = config._attn_implementation
    ALL_ATTENTION_FUNCTIONS.register(_NAME, _attention)
    _STREAMS.append(stream)
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = usual
        _STREAMS.pop()


def supports_rows(model: Any) -> bool:
    """Say whether rows side by side get the logits that they get alone: on a few tokens both must agree.

    Parameters
    ----------
    model : transformers model
        A causal language model for which `bakeoff.models.forward.supports_packing` holds.

    Returns
    -------
    bool
    """
    vocabulary = model.config.get_text_config().vocab_size
    draw = np.random.default_rng(1).integers(1, vocabulary, size=16)
    prefix, first, second = draw[:5], draw[5:9], draw[9:12]
    try:
        stream = RowStream(model, prefix_layers(model, prefix), len(prefix), 2, 6)
        stream.read([(0, first.tolist()), (1, second.tolist())])
        ours = stream.read([(0, [int(draw[12])]), (1, [int(draw[13]), int(draw[14])])])
        with torch.inference_mode():
            wholes = [[*prefix, *first, draw[12]], [*prefix, *second, draw[13], draw[14]]]
            theirs = [model(input_ids=torch.tensor([whole], device=model.device)).logits[0, -1] for whole in wholes]
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    apart = float((ours - torch.stack(theirs).float()).abs().max())
    # As in `supports_packing`: rounding alone gives 1e-4 in float32 and some tenths in bfloat16.
    return apart < (5e-3 if model.dtype == torch.float32 else 1.0)
