"""The training loop: AdamW, linear warm-up and decay, batches of like length, early stopping on the task's metric.

More steps than three epochs, bias-corrected Adam and warm-up follow Zhang et al. 2021, "Revisiting Few-sample BERT
Fine-tuning", sections 4 and 6.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import TrialError
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.token_rows import TokenRows, cast, padded, predict_logits
from bakeoff.models.batching import shuffled_batches
from bakeoff.tasks import score_codes

__all__ = ["Tuned", "TuningPlan", "tune"]

#: A run has diverged when its mean loss over the last steps is above this multiple of where it began.
_DIVERGED_RATIO = 3.0
_DIVERGED_STEPS = 8
_RETRY_SHARE = 1.0 / 3.0
_MOST_LOOKS = 8
#: Where a run may be shortened: it looks at its pace after so many steps each, and at once where it is late, but not
#: before so many steps; it leaves this share of the time, and these seconds for what follows the last step.
_PACE_STEPS, _LEAST_PACED = 10, 4
_SPARE_SECONDS = 0.5
_SPARE_SHARE = 0.08


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
    metric : str
        The task's metric, for early stopping.
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
    metric: str
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


class _DivergedError(Exception):
    """The loss of a run is no number, or has grown far above where it began."""


def tune(
    network: torch.nn.Module,
    plan: TuningPlan,
    train: TokenRows,
    held: TokenRows,
    *,
    pad: int,
    context: RunContext,
    class_weights: NDArray[np.float32] | None = None,
) -> Tuned:
    """Train a network in place; a run that diverges is tried once more at a third of its rate.

    Parameters
    ----------
    network : torch.nn.Module
        Called as `predict_logits` says. Parameters that ask for gradients are trained, those under its attribute
        ``head`` at the head's rate.
    plan : TuningPlan
    train, held : TokenRows
        Rows to learn from, and rows that say when to stop and which weights to keep; where `held` is empty, all steps
        are taken.
    pad : int
    context : RunContext
    class_weights : ndarray of float32, shape (labels,), optional
        Of each label in the loss.

    Returns
    -------
    Tuned
        Global random states are left as they were.

    Raises
    ------
    TrialError
        If it diverges twice, or the deadline is over before the first step.
    """
    start = _trainable_state(network)
    devices = [] if context.device == "cpu" else [torch.device(context.device)]
    for share in (1.0, _RETRY_SHARE):
        run = _Run(network, plan, share, pad, context, class_weights)
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(plan.seed)
            try:
                return run.all_epochs(train, held)
            except _DivergedError as error:
                reason = str(error)
                network.load_state_dict(start, strict=False)
    raise TrialError(
        f"Training diverged at a learning rate of {plan.learning_rate:g}, and again at a third of it: {reason}."
    )


class _Run:
    """One attempt: optimizer, schedule, and the best weights so far."""

    def __init__(
        self,
        network: torch.nn.Module,
        plan: TuningPlan,
        rate_share: float,
        pad: int,
        context: RunContext,
        class_weights: NDArray[np.float32] | None,
    ) -> None:
        self.network, self.plan, self.pad, self.context = network, plan, pad, context
        self.tuned = Tuned(plan.learning_rate * rate_share)
        self.device = next(network.parameters()).device
        self.weights = None if class_weights is None else torch.as_tensor(class_weights, device=self.device)
        self.optimizer = torch.optim.AdamW(_groups(network, plan, rate_share), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.losses: list[float] = []
        self.best: tuple[tuple[float, float], dict[str, torch.Tensor]] | None = None
        self.waited = 0
        self.total = self.epoch_steps = 0
        self.started = self.paced_from = time.perf_counter()

    def all_epochs(self, train: TokenRows, held: TokenRows) -> Tuned:
        self.total = self.plan.steps(len(train))
        self.epoch_steps = math.ceil(len(train) / self.plan.batch_rows)
        epochs = math.ceil(self.total / self.epoch_steps)
        # Few rows make many short epochs; a look after each would stop training on noise.
        every = max(1, math.ceil(epochs / _MOST_LOOKS))
        for epoch in range(1, epochs + 1):
            loss = self._epoch(train, epoch)
            ended = self.tuned.cut or self.tuned.steps >= self.total
            look = len(held) > 0 and not self.tuned.cut and (epoch % every == 0 or ended)
            self._note(epoch, loss, self._look(held, epoch) if look else None)
            if ended or self.waited >= self.plan.patience:
                break
        if self.tuned.steps == 0:
            raise TrialError("Time was up before the first training step.")
        if self.best is not None:
            self.network.load_state_dict(self.best[1], strict=False)
        self.network.eval()
        return self.tuned

    def _epoch(self, train: TokenRows, epoch: int) -> float:
        self.network.train()
        losses = []
        for rows in shuffled_batches(
            train.lengths, max_rows=self.plan.batch_rows, seed=self.plan.seed * 10_007 + epoch
        ):
            if self.tuned.steps >= self.total:
                break
            if self.context.deadline.passed:
                self.tuned.cut = True
                break
            losses.append(self._step(train.part(rows)))
            self.tuned.steps += 1
            self._shorten_if_late()
            self.context.progress("training", self.tuned.steps / self.total)
        return float(np.mean(losses)) if losses else math.nan

    def _shorten_if_late(self) -> None:
        """Take fewer steps in all if the pace so far says that time will not do, but never less than one epoch."""
        steps, left = self.tuned.steps, max(self.context.deadline.left - _SPARE_SECONDS, 0.0)
        if steps == 1:
            # The first step warms up, and says nothing of the pace.
            self.paced_from = time.perf_counter()
        if steps < _LEAST_PACED or not self.context.may_shorten or not math.isfinite(left):
            return
        pace = (time.perf_counter() - self.paced_from) / (steps - 1)
        late = pace * (self.total - steps) > left
        reached = steps + int((1 - _SPARE_SHARE) * left / pace)
        if (late or steps % _PACE_STEPS == 0) and reached < self.total:
            wanted = self.total / self.tuned.share
            self.total = max(reached, self.epoch_steps)
            self.tuned.share = min(1.0, self.total / wanted)

    def _step(self, rows: TokenRows) -> float:
        share = _rate_share(self.tuned.steps, self.total, self.plan.warmup_share)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        with cast(self.plan.autocast, self.device):
            logits = self.network(*padded(rows.ids, self.pad, self.device))
        targets = torch.as_tensor(rows.codes, device=self.device)
        # The mean over rows, not over weights: a batch without rare labels must not count as much as one with them.
        loss = torch.nn.functional.cross_entropy(logits.float(), targets, weight=self.weights, reduction="none").mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        parameters = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip)
        self._check(float(loss.detach()), float(norm))
        self.optimizer.step()
        self.tuned.tokens += int(rows.lengths.sum())
        return self.losses[-1]

    def _check(self, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise _DivergedError("the loss is no number")
        self.losses.append(loss)
        lately = float(np.mean(self.losses[-_DIVERGED_STEPS:]))
        if len(self.losses) >= _DIVERGED_STEPS and lately > _DIVERGED_RATIO * max(1.0, self.losses[0]):
            raise _DivergedError(f"the loss rose from {self.losses[0]:.2f} to {lately:.2f}")

    def _look(self, held: TokenRows, epoch: int) -> tuple[float, float]:
        logits = predict_logits(self.network, held.ids, self.pad, autocast=self.plan.autocast)
        loss = float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(held.codes)))
        if not math.isfinite(loss):
            raise _DivergedError("the held-out loss is no number")
        score = float(score_codes(self.plan.metric, held.codes, logits.argmax(axis=1), logits.shape[1]))
        # Held-out rows are few, so that scores tie often; the lower loss then is the better look.
        if self.best is None or (score, -loss) > self.best[0]:
            self.best = ((score, -loss), _trainable_state(self.network))
            self.tuned.best_epoch, self.waited = epoch, 0
        else:
            self.waited += 1
        return score, loss

    def _note(self, epoch: int, loss: float, look: tuple[float, float] | None) -> None:
        if math.isnan(loss):
            return
        if self.best is None:
            self.tuned.best_epoch = epoch
        self.tuned.history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "held_out_score": look[0] if look else None,
                "held_out_loss": look[1] if look else None,
                "seconds": time.perf_counter() - self.started,
            }
        )


def _rate_share(step: int, total: int, warmup: float) -> float:
    """Give the share of the highest rate at a step: up in a line, then down in a line to 0 after the last."""
    rising = max(1, round(warmup * total))
    return (step + 1) / rising if step < rising else (total - step) / max(1, total - rising)


def _groups(network: torch.nn.Module, plan: TuningPlan, share: float) -> Iterator[dict[str, Any]]:
    """Divide the trained parameters by rate and by decay; one-dimensional weights and embeddings do not decay."""
    tables = {
        id(weight)
        for module in network.modules()
        if isinstance(module, torch.nn.Embedding)
        for weight in module.parameters()
    }
    named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    for of_head in (False, True):
        rate = plan.head_learning_rate if of_head else plan.learning_rate
        for decays in (False, True):
            chosen = [
                weight
                for name, weight in named
                if name.startswith("head.") == of_head and (weight.ndim > 1 and id(weight) not in tables) == decays
            ]
            if chosen:
                yield {"params": chosen, "lr": rate * share, "weight_decay": plan.weight_decay if decays else 0.0}


def _trainable_state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters() if weight.requires_grad}
