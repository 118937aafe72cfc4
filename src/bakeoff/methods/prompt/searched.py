"""Classification by the best prompts of a search over wordings, words for the labels, and demonstrations.

The labelled rows are divided: one half is shown in prompts and gives words for the labels, the other half compares the
prompts. The best few are then read together, as `bakeoff.methods.prompt.several` reads a fixed few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import nested_order
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.phrasings import ENSEMBLE, WORDINGS, wording_of
from bakeoff.methods.prompt.rendering import fitting_design, rendered
from bakeoff.methods.prompt.score_store import RowScore
from bakeoff.methods.prompt.search import Candidate, Found, candidates_of, fit_score, halve
from bakeoff.methods.prompt.several import SeveralPrompts
from bakeoff.methods.prompt.template import CONTENT_FREE, Demonstration, PromptDesign, design_for
from bakeoff.methods.prompt.verbalizers import VERBALIZERS, characteristic_words, with_verbalizer
from bakeoff.tasks import label_codes

__all__ = ["SearchedPrompts"]

#: Labelled rows from which there is a search.
LEAST_TO_SEARCH = 16
#: Labelled rows of each half at most: beyond them a search gains little, and each costs its prompts.
MOST_HALF = 64
SHOTS, DRAWS = (0, 4, 8), 2

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class SearchedPrompts(SeveralPrompts):
    """The best prompts of a search, read together.

    Parameters
    ----------
    task, model, seed, reading, words
        As of `SeveralPrompts`; the seed also draws what is searched and divides the rows.
    candidates : int
        Prompts that the search starts from, 1 or more.
    kept : int
        Prompts that are read together, 1 or more.

    Attributes
    ----------
    rounds_ : tuple of tuple of Found
        What the search found, round by round.
    """

    #: As of `SeveralPrompts`; these prompts are found.
    wordings: Sequence[str] = ENSEMBLE
    shots: int = 0
    demonstration_sets: int = 1
    #: Numbers of demonstrations that are tried.
    searched_shots: tuple[int, ...] = SHOTS

    def __init__(
        self,
        task: Any,
        model: str,
        seed: int = 0,
        reading: str = "affine",
        words: int = 100,
        candidates: int = 16,
        kept: int = 2,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.reading = reading
        self.words = words
        self.candidates = candidates
        self.kept = kept

    def _check_settings(self) -> None:
        super()._check_settings()
        for name in ("candidates", "kept"):
            if getattr(self, name) < 1:
                raise OptionError(
                    f"{name} must be 1 or more; {getattr(self, name)} came.", next_step="Give a larger number."
                )

    def _designs(self, texts: list[str], labels: list[str]) -> list[PromptDesign]:
        """Search, and give the best designs; those of the ensemble where there are too few rows to search with."""
        if len(texts) < LEAST_TO_SEARCH:
            self.rounds_: tuple[tuple[Found[Candidate], ...], ...] = ()
            self.details_ |= {"search": [], "found_words": []}
            return super()._designs(texts, labels)
        shown, asked = _halves(labels, self.seed)
        self._read_rows |= {*shown.tolist(), *asked.tolist()}
        search = _Search(self, texts, labels, shown)
        first = [Candidate(name, "given", 0, 0) for name in ENSEMBLE]
        space = candidates_of(
            first, tuple(WORDINGS), search.verbalizers(), self.searched_shots, DRAWS, self.candidates, self.seed
        )
        designs = {candidate: design for candidate in space if (design := search.design(candidate)) is not None}
        codes = label_codes([labels[place] for place in asked], self.task.labels)
        counts = np.bincount(codes, minlength=len(self.task.labels)).astype(np.float64)
        said: dict[Candidate, list[Floats]] = {}

        def ask(candidate: Candidate, before: int, wanted: int) -> float | None:
            rows = [texts[place] for place in asked[before:wanted]]
            found = search.said(designs[candidate], [*(() if before else CONTENT_FREE), *rows])
            if found is None:
                return None
            said.setdefault(candidate, []).append(found)
            whole = np.concatenate(said[candidate])
            empty, answered = whole[: len(CONTENT_FREE)], whole[len(CONTENT_FREE) :]
            return fit_score(answered, codes[:wanted], empty, counts)

        self.rounds_ = halve(tuple(designs), self.kept, len(asked), ask)
        best = [one.candidate for one in self.rounds_[-1][: self.kept]]
        self._note(search)
        return [designs[candidate] for candidate in best]

    def _note(self, search: _Search) -> None:
        self.details_["search"] = [
            [
                {
                    "wording": one.candidate.wording,
                    "verbalizer": one.candidate.verbalizer,
                    "shots": one.candidate.shots,
                    "draw": one.candidate.draw,
                    "rows": one.rows,
                    "score": one.score if np.isfinite(one.score) else None,
                }
                for one in found
            ]
            for found in self.rounds_
        ]
        self.details_["found_words"] = [list(words) for words in search.found_words()]
        self.history_.append(
            {
                "step": "search prompts",
                "rounds": [{"candidates": len(found), "rows": found[0].rows} for found in self.rounds_],
            }
        )


class _Search:
    """What a search asks the model, and the designs it makes of candidates."""

    def __init__(self, method: SearchedPrompts, texts: list[str], labels: list[str], shown: Codes) -> None:
        self._method, self._texts, self._labels, self._shown = method, texts, labels, shown
        self._found: tuple[tuple[str, ...], ...] | None = None

    def design(self, candidate: Candidate) -> PromptDesign | None:
        """Give a candidate's design; None where the model's context has no room for any of its demonstrations."""
        texts, labels = [self._texts[at] for at in self._shown], [self._labels[at] for at in self._shown]
        rows = choose_demonstrations(texts, labels, candidate.shots, self._method.seed + 1000 * candidate.draw)
        shown = [Demonstration(int(self._shown[row]), texts[row], labels[row]) for row in rows]
        found = self.found_words() if candidate.verbalizer == "found" else ()
        design = with_verbalizer(design_for(self._method.task, shown), candidate.verbalizer, found)
        if design is None:
            return None
        fitting = fitting_design(wording_of(design, candidate.wording), self._method._scorer().decoder, self._texts)
        return fitting if fitting.demonstrations or not candidate.shots else None

    def verbalizers(self) -> tuple[str, ...]:
        """Give the names of those that would give the labels words of their own."""
        plain = design_for(self._method.task)
        return tuple(name for name in VERBALIZERS if with_verbalizer(plain, name, self.found_words()) is not None)

    def found_words(self) -> tuple[tuple[str, ...], ...]:
        """Give words that the model says after texts of each label, out of the half of the rows that may be shown."""
        if self._found is None:
            method = self._method
            design = wording_of(design_for(method.task), "this is")
            asked = method._asked(design)
            size = len(method.task.labels)
            texts = [self._texts[at] for at in self._shown]
            found = method._scored(asked.prompt, texts)
            said = _array(found.rows, size + len(asked.words))[:, size:]
            codes = label_codes([self._labels[at] for at in self._shown], method.task.labels)
            usable = np.isfinite(said).all(axis=1)
            self._found = characteristic_words(said[usable], codes[usable], asked.words, size)
        return self._found

    def said(self, design: PromptDesign, texts: Sequence[str]) -> Floats | None:
        """Give the labels' scores behind texts, shape (texts, labels); None where time is up."""
        method = self._method
        found = method._scored(rendered(design, method._scorer().decoder), texts)
        if any(row is None for row in found.rows):
            return None
        return _array(found.rows, len(method.task.labels))


def _array(rows: Sequence[RowScore | None], width: int) -> Floats:
    return np.array([np.full(width, np.nan) if row is None else row.scores for row in rows]).reshape(len(rows), width)


def _halves(labels: Sequence[str], seed: int) -> tuple[Codes, Codes]:
    """Divide rows in two, label by label; in both halves every beginning has the labels' shares as nearly as it can."""
    halves: tuple[list[int], list[int]] = ([], [])
    # Labels begin on different sides, so that odd rows do not all go to one.
    side: dict[str, int] = {}
    for place in nested_order(labels, seed).tolist():
        turn = side.setdefault(labels[place], len(side) % 2)
        halves[turn].append(place)
        side[labels[place]] = 1 - turn
    shown, asked = (np.array(half[:MOST_HALF], dtype=np.int64) for half in halves)
    return shown, asked
