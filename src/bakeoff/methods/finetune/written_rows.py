"""Rows for a model that learns to write: what it reads, what it writes, and how well it does both.

The loss is on the target's tokens alone. In a row's ids they are written as ``-1 - token``, behind what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.forecast import HELD_OUT_SHARE, LEAST_TO_HOLD_OUT
from bakeoff.models.batching import Indices, length_sorted_batches

__all__ = ["Prompted", "TargetLikelihood", "WriterNetwork", "divide_rows", "prompted", "to_learn"]

#: Of one forward and backward pass, padding included.
_PART_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Prompted:
    """What a decoder reads before it writes: ``prefix + query`` of each row is one whole text.

    Parameters
    ----------
    prefix : str
        What all rows begin with.
    queries : tuple of str
    gap : str
        What stands between a query and the target.
    """

    prefix: str
    queries: tuple[str, ...]
    gap: str


def prompted(tokenizer: Any, instruction: str, texts: Sequence[str]) -> Prompted:
    """Put texts into a model's own chat form, or behind each other where it has none.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    instruction : str
    texts : sequence of str
        The model's own marks inside of them are read as ordinary characters.

    Returns
    -------
    Prompted
    """
    from bakeoff.methods.clean import MARK, clean_text
    from bakeoff.models.decoder import chat_prompt, has_chat_template

    marks = tuple(map(str, tokenizer.all_special_tokens))
    chat = has_chat_template(tokenizer)
    # A template that gets no system message may write one of its own, which every row would have to read.
    asked = [{"role": "system", "content": instruction}, {"role": "user", "content": MARK}]
    whole = chat_prompt(tokenizer, asked) if chat else f"{instruction}\n\n{MARK}\n\nAnswer:"
    before, _, after = whole.partition(MARK)
    queries = tuple(clean_text(text, marks, fold=False) + after for text in texts)
    return Prompted(before, queries, "" if chat else " ")


def divide_rows(rows: int, seed: int, most_held: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out rows that say when to stop, where there are enough of them.

    Parameters
    ----------
    rows : int
    seed : int
    most_held : int
        Writing takes longer than learning, so that more are not held out.

    Returns
    -------
    train, held : ndarray of int64
        Places, ascending.
    """
    if rows < LEAST_TO_HOLD_OUT:
        return np.arange(rows), np.arange(0)
    held = np.random.default_rng(seed).permutation(rows)[: min(most_held, round(HELD_OUT_SHARE * rows))]
    return np.setdiff1d(np.arange(rows), held), np.sort(held)


def to_learn(read: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], places: NDArray[np.int64]) -> TokenRows:
    """Put each row's target behind what is read, marked as what is to be written.

    Parameters
    ----------
    read, targets : sequence of sequences of int
        Tokens, of all rows.
    places : ndarray of int64
        Rows to take; they become the codes.

    Returns
    -------
    TokenRows
    """
    return TokenRows([[*read[at], *(-1 - token for token in targets[at])] for at in places], places)


class WriterNetwork(torch.nn.Module):
    """A decoder whose output is the log-likelihood of what stands marked in a row.

    Parameters
    ----------
    model : transformers model
        With its output layer; adapters may be inside.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # see below
        """Give each row's sum of log-probabilities and its number of marked tokens, shape (rows, 2)."""
        written = ids < 0
        tokens = torch.where(written, -1 - ids, ids)
        rows, places = written.nonzero(as_tuple=True)
        # Padding stands behind each row's tokens, where causal attention does not look: no mask is needed. Only states
        # before a marked token say anything of it, and the output layer is the dearest.
        body = self.model.get_decoder()
        states = body(input_ids=tokens, use_cache=False).last_hidden_state[rows, places - 1]
        logits = self.model.get_output_embeddings()(states)
        logs = -torch.nn.functional.cross_entropy(logits.float(), tokens[rows, places], reduction="none")
        sums = torch.zeros(len(ids), device=logs.device).index_add(0, rows, logs)
        return torch.stack([sums, written.sum(dim=1).to(sums.dtype)], dim=1)


class TargetLikelihood(Objective):
    """Minus the log-likelihood of a target's token; held-out rows are judged by what is written for them.

    Parameters
    ----------
    tokens_a_row : float
        Mean tokens of a target, by which a step's loss is divided: long targets weigh as many as their tokens.
    judge : callable
        Of the places of held-out rows: the task's metric of what the network writes for them.
    """

    def __init__(self, tokens_a_row: float, judge: Callable[[NDArray[Any]], float]) -> None:
        self._tokens, self._judge = tokens_a_row, judge

    def __repr__(self) -> str:
        return f"TargetLikelihood({self._tokens!r})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # ids hold the targets
        """Give the mean over the tokens of a mean row."""
        return -outputs[:, 0].mean() / self._tokens

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the metric of what is written for held-out rows, and the mean loss of their tokens."""
        return self._judge(codes), float(-outputs[:, 0].sum() / outputs[:, 1].sum())

    def parts(self, rows: TokenRows) -> list[Indices]:
        """Divide rows by length, so that long ones take no more memory together than many short ones."""
        return length_sorted_batches(rows.lengths, max_tokens=_PART_TOKENS)
