"""Training the upper layers of an encoder alone: what the lower ones say of a row is computed once.

Freezing lower layers and caching their output follows Liu et al. 2021, "AutoFreeze: Automatically Freezing Model Blocks
to Accelerate Fine-tuning", section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bakeoff.errors import ModelError
from bakeoff.methods.finetune.token_rows import TokenRows, cast, padded
from bakeoff.methods.finetune.tuned_encoder import compact_embeddings
from bakeoff.models.batching import length_sorted_batches

__all__ = ["cached_lower_layers", "freeze_lower_layers", "shortened", "upper_linear_names"]

#: Numbers of the kept states at most: 1 GB. Beyond it the lower layers are run in every step.
_MOST_KEPT = 256_000_000
_BATCH_TOKENS = 1024


class _States(torch.nn.Module):
    """Stands for the token vectors and the lower layers: gives each token's state by its place in a table."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, input_ids: torch.Tensor, *_given: Any, **_named: Any) -> torch.Tensor:
        return self.table[input_ids]


def freeze_lower_layers(model: Any, share: float) -> int:
    """Let the token vectors and the lowest layers of an encoder keep their weights.

    Parameters
    ----------
    model : transformers model
    share : float
        Of its layers, in [0, 1), rounded down.

    Returns
    -------
    int
        Layers that keep their weights.

    Raises
    ------
    ModelError
        If its layers cannot be told apart.
    """
    parent, name = _layer_list(model)
    layers = getattr(parent, name)
    count = int(share * len(layers))
    model.requires_grad_(False)
    for layer in layers[count:]:
        layer.requires_grad_(True)
    return count


def upper_linear_names(model: Any, share: float) -> list[str]:
    """Give the full names of the linear layers in a model's upper layers.

    Parameters
    ----------
    model : transformers model
    share : float
        Of its layers that are the lower ones, in [0, 1), rounded down.

    Returns
    -------
    list of str
    """
    parent, name = _layer_list(model)
    layers = getattr(parent, name)
    upper = {id(part) for layer in layers[int(share * len(layers)) :] for part in layer.modules()}
    linear = (torch.nn.Linear,)
    return [own for own, part in model.named_modules() if id(part) in upper and isinstance(part, linear)]


@contextmanager
def cached_lower_layers(
    model: Any, ids: Sequence[Sequence[int]], pad: int, share: float, *, autocast: bool = False
) -> Iterator[Callable[[TokenRows], TokenRows]]:
    """Train the upper layers on what the lower ones, which keep their weights, say of the rows.

    Parameters
    ----------
    model : transformers model
        Changed inside the block; whole again after it, its lower layers without gradients.
    ids : sequence of sequence of int
        Token ids of every row that is used inside the block; rows of equal ids are one.
    pad : int
        Id of padding.
    share : float
        Of the layers that keep their weights, in [0, 1).
    autocast : bool
        Whether the lower layers multiply in bfloat16, as training does where it is on.

    Yields
    ------
    callable
        Turns `TokenRows` with the vocabulary's ids into rows that the shortened model takes.
    """
    count = freeze_lower_layers(model, share)
    distinct = list(dict.fromkeys(tuple(row) for row in ids))
    tokens = sum(map(len, distinct))
    if tokens * int(model.config.hidden_size) > _MOST_KEPT or not hasattr(model, "embeddings"):
        yield lambda rows: rows
        return
    parent, name = _layer_list(model)
    layers, embeddings = getattr(parent, name), model.embeddings
    table, places = _states(model, distinct, pad, count, autocast)
    # Places count from behind the id of padding, which stands for no state.
    least = pad + 1
    model.embeddings = _States(torch.cat([torch.zeros(least, table.shape[1], device=table.device), table]))
    setattr(parent, name, torch.nn.ModuleList(layers[count:]))

    def short(rows: TokenRows) -> TokenRows:
        begins = [places[tuple(row)] + least for row in rows.ids]
        own = [list(range(begin, begin + len(row))) for begin, row in zip(begins, rows.ids, strict=True)]
        return replace(rows, ids=own)

    try:
        yield short
    finally:
        model.embeddings = embeddings
        setattr(parent, name, layers)


class _ReachedError(Exception):
    """The lower layers are done; carries what they say."""

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__()
        self.states = states


def _stop(_layer: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    raise _ReachedError(given[0] if given else named["hidden_states"])


def shortened(
    model: Any, ids: Sequence[Sequence[int]], pad: int, share: float, *, autocast: bool
) -> AbstractContextManager[Callable[[TokenRows], TokenRows]]:
    """Leave out of a model, while it is trained, what does not change the outcome.

    Parameters
    ----------
    model, ids, pad, share, autocast
        As of `cached_lower_layers`; where no layer keeps its weights, the table of token vectors alone is shortened.

    Returns
    -------
    context manager
        Gives what turns `TokenRows` into rows that the shortened model takes.
    """
    if share:
        return cached_lower_layers(model, ids, pad, share, autocast=autocast)
    return compact_embeddings(model, ids, pad)


def _states(
    model: Any, ids: Sequence[tuple[int, ...]], pad: int, count: int, autocast: bool
) -> tuple[torch.Tensor, dict[tuple[int, ...], int]]:
    """Give the states of all tokens behind the lower layers, and where each row's begin."""
    starts = np.cumsum([0, *(len(row) for row in ids)])
    device = next(model.parameters()).device
    table = torch.empty((int(starts[-1]), int(model.config.hidden_size)), device=device)
    model.eval()
    parent, name = _layer_list(model)
    # The first layer that is trained ends the forward pass: nothing above it is needed here.
    hook = getattr(parent, name)[count].register_forward_pre_hook(_stop, with_kwargs=True)
    try:
        with torch.inference_mode(), cast(autocast, device):
            for batch in length_sorted_batches([len(row) for row in ids], max_tokens=_BATCH_TOKENS):
                tokens, mask = padded([list(ids[row]) for row in batch], pad, device)
                try:
                    model(input_ids=tokens, attention_mask=mask)
                except _ReachedError as reached:
                    told = reached.states
                for at, row in enumerate(batch):
                    table[starts[row] : starts[row + 1]] = told[at, : len(ids[row])].float()
    finally:
        hook.remove()
    return table, {row: int(start) for row, start in zip(ids, starts[:-1], strict=True)}


def _layer_list(model: Any) -> tuple[Any, str]:
    """Find the list of a model's layers: the module that holds it, and its name there."""
    wanted = int(model.config.num_hidden_layers)
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == wanted:
                return module, name
    raise ModelError(
        f"The layers of a {type(model).__name__} cannot be told apart, so its lower ones cannot be left as they are.",
        next_step="Tune all of its weights, with the method full.",
    )
