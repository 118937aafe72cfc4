"""Classification by a decoder that writes the label, held to the labels by masks or read out of what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import BundleError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.clean import clean_fields, clean_text
from bakeoff.methods.contract import Method
from bakeoff.methods.prompt.control import OutputControl, read_answer
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.phrasings import phrasings_of
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import design_for_task, fitting_design, rendered, size_mb
from bakeoff.methods.prompt.score_store import TIME_WAS_UP
from bakeoff.methods.prompt.template import (
    CONTENT_FREE,
    LISTED_OPENING,
    Demonstration,
    PromptDesign,
    design_for,
)
from bakeoff.records import Answer, RephrasedAnswers
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.generate import Generated, Generator, WriteSettings, Written

__all__ = ["GeneratedPrompt"]

_PROMPT_NAME = "prompt.yaml"
#: What stands before reasoning, and ends it in a plain prompt.
_REASONING, _LINE = "Reasoning:", "\n"


@dataclass(slots=True)
class _Asked:
    """One row, over all its attempts."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    reasoning_tokens: int = 0
    seconds: float = 0.0
    attempts: int = 0
    label: str | None = None
    reason: str | None = None
    raw: str = ""

    def add(self, row: Written) -> None:
        """Count what one text took."""
        self.tokens_in += row.tokens_in
        self.tokens_out += row.tokens_out
        self.seconds += row.seconds


class GeneratedPrompt(Method):
    """A prompt whose answer is the label that a decoder writes.

    Parameters
    ----------
    task : Task
    model : str
        Name of a decoder.
    seed : int
        Of the choice and the order of demonstrations, and of what is drawn.
    shots : int
        Demonstrations, 0 or more; they show no reasoning.
    control : {"choice", "regex", "json-schema", "free"}
        What may be written.
    pattern, schema, field, most_tokens, stop, temperature, top_p, retries, retry_temperature, reasoning_tokens
        As in `bakeoff.methods.prompt.control.OutputControl`, which a prompt file's own output control goes before.
    prompt_file : str, optional
        A prompt file, whose design (demonstrations included) is used as it stands.

    Attributes
    ----------
    design_ : PromptDesign
    control_ : OutputControl
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        control: str = "choice",
        pattern: str | None = None,
        schema: str | None = None,
        field: str = "label",
        most_tokens: int | None = None,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        top_p: float = 1.0,
        retries: int = 0,
        retry_temperature: float = 0.7,
        reasoning_tokens: int = 0,
        prompt_file: str | None = None,
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.control = control
        self.pattern = pattern
        self.schema = schema
        self.field = field
        self.most_tokens = most_tokens
        self.stop = stop
        self.temperature = temperature
        self.top_p = top_p
        self.retries = retries
        self.retry_temperature = retry_temperature
        self.reasoning_tokens = reasoning_tokens
        self.prompt_file = prompt_file

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        if self.shots < 0:
            raise OptionError(f"shots must be 0 or more; {self.shots} came.", next_step="Give a number of rows.")
        from_file = read_prompt_file(Path(self.prompt_file)) if self.prompt_file else None
        if from_file is None:
            rows = choose_demonstrations(texts, labels, self.shots, self.seed)
            shown = tuple(Demonstration(row, texts[row], labels[row]) for row in rows)
            design = replace(design_for(self.task, shown), opening=LISTED_OPENING)
        else:
            design = design_for_task(from_file.design, self.task, str(self.prompt_file))
        wanted = len(design.demonstrations)
        given = from_file.output if from_file is not None else None
        self._use(fitting_design(design, self._generator().decoder, texts), given or self._given_control())
        kept = self.design_.demonstrations
        self.details_ |= {
            "prompt": self._prompt.prefix,
            "row_place": self._prompt.row_place(),
            "demonstrations": [each.row for each in kept],
            "demonstrations_dropped": wanted - len(kept),
            "prompt_file": self.prompt_file,
        }
        self.history_.append({"step": "design the prompt", "demonstrations": len(kept)})
        # One text without content, so that the prefix is read and the constraint made inside the fit.
        first = self._write([self._prompt.query(CONTENT_FREE[0])], self._settings(0))
        self.details_["prefix_tokens"] = first.prefix_tokens
        self.usage_ = replace(self.usage_, tokens_in=first.tokens, tokens_out=sum(row.tokens_out for row in first.rows))
        self.history_.append({"step": "control the output", "by": "generated", **self.control_.to_plain()})

    def _given_control(self) -> OutputControl:
        named = ("pattern", "schema", "field", "most_tokens", "temperature", "top_p", "retries", "retry_temperature")
        given: dict[str, Any] = {name: getattr(self, name) for name in (*named, "reasoning_tokens")}
        return OutputControl(kind=self.control, stop=tuple(self.stop), **given)  # type: ignore[arg-type]  # it checks

    def _use(self, design: PromptDesign, control: OutputControl) -> None:
        """Set the design and the control, and what follows from them and the model."""
        decoder = self._generator().decoder
        self.design_, self.control_ = design, control
        self._prompt = rendered(design, decoder)
        space = self._prompt.continuations[0][: -len(design.words[0])] or (" " if control.reasoning_tokens else "")
        ending = self._prompt.terminator or ""
        self._words = tuple(each.strip() for each in self._prompt.continuations)
        self._owners = tuple(design.labels[place] for place in self._prompt.owners)
        self._constraint = control.constraint(self._words, space=space, ending=ending)
        self.details_["model_parameters"] = int(sum(weight.numel() for weight in decoder.model.parameters()))
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)
        self._counted = {"rows": 0, "attempts": 0, "reasoning_tokens": 0, "invalid_at_first": 0}

    def _settings(self, attempt: int) -> WriteSettings:
        # The end of the line ends a plain answer, as it ended every demonstration; JSON and expressions end themselves.
        line = self._prompt.terminator if self.control_.kind == "free" else None
        stop = (line,) if line else ()
        return self.control_.settings(self._words, self.seed, attempt, self._constraint, stop)

    def _write(self, queries: Sequence[str], settings: WriteSettings) -> Generated:
        found = self._generator().generate(
            self._prompt.prefix,
            queries,
            settings,
            deadline=self.context_.deadline.at,
            progress=lambda done, rows: self.context_.progress("writing answers", done / max(rows, 1)),
        )
        self.usage_ = replace(self.usage_, tokens_cached=self.usage_.tokens_cached + found.cached_tokens)
        return found

    def _answer(self, texts: list[str]) -> list[Answer]:
        asked = [_Asked(text) for text in texts]
        todo = asked
        for attempt in range(self.control_.retries + 1):
            self._attempt(todo, attempt)
            if attempt == 0:
                self._counted["invalid_at_first"] += sum(row.label is None for row in asked)
            todo = [row for row in todo if row.label is None and row.reason not in (TIME_WAS_UP, _TOO_LONG)]
            if not todo:
                break
        self._count(asked)
        self.cut_ = self.cut_ or any(row.reason == TIME_WAS_UP for row in asked)
        return [
            Answer(
                row.label,
                abstention=_told(row),
                raw=row.raw,
                tokens_in=row.tokens_in,
                tokens_out=row.tokens_out,
                seconds=row.seconds,
            )
            for row in asked
        ]

    def _attempt(self, rows: Sequence[_Asked], attempt: int) -> None:
        """Ask rows once, and read what was written."""
        settings = self._settings(attempt)
        queries = [self._prompt.query(row.text) for row in rows]
        if self.control_.reasoning_tokens:
            queries = self._reasoned(rows, settings)
        for row, said in zip(rows, self._write(queries, settings).rows, strict=True):
            row.add(said)
            row.attempts += 1
            row.raw = f"{row.raw}{said.text}" if self.control_.reasoning_tokens else said.text
            if said.ended == "time":
                row.label, row.reason = None, TIME_WAS_UP
            else:
                row.label, row.reason = read_answer(self.control_, said.text, said.ended, self._owners, self._words)

    def _reasoned(self, rows: Sequence[_Asked], settings: WriteSettings) -> list[str]:
        """Let the model reason first, and give the queries that ask for the label behind it."""
        prompt, plain = self._prompt, self.design_.form == "plain"
        before = [
            clean_fields(row.text, prompt.special_tokens, fold=prompt.fold, between=prompt.between)
            + (f"\n{_REASONING}" if plain else f"{prompt.ending}{_REASONING}")
            for row in rows
        ]
        free = replace(settings, constraint=None, most_tokens=self.control_.reasoning_tokens, stop=(_LINE,))
        after = prompt.ending if plain else f"\n{self.design_.cue}:"
        queries = []
        for row, query, said in zip(rows, before, self._write(before, free).rows, strict=True):
            row.add(said)
            row.reasoning_tokens += said.tokens_out
            thought = clean_text(said.text, prompt.special_tokens)
            row.raw = f"{_REASONING} {thought}{after}"
            queries.append(f"{query} {thought}{after}")
        return queries

    def _count(self, asked: Sequence[_Asked]) -> None:
        counted = self._counted
        counted["rows"] += len(asked)
        counted["attempts"] += sum(row.attempts for row in asked)
        counted["reasoning_tokens"] += sum(row.reasoning_tokens for row in asked)
        rows = counted["rows"]
        self.details_ |= {
            "attempts_per_row": counted["attempts"] / rows,
            "reasoning_tokens_per_row": counted["reasoning_tokens"] / rows,
            "valid_at_first": 1.0 - counted["invalid_at_first"] / rows,
        }

    def rephrased(self, X: Sequence[str]) -> tuple[RephrasedAnswers, ...]:
        """Answer rows under every one of `bakeoff.methods.prompt.phrasings`; there is nothing to calibrate.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        tuple of RephrasedAnswers
            The prompt as it stands first. A phrasing that the deadline cuts is left out with those behind it.
        """
        said, own = [], self.design_
        try:
            for name, design in phrasings_of(own).items():
                self._use(design, self.control_)
                rows = [_Asked(text) for text in X]
                self._attempt(rows, 0)
                if any(row.reason == TIME_WAS_UP for row in rows):
                    break
                values = tuple(row.label for row in rows)
                said.append(RephrasedAnswers(name, self._prompt.prefix, values, values))
        finally:
            self._use(own, self.control_)
        return tuple(said)

    def _generator(self) -> Generator:
        return loaded.generator(self.model, self.context_.dtype, self.context_.device)

    def _save(self, folder: Path) -> None:
        sha256 = loaded.model_files(self.model).sha256
        prompt = PromptFile(self.design_, "generated", model=self.model, model_sha256=sha256, output=self.control_)
        write_prompt_file(folder / _PROMPT_NAME, prompt)

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        sha256 = loaded.model_files(self.model).sha256
        if prompt.model_sha256 != sha256:
            raise BundleError(
                f"The weights of {self.model} must have the sha256 {str(prompt.model_sha256)[:12]}, for which the "
                f"prompt was made; {sha256[:12]} came.",
                next_step=f"Get the weights it was made for, under the name {prompt.model}.",
            )
        design = design_for_task(prompt.design, self.task, _PROMPT_NAME)
        self._use(design, prompt.output or self._given_control())
        self.details_ |= {"prompt": self._prompt.prefix}


_TOO_LONG = read_answer(OutputControl(), "", "too-long", (), ())[1]


def _told(row: _Asked) -> str | None:
    """Give the reason of an abstention, with how often the row was asked."""
    if row.label is not None or row.reason is None or row.attempts < 2:
        return row.reason if row.label is None else None
    return f"{row.reason} (the last of {row.attempts} attempts)"
