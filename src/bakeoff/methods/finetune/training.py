"""The training loop: AdamW, linear warm-up and decay, batches of like length, early stopping on the task's metric.

More steps than three epochs, bias-corrected Adam and warm-up follow Zhang et al. 2021, "Revisiting Few-sample BERT
Fine-tuning", sections 4 and 6.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from bakeoff.errors import TrialError
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.checkpoint import Checkpoint
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.token_rows import TokenRows, cast, padded, predict_logits
from bakeoff.methods.finetune.tuning_plan import Tuned, TuningPlan
from bakeoff.models.digest import weights_sha256

__all__ = ["tune"]

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
#: What a run counts, as its attributes are named.
_COUNTS = ("waited", "total", "rows_seen")


class _DivergedError(Exception):
    """The loss of a run is no number, or has grown far above where it began."""


def tune(
    network: torch.nn.Module,
    plan: TuningPlan,
    train: TokenRows,
    held: TokenRows,
    *,
    objective: Objective,
    pad: int,
    context: RunContext,
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
    objective : Objective
        What is made small, and how held-out rows are judged.
    pad : int
    context : RunContext

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
    reason = ""
    for share in (1.0, _RETRY_SHARE):
        key = "" if context.checkpoint is None else _training_key(network, (plan, share, objective), train, held)
        try:
            return _attempt(_Run(network, plan, share, objective, pad, context, key), train, held)
        except _DivergedError as error:
            reason = str(error)
            network.load_state_dict(start, strict=False)
    raise TrialError(
        f"Training diverged at a learning rate of {plan.learning_rate:g}, and again at a third of it: {reason}."
    )


def _attempt(run: _Run, train: TokenRows, held: TokenRows) -> Tuned:
    """Run one attempt, from the seed's random state; its kept state goes unless time cut it, which may get more."""
    devices = [] if run.context.device == "cpu" else [torch.device(run.context.device)]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(run.plan.seed)
        tuned = run.all_epochs(train, held)
    if not tuned.cut:
        run.kept.remove()
    return tuned


class _Run:
    """One attempt: optimizer, schedule, and the best weights so far."""

    def __init__(
        self,
        network: torch.nn.Module,
        plan: TuningPlan,
        rate_share: float,
        objective: Objective,
        pad: int,
        context: RunContext,
        key: str,
    ) -> None:
        self.network, self.plan, self.objective, self.pad, self.context = network, plan, objective, pad, context
        self.tuned = Tuned(plan.learning_rate * rate_share)
        self.device = next(network.parameters()).device
        self.optimizer = torch.optim.AdamW(_groups(network, plan, rate_share), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.losses: list[float] = []
        self.best: tuple[tuple[float, float], dict[str, torch.Tensor]] | None = None
        self.waited = 0
        self.total = self.epoch_steps = self.rows_seen = 0
        self.started = self.paced_from = time.perf_counter()
        self.kept = Checkpoint(context.checkpoint, key)
        #: Where in the training it is: epoch, steps of it that are done, and their losses.
        self.epoch, self.epoch_losses = 1, list[float]()

    def all_epochs(self, train: TokenRows, held: TokenRows) -> Tuned:
        self.total = self.plan.steps(len(train))
        self.epoch_steps = math.ceil(len(train) / self.plan.batch_rows)
        epochs = math.ceil(self.total / self.epoch_steps)
        # Few rows make many short epochs; a look after each would stop training on noise.
        every = max(1, math.ceil(epochs / _MOST_LOOKS))
        self._take_up()
        for epoch in range(self.epoch, epochs + 1):
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
        # An epoch that was taken up goes on behind the steps that it has done.
        losses = self.epoch_losses if epoch == self.epoch else []
        self.epoch, self.epoch_losses = epoch, losses
        batches = self.objective.batches(train, self.plan.batch_rows, self.plan.seed * 10_007 + epoch)
        for rows in batches[len(losses) :]:
            if self.tuned.steps >= self.total:
                break
            if self.context.deadline.passed:
                self.tuned.cut = True
                break
            losses.append(self._step(train.part(rows)))
            self.tuned.steps += 1
            if self.kept.due:
                self._keep()
            self._shorten_if_late()
            self.context.progress(self._told(), self.tuned.steps / self.total)
        return float(np.mean(losses)) if losses else math.nan

    def _keep(self) -> None:
        """Keep all that the next steps hang on."""
        adam = self.optimizer.state_dict()["state"]
        tensors = {f"weights/{name}": weight for name, weight in _trainable_state(self.network).items()}
        tensors |= {f"best/{name}": weight for name, weight in (self.best[1] if self.best else {}).items()}
        tensors |= {f"adam/{at}/{name}": value for at, own in adam.items() for name, value in own.items()}
        tensors |= {f"objective/{name}": value for name, value in self.objective.state().items()}
        tensors |= {f"random/{name}": state for name, state in _random_states(self.device).items()}
        facts = {
            "tuned": asdict(self.tuned),
            "best": list(self.best[0]) if self.best else None,
            "losses": self.losses,
            "epoch": self.epoch,
            "epoch_losses": self.epoch_losses,
            "seconds": time.perf_counter() - self.started,
            **{name: getattr(self, name) for name in _COUNTS},
        }
        self.kept.write(tensors, facts)

    def _take_up(self) -> None:
        """Go on from the state that is kept of this very training, where there is one."""
        found = self.kept.read()
        if found is None:
            return
        tensors, facts = found
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, own = name.partition("/")
            parts.setdefault(part, {})[own] = tensor
        self.network.load_state_dict(parts["weights"], strict=False)
        adam: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in parts.get("adam", {}).items():
            at, _, own = name.partition("/")
            adam.setdefault(int(at), {})[own] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": adam})
        self.objective.restore(parts.get("objective", {}))
        _restore_random(parts["random"], self.device)
        self.tuned = Tuned(**facts["tuned"])
        self.best = None if facts["best"] is None else (tuple(facts["best"]), parts["best"])
        self.losses, self.epoch, self.epoch_losses = facts["losses"], facts["epoch"], facts["epoch_losses"]
        self.started -= facts["seconds"]
        for name in _COUNTS:
            setattr(self, name, facts[name])

    def _told(self) -> str:
        """Say how training goes: the loss lately, the last score of held-out rows, and the pace."""
        loss = float(np.mean(self.losses[-_DIVERGED_STEPS:]))
        seconds = max(time.perf_counter() - self.started, 1e-9)
        looks = [entry["held_out_score"] for entry in self.tuned.history if entry["held_out_score"] is not None]
        held = f", held-out score {looks[-1]:.3f}" if looks else ""
        return f"training: loss {loss:.3f}{held}, {self.rows_seen / seconds:.0f} rows/s"

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
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for chosen in self.objective.parts(rows):
            part = rows.part(chosen)
            with cast(self.plan.autocast, self.device):
                outputs = self.network(*padded(part.ids, self.pad, self.device))
            loss = self.objective.loss(outputs.float(), torch.as_tensor(part.codes, device=self.device))
            loss = loss * (len(part) / len(rows))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            total += float(loss.detach())
        parameters = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip)
        self._check(total, float(norm))
        self.optimizer.step()
        self.tuned.tokens += int(rows.lengths.sum())
        self.rows_seen += len(rows)
        return self.losses[-1]

    def _check(self, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise _DivergedError("the loss is no number")
        self.losses.append(loss)
        lately = float(np.mean(self.losses[-_DIVERGED_STEPS:]))
        if len(self.losses) >= _DIVERGED_STEPS and lately > _DIVERGED_RATIO * max(1.0, self.losses[0]):
            raise _DivergedError(f"the loss rose from {self.losses[0]:.2f} to {lately:.2f}")

    def _look(self, held: TokenRows, epoch: int) -> tuple[float, float]:
        outputs = predict_logits(self.network, held.ids, self.pad, autocast=self.plan.autocast)
        score, loss = self.objective.look(outputs, held.codes)
        if not math.isfinite(loss):
            raise _DivergedError("the held-out loss is no number")
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


def _random_states(device: torch.device) -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _restore_random(states: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def _training_key(network: torch.nn.Module, settings: object, train: TokenRows, held: TokenRows) -> str:
    """Name a training by all that its outcome hangs on."""
    told = hashlib.sha256(f"{settings!r} {torch.get_num_threads()} {weights_sha256(network)}".encode())
    for rows in (train, held):
        told.update(repr([list(map(int, ids)) for ids in rows.ids]).encode())
        told.update(np.ascontiguousarray(rows.codes).tobytes())
    return told.hexdigest()


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
