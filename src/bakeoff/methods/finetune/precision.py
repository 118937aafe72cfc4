"""Whether training runs in bfloat16 on this machine: measured once a model, by a few steps of both, and kept.

A flag of the processor says that it multiplies bfloat16, not that a small model's steps get faster by it. Matrix
products alone are cast, weights and their changes stay float32 (Micikevicius et al. 2018, "Mixed Precision Training",
section 3.1).
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from bakeoff.catalog.cache import write_file
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.kept_here import kept_folder, machine_facts
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.token_rows import TokenRows, cast, padded
from bakeoff.methods.finetune.tuning_plan import TuningPlan

__all__ = ["is_better", "settle_dtype"]

_SCHEMA = 1
#: Steps of each that are taken, the first of them to warm up, and the batches that take turns in them.
_STEPS, _BATCHES = 7, 2
#: bfloat16 is taken where it is faster by this factor, and its mean loss is off by this share at most.
_FASTER, _LOSS_OFF = 1.15, 0.02
#: With less time than this the measurement is left for another fit.
_LEAST_SECONDS = 60.0


def settle_dtype(
    network: torch.nn.Module,
    rows: TokenRows,
    plan: TuningPlan,
    objective: Objective,
    pad: int,
    context: RunContext,
    model: dict[str, Any],
) -> dict[str, Any]:
    """Say in which data type training runs here, as it was measured before, or now.

    Parameters
    ----------
    network : torch.nn.Module
        Copied; its weights stay.
    rows : TokenRows
    plan : TuningPlan
    objective : Objective
        One that gathers nothing.
    pad : int
    context : RunContext
        Its `dtype` is what the hardware allows: bfloat16 is tried only where it says so.
    model : dict
        What names the model and the part of it that is trained; plain JSON values.

    Returns
    -------
    dict
        ``dtype``, and ``why``; where it was measured, seconds a step and mean loss of both.
    """
    if context.dtype != "bfloat16":
        return {"dtype": "float32", "why": "the hardware does not multiply bfloat16"}
    facts = {"schema": _SCHEMA, **model, "batch_rows": plan.batch_rows, "device": context.device, **machine_facts()}
    kept = _read(facts)
    if kept is not None:
        return kept
    if context.deadline.left < _LEAST_SECONDS:
        return {"dtype": "bfloat16", "why": "not measured, for want of time: the hardware multiplies it"}
    if kept_folder("precision") is None:
        # What is measured anew each time could turn out otherwise, and the same command must give the same weights.
        return {"dtype": "bfloat16", "why": "not measured, since it could not be kept: the hardware multiplies it"}
    context.progress("measuring data types", 0.0)
    found = _measured(network, rows, plan, objective, pad)
    _write(facts, found)
    return found


def is_better(seconds: dict[str, float], losses: dict[str, float]) -> bool:
    """Say whether bfloat16 is clearly faster and as good.

    Parameters
    ----------
    seconds, losses : dict of float
        Of a step, by data type.

    Returns
    -------
    bool
    """
    off = abs(losses["bfloat16"] - losses["float32"])
    # A loss that is no number is not as good, whatever it is compared with.
    return bool(seconds["float32"] >= _FASTER * seconds["bfloat16"] and off <= _LOSS_OFF * max(losses["float32"], 0.1))


def _measured(
    network: torch.nn.Module, rows: TokenRows, plan: TuningPlan, objective: Objective, pad: int
) -> dict[str, Any]:
    batches = objective.batches(rows, plan.batch_rows, plan.seed)[:_BATCHES]
    runs = {name: _Steps(network, plan, objective, pad, name == "bfloat16") for name in ("float32", "bfloat16")}
    devices: list[int] | None = [] if next(network.parameters()).device.type == "cpu" else None
    with torch.random.fork_rng(devices=devices):
        for step in range(_STEPS):
            batch = rows.part(batches[step % len(batches)])
            # In turns, so that what else the machine does falls on both.
            for run in runs.values():
                run.take(batch, step)
    # The fastest of a batch's steps: what else runs on the machine only ever makes one slower.
    seconds = {
        name: float(np.mean([min(run.seconds[1:][at :: len(batches)]) for at in range(len(batches))]))
        for name, run in runs.items()
    }
    losses = {name: float(np.mean(run.losses)) for name, run in runs.items()}
    better = is_better(seconds, losses)
    return {
        "dtype": "bfloat16" if better else "float32",
        "why": f"measured: bfloat16 is {'' if better else 'not '}clearly faster and as good",
        "seconds_a_step": seconds,
        "loss": losses,
        "steps": _STEPS,
    }


class _Steps:
    """A copy of the network that is trained for some steps in one data type."""

    def __init__(
        self, network: torch.nn.Module, plan: TuningPlan, objective: Objective, pad: int, autocast: bool
    ) -> None:
        self.network = copy.deepcopy(network).train()
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, lr=plan.learning_rate, fused=True)
        self.objective, self.pad, self.autocast = objective, pad, autocast
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def take(self, rows: TokenRows, seed: int) -> None:
        device = next(self.network.parameters()).device
        torch.manual_seed(seed)
        began = time.perf_counter()
        with cast(self.autocast, device):
            outputs = self.network(*padded(rows.ids, self.pad, device))
        loss = self.objective.loss(outputs.float(), torch.as_tensor(rows.codes, device=device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimizer.step()
        self.losses.append(float(loss.detach()))
        self.seconds.append(time.perf_counter() - began)


def _read(facts: dict[str, Any]) -> dict[str, Any] | None:
    folder = kept_folder("precision")
    if folder is None:
        return None
    try:
        entry = json.loads((folder / _name(facts)).read_text("utf-8"))
        found: dict[str, Any] = entry["found"]
        whole = entry["facts"] == facts and found["dtype"] in ("float32", "bfloat16")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _write(facts: dict[str, Any], found: dict[str, Any]) -> None:
    folder = kept_folder("precision")
    if folder is not None:
        with suppress(OSError):
            write_file(folder / _name(facts), (json.dumps({"facts": facts, "found": found}, indent=1) + "\n").encode())


def _name(facts: dict[str, Any]) -> str:
    return f"{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}.json"
