"""Log-probabilities of labels, with a prefix that is computed once: the primitive of the prompt arm.

Rows and their label tries go through the model packed in one sequence, behind the key-value cache of what all
rows begin with. A 4D mask lets each token see the prefix, its own row and its own branch; positions are explicit;
nothing is padded, and the cache is neither copied per row nor changed. It is tree attention as SpecInfer uses it
to verify drafts (Miao et al. 2024, section 4), here over label words. Models whose layers do not all see
everything before them (sliding windows, recurrent layers) or that do not follow such masks take a plain batched
path, which shares no prefix and gives the same figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bakeoff.errors import OptionError
from bakeoff.models.decoder import Decoder
from bakeoff.models.forward import Layers, PrefixCache, Unit, packed_logs, plain_logs, supports_packing
from bakeoff.models.label_tokens import LabelTokenizer, RowTokens, shared_length
from bakeoff.models.label_trie import LabelTrie, TokenIds, build_trie

__all__ = ["LabelScorer", "LabelScores", "Normalisation"]

Normalisation = Literal["none", "tokens", "characters"]
_LOGIT_BYTES = 1 << 27


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What `LabelScorer.score` found.

    Attributes
    ----------
    log_probabilities : float64 array, shape (rows, labels)
        Log-probability of each label after its row's given tokens, in nats, 0 or less; divided by tokens or
        characters if so asked. NaN for rows that are too long or were not reached.
    mass : float64 array, shape (rows,)
        Total probability of all labels, 0 to 1, never normalised. A low mass means that the prompt does not lead
        to the labels. NaN as above.
    too_long : bool array, shape (rows,)
        Whether the row with its longest label is longer than the model's context.
    reached : bool array, shape (rows,)
        Whether the row was scored before the deadline; too long rows count as reached.
    label_tokens : int64 array, shape (rows, labels)
        Tokens of each label in its row, a terminator included.
    terminated : bool
        Whether every label got the terminator, because one was the beginning of another.
    tokens : int
        Tokens that the model read in this call.
    prefix_tokens : int
        Tokens that all rows share and that were read at most once; 0 on the plain path.
    cached_tokens : int
        Tokens that rows needed and that were taken from the shared cache.
    seconds : float
        Wall-clock time of the call.
    """

    log_probabilities: npt.NDArray[np.float64]
    mass: npt.NDArray[np.float64]
    too_long: npt.NDArray[np.bool_]
    reached: npt.NDArray[np.bool_]
    label_tokens: npt.NDArray[np.int64]
    terminated: bool
    tokens: int
    prefix_tokens: int
    cached_tokens: int
    seconds: float


class LabelScorer:
    """Scores labels after texts with one decoder.

    Parameters
    ----------
    decoder : Decoder
        A loaded model.
    max_batch_tokens : int
        Most tokens that one forward reads, the prefix aside. A row that is longer by itself goes alone, with labels of
        half as many tokens at a time. The mask has this many times (prefix + this many) entries.
    packed : bool, optional
        Whether to pack rows behind a shared prefix. Default: found out, by the model's settings and by comparing
        both paths on a few tokens.

    Raises
    ------
    ModelError
        If the tokenizer gives no offsets.
    OptionError
        If `max_batch_tokens` is less than 1.

    Notes
    -----
    The caches of the last four prefixes are kept between calls. One scorer must not be used by two threads at once.
    """

    def __init__(self, decoder: Decoder, *, max_batch_tokens: int = 256, packed: bool | None = None) -> None:
        if max_batch_tokens < 1:
            raise OptionError(
                f"max_batch_tokens must be 1 or more, got {max_batch_tokens}.",
                next_step="Leave it at its default.",
            )
        self.decoder = decoder
        self.max_batch_tokens = max_batch_tokens
        self.packed = supports_packing(decoder.model) if packed is None else packed
        self._tokenizer = LabelTokenizer(decoder.tokenizer, decoder.name)
        self._prefixes = PrefixCache(decoder.model)
        self._tries: dict[tuple[TokenIds, ...], LabelTrie] = {}
        self._most_scored = max(1, _LOGIT_BYTES // (4 * int(decoder.model.config.get_text_config().vocab_size)))

    def score(
        self,
        prefix: str,
        queries: Sequence[str],
        labels: Sequence[str],
        *,
        terminator: str | None = "\n",
        normalise: Normalisation = "none",
        deadline: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> LabelScores:
        r"""Score every label after every row.

        A label's score is the sum of the log-probabilities of its tokens in prefix + query + label, tokenised whole; a
        token that reaches over the place where the label begins is the label's (`bakeoff.models.label_tokens`).

        Parameters
        ----------
        prefix : str
            What all rows begin with: instruction and demonstrations. May be empty.
        queries : sequence of str
            What follows it in each row, up to the label.
        labels : sequence of str
            Different texts, none empty, with the white space that stands before them.
        terminator : str, optional
            Put behind every label if one is the beginning of another, so that labels exclude each other and their
            probabilities add up to 1 at most. None: the model's end-of-text token.
        normalise : {"none", "tokens", "characters"}
            What each score is divided by: nothing, the label's tokens, or its characters.
        deadline : float, optional
            Value of `time.monotonic` after which no new pack begins.
        progress : callable, optional
            Called with the number of rows done and of all rows, after each pack.

        Returns
        -------
        LabelScores

        Raises
        ------
        OptionError
            If labels are empty, double or not to be told apart, or `normalise` is unknown.
        """
        began = time.perf_counter()
        _check_normalise(normalise)
        found = self._tokenizer.rows(prefix, queries, labels, terminator)
        run = _Run(found.rows, len(labels), self.decoder.context_length)
        shared = self._score_rows(run, found.prefix, deadline, progress)
        return run.result(labels, normalise, found.terminated, shared, time.perf_counter() - began)

    def score_tokens(self, rows: Sequence[RowTokens], prefix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Score every label after every row, both given as tokens.

        Parameters
        ----------
        rows : sequence of RowTokens
            All with the same number of labels.
        prefix : int64 array
            Tokens that rows are expected to begin with.

        Returns
        -------
        float64 array, shape (rows, labels)
            Log-probability of each label, in nats; NaN for rows that are too long.
        """
        run = _Run(rows, len(rows[0].labels), self.decoder.context_length)
        self._score_rows(run, prefix, None, None)
        return run.scores

    def _score_rows(
        self,
        run: _Run,
        prefix: npt.NDArray[np.int64],
        deadline: float | None,
        progress: Callable[[int, int], None] | None,
    ) -> int:
        """Fill the run's array, pack by pack, and give the number of shared tokens."""
        fitting = [row for row in range(len(run.rows)) if not run.too_long[row]]
        if not fitting:
            return 0
        shared = shared_length([run.rows[row] for row in fitting], prefix) if self.packed else 0
        past: Layers = ()
        if shared:
            past, read = self._prefixes.layers(run.rows[fitting[0]].given[:shared])
            run.tokens += read
        open_units = np.zeros(len(run.rows), dtype=np.int64)
        packs = self._packs(run, fitting, shared, open_units)
        for pack in packs:
            if deadline is not None and time.monotonic() >= deadline:
                break
            model = self.decoder.model
            values, read = packed_logs(model, pack, past, shared) if self.packed else plain_logs(model, pack)
            run.tokens += read
            for unit, edges in zip(pack, values, strict=True):
                run.scores[unit.row, unit.first_label : unit.last_label] = unit.trie.label_sums(edges)
                open_units[unit.row] -= 1
                run.reached[unit.row] = open_units[unit.row] == 0
            if progress is not None:
                progress(int(run.reached.sum()), len(run.rows))
        return shared

    def _packs(
        self, run: _Run, fitting: Sequence[int], shared: int, open_units: npt.NDArray[np.int64]
    ) -> list[list[Unit]]:
        """Fill packs with rows in their order; packing pads nothing, so sorting would gain nothing."""
        units: list[Unit] = []
        for row in fitting:
            pieces = self._units(row, run.rows[row], shared, 0, run.scores.shape[1])
            open_units[row] = len(pieces)
            units.extend(pieces)
        if not self.packed:
            # The plain path pads to its longest row: the longest first, and rows of like length together.
            units.sort(key=lambda unit: -unit.size)
        packs: list[list[Unit]] = []
        size = scored = 0
        for unit in units:
            outputs = len(unit.trie.tokens) + 1
            full = size + unit.size > self.max_batch_tokens or scored + outputs > self._most_scored
            if not packs or full:
                packs.append([])
                size = scored = 0
            packs[-1].append(unit)
            size += unit.size
            scored += outputs
        return packs

    def _units(self, row: int, tokens: RowTokens, shared: int, first: int, last: int) -> list[Unit]:
        """Give the row as one piece, or as halves by label where it is too large for a pack."""
        labels = tokens.labels[first:last]
        if labels not in self._tries:
            self._tries[labels] = build_trie(labels)
        trie = self._tries[labels]
        unit = Unit(row, tokens.given[shared:], trie, first, last)
        # Each half reads the text again, so a text that nearly fills a pack by itself may go beyond it by half a pack.
        room = max(self.max_batch_tokens - len(unit.own), self.max_batch_tokens // 2)
        fits = len(trie.tokens) <= room and len(trie.tokens) < self._most_scored
        if fits or last - first == 1 or (not len(trie.tokens)):
            return [unit]
        middle = (first + last) // 2
        return [
            *self._units(row, tokens, shared, first, middle),
            *self._units(row, tokens, shared, middle, last),
        ]


def _check_normalise(normalise: str) -> None:
    if normalise not in ("none", "tokens", "characters"):
        raise OptionError(
            f"normalise must be 'none', 'tokens' or 'characters', got {normalise!r}.",
            next_step="Choose one of the three.",
        )


class _Run:
    """The arrays that one call fills."""

    def __init__(self, rows: Sequence[RowTokens], labels: int, context: int) -> None:
        self.rows = rows
        self.context = context
        self.tokens = 0
        self.scores = np.full((len(rows), labels), np.nan)
        self.too_long = np.array([row.longest > context for row in rows], dtype=bool)
        self.reached = self.too_long.copy()

    def result(
        self, labels: Sequence[str], normalise: Normalisation, terminated: bool, shared: int, seconds: float
    ) -> LabelScores:
        """Sum up, normalise and freeze."""
        self.scores[~self.reached] = np.nan
        counts = np.array([[len(ids) for ids in row.labels] for row in self.rows], dtype=np.int64)
        counts = counts.reshape(len(self.rows), len(labels))
        scores = self.scores
        if normalise == "tokens":
            scores = scores / counts
        elif normalise == "characters":
            scores = scores / np.array([len(label) for label in labels], dtype=np.float64)
        served = int((self.reached & ~self.too_long).sum()) * shared
        return LabelScores(
            log_probabilities=scores,
            mass=np.exp(self.scores).sum(axis=1),
            too_long=self.too_long,
            reached=self.reached,
            label_tokens=counts,
            terminated=terminated,
            tokens=self.tokens,
            prefix_tokens=shared,
            cached_tokens=served,
            seconds=seconds,
        )
