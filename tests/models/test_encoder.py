from __future__ import annotations

import dataclasses
import json
import shutil
import time

import numpy as np
import pytest
import torch

from bakeoff.catalog import ModelFiles, resolve_model
from bakeoff.errors import ModelError, OptionError
from bakeoff.models.encoder import encode, load_encoder, pooled

TEXTS = [
    "good",
    "the scroll wheel is better than the ipod's as well, in that you don't risk a cramp",
    "",
    "long " * 400,
    "avoid apex dvd players - even if they're free!",
    "🙂 très bien",
    "the screen saver feature is pretty sweet",
]


@pytest.fixture(scope="module")
def encoder(pulled_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(pulled_cache))
        return load_encoder(resolve_model("minilm-l6"))


def by_hand(encoder, text):
    """Encode one text as the model card does: mean of token vectors, then length 1."""
    batch = encoder.tokenizer([text], truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        states = encoder.model(**batch).last_hidden_state[0]
    mean = states.mean(dim=0).numpy()
    return mean / np.linalg.norm(mean)


@pytest.mark.models
def test_settings_are_those_of_the_model(encoder):
    assert (encoder.max_tokens, encoder.pooling, encoder.normalise) == (256, "mean", True)


@pytest.mark.models
@pytest.mark.parametrize("batch_tokens", [64, 2048])
def test_equal_to_encoding_one_by_one(encoder, batch_tokens):
    vectors = encode(encoder, TEXTS, batch_tokens=batch_tokens)
    expected = np.stack([by_hand(encoder, text) for text in TEXTS])
    assert vectors.shape == (7, 384)
    assert vectors.dtype == np.float32
    assert np.abs(vectors - expected).max() < 1e-5
    assert np.abs(expected - expected[::-1]).max() > 0.1


@pytest.mark.models
def test_long_texts_are_cut(encoder):
    long, longer = encode(encoder, ["long " * 400, "long " * 600 + "short"])
    assert np.array_equal(long, longer)


@pytest.mark.models
def test_no_texts_progress_and_deadline(encoder):
    assert encode(encoder, []).shape == (0, 384)
    seen = []
    encode(encoder, TEXTS, batch_tokens=64, progress=lambda done, rows: seen.append((done, rows)))
    assert seen[-1] == (7, 7)
    assert len(seen) > 2
    assert np.isnan(encode(encoder, TEXTS, deadline=time.monotonic() - 1)).all()


@pytest.mark.models
def test_bfloat16_points_the_same_way(encoder, catalogue_cache):
    half = load_encoder(resolve_model("minilm-l6"), dtype="bfloat16")
    vectors = encode(half, TEXTS)
    assert vectors.dtype == np.float32
    assert ((vectors * encode(encoder, TEXTS)).sum(axis=1) > 0.999).all()


@pytest.mark.models
def test_without_normalising(encoder):
    raw = encode(dataclasses.replace(encoder, normalise=False), TEXTS)
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.abs(lengths - 1).max() > 0.1
    assert np.abs(raw / lengths - encode(encoder, TEXTS)).max() < 1e-5


def test_pooling_ignores_padding():
    states = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [100.0, 100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pooled(states, mask, "mean").tolist() == [[2.0, -3.0]]
    assert pooled(states, mask, "cls").tolist() == [[1.0, -4.0]]
    assert pooled(states, mask, "max").tolist() == [[3.0, -2.0]]


@pytest.fixture
def copy(catalogue_cache, tmp_path):
    """Give a copy of the real encoder whose settings can be changed."""
    files = resolve_model("minilm-l6")
    folder = tmp_path / "copy"
    shutil.copytree(files.path, folder)
    return ModelFiles("copy", folder, "folder", files.sha256)


@pytest.mark.models
def test_settings_of_the_folder_are_followed(copy):
    (copy.path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (copy.path / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    (copy.path / "modules.json").write_text('[{"type": "a.Transformer"}, {"type": "a.Pooling"}]')
    found = load_encoder(copy)
    assert (found.max_tokens, found.pooling, found.normalise) == (64, "cls", False)
    shutil.rmtree(copy.path / "1_Pooling")
    (copy.path / "sentence_bert_config.json").unlink()
    (copy.path / "modules.json").unlink()
    found = load_encoder(copy)
    assert (found.max_tokens, found.pooling, found.normalise) == (512, "mean", True)


@pytest.mark.models
@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": True}, "must pool by mean, cls or max alone"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "must pool by mean, cls or max alone",
        ),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "not known here: Dense"),
        ("modules.json", {"no": "list"}, "modules.json of copy cannot be read"),
    ],
)
def test_settings_that_are_not_known_are_refused(copy, file, content, message):
    (copy.path / file).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=message):
        load_encoder(copy)


@pytest.mark.models
def test_broken_weights_are_told(copy):
    weights = copy.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"model.safetensors of copy is broken"):
        load_encoder(copy)


@pytest.mark.models
def test_weights_cut_behind_their_header_are_told(copy):
    weights = copy.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="The model copy cannot be loaded"):
        load_encoder(copy)


@pytest.mark.models
def test_wrong_kinds_are_refused(catalogue_cache):
    with pytest.raises(
        ModelError, match=r"must be an encoder in a Hugging Face folder, but is of the family 'decoder' \(form: gguf\)"
    ):
        load_encoder(resolve_model("smollm2-135m"))
    with pytest.raises(OptionError, match="must be 'float32' or 'bfloat16', got 'int8'"):
        load_encoder(resolve_model("minilm-l6"), dtype="int8")
    with pytest.raises(OptionError, match="The device 'cuda:9' cannot be used here"):
        load_encoder(resolve_model("minilm-l6"), device="cuda:9")
