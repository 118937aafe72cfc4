"""Text that a decoder writes behind prompts: batched, with a prefix that is read once, and held to a grammar.

Rows of one call share the tokens that all begin with, go through the model together, and leave as they end. Tokens that
a grammar forces are read along with the one before them and never asked for, and what would come after the last token
of an answer is never read; so an answer that is one of several labels mostly takes one forward of its row.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.errors import ModelError, OptionError
from bakeoff.models.beams import BeamSearch
from bakeoff.models.choosing import barred_tokens, choose_token, forbidden_words
from bakeoff.models.constraint import Matchers
from bakeoff.models.decoder import Decoder
from bakeoff.models.forward import Layers, PrefixCache, supports_packing
from bakeoff.models.label_tokens import LabelTokenizer, common_beginning
from bakeoff.models.row_stream import RowStream, supports_rows
from bakeoff.models.row_under_way import RowUnderWay
from bakeoff.models.streams import PackedStream, PlainStream, Stream
from bakeoff.models.written import Ended, Generated, WriteSettings, Written

__all__ = ["Ended", "Generated", "Generator", "WriteSettings", "Written"]

_Ints = npt.NDArray[np.int64]
_LOGIT_BYTES = 1 << 26
#: Tokens of a pack: rows side by side cost their tokens alone, in one sequence the square of them.
_SIDE_BY_SIDE, _IN_ONE = 8192, 2048


class Generator:
    """Writes texts with one decoder.

    Parameters
    ----------
    decoder : Decoder
    max_pack_tokens : int, optional
        Most tokens that rows under way together hold, those still to be written included and the prefix aside; fewer
        rows go together the longer they are. A row that is longer by itself goes alone. Default: 8192 where rows go
        side by side, 2048 where they are one sequence.

    Raises
    ------
    ModelError
        If the tokenizer gives no offsets.
    OptionError
        If `max_pack_tokens` is less than 1.

    Notes
    -----
    One generator must not be used by two threads at once.
    """

    def __init__(self, decoder: Decoder, *, max_pack_tokens: int | None = None) -> None:
        if max_pack_tokens is not None and max_pack_tokens < 1:
            raise OptionError(
                f"max_pack_tokens must be 1 or more, got {max_pack_tokens}.", next_step="Leave it at its default."
            )
        self.decoder = decoder
        self.packed = supports_packing(decoder.model)
        self.in_rows = self.packed and supports_rows(decoder.model)
        self.max_pack_tokens = max_pack_tokens or (_SIDE_BY_SIDE if self.in_rows else _IN_ONE)
        self._tokenizer = LabelTokenizer(decoder.tokenizer, decoder.name)
        self._prefixes = PrefixCache(decoder.model)
        self._vocabulary = int(decoder.model.config.get_text_config().vocab_size)
        self._most_rows = max(1, _LOGIT_BYTES // (4 * self._vocabulary))
        self._ends = _end_tokens(decoder)
        self._matchers: Matchers | None = None

    def generate(
        self,
        prefix: str,
        queries: Sequence[str],
        settings: WriteSettings,
        *,
        deadline: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Generated:
        """Write what follows each query.

        Parameters
        ----------
        prefix : str
            What all rows begin with. May be empty.
        queries : sequence of str
            What follows it in each row.
        settings : WriteSettings
        deadline : float, optional
            Value of `time.monotonic` after which nothing more is written.
        progress : callable, optional
            Called with the number of rows done and of all rows.

        Returns
        -------
        Generated

        Raises
        ------
        MissingExtraError
            If there is a constraint, and the `control` extra is not installed.
        OptionError
            If the constraint cannot be used.
        """
        began = time.perf_counter()
        given, head = self._tokenizer.plain_rows(prefix, queries)
        shared = self._shared(given, head) if settings.beams == 1 or self.in_rows else 0
        rows = [self._row(number, ids, shared, settings) for number, ids in enumerate(given)]
        run = _Run(len(rows), progress)
        past: Layers = ()
        todo = [row for row in rows if row.ended is None]
        if shared and todo:
            past, run.tokens = self._prefixes.layers(given[0][:shared])
        for pack in self._packs(todo, settings.beams):
            if settings.beams > 1:
                self._write_beams(pack, past, shared, settings, deadline, run)
            else:
                self._write(pack, past, shared, settings, deadline, run)
        return run.result(rows, shared, time.perf_counter() - began)

    def _shared(self, given: Sequence[_Ints], head: _Ints) -> int:
        """Count the tokens of the prefix that all rows begin with; each row keeps one token of its own."""
        if not self.packed or not given:
            return 0
        return min(common_beginning(head, ids[:-1]) for ids in given)

    def _row(self, number: int, ids: _Ints, shared: int, settings: WriteSettings) -> RowUnderWay:
        room = min(settings.most_tokens, self.decoder.context_length - len(ids))
        chance = None
        if settings.temperature > 0:
            digest = hashlib.sha256(ids.tobytes()).digest()
            chance = np.random.default_rng([settings.seed, int.from_bytes(digest[:8], "little")])
        matcher = None
        if settings.constraint is not None and room > 0:
            if self._matchers is None:
                self._matchers = Matchers(self.decoder.tokenizer, self._vocabulary, sorted(self._ends))
            matcher = self._matchers.start(settings.constraint)
        ended: Ended | None = None if room > 0 else "too-long"
        row = RowUnderWay(number, ids[shared:], room, matcher, chance, ended=ended)
        row.log_probability = 0.0 if settings.scored else float("nan")
        return row

    def _packs(self, rows: Sequence[RowUnderWay], beams: int = 1) -> list[list[RowUnderWay]]:
        """Divide rows among packs, those of one length together: side by side, each takes the room of the longest."""
        tokens, most_rows = self.max_pack_tokens / beams, max(1, self._most_rows // beams)
        packs: list[list[RowUnderWay]] = []
        size = 0
        for row in sorted(rows, key=lambda row: len(row.own) + row.room) if self.in_rows else rows:
            most = len(row.own) + row.room
            held = len(packs[-1]) * most if packs and self.in_rows else size
            if not packs or held + most > tokens or len(packs[-1]) == most_rows:
                packs.append([])
                size = 0
            packs[-1].append(row)
            size += most
        return packs

    def _write(
        self,
        pack: Sequence[RowUnderWay],
        past: Layers,
        shared: int,
        settings: WriteSettings,
        deadline: float | None,
        run: _Run,
    ) -> None:
        """Take one pack to its end."""
        model = self.decoder.model
        rooms = [len(row.own) + row.room for row in pack]
        stream: Stream
        if self.in_rows:
            stream = RowStream(model, past, shared, len(pack), max(rooms))
        elif self.packed:
            stream = PackedStream(model, past, shared, len(pack), sum(rooms))
        else:
            stream = PlainStream(model, len(pack))
        reading: list[tuple[int, Sequence[int]]] = [(at, row.own.tolist()) for at, row in enumerate(pack)]
        held = 0
        while reading:
            if deadline is not None and time.monotonic() >= deadline:
                for row in pack:
                    row.ended = row.ended or "time"
                break
            logits = stream.read(reading)
            for at, tokens in reading:
                pack[at].read += len(tokens)
                held += len(tokens)
            chosen = self._choose(logits, [pack[at] for at, _ in reading], settings)
            reading = [
                (at, further)
                for (at, _), token in zip(reading, chosen, strict=True)
                if (further := self._go_on(pack[at], token, settings))
            ]
            run.done(sum(row.ended is not None for row in pack), last=not reading)
        run.tokens += held
        run.largest_pack = max(run.largest_pack, held)

    def _write_beams(
        self,
        pack: Sequence[RowUnderWay],
        past: Layers,
        shared: int,
        settings: WriteSettings,
        deadline: float | None,
        run: _Run,
    ) -> None:
        """Take one pack to its end by beam search: side by side where the model allows it, else row by row."""
        model, count = self.decoder.model, len(pack) * settings.beams
        room = max(len(row.own) + row.room for row in pack)
        stream = RowStream(model, past, shared, count, room) if self.in_rows else PlainStream(model, count)
        words = self._matchers.words if self._matchers is not None else 0
        search = BeamSearch(self.decoder.tokenizer, self._ends, words, settings)

        def is_late() -> bool:
            return deadline is not None and time.monotonic() >= deadline

        search.write(stream, pack, is_late, lambda: run.done(sum(row.ended is not None for row in pack), last=False))
        run.done(len(pack), last=True)
        held = sum(row.read for row in pack)
        run.tokens += held
        run.largest_pack = max(run.largest_pack, held)

    def _choose(self, logits: torch.Tensor, rows: Sequence[RowUnderWay], settings: WriteSettings) -> list[int]:
        """Choose each row's next token among those that its grammar, and what it has said, allow."""
        told = logits
        if self._matchers is not None and any(row.matcher for row in rows):
            words = np.full((len(rows), self._matchers.words), -1, dtype=np.int32)
            for at, row in enumerate(rows):
                if row.matcher is not None:
                    row.matcher.fill(words[at])
            bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, : logits.shape[1]]
            logits = logits.masked_fill(torch.from_numpy(bits == 0).to(logits.device), -torch.inf)
        if settings.no_repeat_ngram or settings.forbidden:
            logits = logits.clone()
            for each, row in zip(logits, rows, strict=True):
                each[barred_tokens(row.ids, settings.no_repeat_ngram)] = -torch.inf
        if settings.temperature == 0 and not settings.forbidden:
            chosen = [int(token) for token in logits.argmax(dim=-1)]
        else:
            words_of = forbidden_words(settings.forbidden)
            chosen = [
                choose_token(each, settings.temperature, settings.top_p, row.chance, self._holds(row, words_of))
                for each, row in zip(logits, rows, strict=True)
            ]
        if settings.scored:
            logs = told.gather(1, torch.tensor(chosen, device=told.device)[:, None])[:, 0] - told.logsumexp(dim=-1)
            for row, log in zip(rows, logs.tolist(), strict=True):
                row.log_probability += log
        return chosen

    def _holds(self, row: RowUnderWay, words: re.Pattern[str] | None) -> Callable[[int], bool] | None:
        """Give what says whether a row would hold a forbidden word with a further token; None where there is none."""
        if words is None:
            return None
        decode = self.decoder.tokenizer.decode
        return lambda token: words.search(str(decode([*row.ids, token], skip_special_tokens=True))) is not None

    def _go_on(self, row: RowUnderWay, token: int, settings: WriteSettings) -> list[int]:
        """Take a token into a row's text, and give what the model has to read next: nothing where the text ends."""
        row.written += 1
        if token in self._ends:
            row.ended = "whole"
            return []
        further = [token]
        if row.matcher is not None:
            try:
                further = row.matcher.take(token)
            except ModelError:
                row.ended = "grammar"
                return []
        end = next((at for at, each in enumerate(further) if each in self._ends), len(further))
        fitting = further[: min(end, row.room - len(row.ids))]
        row.ids += fitting
        row.written += len(fitting) - 1
        row.text = str(self.decoder.tokenizer.decode(row.ids, skip_special_tokens=True))
        at = min((place for word in settings.stop if (place := row.text.find(word)) >= 0), default=-1)
        if at >= 0:
            row.text = row.text[:at]
        closed = row.matcher is not None and row.matcher.ended and len(fitting) == len(further)
        if at >= 0 or end < len(further) or closed:
            row.ended = "whole"
        elif len(row.ids) >= row.room:
            row.ended = "length"
        return [] if row.ended else fitting


class _Run:
    """What one call counts."""

    def __init__(self, rows: int, progress: Callable[[int, int], None] | None) -> None:
        self.tokens = 0
        self.largest_pack = 0
        self._rows, self._progress = rows, progress
        self._before = 0

    def done(self, rows: int, *, last: bool) -> None:
        """Tell of progress; `rows` of the pack under way have ended."""
        if self._progress is not None:
            self._progress(self._before + rows, self._rows)
        if last:
            self._before += rows

    def result(self, rows: Sequence[RowUnderWay], shared: int, seconds: float) -> Generated:
        """Freeze the rows, each with its share of the time."""
        total = max(sum(row.read for row in rows), 1)
        written = tuple(
            Written(
                row.text,
                row.ended or "time",
                len(row.own),
                row.written,
                seconds * row.read / total,
                row.log_probability,
            )
            for row in rows
        )
        cached = sum(shared for row in rows if row.read)
        return Generated(written, self.tokens, shared, cached, self.largest_pack, seconds)


def _end_tokens(decoder: Decoder) -> frozenset[int]:
    """Give the tokens that end a text: the tokenizer's, and those that the model's settings name."""
    named: Any = getattr(getattr(decoder.model, "generation_config", None), "eos_token_id", None)
    several = named if isinstance(named, list | tuple) else [named]
    return frozenset(int(each) for each in (decoder.tokenizer.eos_token_id, *several) if each is not None)
