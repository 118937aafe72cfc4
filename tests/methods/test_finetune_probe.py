"""The linear probe passes the contract suite, reuses what was encoded, and says what it costs."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from bakeoff.errors import TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.finetune import embeddings, vector_files
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


@pytest.fixture(autouse=True)
def embeddings_folder(own_home: Path) -> Path:
    """Give the folder of kept vectors, nothing kept in memory."""
    embeddings._kept.clear()
    return own_home / "computed" / "embeddings"


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


def test_vectors_are_read_from_disk_as_they_were_and_charged_as_they_were(
    probe: Probe, embeddings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = loaded.encoder("minilm-l6", "cpu")
    texts = [*text_rows(20)[0], "a longer text, in the middle of the others"]
    first = embeddings.embed(encoder, texts, RunContext(), use_deadline=False)
    (path,) = embeddings_folder.iterdir()
    assert not any(text.encode() in path.read_bytes() for text in texts)
    with safe_open(path, framework="np") as file:
        about = json.loads(file.metadata()["about"])
    assert (about["encoder"], about["texts"], about["max_tokens"]) == ("minilm-l6", 21, 256)

    embeddings._kept.clear()
    monkeypatch.setattr("bakeoff.models.encoder.encode", None)  # nothing is encoded from here on
    again = embeddings.embed(encoder, texts[::-1], RunContext(), use_deadline=False)
    assert again.vectors.tobytes() == first.vectors[::-1].tobytes()
    assert again.seconds.tolist() == first.seconds[::-1].tolist()
    assert again.reused_seconds == pytest.approx(first.seconds.sum())
    assert first.reused_seconds == 0.0
    for other in (replace(encoder, max_tokens=128), replace(encoder, sha256="0")):
        with pytest.raises(TypeError):
            embeddings.embed(other, texts, RunContext(), use_deadline=False)
    with pytest.raises(TypeError):
        embeddings.embed(encoder, texts, RunContext(), use_deadline=False, fresh=True)
    monkeypatch.setenv("BAKEOFF_COMPUTED", "off")
    embeddings._kept.clear()
    with pytest.raises(TypeError):
        embeddings.embed(encoder, texts, RunContext(), use_deadline=False)


@pytest.mark.parametrize("harm", ["cut", "bit", "other", "empty"])
def test_a_broken_file_of_vectors_is_made_again(harm: str, probe: Probe, embeddings_folder: Path) -> None:
    encoder, texts = loaded.encoder("minilm-l6", "cpu"), text_rows(8)[0]
    first = embeddings.embed(encoder, texts, RunContext(), use_deadline=False)
    (path,) = embeddings_folder.iterdir()
    whole = path.read_bytes()
    other = whole.replace(b"minilm-l6", b"minilm-l7")
    turned = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    path.write_bytes({"cut": whole[:-8], "bit": turned, "other": other, "empty": b""}[harm])
    embeddings._kept.clear()
    again = embeddings.embed(encoder, texts, RunContext(), use_deadline=False)
    assert again.reused_seconds == 0.0
    assert again.vectors.tobytes() == first.vectors.tobytes()
    embeddings._kept.clear()
    assert embeddings.embed(encoder, texts, RunContext(), use_deadline=False).reused_seconds > 0
    assert [each.name for each in embeddings_folder.iterdir()] == [path.name]


def test_the_files_that_were_used_longest_ago_go_first(
    probe: Probe, embeddings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(number: int) -> dict[str, object]:
        facts = {"texts": 4, "number": number}
        vector_files.write_vectors(facts, np.zeros((4, 250), dtype=np.float32), np.zeros(4))
        return facts

    monkeypatch.setattr(vector_files, "_MOST_BYTES", 9_500)  # two files of 4.2 KB
    first, second = written(1), written(2)
    for number, path in enumerate(sorted(embeddings_folder.iterdir(), key=lambda one: one.stat().st_mtime_ns)):
        os.utime(path, (number, number))
    assert vector_files.read_vectors(first) is not None
    written(3)
    assert vector_files.read_vectors(second) is None
    assert vector_files.read_vectors(first) is not None
    vector_files.write_vectors({"texts": 9}, np.zeros((9, 2500), dtype=np.float32), np.zeros(9))
    assert len(list(embeddings_folder.iterdir())) == 2


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
    reloaded = Probe.load(tmp_path, probe.get_params(deep=False))
    assert reloaded.encoder_.sha256 == probe.encoder_.sha256
    embeddings._kept.clear()
    np.testing.assert_allclose(reloaded.predict_proba(unseen), probe.predict_proba(unseen), atol=1e-6)
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
