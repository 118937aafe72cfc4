"""Beam search: several continuations of each text are kept, and the best whole one of them is the text.

The rules are those of transformers' ``generate(num_beams=N)`` with its defaults, so that the same tokens come out. Of
all continuations of the beams under way the likeliest are looked at, N for each end token and N more. Those of the
first N that end are kept, with their log-probability over their length to the power of the length penalty; the N
likeliest that do not end go on. A text is done where N have ended and no beam, at its present length, is better than
the worst of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from bakeoff.models.choosing import barred_tokens, forbidden_words
from bakeoff.models.constraint import Matcher
from bakeoff.models.row_under_way import RowUnderWay
from bakeoff.models.streams import Stream
from bakeoff.models.written import Ended, WriteSettings

__all__ = ["BeamSearch", "BranchingStream"]

#: Further continuations that are looked at where some may hold a forbidden word.
_SPARE = 64


class BranchingStream(Stream, Protocol):
    """Rows under way, of which some can go on from what others have read."""

    def branch(self, sources: Mapping[int, int]) -> None:
        """Let rows go on from what others have read; rows that have read nothing yet join.

        Parameters
        ----------
        sources : mapping of int to int
            Number of a row to that of the row under way whose tokens it goes on from.
        """
        ...


@dataclass(slots=True)
class _Beam:
    """One continuation: its tokens, the sum of their log-probabilities, and what may follow."""

    ids: tuple[int, ...]
    log: float
    matcher: Matcher | None


@dataclass(slots=True)
class _Whole:
    """A continuation that has ended."""

    merit: float
    ids: tuple[int, ...]
    text: str
    log: float
    ended: Ended
    written: int


@dataclass(slots=True)
class _Text:
    """One row with its beams; beam b of the row at place p is row p x N + b of the stream."""

    row: RowUnderWay
    live: list[_Beam]
    whole: list[_Whole] = field(default_factory=list)


class BeamSearch:
    """Writes rows by beam search.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    ends : frozenset of int
        Tokens that end a text.
    words : int
        32-bit words of a grammar's mask.
    settings : WriteSettings
        With two beams or more.
    """

    def __init__(self, tokenizer: Any, ends: frozenset[int], words: int, settings: WriteSettings) -> None:
        self._tokenizer, self._ends, self._words, self._settings = tokenizer, ends, words, settings
        self._looked_at = max(2, 1 + len(ends)) * settings.beams
        self._forbidden: re.Pattern[str] | None = forbidden_words(settings.forbidden)

    def write(
        self,
        stream: BranchingStream,
        pack: Sequence[RowUnderWay],
        is_late: Callable[[], bool],
        done: Callable[[], None],
    ) -> None:
        """Take rows to their end.

        Parameters
        ----------
        stream : BranchingStream
            With room for as many rows as there are beams of all rows.
        pack : sequence of RowUnderWay
            Changed: how each ended, its text, and what it took.
        is_late : callable
            Says whether time is up.
        done : callable
            Called after each token.
        """
        beams = self._settings.beams
        texts = {place: _Text(row, [_Beam((), 0.0, row.matcher)]) for place, row in enumerate(pack)}
        reading = [(place * beams, row.own.tolist()) for place, row in enumerate(pack)]
        while reading:
            if is_late():
                for row in pack:
                    row.ended = row.ended or "time"
                return
            logs = stream.read(reading).log_softmax(dim=-1)
            places = [number // beams for number, _ in reading]
            for place, (_, tokens) in zip(places, reading, strict=True):
                texts[place].row.read += len(tokens)
            reading, sources, first = [], {}, 0
            for place in dict.fromkeys(places):
                text, size = texts[place], places.count(place)
                chosen = self._step(text, logs[first : first + size])
                first += size
                for number, (source, beam) in enumerate(chosen, place * beams):
                    sources[number] = place * beams + source
                    reading.append((number, [beam.ids[-1]]))
            stream.branch(sources)
            done()

    def _step(self, text: _Text, logs: torch.Tensor) -> list[tuple[int, _Beam]]:
        """Go on by one token; give the beams that go on, each with the one it comes from: none at a text's end."""
        sums = self._allowed(text.live, logs) + torch.tensor([beam.log for beam in text.live])[:, None]
        wanted = min(self._looked_at + (_SPARE if self._forbidden else 0), sums.numel())
        found = torch.topk(sums.flatten(), wanted)
        vocabulary, going, rank = sums.shape[1], list[tuple[int, _Beam]](), 0
        for log, at in zip(found.values.tolist(), found.indices.tolist(), strict=True):
            source, token = divmod(at, vocabulary)
            if log == -np.inf or rank == self._looked_at:
                break
            beam, whole = self._continued(text, text.live[source], token, log)
            if beam is None and whole is None:
                continue
            if beam is not None and len(going) < self._settings.beams:
                going.append((source, beam))
            if whole is not None and rank < self._settings.beams:
                text.whole.append(whole)
            rank += 1
        text.whole = sorted(text.whole, key=lambda one: -one.merit)[: self._settings.beams]
        if self._is_done(text, going):
            self._end(text)
            return []
        text.live = [beam for _, beam in going]
        return going

    def _allowed(self, live: Sequence[_Beam], logs: torch.Tensor) -> torch.Tensor:
        """Take out what a grammar, or what was said before, does not let come."""
        logs = logs.clone()
        for each, beam in zip(logs, live, strict=True):
            each[barred_tokens(beam.ids, self._settings.no_repeat_ngram)] = -torch.inf
            if beam.matcher is not None:
                words = np.zeros(self._words, dtype=np.int32)
                beam.matcher.fill(words)
                bits = np.unpackbits(words.view(np.uint8), bitorder="little")[: len(each)]
                each[torch.from_numpy(bits == 0).to(each.device)] = -torch.inf
        return logs.cpu()

    def _continued(self, text: _Text, beam: _Beam, token: int, log: float) -> tuple[_Beam | None, _Whole | None]:
        """Give a beam with a further token as one that goes on, or as one that has ended; neither if it may not be."""
        count = len(beam.ids) + 1
        merit = log / count**self._settings.length_penalty
        if token in self._ends:
            said = self._said(beam.ids)
            return None, _Whole(merit, beam.ids, said, log, "whole", count)
        ids = (*beam.ids, token)
        said = self._said(ids)
        if self._forbidden is not None and self._forbidden.search(said):
            return None, None
        matcher = None if beam.matcher is None else beam.matcher.followed(token)
        at = min((place for word in self._settings.stop if (place := said.find(word)) >= 0), default=-1)
        if at >= 0 or (matcher is not None and matcher.ended):
            return None, _Whole(merit, ids, said[:at] if at >= 0 else said, log, "whole", count)
        if count == text.row.room:
            return None, _Whole(merit, ids, said, log, "length", count)
        return _Beam(ids, log, matcher), None

    def _is_done(self, text: _Text, going: Sequence[tuple[int, _Beam]]) -> bool:
        if not going:
            return True
        best = going[0][1]
        full = len(text.whole) == self._settings.beams
        return full and best.log / len(best.ids) ** self._settings.length_penalty <= text.whole[-1].merit

    def _end(self, text: _Text) -> None:
        """Take the best of those that have ended."""
        row = text.row
        if not text.whole:
            row.ended = "grammar"
            return
        best = text.whole[0]
        row.ids, row.text, row.ended, row.written = list(best.ids), best.text, best.ended, best.written
        if self._settings.scored:
            row.log_probability = best.log

    def _said(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
