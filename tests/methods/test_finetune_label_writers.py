"""A decoder and an encoder-decoder that learn to write labels: the suite, the loss, and what they answer by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.label_generator import LabelGenerator
from bakeoff.methods.finetune.label_writer import with_labels
from bakeoff.methods.finetune.seq2seq import Seq2SeqFineTuning
from bakeoff.methods.finetune.token_rows import TokenRows, padded
from bakeoff.methods.forecast import Workload
from bakeoff.methods.measure import measure_speed
from bakeoff.methods.registry import method_spec
from bakeoff.tasks import Task, classification_task, label_codes
from bakeoff.testing import MethodSuite, text_rows
from small_models import write_decoder_folder, write_seq2seq_folder

KINDS = ("decoder", "seq2seq")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("models")
    return {
        "decoder": write_decoder_folder(place / "decoder"),
        "seq2seq": write_seq2seq_folder(place / "seq2seq"),
    }


def _make(kind: str, folders: dict[str, str], task: Task, seed: int = 0, **settings: object) -> Method:
    method = LabelGenerator if kind == "decoder" else Seq2SeqFineTuning
    given = {"learning_rate": 1e-2, "epochs": 1, "batch_rows": 4, "least_steps": 4} | settings
    return method(task=task, model=folders[kind], seed=seed, **given)


def _task(*labels: str) -> Task:
    return classification_task(name="sentiment", labels=labels or ("negative", "positive"), metric="accuracy")


class TestLabelGenerator(MethodSuite):
    @pytest.fixture(autouse=True)
    def _models(self, folders: dict[str, str]) -> None:
        self.folders = folders

    def make(self, task: Task, seed: int) -> Method:
        return _make("decoder", self.folders, task, seed, rank=2)


class TestSeq2Seq(MethodSuite):
    @pytest.fixture(autouse=True)
    def _models(self, folders: dict[str, str]) -> None:
        self.folders = folders

    def make(self, task: Task, seed: int) -> Method:
        return _make("seq2seq", self.folders, task, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_the_labels_tokens_and_equals_what_answers_score(
    kind: str, folders: dict[str, str]
) -> None:
    # One label is the beginning of another, and they have unlike numbers of tokens.
    task = _task("good", "good and cheap", "bad")
    method = _make(kind, folders, task)
    texts = ["It is fine.", "The case broke at once and I hate it, for it was terrible."] * 5
    labels = ["good", "bad", "good and cheap"] * 3 + ["bad"]
    method.fit(texts, labels)
    ids, _cut = method._token_ids(texts)
    rows = TokenRows(ids, label_codes(labels, task.labels))
    network = method.network_.train()
    with torch.no_grad():
        own = network(*padded(with_labels(rows, network.targets).ids, method._pad, torch.device("cpu")))[:, 0]
        network.eval()
        scored = network(*padded(rows.ids, method._pad, torch.device("cpu"))).numpy()
    np.testing.assert_allclose(own.numpy(), scored[np.arange(10), rows.codes], atol=1e-4)
    assert scored.std() > 0.1
    assert np.exp(scored).sum(axis=1).max() <= 1.0 + 1e-6
    shares = method.predict_proba(texts)
    np.testing.assert_allclose(shares, np.exp(scored) / np.exp(scored).sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_is_scaled_kept_and_gone_on_from(kind: str, folders: dict[str, str], tmp_path: Path) -> None:
    texts, labels = text_rows(208)
    method = _make(kind, folders, _task(), epochs=8 if kind == "seq2seq" else 4).fit(texts, labels)
    assert np.mean(method.predict(texts) == np.array(labels)) > 0.9
    assert method.details_["held_out_rows"] == 32
    assert any(entry["held_out_score"] is not None for entry in method.history_)
    # The temperature of the held-out rows is kept with the weights.
    assert method.details_["temperature"] != 1.0
    method.save(tmp_path)
    again = type(method).load(tmp_path, method.get_params(deep=False))
    np.testing.assert_allclose(again.predict_proba(texts[:8]), method.predict_proba(texts[:8]), atol=1e-5)
    # A label that is new needs no new weights: going on starts where the earlier fit ended.
    wider = _make(kind, folders, _task("negative", "neither", "positive"), epochs=1, least_steps=1, learning_rate=1e-9)
    wider.continuing(tmp_path, ("negative", "positive")).fit(texts[:16], labels[:16])
    assert np.mean(wider.predict(texts[:16]) == method.predict(texts[:16])) == 1.0


def test_a_long_text_is_cut_before_the_question(folders: dict[str, str]) -> None:
    generator = _make("decoder", folders, _task()).fit(*text_rows(8))
    ids, cut = generator._token_ids(["word " * 2000, "", "short"])
    assert cut == 1
    longest = max(map(len, generator.network_.targets))
    assert len(ids[0]) == 256 - longest
    tokenizer = generator.decoder_.tokenizer
    assert tokenizer.decode(ids[1]) == "Classify the sentiment of the text.\n\n\nSentiment:"
    assert generator.answer(["word " * 2000])[0].value is not None


@pytest.mark.parametrize(("kind", "method"), [("decoder", "label-generator"), ("seq2seq", "seq2seq")])
def test_time_is_forecast_from_the_speed_measured_here(kind: str, method: str, folders: dict[str, str]) -> None:
    speed = measure_speed(kind, folders[kind], text_rows(48)[0], dtype="float32", device="cpu")
    spec = method_spec(method)
    seconds = [
        spec.forecast(Workload(n, 100, labels, 3.0 * labels, 2.0, speed, spec.parameters))
        for n, labels in ((64, 2), (640, 2), (640, 77))
    ]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
