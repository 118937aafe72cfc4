from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from bakeoff.catalog import resolve_model
from bakeoff.methods.finetune.word_pieces import word_pieces


@pytest.fixture
def tokenizer(catalogue_cache):
    return AutoTokenizer.from_pretrained(resolve_model("minilm-l6").path)


def read(tokenizer, words: list[str], max_tokens: int = 256) -> tuple[list[str], dict[int, int]]:
    (ids,), (first,) = word_pieces(tokenizer, [words], max_tokens)
    return tokenizer.convert_ids_to_tokens(ids), first


def test_an_encoder_that_drops_capitals_is_told_of_them(tokenizer) -> None:
    pieces, first = read(tokenizer, ["The", "BBC", "iPhone", "in", "Ffestiniog"])
    marked = "[CLS] [unused1] the [unused2] bbc [unused3] iphone in [unused1] ff ##est ##ini ##og [SEP]"
    assert pieces == marked.split()
    assert [pieces[place] for place in first.values()] == ["the", "bbc", "iphone", "in", "ff"]
    assert list(first) == [0, 1, 2, 3, 4]


def test_rows_without_capitals_read_as_the_tokenizer_reads_them(tokenizer) -> None:
    words = ["fast", "unbelievably", "so", "7:30pm", "!"]
    (ids,), (first,) = word_pieces(tokenizer, [words], 256)
    plain = tokenizer(words, is_split_into_words=True)
    assert ids == plain["input_ids"]
    assert first == {word: plain.word_ids().index(word) for word in range(len(words))}


def test_a_long_row_is_cut_between_its_special_tokens(tokenizer) -> None:
    pieces, first = read(tokenizer, ["A"] * 50, 12)
    assert len(pieces) == 12
    assert (pieces[0], pieces[-1]) == ("[CLS]", "[SEP]")
    assert first == {word: 2 + 2 * word for word in range(5)}


def test_a_word_of_which_nothing_is_left_has_no_place(tokenizer) -> None:
    assert read(tokenizer, ["\u200b", "A"]) == (["[CLS]", "[unused1]", "a", "[SEP]"], {1: 2})


def test_an_encoder_that_sees_capitals_gets_no_marks(tokenizer) -> None:
    tokenizer.backend_tokenizer.normalizer = None
    assert "[unused1]" not in read(tokenizer, ["A", "BBC"])[0]
