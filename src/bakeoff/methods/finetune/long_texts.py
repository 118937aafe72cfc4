"""Texts that are longer than a model reads: cut at its limit, cut where few are longer, or read in windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import spaced
from bakeoff.errors import ModelError, OptionError

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = [
    "LONG_TEXTS",
    "LONG_TEXT_NOTES",
    "Pieces",
    "check_long_texts",
    "fitted_length",
    "mean_of_pieces",
    "refuse_windows",
    "whole_texts",
    "windows",
]

#: What may be done with a long text: see `check_long_texts`.
LONG_TEXTS = ("cut", "cut-short", "windows")
#: What a form of another library does not do with them.
LONG_TEXT_NOTES = ("A text that is longer than the model reads was read in windows; here its end is cut.",)
#: Share of the labelled texts that a length chosen from them holds whole, and what it is a multiple of.
_HELD_WHOLE, _MULTIPLE = 0.995, 8
#: Of a window's tokens, those that the next one reads again.
_OVERLAP = 0.25
#: Of one text; what lies behind the last is cut, so that one book among reviews does not take all of the time.
_MOST_WINDOWS = 64
_TOKENIZED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Texts in pieces that a model can read.

    Parameters
    ----------
    texts : list of str, length pieces
        In the order of the texts that they are of.
    owners : ndarray of int64, shape (pieces,)
        Place of the text that each is of, ascending.
    cut : int
        Texts of which a part is in no piece.
    """

    texts: list[str]
    owners: NDArray[np.int64]
    cut: int = 0

    @property
    def split(self) -> int:
        """How many texts have more than one piece."""
        return int((np.bincount(self.owners) > 1).sum()) if len(self.owners) else 0


def check_long_texts(given: str) -> None:
    """Hold a setting to those that are known.

    Parameters
    ----------
    given : str
        ``cut``: at the model's limit. ``cut-short``: at the length of `fitted_length`. ``windows``: read whole.

    Raises
    ------
    OptionError
        If it is another.
    """
    if given not in LONG_TEXTS:
        raise OptionError(
            f"long_texts is one of {', '.join(LONG_TEXTS)}; {given!r} came.",
            next_step="Give windows to have long texts read whole.",
        )


def fitted_length(encoder: Encoder, texts: Sequence[str]) -> Encoder:
    """Let an encoder read no more tokens than nearly all of the texts have.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str
        Labelled ones; at least one.

    Returns
    -------
    Encoder
        Its `max_tokens` is the least multiple of 8 that holds 99.5% of the texts, and no more than it was.
    """
    found = encoder.tokenizer(
        spaced(texts), truncation=True, max_length=encoder.max_tokens, return_attention_mask=False, verbose=False
    )["input_ids"]
    lengths = np.sort([len(ids) for ids in found])
    held = int(lengths[int(np.ceil(_HELD_WHOLE * len(lengths))) - 1])
    return replace(encoder, max_tokens=min(encoder.max_tokens, -(-held // _MULTIPLE) * _MULTIPLE))


def whole_texts(texts: Sequence[str]) -> Pieces:
    """Give texts in one piece each.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    Pieces
    """
    return Pieces(list(texts), np.arange(len(texts)))


def windows(encoder: Encoder, texts: Sequence[str]) -> Pieces:
    """Divide texts that are longer than an encoder reads into windows of its length, each a quarter into the last.

    Windows begin and end between words, so that their tokens are those of the whole text.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str

    Returns
    -------
    Pieces
        A text that fits is one piece, as it was; at most 64 of a text.

    Raises
    ------
    ModelError
        If its tokenizer does not say where in a text a token stands.
    """
    tokenizer = encoder.tokenizer
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {encoder.name} does not say where its tokens stand, so long texts cannot be divided.",
            next_step="Leave long_texts at cut, or choose another model.",
        )
    room = encoder.max_tokens - int(tokenizer.num_special_tokens_to_add(False))
    found: list[list[str]] = [[text] for text in texts]
    cut = 0
    # A token has at least one character, so only long texts need their tokens.
    long = [place for place, text in enumerate(texts) if len(text) > room]
    for start in range(0, len(long), _TOKENIZED_AT_ONCE):
        places = long[start : start + _TOKENIZED_AT_ONCE]
        tokens = tokenizer(
            [texts[place] for place in places],
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        for at, place in enumerate(places):
            spans = _spans(tokens.word_ids(at), room)
            offsets = tokens["offset_mapping"][at]
            found[place] = [_between(texts[place], offsets, span) for span in spans[:_MOST_WINDOWS]] or [texts[place]]
            cut += len(spans) > _MOST_WINDOWS
    owners = np.repeat(np.arange(len(texts)), [len(own) for own in found])
    return Pieces([piece for own in found for piece in own], owners, cut)


def refuse_windows(long_texts: str) -> None:
    """Refuse to export what reads long texts in windows: one network does not answer by itself then.

    Raises
    ------
    OptionError
        If `long_texts` is ``"windows"``.
    """
    if long_texts == "windows":
        raise OptionError(
            "A bundle that reads long texts in windows cannot be exported: its answers are means of several readings.",
            next_step="Train it with --set long_texts=cut, or serve the bundle as it is: bakeoff serve.",
        )


def mean_of_pieces(values: NDArray[Any], owners: NDArray[np.int64]) -> NDArray[Any]:
    """Average what pieces gave, text by text.

    Parameters
    ----------
    values : ndarray, shape (pieces, numbers)
    owners : ndarray of int64, shape (pieces,)
        Ascending, no text without a piece.

    Returns
    -------
    ndarray, shape (texts, numbers)
        Of the same type; the values themselves where each text is one piece.
    """
    places, starts, counts = np.unique(owners, return_index=True, return_counts=True)
    if len(places) == len(owners):
        return values
    sums = np.add.reduceat(values, starts, axis=0)
    return np.asarray(sums / counts[:, None], dtype=values.dtype)


def _spans(words: Sequence[int | None], room: int) -> list[tuple[int, int]]:
    """Give first token and end of each window; none where all tokens fit into one."""
    count = len(words)
    if count <= room:
        return []
    begins = [place == 0 or words[place] is None or words[place] != words[place - 1] for place in range(count)]
    overlap = int(_OVERLAP * room)
    found, first = list[tuple[int, int]](), 0
    while True:
        end = min(first + room, count)
        if end < count:
            # A word of more tokens than half a window is divided after all.
            end = next((place for place in range(end, first + room // 2, -1) if begins[place]), end)
        found.append((first, end))
        if end == count:
            return found
        # The nearest word behind the begin of the overlap, or else before it.
        near = (*range(end - overlap, end), *range(end - overlap - 1, first, -1))
        first = next((place for place in near if begins[place]), end - overlap)


def _between(text: str, offsets: Sequence[tuple[int, int]], span: tuple[int, int]) -> str:
    return text[offsets[span[0]][0] : offsets[span[1] - 1][1]]
