"""Texts that are longer than a model reads: cut, cut where few are longer, or read whole in windows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.catalog import resolve_model
from bakeoff.errors import OptionError
from bakeoff.methods import loaded
from bakeoff.methods.finetune.embeddings import count_truncated
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.long_texts import _spans, fitted_length, mean_of_pieces, windows
from bakeoff.methods.finetune.probe import Probe
from bakeoff.methods.finetune.token_rows import divide, predict_logits
from bakeoff.models.text_lengths import LongTexts, count_long_texts
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows

pytestmark = pytest.mark.models

FILLER = "It arrived on Tuesday in a blue box, unbelievably, and nothing else was said about it. "


@pytest.fixture
def task() -> Task:
    return classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")


@pytest.fixture
def tiny(catalogue_cache: Path, tmp_path: Path) -> str:
    """Give a folder with a random encoder of two narrow layers, which reads 64 tokens."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = loaded.encoder("minilm-l6", "cpu").tokenizer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64,
        )  # fmt: skip
        BertModel(config).save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    return str(tmp_path / "tiny")


def _late(count: int) -> tuple[list[str], list[str]]:
    """Give texts whose label stands behind what a model of 64 tokens reads; every third is short."""
    texts, labels = text_rows(count)
    return [text if place % 3 == 0 else FILLER * 3 + text for place, text in enumerate(texts)], labels


@pytest.mark.parametrize(("count", "room"), [(10, 10), (11, 10), (100, 10), (1001, 62)])
def test_windows_cover_every_token_and_overlap(count: int, room: int) -> None:
    spans = _spans(list(range(count)), room)
    if count <= room:
        assert spans == []
        return
    assert (spans[0][0], spans[-1][1]) == (0, count)
    for (first, end), (then, _) in itertools.pairwise(spans):
        assert first < then <= end - room // 4
        assert end - first == room
    # Words of three tokens are not divided.
    assert all(first % 3 == 0 for first, _ in _spans([place // 3 for place in range(count)], room))
    # A word of more than half a window is.
    assert _spans([0] * count, room)[-1][1] == count


def test_the_tokens_of_windows_are_those_of_the_text(catalogue_cache: Path) -> None:
    encoder = replace(loaded.encoder("minilm-l6", "cpu"), max_tokens=32)
    texts = ["short", FILLER * 4, "x" * 40, "", "wordy " * 3000]
    pieces = windows(encoder, texts)
    assert pieces.texts[0] == "short"
    assert [piece for piece, owner in zip(pieces.texts, pieces.owners, strict=True) if owner == 3] == [""]
    assert (pieces.split, pieces.cut) == (2, 1)
    assert np.bincount(pieces.owners).tolist()[4] == 64
    whole = encoder.tokenizer(texts[1], add_special_tokens=False)["input_ids"]
    own = [piece for piece, owner in zip(pieces.texts, pieces.owners, strict=True) if owner == 1]
    covered: set[int] = set()
    for piece in own:
        ids = encoder.tokenizer(piece, add_special_tokens=False)["input_ids"]
        assert len(ids) <= 30
        at = next(at for at in range(max(covered, default=0) - 10, len(whole)) if whole[at : at + len(ids)] == ids)
        covered |= set(range(at, at + len(ids)))
    assert covered == set(range(len(whole)))


def test_long_texts_are_counted_without_the_weights(catalogue_cache: Path) -> None:
    texts = ["short", "x " * 254, "x " * 255, FILLER * 40]
    found = count_long_texts(resolve_model("minilm-l6"), texts)
    encoder = loaded.encoder("minilm-l6", "cpu")
    assert found == LongTexts("minilm-l6", encoder.max_tokens, 2, 4)
    assert found.longer == count_truncated(encoder, texts)


def test_of_very_many_long_texts_some_are_drawn_and_told_of(
    catalogue_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Over 254 characters a text may be too long: of these, 300 have 70 tokens or so, and 100 have 302.
    texts = ["short"] * 50 + ["a" * 20 + " " + "word " * 60] * 300 + ["word " * 300] * 100
    monkeypatch.setattr("bakeoff.models.text_lengths._MOST_COUNTED", 200)
    found = count_long_texts(resolve_model("minilm-l6"), texts)
    assert (found.texts, found.drawn) == (450, 200)
    assert found.longer == pytest.approx(100, abs=35)
    monkeypatch.setattr("bakeoff.models.text_lengths._MOST_COUNTED", 400)
    assert count_long_texts(resolve_model("minilm-l6"), texts) == LongTexts("minilm-l6", 256, 100, 450)


def test_a_length_is_chosen_that_holds_nearly_all_texts(catalogue_cache: Path) -> None:
    encoder = loaded.encoder("minilm-l6", "cpu")
    texts = ["one two three"] * 199  # 5 tokens with those at both ends
    assert fitted_length(encoder, [*texts, "word " * 400]).max_tokens == 8
    assert fitted_length(encoder, [*texts[:-1], "word " * 11, "word " * 400]).max_tokens == 16
    assert fitted_length(encoder, ["word " * 400]).max_tokens == 256


def test_a_mean_of_pieces_is_a_mean_by_text_and_leaves_whole_texts_alone() -> None:
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(mean_of_pieces(values, np.array([0, 2, 2, 5])), [[0, 1], [3, 4], [6, 7]])
    assert mean_of_pieces(values, np.arange(4)) is values


@pytest.mark.parametrize("method", [FullFineTuning, Probe])
def test_what_stands_behind_the_limit_is_learned_in_windows_alone(
    method: type[FullFineTuning] | type[Probe], catalogue_cache: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loaded.encoder("minilm-l6", "cpu")
    monkeypatch.setattr(loaded, "encoder", lambda name, device: replace(real, max_tokens=48))
    settings = (
        {"max_epochs": 1, "least_steps": 20, "batch_rows": 4, "frozen_share": 0.5} if method is FullFineTuning else {}
    )
    texts, labels = _late(36)
    (asked, truth), scores = _late(60), {}
    for how in ("cut", "windows"):
        fitted = method(task=task, model="minilm-l6", long_texts=how, **settings).fit(texts, labels)
        late = [place for place in range(36, 60) if place % 3]
        answers = fitted.predict([asked[place] for place in late])
        scores[how] = np.mean(answers == np.array([truth[place] for place in late]))
        if how == "cut":
            assert fitted.details_["truncated_rows"] == 24
        else:
            assert (fitted.details_["truncated_rows"], fitted.details_["windowed_rows"]) == (0, 24)
    assert scores["windows"] > scores["cut"] + 0.2


@pytest.mark.parametrize("how", ["cut-short", "windows"])
@pytest.mark.parametrize("method", [FullFineTuning, Probe])
def test_short_texts_are_answered_as_ever(
    method: type[FullFineTuning] | type[Probe], how: str, tiny: str, task: Task
) -> None:
    settings = {"max_epochs": 1, "least_steps": 3} if method is FullFineTuning else {}
    texts, labels = text_rows(24)
    told = [
        method(task=task, model=tiny, long_texts=each, **settings).fit(texts, labels).predict_proba(texts)
        for each in ("cut", how)
    ]
    assert told[0].tobytes() == told[1].tobytes()


@pytest.mark.parametrize("how", ["cut-short", "windows"])
@pytest.mark.parametrize("method", [FullFineTuning, Probe])
def test_what_was_saved_reads_long_texts_in_the_same_way(
    method: type[FullFineTuning] | type[Probe], how: str, tiny: str, task: Task, tmp_path: Path
) -> None:
    settings = {"max_epochs": 1, "least_steps": 3} if method is FullFineTuning else {}
    texts, labels = text_rows(23)
    fitted = method(task=task, model=tiny, long_texts=how, **settings).fit([*texts, FILLER * 9], [*labels, "negative"])
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    again = method.load(tmp_path / "saved", fitted.get_params(deep=False))
    asked = [FILLER * 6, "great", FILLER * 8 + "bad", "fine"]
    np.testing.assert_allclose(again.predict_proba(asked), fitted.predict_proba(asked), atol=1e-6)
    answers = again.answer(asked)
    assert answers[0].tokens_in > 64 if how == "windows" else answers[0].tokens_in <= 64


def test_answers_average_the_log_probabilities_of_windows(tiny: str, task: Task) -> None:
    fitted = FullFineTuning(task=task, model=tiny, long_texts="windows", max_epochs=1, least_steps=3)
    fitted.fit(*_late(24))
    pieces = windows(fitted.encoder_, [FILLER * 8]).texts
    assert len(pieces) > 2
    logits = predict_logits(fitted.network_, fitted._token_ids(pieces), fitted._pad)
    shares = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(fitted.predict_proba([FILLER * 8])[0], np.exp(shares) / np.exp(shares).sum(), atol=1e-6)


def test_no_text_is_on_both_sides(tiny: str, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.methods.finetune import full

    seen = []
    real = full.tune
    monkeypatch.setattr(full, "tune", lambda *given, **named: (seen.append(given), real(*given, **named))[1])
    texts, labels = _late(240)
    fitted = FullFineTuning(task=task, model=tiny, long_texts="windows", max_epochs=1, least_steps=2, frozen_share=0.5)
    fitted.fit(texts, labels)
    _network, _plan, train, held = seen[0]
    out = divide(np.array([label == "positive" for label in labels]).astype(int), 0)[1]
    assert len(held) == len(windows(fitted.encoder_, [texts[place] for place in out]).texts) > len(out)
    assert len(train) + len(held) == fitted.details_["windows"]
    # Texts, not windows, are counted where the calibration is told.
    assert fitted.details_["calibration_error"]["rows"] == round(0.15 * 240)


def test_a_way_that_is_not_known_is_refused(task: Task) -> None:
    for method in (FullFineTuning, Probe):
        with pytest.raises(OptionError, match="long_texts is one of cut, cut-short, windows; 'split' came"):
            method(task=task, model="minilm-l6", long_texts="split").fit(*text_rows(8))
