"""Tokenised rows with labels: held-out parts, padded batches, and a network's scores of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods.finetune.long_texts import mean_of_pieces
from bakeoff.methods.forecast import HELD_OUT_SHARE, LEAST_TO_HOLD_OUT
from bakeoff.methods.outputs import NOT_FINITE, Outputs
from bakeoff.models.batching import length_sorted_batches
from bakeoff.models.linear_layers import quick_linear_layers
from bakeoff.records import Answer

__all__ = [
    "TokenRows",
    "answers_of",
    "cast",
    "divide",
    "held_out_rows",
    "padded",
    "predict_logits",
]

_ANSWER_BATCH_TOKENS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class TokenRows:
    """Tokenised rows with their labels.

    Parameters
    ----------
    ids : sequence of list of int, length rows
        Token ids, special tokens included; at least one a row.
    codes : ndarray, rows first
        What is learned towards: codes of labels, shape (rows,); numbers, shape (rows, outputs); or codes of tags, shape
        (rows, longest row), -100 where a token has none.
    """

    ids: Sequence[list[int]]
    codes: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, shape (rows,)."""
        return np.array([len(row) for row in self.ids], dtype=np.int64)

    def part(self, rows: NDArray[np.int64]) -> TokenRows:
        """Give some of the rows."""
        return TokenRows([self.ids[row] for row in rows], self.codes[rows])


def divide(codes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out a part of the rows that says when to stop, where there are enough of them.

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
    seed : int

    Returns
    -------
    train, held : ndarray of int64
        Row indices. `held` is empty for fewer than 100 rows: what so small a part says is noise, and the rows are worth
        more in training.
    """
    if len(codes) < LEAST_TO_HOLD_OUT:
        return np.arange(len(codes)), np.arange(0)
    return held_out_rows(codes, HELD_OUT_SHARE, seed)


def held_out_rows(codes: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide rows into those that train and those that say when to stop, each label in its share.

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
    share : float
        Of the rows held out, in (0, 1). A label with two rows or more keeps at least one on each side.
    seed : int

    Returns
    -------
    train, held : ndarray of int64
        Row indices, ascending.
    """
    generator = np.random.default_rng(seed)
    held: list[int] = []
    for code in np.unique(codes):
        rows = generator.permutation(np.flatnonzero(codes == code))
        count = 0 if len(rows) < 2 else min(len(rows) - 1, max(1, round(share * len(rows))))
        held.extend(rows[:count].tolist())
    chosen = np.array(sorted(held), dtype=np.int64)
    return np.setdiff1d(np.arange(len(codes)), chosen), chosen


def predict_logits(
    network: torch.nn.Module, ids: Sequence[list[int]], pad: int, *, autocast: bool = False
) -> NDArray[np.float64]:
    """Give the scores of rows, in batches of like length.

    Parameters
    ----------
    network : torch.nn.Module
        Called with token ids and mask, each of shape (rows, tokens); gives scores of shape (rows, labels), or
        (rows, tokens, labels).
    ids : sequence of list of int
    pad : int
        Id of the padding token.
    autocast : bool
        Whether matrix products run in bfloat16.

    Returns
    -------
    ndarray of float64, shape (rows, labels) or (rows, longest row, labels)
    """
    network.eval()
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    device = next(network.parameters()).device
    batches = length_sorted_batches([len(row) for row in ids], max_tokens=_ANSWER_BATCH_TOKENS)
    with torch.inference_mode(), cast(autocast, device), quick_linear_layers():
        for rows in batches:
            logits = network(*padded([ids[row] for row in rows], pad, device))
            parts.append((rows, logits.double().cpu().numpy()))
    # Scores of tokens are as many as the longest row of a batch has; those of a row as many for all.
    widest = max(values.shape[1] for _rows, values in parts)
    found = np.zeros((len(ids), widest, *parts[0][1].shape[2:]))
    for rows, values in parts:
        found[rows, : values.shape[1]] = values
    return found


def answers_of(
    network: torch.nn.Module,
    ids: Sequence[list[int]],
    pad: int,
    outputs: Outputs,
    began: float,
    owners: NDArray[np.int64] | None = None,
) -> list[Answer]:
    """Answer rows by a network's scores.

    Parameters
    ----------
    network, ids, pad
        As of `predict_logits`.
    outputs : Outputs
        What the scores say.
    began : float
        Value of `time.perf_counter` when work on the rows began; they share the seconds since then evenly.
    owners : ndarray of int64, shape (rows,), optional
        Place of the text that each row is a piece of; the log-probabilities of a text's pieces are averaged.

    Returns
    -------
    list of Answer
        One a text.
    """
    owners = np.arange(len(ids)) if owners is None else owners
    # Averaged scores give the averaged log-probabilities: they differ by what all labels share.
    told = outputs.told(mean_of_pieces(predict_logits(network, ids, pad), owners))
    tokens = np.bincount(owners, weights=[len(own) for own in ids]).astype(np.int64).tolist()
    seconds = (time.perf_counter() - began) / len(told)
    return [
        Answer(value, shares, NOT_FINITE if value is None else None, tokens_in=read, seconds=seconds)
        for (value, shares), read in zip(told, tokens, strict=True)
    ]


def padded(ids: Sequence[list[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Put rows into one tensor.

    Parameters
    ----------
    ids : sequence of list of int
    pad : int
        Id that fills the end of shorter rows.
    device : torch.device

    Returns
    -------
    tokens, mask : int64 tensor, shape (rows, longest row)
    """
    lengths = np.array([len(row) for row in ids])
    tokens = np.full((len(ids), lengths.max()), pad, dtype=np.int64)
    for at, row in enumerate(ids):
        tokens[at, : len(row)] = row
    mask = (np.arange(tokens.shape[1])[None] < lengths[:, None]).astype(np.int64)
    return torch.from_numpy(tokens).to(device), torch.from_numpy(mask).to(device)


def cast(on: bool, device: torch.device) -> Any:
    """Give a block in which matrix products run in bfloat16, or one that changes nothing.

    Parameters
    ----------
    on : bool
    device : torch.device

    Returns
    -------
    context manager
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=on)
