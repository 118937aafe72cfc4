"""bfloat16 is taken where a few steps of both show it faster and as good, and what they showed is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.finetune import precision
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.precision import is_better, settle_dtype
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows

PLAN = TuningPlan(learning_rate=0.01, head_learning_rate=0.01, epochs=1, least_steps=0, batch_rows=4, seed=0)
ALLOWED = RunContext(dtype="bfloat16", measure_dtype=True)


class Network(torch.nn.Module):
    """Mean of token vectors, dropout, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table, self.head = torch.nn.Embedding(12, 6), torch.nn.Linear(6, 2)
        self.dropout = torch.nn.Dropout(0.3)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weights = mask[..., None].float()
        scores: torch.Tensor = self.head(self.dropout((self.table(ids) * weights).sum(1) / weights.sum(1)))
        return scores


def _settled(network: Network, context: RunContext = ALLOWED, **model: Any) -> dict[str, Any]:
    rows = TokenRows([[1 + place % 2, 3 + place % 9] for place in range(16)], np.arange(16) % 2)
    return settle_dtype(network, rows, PLAN, CrossEntropy("accuracy"), 0, context, {"model": "a", **model})


@pytest.mark.parametrize(
    ("seconds", "losses", "better"),
    [
        ((1.0, 0.5), (0.7, 0.705), True),
        ((1.0, 0.95), (0.7, 0.7), False),
        ((0.5, 1.0), (0.7, 0.7), False),
        ((1.0, 0.5), (0.7, 0.75), False),
        ((1.0, 0.5), (0.7, float("nan")), False),
    ],
)
def test_faster_by_a_clear_margin_and_as_good(
    seconds: tuple[float, float], losses: tuple[float, float], better: bool
) -> None:
    names = ("float32", "bfloat16")
    assert is_better(dict(zip(names, seconds, strict=True)), dict(zip(names, losses, strict=True))) == better


def test_it_is_measured_once_and_changes_nothing(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, state = Network(), torch.get_rng_state()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    found = _settled(network)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    # The same batches and the same dropout: only the data type differs.
    assert found["loss"]["bfloat16"] == pytest.approx(found["loss"]["float32"], rel=0.02)
    assert found["loss"]["bfloat16"] != found["loss"]["float32"]
    (path,) = (own_home / "computed" / "precision").iterdir()
    assert json.loads(path.read_text(encoding="utf-8"))["found"] == found

    measure = precision._measured
    monkeypatch.setattr(precision, "_measured", None)
    assert _settled(network) == found
    assert _settled(network, replace(ALLOWED, deadline=Deadline.after(5.0))) == found
    with pytest.raises(TypeError):
        _settled(network, model="b")
    path.write_text("{", encoding="utf-8")
    monkeypatch.setattr(precision, "_measured", measure)
    assert _settled(network)["steps"] == found["steps"]
    assert json.loads(path.read_text(encoding="utf-8"))["facts"]["model"] == "a"


@pytest.mark.models
def test_a_fit_trains_as_was_measured_and_says_so(catalogue_cache: Path) -> None:
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    settings = {"max_epochs": 1, "least_steps": 3, "frozen_share": 0.5}
    given = FullFineTuning(task=task, model="minilm-l6", **settings).within(ALLOWED).fit(*text_rows(8))
    told = given.details_["precision"]
    assert given.context_.dtype == told["dtype"]
    fixed = RunContext(dtype=told["dtype"])
    plain = FullFineTuning(task=task, model="minilm-l6", **settings).within(fixed).fit(*text_rows(8))
    assert "precision" not in plain.details_
    assert given.details_["weights_sha256"] == plain.details_["weights_sha256"]


def test_it_is_not_tried_where_the_hardware_or_the_time_says_no(own_home: Path) -> None:
    assert _settled(Network(), replace(ALLOWED, dtype="float32"))["dtype"] == "float32"
    assert _settled(Network(), replace(ALLOWED, deadline=Deadline.after(5.0)))["dtype"] == "bfloat16"
    assert not (own_home / "computed").exists()
