"""The linear probe passes the contract suite, reuses what was encoded, and says what it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.errors import TrialError
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.finetune import embeddings
from bakeoff.methods.finetune.probe import Probe
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import MethodSuite, text_rows

pytestmark = pytest.mark.models


class TestProbe(MethodSuite):
    @pytest.fixture(autouse=True)
    def models(self, catalogue_cache: Path) -> None:
        """Give the suite the real encoder, with nothing encoded before."""
        embeddings._kept.clear()

    def make(self, task: Task, seed: int) -> Method:
        return Probe(task=task, model="minilm-l6", seed=seed)


@pytest.fixture
def probe(catalogue_cache: Path) -> Probe:
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    return Probe(task=task, model="minilm-l6")


def test_learns_what_the_texts_say(probe: Probe) -> None:
    unseen, truth = text_rows(48, seed=3)
    probe.fit(*text_rows(24))
    assert np.mean(probe.predict(unseen) == np.array(truth)) > 0.9
    assert probe.details_["strength"] == {"C": 30.0, "folds": 0, "scores": []}
    assert probe.fit(*text_rows(100)).details_["strength"]["folds"] == 5
    assert probe.details_["trainable_parameters"] == 2 * 384 + 2


def test_rows_encoded_before_are_charged_again(probe: Probe) -> None:
    texts, labels = text_rows(20)
    embeddings._kept.clear()
    probe.fit(texts, labels)
    first, charged = probe.usage_.seconds, probe.details_["encode_seconds_charged"]
    assert 0 < charged <= first
    probe.fit(texts, labels)
    assert probe.reused_seconds_ == pytest.approx(charged)
    assert probe.details_["encode_seconds_charged"] == pytest.approx(charged)
    assert probe.usage_.seconds > charged


def test_answers_carry_the_seconds_of_reused_rows(probe: Probe) -> None:
    texts, labels = text_rows(20)
    probe.fit(texts, labels)
    answers = probe.answer(texts)
    assert sum(answer.seconds for answer in answers) >= probe.details_["encode_seconds_charged"]


def test_a_row_asked_alone_is_encoded_afresh(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = text_rows(8)
    probe.fit(texts, labels)
    from bakeoff.models import encoder

    calls: list[int] = []
    real = encoder.encode

    def counted(*args: object, **settings: object) -> object:
        calls.append(len(args[1]))
        return real(*args, **settings)

    monkeypatch.setattr(encoder, "encode", counted)
    probe.predict(texts)
    assert calls == []
    probe.predict(texts[:1])
    assert calls == [1]


def test_cut_texts_are_counted(probe: Probe) -> None:
    texts, labels = text_rows(8)
    probe.fit([*texts[:6], "very long " * 200, "x" * 300], labels)
    assert probe.details_["truncated_rows"] == 1


def test_a_deadline_before_the_first_row_ends_the_trial(probe: Probe) -> None:
    embeddings._kept.clear()
    with pytest.raises(TrialError, match="Time was up"):
        probe.within(RunContext(deadline=Deadline(0.0))).fit(*text_rows(8))


def test_a_saved_probe_needs_no_catalogue(probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe.fit(*text_rows(16))
    probe.save(tmp_path)
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "nothing"))
    unseen = text_rows(48)[0][16:]
    loaded = Probe.load(tmp_path, probe.get_params(deep=False))
    assert loaded.encoder_.sha256 == probe.encoder_.sha256
    embeddings._kept.clear()
    np.testing.assert_allclose(loaded.predict_proba(unseen), probe.predict_proba(unseen), atol=1e-6)
    written = "".join(path.read_text(errors="ignore") for path in tmp_path.rglob("*.json"))
    assert str(tmp_path.parent) not in written
    assert "bakeoff-cache" not in written


def test_a_reloaded_probe_reads_its_own_files(probe: Probe, tmp_path: Path) -> None:
    texts, labels = text_rows(48, seed=5)
    told = probe.fit(texts[:16], labels[:16]).predict_proba(texts)
    probe.save(tmp_path)
    from safetensors.torch import load_file, save_file

    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: weight * 0.5 for name, weight in weights.items()}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    broken = Probe.load(tmp_path, probe.get_params(deep=False))
    # The same texts were encoded in this process before: kept vectors would hide what the files hold.
    assert np.abs(broken.predict_proba(texts) - told).max() > 0.01
