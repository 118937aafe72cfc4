"""Rows of words as an encoder reads them: word pieces, and a mark before words in capitals where it would not see them.

The marks are those of inline casing (Berard et al. 2019, "Naver Labs Europe's Systems for the WMT19 Machine Translation
Robustness Task", section 3.3), put before the word: a name is told by its capital letter, which an uncased encoder
drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["word_pieces"]

#: Tokens that BERT's vocabularies leave for such use: before a word that begins with a capital letter, is all
#: capitals, or has one further in.
_MARKS = ("[unused1]", "[unused2]", "[unused3]")


def word_pieces(
    tokenizer: Any, words: Sequence[Sequence[str]], max_tokens: int
) -> tuple[list[list[int]], list[dict[int, int]]]:
    """Give rows of words as token ids.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        Where it drops capital letters and has tokens to spare, words with capitals have a mark before them.
    words : sequence of sequence of str
        Words of each row; none empty.
    max_tokens : int
        Longest row, special tokens included; what is longer is cut.

    Returns
    -------
    ids : list of list of int
        Special tokens and marks included.
    firsts : list of dict of int to int
        For each word that was read, in order, the place of its first piece.
    """
    marks, (opening, closing) = _spare_tokens(tokenizer), _special_tokens(tokenizer)
    room = max_tokens - len(opening) - len(closing)
    found = tokenizer([list(row) for row in words], is_split_into_words=True, verbose=False, add_special_tokens=False)
    ids, firsts = [], []
    for row, own in enumerate(words):
        pieces, owners = found["input_ids"][row], found.word_ids(row)
        read: list[int] = []
        first: dict[int, int] = {}
        for piece, word in zip(pieces, owners, strict=True):
            if word not in first:
                kind = _capitals(own[word])
                if marks and kind is not None:
                    read.append(marks[kind])
                first[word] = len(read)
            read.append(piece)
        ids.append([*opening, *read[:room], *closing])
        firsts.append({word: len(opening) + place for word, place in first.items() if place < room})
    return ids, firsts


def _spare_tokens(tokenizer: Any) -> tuple[int, ...]:
    """Give the ids of the marks; none where capital letters are seen, or the vocabulary has no token to spare."""
    low, high = tokenizer(["a", "A"], add_special_tokens=False, verbose=False)["input_ids"]
    known = tokenizer.get_vocab()
    return tuple(known[mark] for mark in _MARKS) if low == high and all(mark in known for mark in _MARKS) else ()


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Give the ids that the tokenizer sets before and behind a row."""
    bare = tokenizer(["a"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    whole = tokenizer(["a"], is_split_into_words=True)["input_ids"]
    start = whole.index(bare[0])
    return whole[:start], whole[start + len(bare) :]


def _capitals(word: str) -> int | None:
    """Give the place of a word's mark; None where it has no capital letter."""
    if not any(letter.isupper() for letter in word):
        return None
    if word[0].isupper() and not any(letter.isupper() for letter in word[1:]):
        return 0
    return 1 if word.isupper() else 2
