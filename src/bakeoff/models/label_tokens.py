"""Which tokens of a full string are given, and which belong to its label.

The full string of a row and a label is prefix + query + label (+ terminator). It is tokenised whole: cutting
it before the label changes tokens in many rows. The *given* tokens are those that end at or before the
character where the label begins; a token that reaches over this place belongs to the label. All labels of a row
are scored from one place: the end of the longest beginning that their given tokens share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.errors import ModelError, OptionError
from bakeoff.models.label_trie import TokenIds, has_prefix_clash, shared_stem

__all__ = ["LabelTokenizer", "RowTokens", "TokenisedRows", "common_beginning", "shared_length"]


@dataclass(frozen=True, slots=True)
class RowTokens:
    """Tokens of one row.

    Attributes
    ----------
    given : int64 array, shape (given tokens,)
        What comes before every label, at least one token.
    labels : tuple of tuple of int
        Tokens of each label, in the order of the labels.
    """

    given: npt.NDArray[np.int64]
    labels: tuple[TokenIds, ...]

    @property
    def longest(self) -> int:
        """Tokens of the row with its longest label."""
        return len(self.given) + max(map(len, self.labels))


@dataclass(frozen=True, slots=True)
class TokenisedRows:
    """Tokens of all rows of a call.

    Attributes
    ----------
    rows : tuple of RowTokens
        In the order of the queries.
    prefix : int64 array
        Tokens of the prefix alone.
    terminated : bool
        Whether every label got the terminator.
    """

    rows: tuple[RowTokens, ...]
    prefix: npt.NDArray[np.int64]
    terminated: bool


@dataclass(frozen=True, slots=True)
class _Branches:
    """The labels behind one ending of a given text: tokens before the place of scoring, and behind it."""

    given: TokenIds
    labels: tuple[TokenIds, ...]


class LabelTokenizer:
    """Tokenises prefix + query + label whole.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        A fast one: offsets are needed.
    name : str
        The model's name, for messages.

    Raises
    ------
    ModelError
        If the tokenizer gives no offsets.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"The tokenizer of {name} does not say where its tokens stand in the text.",
                next_step="Use a model that has a tokenizer.json.",
            )
        self.tokenizer = tokenizer
        self.name = name
        self._head = self._special_head()

    def rows(self, prefix: str, queries: Sequence[str], labels: Sequence[str], terminator: str | None) -> TokenisedRows:
        """Tokenise every row with every label.

        Parameters
        ----------
        prefix, queries, labels, terminator
            As in `bakeoff.models.scoring.LabelScorer.score`.

        Returns
        -------
        TokenisedRows

        Raises
        ------
        OptionError
            If a label is empty or comes twice, or labels cannot be told apart even with the terminator.
        """
        if not labels or "" in labels or len(set(labels)) < len(labels):
            raise OptionError(
                f"Labels must be one or more different texts, none empty, got {list(labels)!r}.",
                next_step="Give each label words of its own.",
            )
        rows, clash = self._pass(prefix, queries, labels, None)
        if clash:
            ending: str | int = self._end_of_sequence() if terminator is None else terminator
            rows, clash = self._pass(prefix, queries, labels, ending)
            if clash:
                raise OptionError(
                    f"With the terminator {ending!r} one label still is the beginning of another.",
                    next_step="Give a terminator that no label begins with, such as a line break.",
                )
            return TokenisedRows(rows, self._prefix_tokens(prefix), True)
        return TokenisedRows(rows, self._prefix_tokens(prefix), False)

    def plain_rows(
        self, prefix: str, queries: Sequence[str]
    ) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
        """Tokenise prefix + query whole, for a model that goes on from there.

        Parameters
        ----------
        prefix : str
        queries : sequence of str

        Returns
        -------
        rows : list of int64 array
            Tokens of each row, at least one.
        prefix : int64 array
            Tokens of the prefix alone.
        """
        texts = [prefix + query for query in queries]
        rows = []
        for text, encoding in zip(texts, self._encode(texts) if texts else [], strict=True):
            head = () if self._has_head(text) else self._head
            rows.append(np.array([*head, *encoding.ids] or [self._start()], dtype=np.int64))
        return rows, self._prefix_tokens(prefix)

    def _pass(
        self, prefix: str, queries: Sequence[str], labels: Sequence[str], ending: str | int | None
    ) -> tuple[tuple[RowTokens, ...], bool]:
        """Tokenise all rows with one kind of ending, and say whether any label begins another."""
        texts = [prefix + query for query in queries]
        endings = [label + ending if isinstance(ending, str) else label for label in labels]
        closing = (ending,) if isinstance(ending, int) else ()
        cuts = self._cuts(texts, endings)
        branches: dict[str, _Branches] = {}
        rows = []
        for text, (before, place) in zip(texts, cuts, strict=True):
            tail = text[place:]
            if tail not in branches:
                branches[tail] = self._branches(tail, endings, closing)
            found = branches[tail]
            head = () if self._has_head(text) else self._head
            given = np.fromiter((*head, *before, *found.given), dtype=np.int64)
            if not given.size:
                given = np.array([self._start()], dtype=np.int64)
            rows.append(RowTokens(given, found.labels))
        return tuple(rows), any(has_prefix_clash(each.labels) for each in branches.values())

    def _cuts(self, texts: Sequence[str], endings: Sequence[str]) -> list[tuple[list[int], int]]:
        """Find tokens at each row's beginning that no label changes, and the character where they end.

        Full strings differ at their ends only, so it would be a waste to tokenise each of them whole. A
        tokenizer that first splits into words does not look behind a word's beginning; from two words before the
        label on, the rest is tokenised by itself. That this gives what the whole gives is checked: on every row
        with the first label, and on the first row with all labels. Where it does not, rows are tokenised whole.
        No tokenizer in use looks further ahead than the next word, which is what could slip through.
        """
        whole: list[tuple[list[int], int]] = [([], 0)] * len(texts)
        if len(endings) == 1 or not texts:
            return whole
        found = self._encode([text + endings[0] for text in texts])
        cuts = [_word_cut(each, len(text)) for text, each in zip(texts, found, strict=True)]
        tails = [text[place:] + endings[0] for text, (_, place) in zip(texts, cuts, strict=True)]
        unique = list(dict.fromkeys(tails))
        alone = dict(zip(unique, self._encode(unique), strict=True))
        checked = [
            cut if cut[0] + alone[tail].ids == each.ids else ([], 0)
            for cut, tail, each in zip(cuts, tails, found, strict=True)
        ]
        before, place = checked[0]
        full = self._encode([texts[0] + ending for ending in endings])
        part = self._encode([texts[0][place:] + ending for ending in endings])
        same = all(before + two.ids == one.ids for one, two in zip(full, part, strict=True))
        return checked if same else whole

    def _branches(self, text: str, endings: Sequence[str], closing: TokenIds) -> _Branches:
        """Tokenise one ending of a given text with every label, and find where all are scored from."""
        found = self._encode([text + ending for ending in endings])
        counts = [_given_count(each, len(text)) for each in found]
        given = [tuple(each.ids[:count]) for each, count in zip(found, counts, strict=True)]
        # Smallest and largest differ first where any two differ first.
        start = shared_stem(min(given), max(given))
        return _Branches(given[0][:start], tuple((*each.ids[start:], *closing) for each in found))

    def _encode(self, texts: Sequence[str]) -> list[Any]:
        result = self.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        encodings: list[Any] = result.encodings
        return encodings

    def _prefix_tokens(self, prefix: str) -> npt.NDArray[np.int64]:
        ids = self._encode([prefix])[0].ids if prefix else []
        head = () if self._has_head(prefix) else self._head
        return np.array([*head, *ids], dtype=np.int64)

    def _special_head(self) -> TokenIds:
        """Give the special tokens that this tokenizer puts before every text."""
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self.tokenizer("a", add_special_tokens=True)["input_ids"]
        for at in range(len(full) - len(bare) + 1):
            if full[at : at + len(bare)] == bare:
                return tuple(full[:at])
        return ()

    def _has_head(self, text: str) -> bool:
        """Say whether the text writes its first special token out, as chat templates do."""
        first = self.tokenizer.bos_token
        return bool(first) and text.startswith(first)

    def _start(self) -> int:
        """Give the token that stands for nothing before the label."""
        first = self.tokenizer.bos_token_id
        return int(first) if first is not None else self._end_of_sequence()

    def _end_of_sequence(self) -> int:
        end = self.tokenizer.eos_token_id
        if end is None:
            raise OptionError(
                f"The tokenizer of {self.name} has no token for the end of a text.",
                next_step="Give a terminator, such as a line break.",
            )
        return int(end)


def shared_length(rows: Sequence[RowTokens], prefix: npt.NDArray[np.int64]) -> int:
    """Count the tokens that all rows begin with and that are worth keeping.

    These are the prefix's own tokens as far as all rows begin with them: the same for every call with one
    prefix, so that its cache is found again, and results do not hang on how rows were divided into calls. Where
    all rows share at least 64 tokens more (demonstrations inside the queries), those count too.

    Parameters
    ----------
    rows : sequence of RowTokens
        At least one.
    prefix : int64 array
        Tokens of the prefix alone.

    Returns
    -------
    int
        At least one token of each row's given tokens stays outside: its output scores the labels.
    """
    first = rows[0].given
    common = min(len(row.given) for row in rows) - 1
    for row in rows[1:]:
        common = common_beginning(first[:common], row.given[:common])
    own = common_beginning(prefix[:common], first[:common])
    return common if len(rows) > 1 and common >= own + 64 else own


def common_beginning(one: npt.NDArray[np.int64], two: npt.NDArray[np.int64]) -> int:
    """Count the tokens that two sequences begin with.

    Parameters
    ----------
    one, two : int64 array

    Returns
    -------
    int
    """
    size = min(len(one), len(two))
    different = np.flatnonzero(one[:size] != two[:size])
    return int(different[0]) if different.size else size


def _given_count(encoding: Any, place: int) -> int:
    """Count the tokens that end at or before a character."""
    if place == 0:
        return 0
    return sum(1 for _, end in encoding.offsets if end <= place)


def _word_cut(encoding: Any, place: int) -> tuple[list[int], int]:
    """Cut two words before a character; at the text's beginning where there are fewer."""
    words = encoding.word_ids
    offsets = encoding.offsets
    at = len(words)
    while at > 0 and offsets[at - 1][1] > place:
        at -= 1
    starts_passed = 0
    while at > 0:
        at -= 1
        if at == 0 or words[at] != words[at - 1] or words[at] is None:
            starts_passed += 1
            if starts_passed == 2:
                break
    return (encoding.ids[:at], offsets[at - 1][1]) if at > 0 else ([], 0)
