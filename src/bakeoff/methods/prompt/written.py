"""Generation by a decoder that writes the text behind a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from bakeoff.data import target_of
from bakeoff.errors import BundleError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.prompt.chosen_text import how_chosen, least_risk, likeliest, passing_most
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import count_tokens, rendered, size_mb
from bakeoff.methods.prompt.retrieved import DemonstrationPool, read_pool, retrieving_prompt, write_pool
from bakeoff.methods.prompt.score_store import TIME_WAS_UP
from bakeoff.methods.prompt.template import CONTENT_FREE, Demonstration, Form, PromptDesign, RenderedPrompt
from bakeoff.methods.prompt.writing_control import ChooseBy, WritingControl, read_text
from bakeoff.methods.prompt.written_design import fitting_written, form_for, told_length, whole_control, written_design
from bakeoff.records import Answer
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.generate import Generated, Generator, WriteSettings, Written

__all__ = ["WrittenPrompt"]

_PROMPT_NAME, _POOL_NAME = "prompt.yaml", "rows.jsonl"
_CHOICES = ("drawn", "retrieved")


@dataclass(slots=True)
class _Asked:
    """One row, over all its draws."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    draws: int = 0
    value: str | None = None
    reason: str | None = None
    raw: str = ""
    is_cut: bool = False

    def add(self, row: Written) -> None:
        """Count what one text took."""
        self.tokens_in += row.tokens_in
        self.tokens_out += row.tokens_out
        self.seconds += row.seconds
        self.draws += 1


class WrittenPrompt(Method):
    """A prompt whose answer is the text that a decoder writes.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    model : str
        Name of a decoder.
    seed : int
        Of the choice and the order of demonstrations, and of what is drawn.
    shots : int
        Demonstrations at most, 0 or more.
    demonstrations : {"drawn", "retrieved"}
        The same rows for all texts, drawn by the seed; or for each text the labelled rows most like it.
    form : {"chat", "plain"}
        The model's own chat form, each demonstration a turn; or text to be continued, as always where the model has
        no chat form.
    wording : str
        One of `bakeoff.methods.prompt.written_design.WRITTEN_WORDINGS`.
    tell_length : bool
        Whether the instruction says how long the labelled rows' texts are.
    prompt_tokens : int
        Most tokens of the prompt before a row; demonstrations beyond are left out.
    most_tokens, stop, temperature, top_p, no_repeat_ngram, required, forbidden, pattern, schema, field, candidates
        As in `bakeoff.methods.prompt.writing_control.WritingControl`, like `choose_by`, `retries`, `beams` and
        `length_penalty`; a prompt file's own control goes before them.
    prompt_file : str, optional
        A prompt file, whose design (demonstrations included) is used as it stands.

    Attributes
    ----------
    design_ : PromptDesign
    control_ : WritingControl
        With what the labelled rows said of length and end.
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    _prompt: RenderedPrompt

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        demonstrations: str = "drawn",
        form: str = "chat",
        wording: str = "instruction first",
        tell_length: bool = False,
        prompt_tokens: int = 1536,
        most_tokens: int | None = None,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        top_p: float = 1.0,
        no_repeat_ngram: int = 0,
        required: Sequence[str] = (),
        forbidden: Sequence[str] = (),
        pattern: str | None = None,
        schema: str | None = None,
        field: str | None = None,
        candidates: int = 1,
        choose_by: str = "risk",
        retries: int = 0,
        beams: int = 1,
        length_penalty: float = 1.0,
        prompt_file: str | None = None,
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.demonstrations = demonstrations
        self.form = form
        self.wording = wording
        self.tell_length = tell_length
        self.prompt_tokens = prompt_tokens
        self.most_tokens = most_tokens
        self.stop = stop
        self.temperature, self.top_p = temperature, top_p
        self.no_repeat_ngram = no_repeat_ngram
        self.required = required
        self.forbidden = forbidden
        self.pattern = pattern
        self.schema = schema
        self.field = field
        self.candidates, self.choose_by = candidates, choose_by
        self.retries = retries
        self.beams, self.length_penalty = beams, length_penalty
        self.prompt_file = prompt_file

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        targets = [target_of(label) for label in labels]
        design, control, pool = self._designed(texts, targets)
        wanted = len(design.demonstrations)
        targets = targets or [each.label for each in design.demonstrations]
        control = whole_control(control, design, self._generator().decoder, targets)
        if self.prompt_file is None:
            most = control.most_tokens or 0
            design = fitting_written(design, self._generator().decoder, texts, self.prompt_tokens, most)
        self._use(design, control, pool)
        kept = design.demonstrations
        self.details_ |= {
            "prompt": self._prompt.prefix,
            "row_place": self._prompt.row_place(),
            "demonstrations": [each.row for each in kept],
            "demonstrations_dropped": wanted - len(kept),
            "prompt_file": self.prompt_file,
        }
        if self.control_.candidates > 1:
            self.details_["chosen_by"] = how_chosen(self.task, self.control_.choose_by)
        shown = self._shots if pool else len(kept)
        self.history_.append({"step": "design the prompt", "demonstrations": shown, "form": design.form})
        # One token behind a text without content, so that the prefix is read and the grammar made inside the fit.
        settings = replace(self._settings(0), most_tokens=1)
        first = self._write([self._prompt.query(CONTENT_FREE[0])], settings)
        self._spend(first)
        self.details_["prefix_tokens"] = first.prefix_tokens
        self.history_.append({"step": "control the output", "by": "written", **self.control_.to_plain()})

    def _check_settings(self) -> None:
        for name, allowed, holds in (
            ("shots", "0 or more", self.shots >= 0),
            ("demonstrations", f"one of {', '.join(_CHOICES)}", self.demonstrations in _CHOICES),
            ("prompt_tokens", "1 or more", self.prompt_tokens >= 1),
        ):
            if not holds:
                raise OptionError(
                    f"{name} must be {allowed}; {getattr(self, name)!r} came.", next_step=f"Change {name}."
                )

    def _designed(
        self, texts: list[str], targets: list[str]
    ) -> tuple[PromptDesign, WritingControl, tuple[Demonstration, ...]]:
        """Give the design, its control, and the rows to retrieve from where each text has demonstrations of its own."""
        if self.prompt_file:
            given = self._given_prompt()
            return given.design, given.writing or self._given_control(), ()
        length = told_length(targets) if self.tell_length else ""
        form = form_for(cast("Form", self.form), self._generator().decoder)
        design = written_design(self.task, form=form, wording=self.wording, length=length)
        rows = tuple(Demonstration(at, *row) for at, row in enumerate(zip(texts, targets, strict=True)))
        if self.demonstrations == "retrieved" and self.shots:
            return design, self._given_control(), rows
        chosen = choose_demonstrations(texts, [""] * len(texts), self.shots, self.seed)
        shown = tuple(rows[place] for place in chosen)
        return replace(design, demonstrations=shown), self._given_control(), ()

    def _given_prompt(self) -> PromptFile:
        return read_prompt_file(Path(str(self.prompt_file)))

    def _given_control(self) -> WritingControl:
        named = ("most_tokens", "temperature", "top_p", "no_repeat_ngram", "pattern", "schema", "field", "candidates")
        given: dict[str, Any] = {name: getattr(self, name) for name in (*named, "retries", "beams", "length_penalty")}
        return WritingControl(
            stop=tuple(self.stop),
            required=tuple(self.required),
            forbidden=tuple(self.forbidden),
            choose_by=cast("ChooseBy", self.choose_by),
            **given,
        )

    def _use(self, design: PromptDesign, control: WritingControl, pool: tuple[Demonstration, ...]) -> None:
        """Set the design and the control, and what follows from them and the model."""
        decoder = self._generator().decoder
        self.design_, self.control_, self._pool = design, control, pool
        self._prompt = rendered(design, decoder)
        if pool:
            mean = sum(count_tokens(decoder, f"{each.text}\n{each.label}") for each in pool) / len(pool)
            self._shots = max(1, min(self.shots, int(self.prompt_tokens / max(mean, 1.0))))
            retrieved = DemonstrationPool(pool, self.seed)
            self._prompt = retrieving_prompt(design, decoder, retrieved, self._shots, control.most_tokens or 0)
        self._constraint = control.constraint()
        self.details_["model_parameters"] = int(sum(weight.numel() for weight in decoder.model.parameters()))
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)
        self._counted = {"rows": 0, "draws": 0, "cut_at_most_tokens": 0, "tokens_out": 0}

    def _settings(self, draw: int, *, again: bool = False) -> WriteSettings:
        return self.control_.settings(self.seed, draw, again=again, constraint=self._constraint)

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

    def _spend(self, found: Generated) -> None:
        """Charge the fit with what was read and written in it."""
        used, written = self.usage_, sum(row.tokens_out for row in found.rows)
        self.usage_ = replace(used, tokens_in=used.tokens_in + found.tokens, tokens_out=used.tokens_out + written)

    def _answer(self, texts: list[str]) -> list[Answer]:
        asked = [_Asked(text) for text in texts]
        self._first(asked)
        for attempt in range(self.control_.retries):
            todo = [row for row in asked if row.value is None and row.reason not in (TIME_WAS_UP, _TOO_LONG)]
            if not todo:
                break
            settings = self._settings(self.control_.candidates + attempt, again=True)
            for row, said in zip(todo, self._written(todo, settings), strict=True):
                self._read(row, said)
        self._count(asked)
        self.cut_ = self.cut_ or any(row.reason == TIME_WAS_UP for row in asked)
        return [
            Answer(
                row.value,
                abstention=_told(row, self.control_.candidates),
                raw=row.raw,
                tokens_in=row.tokens_in,
                tokens_out=row.tokens_out,
                seconds=row.seconds,
            )
            for row in asked
        ]

    def _first(self, asked: Sequence[_Asked]) -> None:
        """Draw every row's candidates, and choose one of each."""
        drawn = [self._written(asked, self._settings(draw)) for draw in range(self.control_.candidates)]
        for row, candidates in zip(asked, zip(*drawn, strict=True), strict=True):
            self._read(row, candidates[0] if len(candidates) == 1 else self._chosen(row.text, candidates))

    def _chosen(self, source: str, candidates: Sequence[Written]) -> Written:
        """Choose one of a row's texts among those that are answers; the first where none is.

        Where the task has checks, those that pass most go on; the control says which of them is taken.
        """
        known = [one for one in candidates if one.ended != "time"]
        fitting = [one for one in known if read_text(self.control_, one.text, one.ended)[0] is not None]
        if not fitting:
            return candidates[0]
        texts = [str(read_text(self.control_, one.text, one.ended)[0]) for one in fitting]
        among = passing_most(self.task, source, texts)
        if self.control_.choose_by == "probability":
            best = [fitting[at] for at in among]
            return best[likeliest([one.log_probability for one in best], [one.tokens_out for one in best])]
        return fitting[least_risk(self.task, texts, among)]

    def _written(self, rows: Sequence[_Asked], settings: WriteSettings) -> Sequence[Written]:
        """Have a text written for each row, and charge it."""
        found = self._write([self._prompt.query(row.text) for row in rows], settings).rows
        for row, said in zip(rows, found, strict=True):
            row.add(said)
        return found

    def _read(self, row: _Asked, said: Written) -> None:
        row.raw, row.is_cut = said.text, said.ended == "length"
        if said.ended == "time":
            row.value, row.reason = None, TIME_WAS_UP
        else:
            row.value, row.reason = read_text(self.control_, said.text, said.ended)

    def _count(self, asked: Sequence[_Asked]) -> None:
        counted = self._counted
        counted["rows"] += len(asked)
        counted["draws"] += sum(row.draws for row in asked)
        counted["cut_at_most_tokens"] += sum(row.is_cut for row in asked)
        counted["tokens_out"] += sum(row.tokens_out for row in asked)
        rows = counted["rows"]
        self.details_ |= {
            "draws_per_row": counted["draws"] / rows,
            "cut_share": counted["cut_at_most_tokens"] / rows,
            "tokens_out_per_row": counted["tokens_out"] / rows,
        }

    def _generator(self) -> Generator:
        return loaded.generator(self.model, self.context_.dtype, self.context_.device)

    def _save(self, folder: Path) -> None:
        sha256 = loaded.model_files(self.model).sha256
        prompt = PromptFile(self.design_, "written", model=self.model, model_sha256=sha256, writing=self.control_)
        write_prompt_file(folder / _PROMPT_NAME, prompt)
        if self._pool:
            write_pool(folder / _POOL_NAME, self._pool)

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        sha256 = loaded.model_files(self.model).sha256
        if prompt.model_sha256 != sha256:
            raise BundleError(
                f"The weights of {self.model} must have the sha256 {str(prompt.model_sha256)[:12]}, for which the "
                f"prompt was made; {sha256[:12]} came.",
                next_step=f"Get the weights it was made for, under the name {prompt.model}.",
            )
        path = folder / _POOL_NAME
        pool = read_pool(path, None) if path.exists() else ()
        self._use(prompt.design, prompt.writing or self._given_control(), pool)
        self.details_ |= {"prompt": self._prompt.prefix}


_TOO_LONG = read_text(WritingControl(), "", "too-long")[1]


def _told(row: _Asked, candidates: int) -> str | None:
    """Give the reason of an abstention, with how often the row was asked."""
    if row.value is not None or row.reason is None or row.draws <= candidates:
        return row.reason if row.value is None else None
    return f"{row.reason} (the last of {row.draws} attempts)"
