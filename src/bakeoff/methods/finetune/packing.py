"""Quicker steps for short rows: laid end to end, so that nothing is spent on padding, and with plain attention.

Several rows share a sequence, positions start anew in each, and no token attends to another row's (Krell et al. 2021,
"Efficient Sequence Packing without Cross-contamination", section 3.2). The states come out as those of padded rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from bakeoff.models.row_layout import end_to_end

__all__ = ["can_pack", "packed_states", "plain_attention"]

#: Tokens of a sequence: attention grows with their square, and longer ones bring nothing more to the other layers.
_TOKENS = 128
#: Tokens of the longest row up to which attention is multiplied out: its memory grows with their square.
_MOST_PLAIN = 128
#: Share of tokens that are no padding above which longer sequences cost more attention than they save.
_MOST_FILLED = 0.75
#: Models that know of positions by what is added to the token vectors alone, and take those positions as they come.
_MODEL_TYPES = frozenset({"bert"})


def can_pack(model: Any, mask: torch.Tensor) -> bool:
    """Say whether a model's rows may share a sequence, and whether they gain by it.

    Parameters
    ----------
    model : transformers model
    mask : int64 tensor, shape (rows, tokens)

    Returns
    -------
    bool
    """
    known = model.config.model_type in _MODEL_TYPES and _attention(model) in ("sdpa", "eager")
    return known and float(mask.sum()) < _MOST_FILLED * mask.numel()


def packed_states(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Give the last states of rows, computed without their padding.

    Parameters
    ----------
    model : transformers model
        One that `can_pack` allows.
    ids, mask : int64 tensor, shape (rows, tokens)
        Padded at the end.

    Returns
    -------
    float tensor, shape (rows, tokens, dimensions)
        0 where the mask is 0.
    """
    lengths = mask.sum(dim=1).tolist()
    sequences, begins = end_to_end(lengths, max(_TOKENS, *lengths))
    longest = max(begin + length for begin, length in zip(begins, lengths, strict=True))
    rows, columns = mask.nonzero(as_tuple=True)
    at = torch.tensor(sequences, device=ids.device)[rows], torch.tensor(begins, device=ids.device)[rows] + columns
    shape = (max(sequences) + 1, longest)
    tokens, positions = ids.new_zeros(shape), ids.new_zeros(shape)
    owner = ids.new_full(shape, -1)
    tokens[at], positions[at], owner[at] = ids[rows, columns], columns, rows
    # A sequence's places that no row fills are alike, and attend to each other, which nobody reads.
    apart = (owner[:, :, None] != owner[:, None, :])[:, None]
    bias = torch.zeros(apart.shape, device=ids.device).masked_fill(apart, torch.finfo(torch.float32).min)
    with plain_attention(model, longest):
        states = model(input_ids=tokens, attention_mask=bias, position_ids=positions).last_hidden_state
    found: torch.Tensor = states.new_zeros((*ids.shape, states.shape[-1]))
    found[rows, columns] = states[at]
    return found


@contextmanager
def plain_attention(model: Any, tokens: int) -> Iterator[None]:
    """Multiply attention out in a forward pass that is trained, where rows are short and a processor computes.

    The fused one is made for long rows: on processors its backward pass takes several times as long for short ones.

    Parameters
    ----------
    model : transformers model
    tokens : int
        Of the longest row.
    """
    given = _attention(model)
    if given != "sdpa" or tokens > _MOST_PLAIN or next(model.parameters()).device.type != "cpu":
        yield
        return
    model.config._attn_implementation = "eager"
    try:
        yield
    finally:
        model.config._attn_implementation = given


def _attention(model: Any) -> str:
    return str(getattr(model.config, "_attn_implementation", ""))
