"""Generation by a server model that writes the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.data import target_of
from bakeoff.errors import BundleError
from bakeoff.methods.prompt.chosen_text import how_chosen, least_risk, passing_most
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.server_answers import ServerPrompt, was_not_answered
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.methods.prompt.writing_control import MOST_TOKENS, WritingControl, read_text, seed_of_draw
from bakeoff.methods.prompt.written_design import told_length, written_design
from bakeoff.records import Answer
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.server import ServerAnswer

__all__ = ["ServerWriter", "most_tokens_of"]

_PROMPT_NAME = "prompt.yaml"
#: Characters of a token at least, in nearly every language; and tokens beside the longest known text.
_CHARACTERS_A_TOKEN, _SPARE_TOKENS = 2.5, 16


class ServerWriter(ServerPrompt):
    """A prompt whose answer is the text that a server model writes.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    model, seed, shots
        As of `ServerPrompt`.
    wording : str
        One of `bakeoff.methods.prompt.written_design.WRITTEN_WORDINGS`.
    tell_length : bool
        Whether the instruction says how long the labelled rows' texts are.
    most_tokens, stop, temperature, top_p, required, forbidden, schema, field
        As of `bakeoff.methods.prompt.writing_control.WritingControl`; a schema is sent as ``response_format``.
    candidates : int
        Texts asked for each row, by a seed of its own each, of which one is chosen: by the task's checks, then by
        minimum Bayes risk. More than one needs a temperature.

    Attributes
    ----------
    control_ : WritingControl
    """

    some_probabilities: ClassVar[bool] = False
    controlled_by: ClassVar[str] = "text as the server writes it"

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        wording: str = "instruction first",
        tell_length: bool = False,
        most_tokens: int | None = None,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        top_p: float = 1.0,
        required: Sequence[str] = (),
        forbidden: Sequence[str] = (),
        schema: str | None = None,
        field: str | None = None,
        candidates: int = 1,
    ) -> None:
        super().__init__(task, model, seed, shots)
        self.wording = wording
        self.tell_length = tell_length
        self.most_tokens = most_tokens
        self.stop = stop
        self.temperature = temperature
        self.top_p = top_p
        self.required = required
        self.forbidden = forbidden
        self.schema = schema
        self.field = field
        self.candidates = candidates

    def _made_design(self, texts: list[str], labels: list[str]) -> PromptDesign:
        targets = [target_of(label) for label in labels]
        control = self._given_control()
        self.control_ = replace(control, most_tokens=control.most_tokens or most_tokens_of(targets))
        rows = choose_demonstrations(texts, [""] * len(texts), self.shots, self.seed)
        shown = [Demonstration(row, texts[row], targets[row]) for row in rows]
        length = told_length(targets) if self.tell_length else ""
        return written_design(self.task, shown, form="chat", wording=self.wording, length=length)

    def _given_control(self) -> WritingControl:
        named = ("most_tokens", "temperature", "top_p", "schema", "field", "candidates")
        given: dict[str, Any] = {name: getattr(self, name) for name in named}
        lists: dict[str, Any] = {name: tuple(getattr(self, name)) for name in ("stop", "required", "forbidden")}
        return WritingControl(**given, **lists)

    def _connect(self) -> None:
        self._draw = 0
        super()._connect()
        self.details_["control"] = self.control_.to_plain()
        if self.control_.candidates > 1:
            self.details_["chosen_by"] = how_chosen(self.task, self.control_.choose_by)

    def _answer(self, texts: list[str]) -> list[Answer]:
        """Ask for every row's candidates, choose one of each, and ask again for rows whose text fails."""
        control, drawn = self.control_, []
        for self._draw in range(control.candidates):
            drawn.append(super()._answer(texts))
        answers = [self._chosen(text, several) for text, several in zip(texts, zip(*drawn, strict=True), strict=True)]
        for attempt in range(control.retries):
            todo = [at for at, one in enumerate(answers) if one.value is None and not was_not_answered(one.abstention)]
            if not todo:
                break
            self._draw = control.candidates + attempt
            for at, again in zip(todo, super()._answer([texts[at] for at in todo]), strict=True):
                answers[at] = _together(again, [answers[at], again])
        self._draw = 0
        return answers

    def _chosen(self, source: str, candidates: Sequence[Answer]) -> Answer:
        """Choose one of a row's texts among those that are answers; the first where none is."""
        fitting = [one for one in candidates if one.value is not None]
        if len(candidates) == 1 or not fitting:
            return _together(candidates[0], candidates)
        texts = [str(one.value) for one in fitting]
        return _together(fitting[least_risk(self.task, texts, passing_most(self.task, source, texts))], candidates)

    def _settings(self) -> dict[str, Any]:
        control, again = self.control_, self._draw >= self.control_.candidates
        further: dict[str, Any] = {}
        if control.top_p < 1.0:
            further["top_p"] = control.top_p
        if control.stop:
            further["stop"] = list(control.stop)
        if control.schema is not None:
            held = {"name": "answer", "strict": True, "schema": json.loads(control.schema)}
            further["response_format"] = {"type": "json_schema", "json_schema": held}
        return {
            "max_tokens": control.most_tokens or MOST_TOKENS,
            "temperature": max(control.temperature, control.retry_temperature) if again else control.temperature,
            # The one text of a row has the seed that it has in every other method.
            "seed": seed_of_draw(self.seed, self._draw) if again or control.candidates > 1 else self.seed,
            "settings": further,
        }

    def _read(self, found: ServerAnswer, alone: bool) -> Answer:
        ended = "length" if found.finish_reason == "length" else "whole"
        said, reason = read_text(self.control_, found.text, ended)
        return Answer(
            said,
            abstention=reason,
            raw=found.text,
            tokens_in=found.tokens_in,
            tokens_out=found.tokens_out,
            seconds=found.seconds if alone else found.share_seconds,
        )

    def _save(self, folder: Path) -> None:
        prompt = PromptFile(self.design_, "written", model=self.model, writing=self.control_)
        write_prompt_file(folder / _PROMPT_NAME, prompt)

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        if prompt.model != self.model or prompt.control != "written":
            raise BundleError(
                f"The prompt was made for {prompt.model}, or to answer with labels, and not for {self.model}.",
                next_step="Load it with the parameters it was saved with.",
            )
        self.design_, self.control_ = prompt.design, prompt.writing or self._given_control()
        self._connect()


def most_tokens_of(targets: Sequence[str]) -> int:
    """Give the most tokens of a text, by the longest known one; its tokenizer is the server's own.

    Parameters
    ----------
    targets : sequence of str
        May be none.

    Returns
    -------
    int
    """
    longest = max((len(target) for target in targets), default=0)
    return int(longest / _CHARACTERS_A_TOKEN) + _SPARE_TOKENS if longest else MOST_TOKENS


def _together(chosen: Answer, asked: Sequence[Answer]) -> Answer:
    """Give an answer with what all that were asked for its row took."""
    if len(asked) == 1:
        return chosen
    return replace(
        chosen,
        tokens_in=sum(one.tokens_in for one in asked),
        tokens_out=sum(one.tokens_out for one in asked),
        seconds=sum(one.seconds for one in asked),
    )
