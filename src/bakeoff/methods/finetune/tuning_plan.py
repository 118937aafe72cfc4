"""Settings of one run of training, and what it did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from bakeoff.methods.finetune.token_rows import TokenRows

__all__ = ["Tuned", "TuningPlan"]


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """Settings of one run of training.

    Parameters
    ----------
    learning_rate : float
        Highest rate of the pre-trained weights (or adapters).
    head_learning_rate : float
        Highest rate of the head.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    least_steps : int
        Steps that are taken at least, however few the rows.
    batch_rows : int
        Rows of a step.
    seed : int
        Of batches and dropout.
    patience : int
        Looks at the held-out rows without a better score before training stops.
    warmup_share : float
        Share of the steps over which the rate rises, in [0, 1].
    weight_decay : float
        Of matrices; biases, norms and embeddings have none.
    clip : float
        Largest norm of a step's gradient.
    autocast : bool
        Whether matrix products run in bfloat16.
    """

    learning_rate: float
    head_learning_rate: float
    epochs: int
    least_steps: int
    batch_rows: int
    seed: int
    patience: int = 3
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    autocast: bool = False

    def steps(self, rows: int) -> int:
        """Give the number of steps of a run over so many rows."""
        return max(self.least_steps, self.epochs * math.ceil(rows / self.batch_rows))


@dataclass(slots=True)
class Tuned:
    """What a run did.

    Parameters
    ----------
    learning_rate : float
        The one that was used in the end.
    steps : int
        Steps taken.
    best_epoch : int
        Epoch, from 1, whose weights were kept.
    tokens : int
        Tokens of all steps, padding left out.
    cut : bool
        Whether the deadline ended it.
    share : float
        Of the planned steps that it was shortened to, in (0, 1].
    history : list of dict
        Per epoch: loss, held-out score and loss (None without), seconds so far.
    """

    learning_rate: float
    steps: int = 0
    best_epoch: int = 0
    tokens: int = 0
    cut: bool = False
    share: float = 1.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def details(self, network: torch.nn.Module, held: TokenRows) -> dict[str, Any]:
        """Give what a method reports of the run, as plain JSON values."""
        return {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "best_epoch": self.best_epoch,
            "held_out_rows": len(held),
            "share_of_steps": self.share,
            "trainable_parameters": sum(weight.numel() for weight in network.parameters() if weight.requires_grad),
        }
