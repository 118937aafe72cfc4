"""What a decoder would say behind each word of a text that it has read before: one tree a row, read in one pass.

A row is its words, something between, and its words again. Behind each word of the second reading stands a branch, such
as an opening bracket, and behind that the tokens that are scored. So every word has been read with what follows it, and
a word that occurs twice is told apart by its place. The words are a chain that the branches hang on, and go through the
model as label tries do (`bakeoff.models.scoring`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.models.decoder import Decoder
from bakeoff.models.forward import Layers, PrefixCache, Unit, packed_logs, plain_logs, supports_packing
from bakeoff.models.label_tokens import LabelTokenizer
from bakeoff.models.label_trie import LabelTrie

__all__ = ["MarkScorer", "WordScores"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WordScores:
    """What `MarkScorer.score` found for one row.

    Parameters
    ----------
    logs : ndarray of float64, shape (words, 1 + candidates)
        Log-probability of the branch's first token behind each word, and of each candidate behind the branch; no words
        for a row that is too long.
    too_long : bool
        Whether the row with the prefix is longer than the model's context.
    tokens : int
        Tokens that the model read for it.
    seconds : float
        Its share of the call.
    """

    logs: _Floats
    too_long: bool
    tokens: int
    seconds: float


class MarkScorer:
    """Scores tokens behind each word of texts with one decoder.

    Parameters
    ----------
    decoder : Decoder
    max_batch_tokens : int
        Most tokens that one forward reads, the prefix aside; a row that is longer by itself goes alone.

    Notes
    -----
    One scorer must not be used by two threads at once.
    """

    def __init__(self, decoder: Decoder, *, max_batch_tokens: int = 256) -> None:
        self.decoder = decoder
        self.max_batch_tokens = max_batch_tokens
        self.packed = supports_packing(decoder.model)
        self._tokenizer = LabelTokenizer(decoder.tokenizer, decoder.name)
        self._prefixes = PrefixCache(decoder.model)

    def score(
        self,
        prefix: str,
        rows: Sequence[Sequence[str]],
        between: str,
        branch: str,
        candidates: Sequence[int],
        *,
        deadline: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[WordScores | None]:
        """Score every candidate behind every word.

        Parameters
        ----------
        prefix : str
            What all rows begin with, without white space at its end. Not empty.
        rows : sequence of sequence of str
            Words of each row, none empty; they are read with a space before each, and tokenised one by one.
        between : str
            What stands between both readings.
        branch : str
            What stands behind a word of the second reading, before the candidates; not empty.
        candidates : sequence of int
            Tokens to score.
        deadline : float, optional
            Value of `time.monotonic` after which no new pack begins.
        progress : callable, optional
            Called with the number of rows done and of all rows, after each pack.

        Returns
        -------
        list of WordScores or None
            In the order of the rows; None for a row that was not reached.
        """
        head = self._tokenizer.plain_rows(prefix, [""])[0][0]
        units = self._units(head, rows, self._ids(between), self._ids(branch), candidates)
        nothing = WordScores(np.zeros((0, 1 + len(candidates))), True, 0, 0.0)
        found: list[WordScores | None] = [nothing] * len(rows)
        for unit in units:
            found[unit.row] = None
        for pack in self._packs(units):
            if deadline is not None and time.monotonic() >= deadline:
                break
            self._read(pack, head, found)
            if progress is not None:
                progress(sum(one is not None for one in found), len(rows))
        return found

    def _units(
        self,
        head: _Ints,
        rows: Sequence[Sequence[str]],
        middle: Sequence[int],
        branch: Sequence[int],
        candidates: Sequence[int],
    ) -> list[Unit]:
        """Lay out the rows that the model's context holds."""
        known = {word: self._ids(f" {word}") for word in {word for words in rows for word in words}}
        units = []
        for number, words in enumerate(rows):
            told = [known[word] for word in words]
            first = [token for ids in told for token in ids]
            if len(head) + 2 * len(first) + len(middle) + len(branch) <= self.decoder.context_length:
                own = np.array([*([] if self.packed else head), *first, *middle], dtype=np.int64)
                units.append(Unit(number, own, _copy_trie(told, branch, candidates), 0, 1))
        return units

    def _read(self, pack: Sequence[Unit], head: _Ints, found: list[WordScores | None]) -> None:
        """Take one pack through the model."""
        began = time.perf_counter()
        past: Layers = ()
        if self.packed:
            past, _ = self._prefixes.layers(head)
            logs, read = packed_logs(self.decoder.model, pack, past, len(head))
        else:
            logs, read = plain_logs(self.decoder.model, pack)
        share = (time.perf_counter() - began) / max(sum(unit.size for unit in pack), 1)
        tokens = read / max(sum(unit.size for unit in pack), 1)
        for unit, edges in zip(pack, logs, strict=True):
            scores = edges.reshape(len(unit.trie.paths), -1)
            found[unit.row] = WordScores(scores, False, round(unit.size * tokens), unit.size * share)

    def _packs(self, units: Sequence[Unit]) -> list[list[Unit]]:
        packs: list[list[Unit]] = []
        size = 0
        for unit in units:
            if not packs or size + unit.size > self.max_batch_tokens:
                packs.append([])
                size = 0
            packs[-1].append(unit)
            size += unit.size
        return packs

    def _ids(self, text: str) -> list[int]:
        return [int(token) for token in self.decoder.tokenizer(text, add_special_tokens=False)["input_ids"]]


def _copy_trie(words: Sequence[Sequence[int]], branch: Sequence[int], candidates: Sequence[int]) -> LabelTrie:
    """Lay the second reading out: a chain of all words' tokens, with a branch behind each word's last.

    A word's branch stands before the next word, so that it is left where that begins; the chain is never left.
    """
    tokens: list[int] = []
    depths: list[int] = []
    exits: list[int] = []
    parents: list[tuple[int, int]] = []
    size = sum(len(ids) + len(branch) for ids in words)
    depth = 0
    for ids in words:
        for token in ids:
            depth += 1
            tokens.append(token)
            depths.append(depth)
            exits.append(size)
        end = len(tokens) + len(branch)
        parents.append((len(tokens), end))
        for further, token in enumerate(branch, start=1):
            tokens.append(token)
            depths.append(depth + further)
            exits.append(end)
    scored = np.array([branch[0], *candidates], dtype=np.int64)
    # The branch's first token is scored behind the word, and the candidates behind the branch.
    edges = np.array(parents, dtype=np.int64).repeat((1, len(candidates)), axis=1).ravel()
    # A path a word: its first edge.
    paths = range(0, len(edges), len(scored))
    arrays = (tokens, depths, exits, edges, np.tile(scored, len(words)), paths, range(len(words)))
    return LabelTrie(*(np.asarray(values, dtype=np.int64) for values in arrays))
