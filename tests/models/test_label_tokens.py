from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeoff.errors import ModelError, OptionError
from bakeoff.models.label_tokens import LabelTokenizer, RowTokens, shared_length

pieces = st.sampled_from(
    ["Text:", " good", " 123", "4", "\n", " ", "  ", "é", "🙂", "Intent:", "<s>", "card", "'t", "!", "\t", "Sentiment:"]
)
texts = st.lists(pieces, max_size=9).map("".join)
label_sets = st.lists(
    st.sampled_from(
        [
            " card",
            " card_arrival",
            "card",
            " top_up",
            "\n",
            "ard",
            "d",
            " 12",
            "34",
            " ",
            "🙂",
            "s>",
            ":",
            "Up",
            "_arrival",
        ]
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


def whole(tokenizer, text, labels, ending=""):
    """Tokenise each full string whole: the definition, without any shortcut."""
    ids, counts = [], []
    for label in labels:
        found = tokenizer(text + label + ending, add_special_tokens=False, return_offsets_mapping=True)
        ids.append(found["input_ids"])
        counts.append(sum(1 for _, end in found["offset_mapping"] if text and end <= len(text)))
    start = min(counts)
    while any(each[:start] != ids[0][:start] for each in ids):
        start -= 1
    return ids[0][:start], [tuple(each[start:]) for each in ids]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prefix=texts, queries=st.lists(texts, min_size=1, max_size=4), labels=label_sets)
def test_rows_are_those_of_full_strings_tokenised_whole(any_tokenizer, prefix, queries, labels):
    scorer = LabelTokenizer(any_tokenizer, "test")
    try:
        found = scorer.rows(prefix, queries, labels, "\n##")
    except OptionError:
        return
    ending = "\n##" if found.terminated else ""
    adds_head = len(any_tokenizer("a")["input_ids"]) > len(any_tokenizer("a", add_special_tokens=False)["input_ids"])
    for query, row in zip(queries, found.rows, strict=True):
        text = prefix + query
        expected, expected_labels = whole(any_tokenizer, text, labels, ending)
        if adds_head and not text.startswith("<s>"):
            expected = [any_tokenizer.bos_token_id, *expected]
        assert row.given.tolist() == (expected or [any_tokenizer.bos_token_id])
        assert list(row.labels) == expected_labels


def test_the_shortcut_is_taken_and_leaves_the_beginning_alone(byte_level, monkeypatch):
    scorer = LabelTokenizer(byte_level(), "test")
    lengths = []
    encode = scorer._encode

    def counted(batch):
        lengths.extend(map(len, batch))
        return encode(batch)

    monkeypatch.setattr(scorer, "_encode", counted)
    queries = [f"Text: number {row} of the rows\nIntent:" for row in range(30)]
    labels = [f" card_{name}" for name in "abcdefgh"]
    scorer.rows("A long instruction. " * 20, queries, labels, "\n")
    assert sum(length > 100 for length in lengths) < 30 + 2 * len(labels) + 5
    assert len(lengths) < 100


def test_a_tokenizer_that_looks_far_ahead_is_found_out(byte_level):
    tokenizer = byte_level(far=True)
    text = "Text:\nwhere is the good card of the other phone now? Intent:"
    labels = [" card", " card!"]
    row = LabelTokenizer(tokenizer, "test").rows("", [text], labels, None).rows[0]
    given, expected = whole(tokenizer, text, labels)
    assert (row.given.tolist(), list(row.labels)) == (given, expected)
    assert len(expected[0]) > 10


def test_a_token_over_the_boundary_belongs_to_the_label(byte_level):
    tokenizer = byte_level()
    row = LabelTokenizer(tokenizer, "test").rows("", ["Intent: "], ["card"], None).rows[0]
    assert tokenizer.decode(row.given.tolist()) == "Intent:"
    assert tokenizer.decode(list(row.labels[0])) == " card"


def test_labels_that_begin_others_all_get_the_terminator(byte_level):
    tokenizer = byte_level()
    scorer = LabelTokenizer(tokenizer, "test")
    labels = [" card", " card_arrival"]
    ended = scorer.rows("", ["Intent:"], labels, "\n")
    assert ended.terminated
    newline = tokenizer("\n")["input_ids"][0]
    assert [ids[-1] for ids in ended.rows[0].labels] == [newline, newline]
    by_token = scorer.rows("", ["Intent:"], labels, None)
    assert [ids[-1] for ids in by_token.rows[0].labels] == [tokenizer.eos_token_id] * 2
    assert not scorer.rows("", ["Intent:"], [" positive", " negative"], "\n").terminated


def test_special_tokens_at_the_beginning_come_once(byte_level):
    tokenizer = byte_level(head="<s>")
    scorer = LabelTokenizer(tokenizer, "test")
    for prefix in ("<s>Text:", "Text:"):
        found = scorer.rows(prefix, [" good"], [" positive"], "\n")
        assert found.rows[0].given.tolist().count(tokenizer.bos_token_id) == 1
        assert found.prefix.tolist().count(tokenizer.bos_token_id) == 1
        assert found.rows[0].given[0] == tokenizer.bos_token_id


@pytest.mark.parametrize("labels", [[], [""], [" a", " a"]])
def test_empty_and_double_labels_are_refused(byte_level, labels):
    with pytest.raises(OptionError, match="one or more different texts, none empty"):
        LabelTokenizer(byte_level(), "test").rows("", ["Intent:"], labels, "\n")


def test_an_unhelpful_terminator_and_a_missing_end_token_are_refused(byte_level):
    tokenizer = byte_level()
    with pytest.raises(OptionError, match="With the terminator '' one label still is the beginning"):
        LabelTokenizer(tokenizer, "test").rows("", ["Intent:"], [" card", " card_arrival"], "")
    tokenizer.eos_token = None
    with pytest.raises(OptionError, match="no token for the end of a text"):
        LabelTokenizer(tokenizer, "test").rows("", ["Intent:"], [" card", " card_arrival"], None)


def test_a_tokenizer_without_offsets_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="does not say where its tokens stand"):
        LabelTokenizer(Slow(), "slow-model")


def row(*tokens):
    return RowTokens(np.array(tokens, dtype=np.int64), ((1,),))


def test_shared_length_is_the_prefix_as_far_as_all_rows_have_it():
    prefix = np.array([1, 2, 3, 4])
    assert shared_length([row(1, 2, 3, 9, 5), row(1, 2, 3, 9, 6)], prefix) == 3
    assert shared_length([row(1, 2, 3, 4, 5, 6)], prefix) == 4
    assert shared_length([row(1, 2, 3, 4), row(1, 2, 3, 4, 5)], prefix) == 3  # one token must stay outside
    assert shared_length([row(7)], prefix) == 0


def test_shared_length_takes_much_more_that_all_rows_have():
    long = tuple(range(100))
    assert shared_length([row(*long, 1), row(*long, 2)], np.array([0, 1])) == 100
    assert shared_length([row(*long, 1)], np.array([0, 1])) == 2
