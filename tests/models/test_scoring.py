from __future__ import annotations

import dataclasses
import time
import types

import numpy as np
import pytest

from bakeoff.errors import OptionError
from bakeoff.models.forward import supports_packing
from bakeoff.models.scoring import LabelScorer

PREFIX = "Text: good phone\nIntent: card_arrival\n\nText: the wheel is bad\nIntent: top_up\n\n"
QUERIES = [
    "Text: I can not see my card anywhere\nIntent:",
    "Text: top\nIntent:",
    "Text: where is it? I have been waiting for weeks and weeks\nIntent:",
    "Text: 🙂 1234\nIntent: ",
]
LABELS = [" card_arrival", " card", " top_up_failed", " top_up_reverted", " y"]

AMAZON_DEMOS = [
    ("for some reason they made the navigation buttons all one button.", "negative"),
    ("the nomad is not ugly, it is not that big, and the controls are not hard to get used to.", "positive"),
    ("reccomend!", "positive"),
    ("i was expecting worse, but its really good.", "positive"),
    ("* main dial is not backlit.", "negative"),
    ("avoid apex dvd players - even if they're free!", "negative"),
    ("so far, it's sweet.", "positive"),
    ("no contact phone number, only eamil contact which did not respond me.", "negative"),
]
AMAZON_PREFIX = "".join(f"Review: {text}\nSentiment: {label}\n\n" for text, label in AMAZON_DEMOS)
AMAZON_QUERIES = [
    f"Review: {text}\nSentiment:"
    for text in (
        "the scroll wheel is better than the ipod's as well.",
        "itunes is a versatile program and i haven't had any issues with the ipod itself.",
        'strike 1. when i tried to install the second dvd player, that one didn " t work either!',
        "bad",
    )
]
BANKING = [
    "card_arrival",
    "card_linking",
    "card_payment_fee_charged",
    "card_payment_wrong_exchange_rate",
    "cash_withdrawal_not_recognised",
    "direct_debit_payment_not_recognised",
    "top_up_by_cash_or_cheque",
    "top_up_failed",
    "verify_top_up",
    "verify_my_identity",
]


def reference(alone, decoder, prefix, queries, labels, ending=""):
    return np.array([[alone(decoder, prefix + query, label, ending) for label in labels] for query in queries])


@pytest.mark.parametrize(
    ("kind", "packed"),
    [("llama", True), ("gpt2", True), ("granite", True), ("gemma3-6", False), ("gemma3-40", False), ("bloom", False)],
)
def test_equal_to_scoring_each_full_string_alone(make_small, alone, kind, packed):
    decoder = make_small(kind)
    scorer = LabelScorer(decoder, max_batch_tokens=70)
    assert scorer.packed is packed
    found = scorer.score(PREFIX, QUERIES, LABELS)
    assert found.terminated
    assert (found.prefix_tokens > 20) is packed
    expected = reference(alone, decoder, PREFIX, QUERIES, LABELS, "\n")
    assert np.abs(found.log_probabilities - expected).max() < 1e-3
    assert np.allclose(found.mass, np.exp(expected).sum(axis=1), atol=1e-6)
    assert (found.mass <= 1).all()
    # The check itself can tell: other rows' scores differ by much more.
    assert np.abs(expected - expected[::-1]).max() > 1


def test_equal_without_any_prefix_and_with_the_end_token(make_small, alone):
    decoder = make_small("llama")
    found = LabelScorer(decoder).score("", QUERIES, LABELS, terminator=None)
    close = (decoder.tokenizer.eos_token_id,)
    expected = [[alone(decoder, query, label, close=close) for label in LABELS] for query in QUERIES]
    assert found.prefix_tokens == 0
    assert np.abs(found.log_probabilities - np.array(expected)).max() < 1e-3


def test_a_small_pack_splits_a_row_by_labels_and_changes_nothing(make_small):
    decoder = make_small("llama")
    whole = LabelScorer(decoder, max_batch_tokens=4000).score(PREFIX, QUERIES, LABELS)
    split = LabelScorer(decoder, max_batch_tokens=25).score(PREFIX, QUERIES, LABELS)
    assert split.tokens > whole.tokens
    assert np.abs(whole.log_probabilities - split.log_probabilities).max() < 1e-4


def test_packs_stay_bounded_for_many_labels_and_long_texts(make_small, monkeypatch):
    from bakeoff.models import scoring

    decoder = make_small("llama")
    labels = [f" intent_{number}_of_them" for number in range(77)]
    queries = [f"Text: {'wheel and card ' * words}\nIntent:" for words in (0, 1, 2, 12, 30, 3, 0, 30)]
    packs = []

    def watched(model, pack, past, shared):
        packs.append([(len(unit.own), len(unit.trie.tokens)) for unit in pack])
        return packed(model, pack, past, shared)

    packed = scoring.packed_logs
    monkeypatch.setattr(scoring, "packed_logs", watched)
    scorer = LabelScorer(decoder, max_batch_tokens=80)
    bounded = scorer.score(PREFIX, queries, labels)
    longest = max(own for pack in packs for own, _ in pack)
    assert longest > 80
    for pack in packs:
        size = sum(own + trie for own, trie in pack)
        # A text that is longer than a pack goes alone, with half a pack of labels.
        assert size <= 80 or (len(pack) == 1 and pack[0][1] <= 40)
    # Long texts are read a few times over, not once a label.
    whole = LabelScorer(decoder, max_batch_tokens=10_000).score(PREFIX, queries, labels)
    assert bounded.tokens < 15 * whole.tokens
    assert bounded.tokens < len(labels) * sum(len(decoder.tokenizer(query)["input_ids"]) for query in queries) / 2
    assert np.abs(bounded.log_probabilities - whole.log_probabilities).max() < 1e-3


def test_rows_do_not_depend_on_their_neighbours_or_their_order(make_small):
    scorer = LabelScorer(make_small("llama"))
    together = scorer.score(PREFIX, QUERIES, LABELS).log_probabilities
    apart = np.concatenate([scorer.score(PREFIX, [query], LABELS).log_probabilities for query in QUERIES])
    backwards = scorer.score(PREFIX, QUERIES[::-1], LABELS[::-1]).log_probabilities[::-1, ::-1]
    assert np.abs(together - apart).max() < 1e-4
    assert np.abs(together - backwards).max() < 1e-4


def test_the_prefix_is_read_once_and_its_cache_stays_as_it_is(make_small):
    scorer = LabelScorer(make_small("llama"))
    first = scorer.score(PREFIX, QUERIES, LABELS)
    scorer.score(PREFIX, QUERIES[:1] * 9, [" a", " bcd_e"])
    again = scorer.score(PREFIX, QUERIES, LABELS)
    assert first.prefix_tokens == again.prefix_tokens > 20
    assert again.tokens == first.tokens - first.prefix_tokens
    assert again.cached_tokens == len(QUERIES) * first.prefix_tokens
    assert np.array_equal(first.log_probabilities, again.log_probabilities)


def test_only_a_few_prefixes_are_kept(make_small):
    scorer = LabelScorer(make_small("llama"))
    for number in range(7):
        scorer.score(f"Prefix number {number} of them.\n", QUERIES[:1], LABELS)
    assert len(scorer._prefixes) == 4


def test_too_long_rows_are_marked_and_the_others_scored(make_small, alone):
    decoder = make_small("llama")
    queries = ["x " * 300 + "Intent:", QUERIES[0]]
    found = LabelScorer(decoder).score(PREFIX, queries, LABELS)
    assert found.too_long.tolist() == [True, False]
    assert found.reached.tolist() == [True, True]
    assert np.isnan(found.log_probabilities[0]).all()
    assert np.isnan(found.mass[0])
    expected = reference(alone, decoder, PREFIX, QUERIES[:1], LABELS, "\n")
    assert np.abs(found.log_probabilities[1] - expected[0]).max() < 1e-3


def test_a_row_fits_up_to_the_last_token_of_the_context(make_small):
    decoder = make_small("llama")
    scorer = LabelScorer(decoder)
    size = scorer._tokenizer.rows(PREFIX, QUERIES[:1], LABELS, "\n").rows[0].longest
    exact = LabelScorer(dataclasses.replace(decoder, context_length=size))
    short = LabelScorer(dataclasses.replace(decoder, context_length=size - 1))
    assert not exact.score(PREFIX, QUERIES[:1], LABELS).too_long[0]
    assert short.score(PREFIX, QUERIES[:1], LABELS).too_long[0]


def test_no_rows(make_small):
    found = LabelScorer(make_small("llama")).score(PREFIX, [], LABELS)
    assert found.log_probabilities.shape == (0, 5)
    assert found.mass.shape == (0,)
    assert found.tokens == 0


def test_a_passed_deadline_leaves_rows_unreached(make_small):
    scorer = LabelScorer(make_small("llama"), max_batch_tokens=40)
    none = scorer.score(PREFIX, QUERIES, LABELS, deadline=time.monotonic() - 1)
    assert not none.reached.any()
    assert np.isnan(none.log_probabilities).all()
    seen = []
    scorer.score(PREFIX, QUERIES, LABELS, progress=lambda done, rows: seen.append((done, rows)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_deadline_between_packs_keeps_what_is_done(make_small, monkeypatch):
    scorer = LabelScorer(make_small("llama"), max_batch_tokens=40)
    ticks = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    part = scorer.score(PREFIX, QUERIES, LABELS, deadline=2)
    assert 0 < part.reached.sum() < 4
    assert np.isfinite(part.log_probabilities[part.reached]).all()
    assert np.isnan(part.log_probabilities[~part.reached]).all()
    assert np.isnan(part.mass[~part.reached]).all()


def test_a_row_that_is_scored_in_part_counts_as_unreached(make_small, monkeypatch):
    scorer = LabelScorer(make_small("llama"), max_batch_tokens=25)
    ticks = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    part = scorer.score(PREFIX, QUERIES[:1], LABELS, deadline=1)
    assert part.tokens > part.prefix_tokens
    assert not part.reached.any()
    assert np.isnan(part.log_probabilities).all()


def test_normalised_scores_are_divided_by_tokens_or_characters(make_small):
    scorer = LabelScorer(make_small("llama"))
    raw = scorer.score(PREFIX, QUERIES, LABELS)
    tokens = scorer.score(PREFIX, QUERIES, LABELS, normalise="tokens")
    characters = scorer.score(PREFIX, QUERIES, LABELS, normalise="characters")
    assert np.allclose(tokens.log_probabilities * raw.label_tokens, raw.log_probabilities)
    lengths = np.array([len(label) for label in LABELS])
    assert np.allclose(characters.log_probabilities * lengths, raw.log_probabilities)
    assert np.array_equal(raw.mass, tokens.mass)
    with pytest.raises(OptionError, match="normalise must be 'none', 'tokens' or 'characters', got 'words'"):
        scorer.score(PREFIX, QUERIES, LABELS, normalise="words")


def test_a_model_that_ignores_masks_is_not_packed(make_small):
    model = make_small("llama").model
    assert supports_packing(model)
    original = model.forward

    def deaf(
        self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, logits_to_keep=0, **rest
    ):
        if attention_mask is not None and attention_mask.ndim == 4:
            attention_mask = None
        return original(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids,
            past_key_values=past_key_values, logits_to_keep=logits_to_keep, **rest,
        )  # fmt: skip

    model.forward = types.MethodType(deaf, model)
    try:
        assert not supports_packing(model)
    finally:
        model.forward = original


def test_a_pack_without_room_is_refused(make_small):
    with pytest.raises(OptionError, match="max_batch_tokens must be 1 or more, got 0"):
        LabelScorer(make_small("llama"), max_batch_tokens=0)


@pytest.mark.models
def test_real_model_eight_demonstrations(smollm2, alone):
    labels = [" positive", " negative"]
    scorer = LabelScorer(smollm2)
    assert scorer.packed
    found = scorer.score(AMAZON_PREFIX, AMAZON_QUERIES, labels)
    assert not found.terminated
    expected = reference(alone, smollm2, AMAZON_PREFIX, AMAZON_QUERIES, labels)
    assert np.abs(found.log_probabilities - expected).max() < 1e-3
    assert (found.mass > 0.5).all()


@pytest.mark.models
def test_real_model_long_labels(smollm2, alone):
    labels = [f" {label}" for label in BANKING]
    prefix = "Query: I am still waiting on my card?\nIntent: card_arrival\n\n"
    queries = ["Query: My top up was denied\nIntent:", "Query: Why did I have to pay a fee?\nIntent: "]
    found = LabelScorer(smollm2, max_batch_tokens=96).score(prefix, queries, labels)
    expected = reference(alone, smollm2, prefix, queries, labels, "\n" if found.terminated else "")
    assert np.abs(found.log_probabilities - expected).max() < 1e-3


@pytest.mark.models
def test_real_model_in_bfloat16_chooses_nearly_the_same_labels(smollm2, catalogue_cache, record_property):
    from bakeoff.catalog import resolve_model
    from bakeoff.models.decoder import load_decoder

    labels = [" positive", " negative"]
    queries = [f"Review: {text}\nSentiment:" for text, _ in AMAZON_DEMOS] + AMAZON_QUERIES
    exact = LabelScorer(smollm2).score(AMAZON_PREFIX, queries, labels).log_probabilities
    half = load_decoder(resolve_model("smollm2-135m"), dtype="bfloat16")
    scorer = LabelScorer(half)
    assert scorer.packed
    near = scorer.score(AMAZON_PREFIX, queries, labels).log_probabilities
    agreement = float((exact.argmax(axis=1) == near.argmax(axis=1)).mean())
    record_property("bfloat16 agreement", agreement)
    record_property("bfloat16 largest difference", float(np.abs(exact - near).max()))
    assert agreement >= 0.9
    assert np.abs(exact - near).max() < 0.5
