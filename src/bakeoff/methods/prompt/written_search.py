"""Generation by the best prompt of a search over wordings, forms and demonstrations, inside the labelled rows.

One half of the rows is shown in prompts, the other half compares them on the task's metric by sequential halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import cast

import numpy as np

from bakeoff.data import nested_order
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.search import Found, halve
from bakeoff.methods.prompt.template import Demonstration, Form, PromptDesign
from bakeoff.methods.prompt.writing_control import WritingControl, read_text
from bakeoff.methods.prompt.written import WrittenPrompt
from bakeoff.methods.prompt.written_design import (
    WRITTEN_WORDINGS,
    fitting_written,
    form_for,
    told_length,
    whole_control,
    written_design,
)
from bakeoff.tasks import Task, scoring_of

__all__ = ["SearchedWriting", "WrittenCandidate"]

#: Labelled rows from which there is a search, and rows that compare prompts at most: each costs a text of each prompt.
_LEAST_TO_SEARCH, _MOST_ASKED = 16, 32
_SHOTS = (0, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class WrittenCandidate:
    """One point of the search space.

    Parameters
    ----------
    wording : str
        One of `bakeoff.methods.prompt.written_design.WRITTEN_WORDINGS`.
    form : {"plain", "chat"}
    shots : int
    tells_length : bool
        Whether the instruction says how long the texts are.
    """

    wording: str
    form: Form
    shots: int
    tells_length: bool


#: Those that are always compared: what the methods without a search ask.
_FIRST = (
    WrittenCandidate("instruction first", "plain", 8, tells_length=False),
    WrittenCandidate("instruction first", "chat", 8, tells_length=False),
    WrittenCandidate("instruction each time", "chat", 0, tells_length=True),
)


class SearchedWriting(WrittenPrompt):
    """The prompt that writes best, of some that are tried on held-out labelled rows.

    Parameters
    ----------
    task, model, seed, prompt_tokens, most_tokens, no_repeat_ngram
        As of `WrittenPrompt`; the seed also draws what is searched and divides the rows.
    searched : int
        Prompts that the search starts from, 1 or more.

    Attributes
    ----------
    rounds_ : tuple of tuple of Found
        What the search found, round by round.
    """

    #: As of `WrittenPrompt`; what is not searched stays at its default.
    shots: int = 8
    demonstrations: str = "drawn"
    form: str = "chat"
    wording: str = "instruction first"
    tell_length: bool = False
    stop: Sequence[str] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    required: Sequence[str] = ()
    forbidden: Sequence[str] = ()
    pattern: str | None = None
    schema: str | None = None
    field: str | None = None
    candidates: int = 1
    choose_by: str = "risk"
    retries: int = 0
    beams: int = 1
    length_penalty: float = 1.0
    prompt_file: str | None = None

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        searched: int = 8,
        prompt_tokens: int = 1536,
        most_tokens: int | None = None,
        no_repeat_ngram: int = 0,
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.searched = searched
        self.prompt_tokens = prompt_tokens
        self.most_tokens = most_tokens
        self.no_repeat_ngram = no_repeat_ngram

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.searched < 1:
            raise OptionError(f"searched must be 1 or more; {self.searched} came.", next_step="Give a larger number.")

    def _designed(
        self, texts: list[str], targets: list[str]
    ) -> tuple[PromptDesign, WritingControl, tuple[Demonstration, ...]]:
        """Search, and give the best design; that of the few-shot prompt where there are too few rows to search with."""
        self.rounds_: tuple[tuple[Found[WrittenCandidate], ...], ...] = ()
        self.details_["search"] = []
        if len(texts) < _LEAST_TO_SEARCH:
            return super()._designed(texts, targets)
        order = nested_order([""] * len(texts), self.seed)
        half = len(texts) // 2
        shown, asked = [int(at) for at in order[:half]], [int(at) for at in order[half : half + _MOST_ASKED]]
        designs = {one: self._design_of(one, texts, targets, shown) for one in self._space()}
        said: dict[WrittenCandidate, list[str | None]] = {}
        scoring = scoring_of(self.task)

        def ask(candidate: WrittenCandidate, before: int, wanted: int) -> float | None:
            found = self._said(*designs[candidate], [texts[at] for at in asked[before:wanted]])
            if found is None:
                return None
            said[candidate] = [*said.get(candidate, ()), *found]
            return scoring.score_values([targets[at] for at in asked[:wanted]], said[candidate])

        self.rounds_ = halve(tuple(designs), 1, len(asked), ask)
        self._note()
        design, control = designs[self.rounds_[-1][0].candidate]
        return design, control, ()

    def _space(self) -> list[WrittenCandidate]:
        """Give the prompts to compare: those that are always among them, and others drawn from the whole space."""
        every = [
            WrittenCandidate(wording, cast("Form", form), shots, tells_length=told)
            for wording, form, shots, told in product(WRITTEN_WORDINGS, ("plain", "chat"), _SHOTS, (False, True))
            # Without rows and without an instruction nothing says what to write.
            if shots or wording != "rows alone"
        ]
        drawn = [every[place] for place in np.random.default_rng([self.seed, len(every)]).permutation(len(every))]
        asked = [*_FIRST, *(one for one in drawn if one not in _FIRST)]
        decoder = self._generator().decoder
        return [one for one in asked if form_for(one.form, decoder) == one.form][: self.searched]

    def _design_of(
        self, candidate: WrittenCandidate, texts: list[str], targets: list[str], shown: list[int]
    ) -> tuple[PromptDesign, WritingControl]:
        """Give a candidate's design, its demonstrations out of the rows that may be shown, and its control."""
        rows = choose_demonstrations([texts[at] for at in shown], [""] * len(shown), candidate.shots, self.seed)
        told = [Demonstration(shown[row], texts[shown[row]], targets[shown[row]]) for row in rows]
        length = told_length(targets) if candidate.tells_length else ""
        design = written_design(self.task, told, form=candidate.form, wording=candidate.wording, length=length)
        decoder = self._generator().decoder
        control = whole_control(self._given_control(), design, decoder, targets)
        return fitting_written(design, decoder, texts, self.prompt_tokens, control.most_tokens or 0), control

    def _said(self, design: PromptDesign, control: WritingControl, texts: list[str]) -> list[str | None] | None:
        """Give what a prompt answers to rows; None where time is up."""
        self._use(design, control, ())
        found = self._write([self._prompt.query(text) for text in texts], self._settings(0))
        self._spend(found)
        if any(row.ended == "time" for row in found.rows):
            return None
        return [read_text(control, row.text, row.ended)[0] for row in found.rows]

    def _note(self) -> None:
        self.details_["search"] = [
            [
                {
                    **asdict(one.candidate),
                    "rows": one.rows,
                    "score": one.score if np.isfinite(one.score) else None,
                }
                for one in found
            ]
            for found in self.rounds_
        ]
        rounds = [{"candidates": len(found), "rows": found[0].rows} for found in self.rounds_]
        self.history_.append({"step": "search prompts", "rounds": rounds})
