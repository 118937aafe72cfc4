"""The benchmark of the label scorer, on a few real rows with the real small decoder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(name="case")
def _case(test_data):
    import scoring

    return scoring.Case("amazon_reviews_8", "amazon_reviews", 8, 4, 2), test_data


def test_the_prompt_shows_training_rows_and_asks_validation_rows(case):
    import scoring

    prompt, texts = scoring.prompt_of(*case, special_tokens=("<|im_start|>",))
    assert prompt.prefix.count("Text: ") == 9  # eight demonstrations, and the beginning of the row that is asked
    assert len(texts) == 4
    assert not any(text in prompt.prefix for text in texts)


def test_scores_are_exact_and_forwards_are_most_of_the_time(case, catalogue_cache):
    import scoring

    from bakeoff.catalog import resolve_model
    from bakeoff.models.decoder import load_decoder

    decoder = load_decoder(resolve_model(scoring.DECODER))
    prompt, texts = scoring.prompt_of(*case, special_tokens=tuple(decoder.tokenizer.all_special_tokens))
    assert scoring.difference_from_alone(decoder, prompt, texts[:1]) < 1e-3
    _, scores = scoring.timed(decoder, prompt, texts)
    assert np.isfinite(scores).all()
    assert 0.1 < scoring.share_of_forward(decoder, prompt, texts) < 2.0
