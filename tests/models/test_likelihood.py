"""How likely the real small decoder finds texts."""

from __future__ import annotations

import math

import pytest

from bakeoff.methods import loaded
from bakeoff.methods.measure import measure_speed
from bakeoff.models.likelihood import mean_negative_log_likelihood

pytestmark = pytest.mark.models

PLAIN = ["The cat sat on the mat and looked out of the window.", "I bought this phone last week and I like it."]
STRANGE = ["qx7 zz-91 vkr %% jjw 0x3f wqp lmn", "Zxq kwv pqr 88 trr mmn yyt oop"]


@pytest.fixture
def decoder(catalogue_cache):
    return loaded.decoder("smollm2-135m", "float32", "cpu")


def test_plain_english_is_likelier_than_noise(decoder):
    plain, strange = (mean_negative_log_likelihood(decoder, texts) for texts in (PLAIN, STRANGE))
    assert 1.0 < plain < 5.0
    assert strange > plain + 1.0


def test_it_is_the_mean_of_the_models_own_losses(decoder):
    import torch

    ids = torch.tensor([decoder.tokenizer(PLAIN[0])["input_ids"]])
    with torch.inference_mode():
        loss = float(decoder.model(input_ids=ids, labels=ids).loss)
    assert mean_negative_log_likelihood(decoder, PLAIN[:1]) == pytest.approx(loss, abs=1e-3)


def test_odd_texts(decoder):
    assert math.isnan(mean_negative_log_likelihood(decoder, ["", "a"]))
    eight = PLAIN[:1] * 8
    for bound in ({"most_tokens": 5}, {"seconds": -1.0}):
        first = mean_negative_log_likelihood(decoder, [*eight, *STRANGE], **bound)
        assert first == pytest.approx(mean_negative_log_likelihood(decoder, PLAIN[:1]), abs=1e-4)


def test_texts_read_together_are_read_by_themselves(decoder):
    texts = [*PLAIN, *STRANGE, "Short one."]
    tokens = [len(decoder.tokenizer(text)["input_ids"]) - 1 for text in texts]
    alone = [mean_negative_log_likelihood(decoder, [text]) for text in texts]
    together = sum(count * value for count, value in zip(tokens, alone, strict=True)) / sum(tokens)
    assert mean_negative_log_likelihood(decoder, texts) == pytest.approx(together, abs=1e-4)


def test_a_study_measures_it_with_the_speed(catalogue_cache):
    speed = measure_speed("decoder", "smollm2-135m", PLAIN * 8, dtype="float32", device="cpu")
    assert speed.tokens_per_word == pytest.approx(1.2, abs=0.3)
    assert 1.0 < (speed.negative_log_likelihood or 0.0) < 5.0
