"""Generation: equal to each row written alone by transformers, held to grammars, bounded in memory."""

from __future__ import annotations

import dataclasses
import json
import re
import time

import pytest

from bakeoff.errors import OptionError
from bakeoff.models.choosing import barred_tokens
from bakeoff.models.constraint import choice_constraint, json_constraint, regex_constraint
from bakeoff.models.generate import Generator, WriteSettings

PREFIX = "Text: good phone\nIntent: card_arrival\n\nText: the wheel is bad\nIntent: top_up\n\n"
QUERIES = [
    "Text: I can not see my card anywhere\nIntent:",
    "Text: top\nIntent:",
    "Text: where is it? I have been waiting for weeks and weeks\nIntent:",
    "Text: 🙂 1234\nIntent: ",
]
OPTIONS = [" card_arrival", " card", " top_up_failed", " top_up_reverted", " y"]

REAL_PREFIX = "Classify the sentiment of the text.\n\nText: "
REAL_QUERIES = [
    f"{text}\nSentiment:"
    for text in (
        "The lens is superb, I am happy.",
        "A waste of money, it broke.",
        "Lovely sound.",
        "Awful, awful support that never answered a single letter of mine.",
    )
]
SCHEMA = {
    "type": "object",
    "properties": {"why": {"type": "string", "maxLength": 30}, "label": {"enum": ["positive", "negative"]}},
    "required": ["why", "label"],
    "additionalProperties": False,
}


def write(generator, prefix, queries, *, deadline=None, progress=None, **settings):
    return generator.generate(prefix, queries, WriteSettings(**settings), deadline=deadline, progress=progress)


def written_alone(decoder, text, tokens):
    """Write greedily with nothing of the generator: the whole text is read anew for each token."""
    import torch

    ids = decoder.tokenizer(text)["input_ids"]
    found = []
    with torch.inference_mode():
        for _ in range(tokens):
            following = int(decoder.model(torch.tensor([[*ids, *found]])).logits[0, -1].argmax())
            if following == decoder.tokenizer.eos_token_id:
                break
            found.append(following)
    return decoder.tokenizer.decode(found, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("kind", "packed"),
    [("llama", True), ("gpt2", True), ("granite", True), ("gemma3-6", False), ("gemma3-40", False), ("bloom", False)],
)
def test_equal_to_writing_each_row_alone(make_small, kind, packed):
    decoder = make_small(kind)
    generator = Generator(decoder, max_pack_tokens=120)
    assert generator.packed is packed
    found = write(generator, PREFIX, QUERIES, most_tokens=14)
    assert (found.prefix_tokens > 20) is packed
    assert [row.text for row in found.rows] == [written_alone(decoder, PREFIX + query, 14) for query in QUERIES]
    assert len({row.text for row in found.rows}) > 1
    assert all(row.ended == ("length" if row.tokens_out == 14 else "whole") for row in found.rows)


@pytest.mark.parametrize(
    ("kind", "side_by_side"),
    [
        ("llama", True),
        ("llama", False),
        ("granite", False),
        ("gpt2", False),
        ("gemma3-6", False),
        ("gemma3-40", False),
        ("bloom", False),
    ],
)
def test_streams_give_the_logits_of_the_whole_text(make_small, kind, side_by_side, monkeypatch):
    import numpy as np
    import torch

    from bakeoff.models import row_stream
    from bakeoff.models.forward import prefix_layers
    from bakeoff.models.row_stream import RowStream
    from bakeoff.models.streams import PackedStream, PlainStream

    # So that rows are read in pieces, and few of them at a time.
    monkeypatch.setattr(row_stream, "_READ_AT_ONCE", 4)
    monkeypatch.setattr(row_stream, "_MOST_SHARES", 300)

    decoder = make_small(kind)
    generator = np.random.default_rng(0)
    prefix, *rows = (generator.integers(2, 380, size=size) for size in (9, 20, 4, 12))
    packed = Generator(decoder).packed
    if side_by_side:
        assert Generator(decoder).in_rows
        stream = RowStream(decoder.model, prefix_layers(decoder.model, prefix), len(prefix), 3, 21)
    elif packed:
        stream = PackedStream(decoder.model, prefix_layers(decoder.model, prefix), len(prefix), 3, 36)
    else:
        stream = PlainStream(decoder.model, 3)
        rows = [np.concatenate([prefix, row]) for row in rows]
    expected = []
    for row in rows:
        whole = np.concatenate([prefix, row]) if packed else row
        with torch.inference_mode():
            expected.append(decoder.model(torch.tensor([whole.tolist()])).logits[0].float())
    skipped = 9 if packed else 0
    # All rows begin; then two go on, several tokens at once; then the first by itself, and one that had waited.
    ends = [len(row) for row in rows]
    steps = [[(0, 0, 10), (1, 0, 3), (2, 0, 1)], [(2, 1, ends[2]), (0, 10, 13)], [(0, 13, ends[0])]]
    # Side by side, a row that is left out has ended.
    for step in steps if side_by_side else [*steps, [(1, 3, ends[1])]]:
        logits = stream.read([(row, rows[row][first:last].tolist()) for row, first, last in step])
        for found, (row, _, last) in zip(logits, step, strict=True):
            assert (found - expected[row][skipped + last - 1]).abs().max() < 1e-3


@pytest.mark.parametrize("kind", ["llama", "gemma3-6"])
def test_every_choice_is_an_option_and_the_likeliest_way_to_one(make_small, kind):
    generator = Generator(make_small(kind))
    found = write(generator, PREFIX, QUERIES, most_tokens=30, constraint=choice_constraint(OPTIONS))
    assert {row.text for row in found.rows} <= set(OPTIONS)
    assert {row.ended for row in found.rows} == {"whole"}
    only = write(generator, PREFIX, QUERIES, most_tokens=30, constraint=choice_constraint([" card_arrival"]))
    assert {row.text for row in only.rows} == {" card_arrival"}


def test_a_row_does_not_depend_on_its_neighbours_or_their_order(make_small):
    generator = Generator(make_small("llama"))
    for drawn in ({}, {"temperature": 1.0, "top_p": 0.9, "seed": 5}):
        together = write(generator, PREFIX, QUERIES, most_tokens=10, **drawn)
        backwards = write(generator, PREFIX, QUERIES[::-1], most_tokens=10, **drawn)
        apart = [write(generator, PREFIX, [query], most_tokens=10, **drawn) for query in QUERIES]
        texts = [row.text for row in together.rows]
        assert texts == [row.text for row in backwards.rows][::-1] == [one.rows[0].text for one in apart]


def test_seeds_draw_differently_and_alike(make_small):
    generator = Generator(make_small("llama"))

    def draw(seed, temperature=1.0, top_p=1.0):
        drawn = {"temperature": temperature, "top_p": top_p, "seed": seed}
        return [row.text for row in write(generator, PREFIX, QUERIES, most_tokens=10, **drawn).rows]

    assert draw(1) == draw(1) != draw(2)
    greedy = [row.text for row in write(generator, PREFIX, QUERIES, most_tokens=10).rows]
    assert draw(1, top_p=1e-6) == greedy == draw(2, temperature=1e-4)


def test_what_is_drawn_follows_the_models_probabilities(make_small):
    import numpy as np
    import torch

    decoder = make_small("gpt2")
    ids = decoder.tokenizer(PREFIX)["input_ids"]
    with torch.inference_mode():
        shares = torch.softmax(decoder.model(torch.tensor([ids])).logits[0, -1].double() / 2.0, dim=-1).numpy()
    order = np.argsort(-shares)
    nucleus = set(order[: int(np.searchsorted(np.cumsum(shares[order]), 0.6)) + 1].tolist())
    generator, drawn = Generator(decoder), []
    for seed in range(400):
        row = write(generator, PREFIX, [""], most_tokens=1, temperature=2.0, top_p=0.6, seed=seed).rows[0]
        drawn.append(row.text)
    names = {decoder.tokenizer.decode([token], skip_special_tokens=True): token for token in nucleus}
    assert set(drawn) <= set(names)
    total = sum(shares[token] for token in nucleus)
    likeliest = int(order[0])
    share = np.mean([names[text] == likeliest for text in drawn])
    assert share == pytest.approx(shares[likeliest] / total, abs=0.1)


def test_stop_words_end_a_text_and_are_cut_off(make_small):
    decoder = make_small("llama")
    generator = Generator(decoder)
    whole = write(generator, PREFIX, QUERIES[:1], most_tokens=12).rows[0]
    middle = whole.text[len(whole.text) // 2 :][:2]
    cut = write(generator, PREFIX, QUERIES[:1], most_tokens=12, stop=("never there", middle)).rows[0]
    assert cut.text == whole.text[: whole.text.find(middle)]
    assert cut.ended == "whole"
    assert cut.tokens_out < whole.tokens_out


def test_packs_stay_within_their_bound_and_change_nothing(make_small):
    decoder = make_small("llama")
    queries = [f"Text: {'wheel ' * (number % 9)}number {number}\nIntent:" for number in range(24)]
    wide = write(Generator(decoder, max_pack_tokens=5000), PREFIX, queries, most_tokens=6)
    narrow = write(Generator(decoder, max_pack_tokens=100), PREFIX, queries, most_tokens=6)
    assert wide.largest_pack > 200
    assert narrow.largest_pack <= 100
    assert [row.text for row in wide.rows] == [row.text for row in narrow.rows]


def test_a_long_row_is_read_in_pieces(make_small, monkeypatch):
    from bakeoff.models import row_stream

    decoder = make_small("llama")
    whole = write(Generator(decoder), "", [PREFIX + QUERIES[2]], most_tokens=8).rows[0]
    monkeypatch.setattr(row_stream, "_READ_AT_ONCE", 7)
    pieces = write(Generator(decoder), "", [PREFIX + QUERIES[2]], most_tokens=8).rows[0]
    assert (pieces.text, pieces.tokens_in) == (whole.text, whole.tokens_in)


def test_the_prefix_is_read_once(make_small):
    generator = Generator(make_small("llama"))
    first = write(generator, PREFIX, QUERIES, most_tokens=4)
    again = write(generator, PREFIX, QUERIES, most_tokens=4)
    assert again.tokens == first.tokens - first.prefix_tokens
    assert again.cached_tokens == first.cached_tokens == 4 * first.prefix_tokens
    assert [row.text for row in again.rows] == [row.text for row in first.rows]


def test_the_context_ends_a_text_and_refuses_a_prompt_that_fills_it(make_small):
    decoder = make_small("llama")
    size = len(decoder.tokenizer(PREFIX + QUERIES[0])["input_ids"])
    tight = Generator(dataclasses.replace(decoder, context_length=size + 3))
    found = write(tight, PREFIX, [QUERIES[0], "x " * 300], most_tokens=20)
    assert found.rows[0].tokens_out <= 3
    assert (found.rows[1].ended, found.rows[1].text, found.rows[1].tokens_out) == ("too-long", "", 0)


def test_no_rows_and_no_time(make_small):
    generator = Generator(make_small("llama"))
    assert write(generator, PREFIX, [], most_tokens=4).rows == ()
    late = write(generator, PREFIX, QUERIES, most_tokens=4, deadline=time.monotonic() - 1)
    assert [row.ended for row in late.rows] == ["time"] * 4
    seen = []
    write(generator, PREFIX, QUERIES, most_tokens=4, progress=lambda done, rows: seen.append((done, rows)))
    assert seen[-1] == (4, 4)
    assert seen == sorted(seen)


def test_no_run_comes_twice_and_no_forbidden_word_at_all(make_small):
    generator = Generator(make_small("llama"))
    free = write(generator, PREFIX, QUERIES, most_tokens=30)
    assert barred_tokens([1, 2, 3, 1, 2], 3) == [3]
    assert barred_tokens([7, 8, 7], 2) == [8]
    assert barred_tokens([1, 2, 3], 0) == barred_tokens([1, 2], 3) == []
    held = write(generator, PREFIX, QUERIES, most_tokens=40, temperature=0.2, no_repeat_ngram=2)
    assert all(row.tokens_out == 40 or row.ended == "whole" for row in held.rows)
    words = [word for row in free.rows for word in re.findall(r"\w+", row.text)]
    common = max(set(words), key=words.count)
    without = write(generator, PREFIX, QUERIES, most_tokens=30, forbidden=(common.upper(),))
    assert not any(re.search(rf"(?<!\w){re.escape(common)}(?!\w)", row.text, re.I) for row in without.rows)


def test_a_text_has_the_log_probability_of_its_tokens(make_small):
    import torch

    decoder = make_small("llama")
    found = write(Generator(decoder), PREFIX, QUERIES[:2], most_tokens=5, temperature=1.0, scored=True).rows
    for query, row in zip(QUERIES, found, strict=False):
        ids = decoder.tokenizer(PREFIX + query)["input_ids"]
        with torch.inference_mode():
            written = decoder.tokenizer(PREFIX + query + row.text)["input_ids"][len(ids) :]
            logits = decoder.model(torch.tensor([[*ids, *written]])).logits[0, len(ids) - 1 :].float().log_softmax(-1)
        if len(written) == row.tokens_out:  # the same text can be other tokens
            expected = sum(float(logits[at, token]) for at, token in enumerate(written))
            assert row.log_probability == pytest.approx(expected, abs=1e-3)
    assert write(Generator(decoder), PREFIX, QUERIES[:1], most_tokens=2).rows[0].log_probability != 0.0


def searched_alone(decoder, text, tokens, beams, penalty):
    """Give what transformers writes by beam search: its tokens, without what pads them."""
    import torch

    ids = torch.tensor([decoder.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        found = decoder.model.generate(
            ids, max_new_tokens=tokens, num_beams=beams, do_sample=False, length_penalty=penalty, pad_token_id=0
        )[0, ids.shape[1] :].tolist()
    end = decoder.tokenizer.eos_token_id
    return decoder.tokenizer.decode(found[: found.index(end)] if end in found else found, skip_special_tokens=True)


@pytest.mark.parametrize("kind", ["llama", "gemma3-6", "gpt2"])
def test_beam_search_writes_what_transformers_writes(make_small, kind):
    decoder = make_small(kind)
    generator = Generator(decoder)
    greedy = [row.text for row in write(generator, PREFIX, QUERIES, most_tokens=14).rows]
    for beams, penalty in ((2, 1.0), (4, -2.0)):
        found = write(generator, PREFIX, QUERIES, most_tokens=14, beams=beams, length_penalty=penalty)
        texts = [row.text for row in found.rows]
        assert texts == [searched_alone(decoder, PREFIX + query, 14, beams, penalty) for query in QUERIES]
        assert texts != greedy or kind == "gemma3-6"
        alone = write(generator, PREFIX, QUERIES[:1], most_tokens=14, beams=beams, length_penalty=penalty)
        assert alone.rows[0].text == texts[0]


def test_beams_keep_to_grammars_words_and_runs_and_end_with_the_time(make_small):
    generator = Generator(make_small("llama"))
    held = write(generator, PREFIX, QUERIES, most_tokens=30, beams=3, constraint=choice_constraint(OPTIONS))
    assert {row.text for row in held.rows} <= set(OPTIONS)
    assert {row.ended for row in held.rows} == {"whole"}
    free = write(generator, PREFIX, QUERIES, most_tokens=20, beams=3, scored=True).rows
    words = [word for row in free for word in re.findall(r"\w+", row.text)]
    common = max(set(words), key=words.count)
    without = write(generator, PREFIX, QUERIES, most_tokens=20, beams=3, forbidden=(common.upper(),), no_repeat_ngram=2)
    assert not any(re.search(rf"(?<!\w){re.escape(common)}(?!\w)", row.text, re.I) for row in without.rows)
    greedy = write(generator, PREFIX, QUERIES, most_tokens=20, scored=True).rows
    longest = max(free, key=lambda row: len(row.text))
    stop = longest.text[len(longest.text) // 2 :][:2]
    assert all(
        stop not in row.text for row in write(generator, PREFIX, QUERIES, most_tokens=20, beams=3, stop=(stop,)).rows
    )
    # With as many tokens as greedily, a search over several beams finds what is likelier, or the same.
    pairs = [(a, b) for a, b in zip(free, greedy, strict=True) if a.tokens_out == b.tokens_out]
    assert pairs
    assert all(a.log_probability >= b.log_probability - 1e-3 for a, b in pairs)
    late = write(generator, PREFIX, QUERIES, most_tokens=4, beams=2, deadline=time.monotonic() - 1)
    assert [row.ended for row in late.rows] == ["time"] * 4


@pytest.mark.models
def test_real_model_searches_as_transformers_does(smollm2):
    found = write(Generator(smollm2), REAL_PREFIX, REAL_QUERIES[:2], most_tokens=6, beams=3)
    assert found.prefix_tokens > 8
    texts = [row.text for row in found.rows]
    assert texts == [searched_alone(smollm2, REAL_PREFIX + query, 6, 3, 1.0) for query in REAL_QUERIES[:2]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: WriteSettings(1, no_repeat_ngram=1), "no_repeat_ngram must be 0, or 2 or more; 1 came"),
        (lambda g: WriteSettings(1, temperature=-1), "temperature must be 0 to 5; -1 came"),
        (lambda g: WriteSettings(1, temperature=float("nan")), "temperature must be 0 to 5; nan came"),
        (lambda g: WriteSettings(1, top_p=0), "top_p must be above 0 and at most 1; 0 came"),
        (lambda g: WriteSettings(1, beams=17), "beams must be 1 to 16; 17 came"),
        (lambda g: WriteSettings(1, beams=2, temperature=1.0), "beams must be 1 at a temperature above 0; 2 came"),
        (lambda g: WriteSettings(0, stop=("",)), "most_tokens must be 1 or more; 0 came"),
        (lambda g: WriteSettings(1, stop=("",)), "stop must be words of one character or more"),
        (lambda g: Generator(g.decoder, max_pack_tokens=0), "max_pack_tokens must be 1 or more, got 0"),
    ],
)
def test_wrong_settings(make_small, call, message):
    generator = Generator(make_small("llama"))
    with pytest.raises(OptionError, match=message):
        call(generator)


@pytest.mark.models
def test_real_model_writes_what_transformers_writes(smollm2):
    import torch

    found = write(Generator(smollm2), REAL_PREFIX, REAL_QUERIES, most_tokens=12)
    assert found.prefix_tokens > 8
    for query, row in zip(REAL_QUERIES, found.rows, strict=True):
        ids = smollm2.tokenizer(REAL_PREFIX + query, return_tensors="pt")
        with torch.inference_mode():
            alone = smollm2.model.generate(**ids, max_new_tokens=12, do_sample=False, pad_token_id=0)[0]
        expected = smollm2.tokenizer.decode(alone[ids["input_ids"].shape[1] :], skip_special_tokens=True)
        assert row.text == expected


@pytest.mark.models
def test_real_model_under_choice_expression_and_schema(smollm2):
    generator = Generator(smollm2)
    choice = write(
        generator, REAL_PREFIX, REAL_QUERIES, most_tokens=8, constraint=choice_constraint([" positive", " negative"])
    )
    assert [row.text for row in choice.rows] == [" positive", " negative", " positive", " negative"]
    # A label is told apart by its first token or two, and what comes after the last one is never read.
    assert choice.tokens - choice.prefix_tokens <= sum(row.tokens_in for row in choice.rows) + len(choice.rows)
    pattern = " [A-Z][a-z]{2,9} [0-9]{3}"
    matched = write(generator, REAL_PREFIX, REAL_QUERIES, most_tokens=30, constraint=regex_constraint(pattern))
    assert all(re.fullmatch(pattern, row.text) for row in matched.rows)
    plain = write(generator, REAL_PREFIX, REAL_QUERIES, most_tokens=30, stop=("\n",))
    assert not any(re.fullmatch(pattern, row.text) for row in plain.rows)
    for seed in range(2):
        said = write(
            generator,
            REAL_PREFIX,
            REAL_QUERIES,
            most_tokens=60,
            constraint=json_constraint(SCHEMA),
            temperature=1.0,
            top_p=0.95,
            seed=seed,
        )
        for row in said.rows:
            value = json.loads(row.text)
            assert set(value) == {"why", "label"}
            assert value["label"] in ("positive", "negative")
            assert len(value["why"]) <= 30
