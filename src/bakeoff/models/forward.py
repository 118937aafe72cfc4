"""The two ways through a decoder that give the log-probabilities of label tokens: packed, and plain."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from bakeoff.models.label_trie import LabelTrie, build_trie

__all__ = [
    "Layers",
    "PrefixCache",
    "Unit",
    "edge_logs",
    "packed_logs",
    "plain_logs",
    "prefix_layers",
    "supports_packing",
    "takes_argument",
    "trie_branches",
]

Layers = tuple[tuple[torch.Tensor, torch.Tensor], ...]
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
# Positions whose scores over the whole vocabulary are turned to float32 at once: few enough to stay in the cache
# of the processor.
_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Unit:
    """One row with all or some of its labels, as it enters a pack.

    Attributes
    ----------
    row : int
        Index of the row.
    own : int64 array, shape (own tokens,)
        Given tokens behind the shared prefix, at least one.
    trie : LabelTrie
        The labels.
    first_label, last_label : int
        Which labels of the row: from the first up to, not with, the last.
    """

    row: int
    own: _Ints
    trie: LabelTrie
    first_label: int
    last_label: int

    @property
    def size(self) -> int:
        """Tokens that the model reads for it when packed."""
        return len(self.own) + len(self.trie.tokens)


class _FixedLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of a prefix that keeps nothing new, so that only one layer holds a longer copy at a time."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the prefix and what is new, and keep the prefix alone."""
        return torch.cat([self.keys, key_states], dim=-2), torch.cat([self.values, value_states], dim=-2)


def prefix_layers(model: Any, tokens: _Ints) -> Layers:
    """Read a prefix once.

    Parameters
    ----------
    model : transformers model
        A causal language model whose layers all see everything before them.
    tokens : int64 array, shape (tokens,)
        The prefix, at least one token.

    Returns
    -------
    tuple of (keys, values)
        One pair a layer, each of shape (1, heads, tokens, head size).
    """
    cache = DynamicCache()
    with torch.inference_mode():
        ids = torch.from_numpy(tokens)[None].to(model.device)
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return tuple((layer.keys, layer.values) for layer in cache.layers)


def packed_logs(model: Any, pack: Sequence[Unit], past: Layers, shared: int) -> tuple[list[_Floats], int]:
    """Score the label tokens of several rows in one forward, as one sequence.

    Parameters
    ----------
    model : transformers model
        A model for which `supports_packing` holds.
    pack : sequence of Unit
        Rows, each without its shared prefix.
    past : Layers
        Keys and values of the shared prefix; empty where nothing is shared.
    shared : int
        Tokens of the shared prefix.

    Returns
    -------
    logs : list of float64 array, shape (edges of the unit,)
        Log-probability of each edge's token after its parent, one array a unit.
    read : int
        Tokens that the model read.
    """
    device = model.device
    ids, positions, exits, kept, parents, tokens = _layout(pack, shared)
    with torch.inference_mode():
        outputs = model(
            input_ids=torch.from_numpy(ids)[None].to(device),
            position_ids=torch.from_numpy(positions)[None].to(device),
            attention_mask=_tree_mask(torch.from_numpy(exits).to(device), shared, model.dtype),
            logits_to_keep=torch.from_numpy(kept).to(device),
            **_past(past),
        )
        logs = edge_logs(outputs.logits[0], parents, tokens)
    ends = np.cumsum([len(unit.trie.edge_tokens) for unit in pack])[:-1]
    return np.split(logs, ends), len(ids)


def _past(past: Layers) -> dict[str, Any]:
    """Wrap a prefix for one forward."""
    if not past:
        return {"use_cache": False}
    layers = []
    for keys, values in past:
        layer = _FixedLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        layers.append(layer)
    return {"past_key_values": Cache(layers=layers), "use_cache": True}


def _layout(pack: Sequence[Unit], shared: int) -> tuple[_Ints, ...]:
    """Give tokens, positions, exits, scored places, and the edges with their parents among the scored places."""
    ids, positions, exits, kept, parents, tokens = [], [], [], [], [], []
    at = scored = 0
    for unit in pack:
        own, trie = len(unit.own), unit.trie
        ids += [unit.own, trie.tokens]
        positions += [np.arange(shared, shared + own), shared + own - 1 + trie.depths]
        # A given token is seen by all that follows in its row: it leaves the stage where the row ends.
        exits += [np.full(own, at + unit.size), at + own + trie.exits]
        kept.append(np.arange(at + own - 1, at + unit.size))
        parents.append(scored + trie.edge_parents)
        tokens.append(trie.edge_tokens)
        at += unit.size
        scored += len(trie.tokens) + 1
    joined = [np.concatenate(parts) for parts in (ids, positions, exits, kept, parents, tokens)]
    return tuple(part.astype(np.int64, copy=False) for part in joined)


def _tree_mask(exits: torch.Tensor, shared: int, dtype: torch.dtype) -> torch.Tensor:
    """Give the additive mask: 0 where a token sees another, else the lowest number.

    Shape (1, 1, tokens, shared + tokens). In depth-first order a token sees ``k`` where ``k`` stands at or before it
    and has not been left yet: that is the prefix, its own row, and its own branch.
    """
    size = len(exits)
    places = torch.arange(size, device=exits.device)
    seen = (places[:, None] >= places[None, :]) & (places[:, None] < exits[None, :])
    mask = torch.zeros((size, shared + size), dtype=dtype, device=exits.device)
    mask[:, shared:].masked_fill_(~seen, torch.finfo(dtype).min)
    return mask[None, None]


def edge_logs(logits: torch.Tensor, parents: _Ints, tokens: _Ints) -> _Floats:
    """Give the log-probability of each edge's token, the softmax in float32 and at the parents only.

    Parameters
    ----------
    logits : tensor, shape (parents, vocabulary)
    parents, tokens : int64 array, shape (edges,)
        Row of `logits` that each edge follows, and its token.

    Returns
    -------
    float64 array, shape (edges,)
    """
    device = logits.device
    totals = torch.cat([part.float().logsumexp(dim=-1) for part in torch.split(logits, _CHUNK)])
    places = torch.from_numpy(parents).to(device)
    chosen = logits[places, torch.from_numpy(tokens).to(device)].float()
    values: _Floats = (chosen - totals[places]).double().cpu().numpy()
    return values


def plain_logs(model: Any, pack: Sequence[Unit]) -> tuple[list[_Floats], int]:
    """Score the label tokens of several rows as a batch of whole sequences, padded on the right.

    Parameters
    ----------
    model : transformers model
        Any causal language model.
    pack : sequence of Unit
        Rows with all their given tokens.

    Returns
    -------
    logs, read
        As in `packed_logs`; padding is not counted.
    """
    sequences: list[_Ints] = []
    places: list[tuple[int, int, _Ints, _Ints, _Ints]] = []
    for number, unit in enumerate(pack):
        for branch, parents in trie_branches(unit.trie):
            edges = np.flatnonzero(np.isin(unit.trie.edge_parents, parents))
            depth_of = np.concatenate([[0], unit.trie.depths])
            where = len(unit.own) - 1 + depth_of[unit.trie.edge_parents[edges]]
            places.append((number, len(sequences), edges, where, unit.trie.edge_tokens[edges]))
            sequences.append(np.concatenate([unit.own, unit.trie.tokens[branch]]))
    lengths = [len(sequence) for sequence in sequences]
    ids = torch.zeros((len(sequences), max(lengths)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.from_numpy(sequence)
        mask[row, : len(sequence)] = 1
    first = min(int(where.min()) for _, _, _, where, _ in places)
    logs = [np.full(len(unit.trie.edge_tokens), np.nan) for unit in pack]
    with torch.inference_mode():
        device = model.device
        keep = {"logits_to_keep": ids.shape[1] - first} if takes_argument(model, "logits_to_keep") else {}
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False, **keep).logits
        first = ids.shape[1] - logits.shape[1]
        for number, row, edges, where, tokens in places:
            scored, parents = np.unique(where, return_inverse=True)
            kept = logits[row, torch.from_numpy(scored - first).to(device)]
            logs[number][edges] = edge_logs(kept, parents, tokens)
    return logs, sum(lengths)


def trie_branches(trie: LabelTrie) -> list[tuple[_Ints, _Ints]]:
    """Give the inner nodes from the root to each inner leaf, and the parents to be scored there.

    Every parent is scored in one branch only, the first that goes through it.

    Parameters
    ----------
    trie : LabelTrie

    Returns
    -------
    list of (int64 array, int64 array)
        Inner nodes of each branch, and numbers of the parents scored in it.
    """
    count = len(trie.tokens)
    if not count:
        return [(np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64))]
    nodes = np.arange(count)
    done: set[int] = set()
    branches = []
    for leaf in nodes[trie.exits == nodes + 1]:
        branch = np.flatnonzero((nodes <= leaf) & (leaf < trie.exits))
        fresh = [parent for parent in (0, *(branch + 1).tolist()) if parent not in done]
        done.update(fresh)
        branches.append((branch, np.asarray(fresh, dtype=np.int64)))
    return branches


def supports_packing(model: Any) -> bool:
    """Say whether packed rows get the figures that they get alone.

    The settings must show no layer that sees only a part of what is before it, the forward must take the
    arguments, and on a few tokens both paths must agree: a model may ignore a mask without a word.

    Parameters
    ----------
    model : transformers model
        A causal language model.

    Returns
    -------
    bool
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    if kinds - {"full_attention"} or (window and not kinds) or getattr(config, "attention_chunk_size", None):
        return False
    if not all(takes_argument(model, name) for name in ("position_ids", "past_key_values", "logits_to_keep")):
        return False
    if getattr(model.config, "_attn_implementation", None) not in ("sdpa", "eager"):
        return False
    generator = np.random.default_rng(0)
    draw = generator.integers(1, config.vocab_size, size=24)
    trie = build_trie([(int(draw[0]),), (int(draw[1]), int(draw[2])), (int(draw[1]), int(draw[3]), int(draw[4]))])
    owns = (draw[5:11], draw[11:14], draw[14:20])
    prefix = draw[20:]
    packed = [Unit(row, own, trie, 0, 3) for row, own in enumerate(owns)]
    plain = [Unit(row, np.concatenate([prefix, own]), trie, 0, 3) for row, own in enumerate(owns)]
    try:
        ours, _ = packed_logs(model, packed, prefix_layers(model, prefix), len(prefix))
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    theirs, _ = plain_logs(model, plain)
    apart = float(np.abs(np.concatenate(ours) - np.concatenate(theirs)).max())
    # Rounding alone gives 1e-5 in float32 and .1 in bfloat16; a mask that is not followed gives more than 1.
    return apart < (1e-3 if model.dtype == torch.float32 else 0.5)


def takes_argument(model: Any, argument: str) -> bool:
    """Say whether a model's forward takes an argument of this name.

    Parameters
    ----------
    model : transformers model
    argument : str

    Returns
    -------
    bool
    """
    return argument in inspect.signature(model.forward).parameters


class PrefixCache:
    """Keys and values of the last prefixes that a model has read.

    Parameters
    ----------
    model : transformers model
        A model for which `supports_packing` holds.
    kept : int
        Prefixes kept at most.
    """

    def __init__(self, model: Any, kept: int = 4) -> None:
        self._model = model
        self._most = kept
        self._layers: OrderedDict[bytes, Layers] = OrderedDict()

    def __len__(self) -> int:
        return len(self._layers)

    def layers(self, tokens: _Ints) -> tuple[Layers, int]:
        """Give the keys and values of a prefix, and how many tokens had to be read for it.

        Parameters
        ----------
        tokens : int64 array, shape (tokens,)
            At least one.

        Returns
        -------
        layers : Layers
        read : int
            0 where they were kept.
        """
        key = tokens.tobytes()
        if key in self._layers:
            self._layers.move_to_end(key)
            return self._layers[key], 0
        found = self._layers[key] = prefix_layers(self._model, tokens)
        while len(self._layers) > self._most:
            self._layers.popitem(last=False)
        return found, len(tokens)
