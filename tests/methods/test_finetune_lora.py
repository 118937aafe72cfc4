"""LoRA passes the contract suite, leaves the base as it was, and saves adapters that know their base."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_suites import SmallDecoderSuite

from bakeoff.errors import BundleError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.finetune.lora import LoraClassifier
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def models(catalogue_cache: Path) -> None:
    """Give every test the real decoder."""


class TestLora(SmallDecoderSuite):
    __test__ = True

    def make(self, task: Task, seed: int) -> Method:
        return LoraClassifier(task=task, model=self.decoder, seed=seed, epochs=1, rank=4, batch_rows=4, least_steps=1)


@pytest.fixture
def task() -> Task:
    return classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")


def test_learns_in_bfloat16_and_leaves_the_base_as_it_was(task: Task, tmp_path: Path) -> None:
    shared = loaded.decoder("smollm2-135m", "bfloat16", "cpu").model
    before = {name: weight.clone() for name, weight in shared.named_parameters()}
    method = LoraClassifier(task=task, model="smollm2-135m", epochs=2, rank=4, least_steps=1)
    method.within(RunContext(dtype="bfloat16")).fit(*text_rows(24))
    after = dict(shared.named_parameters())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert not any(weight.requires_grad for weight in after.values())
    unseen, truth = text_rows(12, seed=3)
    assert np.mean(method.predict(unseen) == np.array(truth)) > 0.9
    details = method.details_
    assert details["dtype"] == "bfloat16"
    assert details["weights_changed"]
    assert not details["base_weights_changed"]
    assert 1e6 < details["trainable_parameters"] < 2e6
    method.save(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10e6
    # The saved data type stands, whatever the surroundings of the load are.
    again = LoraClassifier.load(tmp_path, method.get_params(deep=False))
    assert again.decoder_.dtype == "bfloat16"
    np.testing.assert_allclose(again.predict_proba(unseen), method.predict_proba(unseen), atol=1e-6)


def test_adapters_refuse_another_base(task: Task, tmp_path: Path) -> None:
    method = LoraClassifier(task=task, model="smollm2-135m", epochs=1, rank=2, least_steps=1).fit(*text_rows(8))
    method.save(tmp_path)
    about = json.loads((tmp_path / "decoder.json").read_text())
    (tmp_path / "decoder.json").write_text(json.dumps(about | {"sha256": "0" * 64}))
    with pytest.raises(BundleError, match="belong to smollm2-135m"):
        LoraClassifier.load(tmp_path, method.get_params(deep=False))


def test_a_long_text_is_cut_before_the_question(task: Task) -> None:
    method = LoraClassifier(task=task, model="smollm2-135m")
    method._prepare(RunContext())
    method.decoder_ = loaded.decoder("smollm2-135m", "float32", "cpu")
    ids, truncated = method._token_ids(["word " * 2000, "", "short"])
    assert truncated == 1
    assert len(ids[0]) == 512
    ending = ids[1]
    assert method.decoder_.tokenizer.decode(ending) == "\nSentiment:"
    assert all(row[-len(ending) :] == ending for row in ids)
