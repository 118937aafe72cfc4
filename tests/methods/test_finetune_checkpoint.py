"""A training that was killed and is started again ends with the weights of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune import checkpoint
from bakeoff.methods.finetune.checkpoint import Checkpoint
from bakeoff.methods.finetune.objectives import CrossEntropy, Objective, SupervisedContrastive
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuning_plan import Tuned, TuningPlan
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows
from small_models import write_encoder_folder

PLAN = TuningPlan(
    learning_rate=0.05, head_learning_rate=0.05, epochs=6, least_steps=0, batch_rows=4, seed=0, patience=9
)


class KilledError(Exception):
    """Stands for what ends a process."""


class Network(torch.nn.Module):
    """Mean of token vectors, dropout, and a linear head or a vector of length 1."""

    def __init__(self, vectors: bool) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table = torch.nn.Embedding(12, 6)
            self.dropout = torch.nn.Dropout(0.3)
            self.head = torch.nn.Linear(6, 6 if vectors else 2)
        self.vectors = vectors

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weights = mask[..., None].float()
        found = self.head(self.dropout((self.table(ids) * weights).sum(1) / weights.sum(1)))
        return torch.nn.functional.normalize(found, dim=1) if self.vectors else found


def _rows(count: int, seed: int) -> TokenRows:
    generator = np.random.default_rng(seed)
    codes = np.arange(count) % 2
    ids = [[1 + int(code), *generator.integers(3, 12, generator.integers(1, 4)).tolist()] for code in codes]
    return TokenRows(ids, codes.astype(np.int64))


def _killed_after(steps: int) -> Callable[[str, float], None]:
    seen: list[float] = []

    def progress(_what: str, share: float) -> None:
        seen.append(share)
        if len(seen) == steps:
            raise KilledError

    return progress


def _train(objective: Objective, path: Path | None, progress: Any = None) -> tuple[Tuned, dict[str, torch.Tensor]]:
    network = Network(isinstance(objective, SupervisedContrastive))
    context = RunContext(checkpoint=path)
    if progress is not None:
        context = replace(context, progress=progress)
    tuned = tune(network, PLAN, _rows(24, 0), _rows(12, 1), objective=objective, pad=0, context=context)
    return tuned, network.state_dict()


@pytest.mark.parametrize("steps", [1, 5, 6, 7, 20, 35])
@pytest.mark.parametrize(
    "make",
    [
        lambda: CrossEntropy("accuracy"),
        lambda: CrossEntropy("accuracy", balanced=True),
        lambda: SupervisedContrastive("accuracy", 2, 0.2),
    ],
    ids=["ce", "balanced", "supcon"],
)
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(
    make: Callable[[], Objective], steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    unbroken, expected = _train(make(), None)
    path = tmp_path / "state"
    with pytest.raises(KilledError):
        _train(make(), path, _killed_after(steps))
    assert path.is_file()
    taken: list[float] = []
    again, found = _train(make(), path, lambda _what, share: taken.append(share))
    assert len(taken) == 36 - steps
    for name, weight in expected.items():
        assert torch.equal(weight, found[name]), name
    assert (again.steps, again.best_epoch, again.tokens) == (unbroken.steps, unbroken.best_epoch, unbroken.tokens)
    losses = [[entry["loss"] for entry in run.history] for run in (again, unbroken)]
    assert losses[0] == losses[1]
    assert list(tmp_path.iterdir()) == []


def test_another_trainings_state_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    path = tmp_path / "state"
    with pytest.raises(KilledError):
        _train(CrossEntropy("accuracy"), path, _killed_after(5))
    plan = replace(PLAN, seed=1)
    taken: list[float] = []
    context = RunContext(checkpoint=path, progress=lambda _what, share: taken.append(share))
    tune(Network(False), plan, _rows(24, 0), _rows(12, 1), objective=CrossEntropy("accuracy"), pad=0, context=context)
    assert len(taken) == 36


@pytest.mark.parametrize("content", [b"", b"no state at all", None])
def test_a_broken_state_costs_only_its_steps(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "state"
    kept = Checkpoint(path, "mine")
    kept.write({"weights/a": torch.ones(3)}, {"epoch": 2})
    tensors, facts = kept.read() or ({}, {})
    assert torch.equal(tensors["weights/a"], torch.ones(3))
    assert facts == {"epoch": 2}
    path.write_bytes(path.read_bytes()[:-4] if content is None else content)
    assert kept.read() is None
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_states_are_kept_so_many_seconds_apart(tmp_path: Path) -> None:
    assert not Checkpoint(tmp_path / "state", "mine").due
    assert not Checkpoint(None, "mine").due


@pytest.mark.models
@pytest.mark.parametrize(("name", "model"), [("full", "minilm-l6"), ("lp-ft", "tiny"), ("contrastive", "tiny")])
def test_a_whole_method_goes_on_exactly(
    name: str, model: str, catalogue_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    if model == "tiny":
        model = write_encoder_folder(tmp_path / "tiny")
    settings = {**method_spec(name).parameters, "max_epochs": 1, "least_steps": 6, "batch_rows": 4}
    texts, labels = text_rows(8)

    def fitted(context: RunContext) -> Any:
        return load_method(name)(task=task, model=model, **settings).within(context).fit(texts, labels)

    def killed(what: str, share: float) -> None:
        if what.startswith("training") and share > 0.4:
            raise KilledError

    whole = fitted(RunContext())
    path = tmp_path / "state"
    with pytest.raises(KilledError):
        fitted(RunContext(checkpoint=path, progress=killed))
    assert path.is_file()
    again = fitted(RunContext(checkpoint=path))
    assert not path.exists()
    for (key, one), other in zip(
        whole.network_.state_dict().items(), again.network_.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), key


@pytest.mark.parametrize(
    "other",
    [
        CrossEntropy("accuracy", np.array([1.0, 3.0], dtype=np.float32)),
        CrossEntropy("macro-F1"),
        CrossEntropy("accuracy", balanced=True),
    ],
)
def test_another_objective_is_another_training(
    other: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    with pytest.raises(KilledError):
        _train(CrossEntropy("accuracy"), tmp_path / "state", _killed_after(5))
    taken: list[float] = []
    _train(other, tmp_path / "state", lambda _what, share: taken.append(share))
    assert len(taken) == 36
