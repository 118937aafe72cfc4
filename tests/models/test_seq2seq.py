"""Encoder-decoders with random weights: labels scored as each by itself, within bounds of memory."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bakeoff.catalog import resolve_model
from bakeoff.errors import ModelError, OptionError
from bakeoff.models.seq2seq import Seq2Seq, Seq2SeqScorer, load_seq2seq

PREFIX = "Classify the intent.\n"
QUERIES = [
    "Text: I can not see my card anywhere",
    "Text: top",
    "Text: where is it? I have been waiting for weeks and weeks",
    "Text: 🙂 1234",
]
LABELS = [" card_arrival", " card", " top_up_failed", " top_up_reverted", " y"]


def small(kind, tokenizer):
    import torch
    import transformers

    if kind == "t5":
        config = transformers.T5Config(
            vocab_size=420, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=3, num_heads=4,
            feed_forward_proj="gated-gelu", decoder_start_token_id=1, eos_token_id=1, pad_token_id=0,
            tie_word_embeddings=False, initializer_factor=0.5,
        )  # fmt: skip
    else:
        config = transformers.BartConfig(
            vocab_size=420, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=256,
            init_std=0.5, bos_token_id=0, eos_token_id=1, pad_token_id=1, decoder_start_token_id=1,
            forced_eos_token_id=None,
        )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32).eval()
    return Seq2Seq(model, tokenizer, kind, "0" * 64, 256, "float32", "cpu")


@pytest.fixture(scope="module", params=["t5", "bart"])
def model(request, byte_level):
    return small(request.param, byte_level())


@pytest.fixture(scope="module")
def t5(byte_level):
    return small("t5", byte_level())


def alone(model, text, label):
    """Score one label of one row by itself, with nothing of the scorer: the reference."""
    import torch

    target = [*model.tokenizer(label.strip(), add_special_tokens=False)["input_ids"], model.tokenizer.eos_token_id]
    start = model.model.config.decoder_start_token_id
    with torch.inference_mode():
        logits = model.model(
            input_ids=torch.tensor([model.tokenizer(text)["input_ids"]]),
            decoder_input_ids=torch.tensor([[start, *target[:-1]]]),
        ).logits[0]
    logs = torch.log_softmax(logits.float(), dim=-1)
    return float(sum(logs[at, token] for at, token in enumerate(target)))


def test_equal_to_scoring_each_full_string_alone(model):
    found = Seq2SeqScorer(model).score(PREFIX, QUERIES, LABELS)
    expected = np.array([[alone(model, PREFIX + query, label) for label in LABELS] for query in QUERIES])
    assert np.abs(found.log_probabilities - expected).max() < 1e-3
    assert np.allclose(found.mass, np.exp(expected).sum(axis=1), atol=1e-6)
    assert (found.mass <= 1).all()
    # The check itself can tell: other rows' and other labels' scores differ by much more.
    assert np.abs(expected - expected[::-1]).max() > 0.1
    assert np.abs(expected - expected[:, ::-1]).max() > 1


def test_small_packs_change_nothing_and_stay_within_their_bound(model, monkeypatch):
    whole = Seq2SeqScorer(model).score(PREFIX, QUERIES, LABELS)
    scorer = Seq2SeqScorer(model, max_batch_tokens=60)
    looked_at = []
    read = model.model.forward

    def watched(**inputs):
        texts, labels = inputs["attention_mask"], inputs["decoder_input_ids"]
        looked_at.append(texts.numel() + labels.numel())
        return read(**inputs)

    monkeypatch.setattr(model.model, "forward", watched)
    split = scorer.score(PREFIX, QUERIES, LABELS)
    assert np.abs(whole.log_probabilities - split.log_probabilities).max() < 1e-4
    assert scorer.largest_pack <= 60
    assert len(looked_at) > len(QUERIES)
    # Branches are filled to the longest of their group, by which the bound can be passed.
    assert max(looked_at) <= 60 + 5 * len(LABELS)


def test_each_row_is_encoded_once(t5, monkeypatch):
    encoder = t5.model.get_encoder()
    read, encoded = encoder.forward, []

    def watched(**inputs):
        encoded.append(int(inputs["attention_mask"].sum()))
        return read(**inputs)

    monkeypatch.setattr(encoder, "forward", watched)
    Seq2SeqScorer(t5, max_batch_tokens=60).score(PREFIX, QUERIES, LABELS)
    assert sum(encoded) == sum(len(t5.tokenizer(PREFIX + query)["input_ids"]) for query in QUERIES)


def test_many_labels_stay_within_the_bound(t5):
    labels = [f"intent_{number}" for number in range(150)]
    found = Seq2SeqScorer(t5, max_batch_tokens=300).score(PREFIX, QUERIES[:2], labels)
    one = Seq2SeqScorer(t5, max_batch_tokens=20_000).score(PREFIX, QUERIES[:2], labels)
    assert np.abs(found.log_probabilities - one.log_probabilities).max() < 1e-4
    assert (found.mass <= 1).all()


def test_too_long_late_and_no_rows(t5):
    scorer = Seq2SeqScorer(t5)
    found = scorer.score(PREFIX, ["x " * 300, QUERIES[0]], LABELS)
    assert found.too_long.tolist() == [True, False]
    assert np.isnan(found.log_probabilities[0]).all()
    assert np.isfinite(found.log_probabilities[1]).all()
    late = scorer.score(PREFIX, QUERIES, LABELS, deadline=time.monotonic() - 1)
    assert not late.reached.any()
    assert scorer.score(PREFIX, [], LABELS).log_probabilities.shape == (0, 5)


def test_wrong_settings(t5):
    with pytest.raises(OptionError, match="max_batch_tokens must be 1 or more, got 0"):
        Seq2SeqScorer(t5, max_batch_tokens=0)
    with pytest.raises(OptionError, match="cannot be told apart"):
        Seq2SeqScorer(t5).score(PREFIX, QUERIES, ["card", " card"])


def test_a_folder_is_loaded_and_scores_as_before(t5, tmp_path):
    t5.model.save_pretrained(tmp_path / "t5")
    t5.tokenizer.save_pretrained(tmp_path / "t5")
    loaded = load_seq2seq(resolve_model(str(tmp_path / "t5")))
    before = Seq2SeqScorer(t5).score(PREFIX, QUERIES, LABELS).log_probabilities
    again = Seq2SeqScorer(loaded).score(PREFIX, QUERIES, LABELS).log_probabilities
    assert np.abs(before - again).max() < 1e-5


@pytest.mark.models
def test_a_decoder_is_refused(catalogue_cache):
    with pytest.raises(ModelError, match="must be the folder of an encoder-decoder"):
        load_seq2seq(resolve_model("smollm2-135m"))
