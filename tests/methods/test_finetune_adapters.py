"""Adapters kept apart or merged: equal answers, weights of others untouched, bundles that need no peft."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_suites import SmallEncoderSuite

from bakeoff.errors import OptionError, TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.finetune.adapters import compare_merged
from bakeoff.methods.finetune.label_generator import LabelGenerator
from bakeoff.methods.finetune.lora import LoraClassifier
from bakeoff.methods.finetune.lora_encoder import LoraEncoder
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows
from small_models import write_decoder_folder

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
DECODERS = (LoraClassifier, LabelGenerator)


class TestLoraEncoder(SmallEncoderSuite):
    __test__ = True

    def make(self, task: Task, seed: int) -> Method:
        return LoraEncoder(task=task, model=self.encoder, seed=seed, max_epochs=1, rank=4, least_steps=2)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_decoder_folder(tmp_path_factory.mktemp("models") / "decoder")


def _made(kind: type[Method], model: str, **settings: object) -> Method:
    given = {"rank": 4, "least_steps": 12, "learning_rate": 1e-2} | settings
    return kind(task=TASK, model=model, **given)


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.named_parameters()}


def _check_merged(kind: type[Method], model: str, shared: torch.nn.Module, folder: Path, patch: pytest.MonkeyPatch):
    """Hold a merged fit to one that keeps its adapters apart, and its files to what they must and must not need."""
    rows, unseen = text_rows(24), text_rows(12, seed=3)[0]
    before = _weights(shared)
    apart = _made(kind, model).fit(*rows)
    merged = _made(kind, model, merge=True).fit(*rows)
    np.testing.assert_allclose(merged.predict_proba(unseen), apart.predict_proba(unseen), atol=1e-5)
    told = merged.details_["merged"]
    assert (told["rows"], told["answers_changed"]) == (24, 0)
    assert told["largest_difference"] < 1e-5
    assert all(torch.equal(before[name], weight) for name, weight in shared.named_parameters())
    (folder / "apart").mkdir()
    (folder / "merged").mkdir()
    apart.save(folder / "apart")
    merged.save(folder / "merged")
    assert not list((folder / "apart").glob("model*.safetensors"))
    assert not list((folder / "merged").glob("adapter*"))
    # Neither peft nor the model that it came from is at hand.
    patch.setitem(sys.modules, "peft", None)
    parameters = merged.get_params(deep=False) | {"model": str(folder / "gone")}
    loaded_again = kind.load(folder / "merged", parameters)
    np.testing.assert_allclose(loaded_again.predict_proba(unseen), merged.predict_proba(unseen), atol=1e-6)
    patch.undo()
    assert abs(loaded_again.size_mb - merged.size_mb) < 0.1


@pytest.mark.parametrize("kind", DECODERS)
def test_merged_decoders_answer_alike_and_need_nothing_else(
    kind: type[Method], decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check_merged(kind, decoder, loaded.decoder(decoder, "float32", "cpu").model, tmp_path, monkeypatch)


@pytest.mark.models
def test_a_merged_encoder_answers_alike_and_needs_nothing_else(
    catalogue_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = loaded.encoder("minilm-l6", "cpu").model
    with pytest.MonkeyPatch.context() as patch:
        _check_merged(LoraEncoder, "minilm-l6", shared, tmp_path, patch)


@pytest.mark.parametrize("kind", DECODERS)
def test_in_bfloat16_what_merging_changed_is_told(kind: type[Method], decoder: str) -> None:
    rows = text_rows(24)
    context = RunContext(dtype="bfloat16")
    told = _made(kind, decoder, merge=True).within(context).fit(*rows).details_["merged"]
    assert told["allowed"] == 0.1
    assert 0 < told["largest_difference"] <= 0.1


def test_a_merge_that_changes_answers_is_refused() -> None:
    apart = np.array([[0.6, 0.4], [0.5004, 0.4996]])
    tie = np.array([[0.6, 0.4], [0.4999, 0.5001]])
    assert compare_merged(apart, tie, "float32")["answers_changed"] == 1
    for wrong in (apart[:, ::-1], np.full((2, 2), np.nan)):
        with pytest.raises(TrialError, match="merge=false"):
            compare_merged(apart, wrong, "bfloat16")


@pytest.mark.parametrize("first_merged", [True, False])
def test_going_on_from_what_was_merged_or_kept_apart(first_merged: bool, decoder: str, tmp_path: Path) -> None:
    rows, unseen = text_rows(24), text_rows(12, seed=3)[0]
    first = _made(LoraClassifier, decoder, merge=first_merged).fit(*rows)
    first.save(tmp_path)
    on = {"merge": True, "learning_rate": 1e-9, "least_steps": 1, "epochs": 1}
    further = _made(LoraClassifier, decoder, **on).continuing(tmp_path, TASK.labels).fit(*rows)
    assert further.predict(unseen).tolist() == first.predict(unseen).tolist()
    if first_merged:
        with pytest.raises(OptionError, match="merge must be true"):
            _made(LoraClassifier, decoder).continuing(tmp_path, TASK.labels).fit(*rows)
