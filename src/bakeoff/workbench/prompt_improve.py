"""Have a strong model rewrite a prompt's instruction, choose by rows that it has not seen, and keep every version."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.catalog.servers import is_server, parse_server
from bakeoff.data import Rows, target_of
from bakeoff.errors import OptionError
from bakeoff.methods.contract import Deadline
from bakeoff.methods.prompt.improve import (
    InstructionAdapter,
    RewriteBounds,
    TimeIsUpError,
    load_gepa,
    rewrite,
)
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.reflection import row_record, text_record
from bakeoff.methods.prompt.rewriter import Rewriter, Rewrites
from bakeoff.models.facts import choose_dtype
from bakeoff.models.server import ServerModel
from bakeoff.models.server_ledger import Spent
from bakeoff.records import Answer
from bakeoff.study.contenders import CandidateModel
from bakeoff.study.sending import Sending
from bakeoff.tasks import Task, check_value, truths
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.improve_forecast import (
    ImproveOptions,
    check_calls,
    halves,
    rewriter_sending,
    time_forecast,
)
from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
from bakeoff.workbench.prepare import task_of
from bakeoff.workbench.prompt_history import (
    Change,
    Tried,
    change_between,
    history_folder,
    keep,
    read_history,
    version_of,
)
from bakeoff.workbench.prompt_new import budget_rows
from bakeoff.workbench.prompt_rows import refuse_text_options
from bakeoff.workbench.prompt_texts import row_score
from bakeoff.workbench.prompt_try import (
    DEFAULT_MODEL,
    AskedRows,
    TryOptions,
    answered_rows,
    check_labels,
    rows_not_shown,
    tried_version,
)
from bakeoff.workbench.rows import divide, read_source
from bakeoff.workbench.sending import check_sending

__all__ = ["ImproveOptions", "Improved", "improve_prompt"]

#: Fewer rows on either side show and choose nothing.
_LEAST_ROWS = 16
#: Scores that differ by rounding alone.
_SAME_SCORE = 1e-9


@dataclass(frozen=True, slots=True)
class Improved:
    """What came of it.

    Parameters
    ----------
    start, best : Tried
        On all rows; the same where nothing was better.
    change : Change
        From start to best on the rows that choose alone.
    kept : int
        Versions that were kept, the start included.
    shown_rows : int
        Rows that the strong model could see.
    rewrites : Rewrites
    spent : Spent
        What the calls of this run took.
    currency : str
    rows_answered : int
        In process.
    seconds : float
    why : str
        Why the search ended.
    written : Path or None
        The file with the best instruction; None where nothing was better.
    folder : Path
        Of the history.
    """

    start: Tried
    best: Tried
    change: Change
    kept: int
    shown_rows: int
    rewrites: Rewrites
    spent: Spent
    currency: str
    rows_answered: int
    seconds: float
    why: str
    written: Path | None
    folder: Path


def improve_prompt(
    path: Path,
    source: str,
    data: DataOptions,
    options: ImproveOptions,
    *,
    output: Path | None = None,
    replaced: bool = False,
    watcher: Watcher | None = None,
) -> Improved:
    """Rewrite a prompt's instruction, and write the version that answers most of the rows that choose.

    The rows are those of `bakeoff.workbench.prompt_try.try_prompt`, in two halves of near natural frequencies: the
    strong model sees rows of one half, and the other half chooses. Every version that was scored is kept in the history
    of the file that is written, with its answers to all rows.

    Parameters
    ----------
    path : Path
        The prompt file.
    source : str
    data : DataOptions
    options : ImproveOptions
    output : Path, optional
        The file to write. Default: the prompt file itself.
    replaced : bool
        Whether another file that is there may be replaced.
    watcher : Watcher, optional

    Returns
    -------
    Improved

    Raises
    ------
    UserError
        If prompt, rows, model or server cannot be used; before anything is sent if the server's host is neither this
        machine nor allowed.
    """
    load_gepa()
    _check_target(path, output or path, replaced)
    work = _prepared(path, source, data, options, history_folder(output or path), watcher or Watcher())
    return work.done(output or path)


def _prepared(
    path: Path, source: str, data: DataOptions, options: ImproveOptions, folder: Path, watcher: Watcher
) -> _Work:
    """Read prompt and rows, refuse what may not be sent, and find the model."""
    began = time.monotonic()
    deadline = Deadline() if options.time_limit is None else Deadline.after(options.time_limit)
    prompt = read_prompt_file(path)
    refuse_text_options(path, prompt, options.metric, options.checks)
    if prompt.control == "written":
        data = replace(data, kind="generation")
    read = read_source(source, data)
    split = divide(read, seed=options.seed, seeds=StudyOptions().seeds, division="auto")
    task = task_of(read, split, StudyOptions(metric=options.metric, checks=options.checks))
    check_labels(path, prompt, task)
    sample = budget_rows(split.train, options.n, options.seed)
    rows = _enough(rows_not_shown(sample, prompt), sample)
    check_calls(len(rows), options)
    sending = rewriter_sending(prompt, rows, options)
    check_sending((sending,), options.allow_send, options.terms.limits)
    model = _model(options.model or prompt.model or DEFAULT_MODEL, watcher)
    dtype = choose_dtype() if options.dtype == "auto" else options.dtype
    return _Work(
        prompt, task, model, dtype, sample, rows, options, read.name, folder, deadline, began, watcher, sending
    )


@dataclass(slots=True)
class _Work:
    """All that an instruction is answered and kept with."""

    prompt: PromptFile
    task: Task
    model: CandidateModel
    dtype: str
    sample: Rows
    rows: Rows
    options: ImproveOptions
    source: str
    folder: Path
    deadline: Deadline
    began: float
    watcher: Watcher
    sending: Sending
    tried: dict[str, Tried] = field(default_factory=dict)
    last: AskedRows | None = None

    def done(self, target: Path) -> Improved:
        """Answer with the start, tell the forecast, search, choose, write."""
        start, parts = self.prompt.design.instruction, halves(len(self.rows))
        adapter = InstructionAdapter(
            len(self.rows), parts[1], self.merit, self.telling, self.answers, self.keep_version
        )
        self.watcher.step(f"asking {self.model.short_name} for {len(self.rows)} rows with the instruction as it stands")
        try:
            adapter.answer_all(start)
        except TimeIsUpError:
            raise OptionError(
                f"--time-limit was up before {len(self.rows)} rows were answered with the instruction as it stands.",
                next_step="Give it more time, or fewer rows with --n.",
            ) from None
        self.watcher.sending((self.sending,))
        self.watcher.step(time_forecast(self.sending, len(self.rows), adapter.seconds_per_row, self.options))
        rewriter, why, spent = self._search(start, adapter, parts)
        best = self._best(start, parts[1])
        if best != start:
            write_prompt_file(target, self._scored(best, parts[1]))
        first, last = self._numbered(start), self._numbered(best)
        return Improved(
            start=first,
            best=last,
            change=_change(_on(first, self.rows, parts[1]), _on(last, self.rows, parts[1])),
            kept=len(self.tried),
            shown_rows=len(parts[0]),
            rewrites=rewriter.rewrites,
            spent=spent,
            currency=self.options.terms.prices.currency,
            rows_answered=adapter.answered,
            seconds=time.monotonic() - self.began,
            why=why,
            written=None if best == start else target,
            folder=self.folder,
        )

    def _best(self, start: str, choosing: Sequence[int]) -> str:
        """Give the version with the best score on the rows that choose; the start, unless another has a better one."""
        score = {said: _on(tried, self.rows, choosing).score for said, tried in self.tried.items()}
        better = [said for said in self.tried if score[said] > score[start] + _SAME_SCORE]
        return max(better, key=lambda said: (score[said], self.tried[said].score), default=start)

    def _search(
        self, start: str, adapter: InstructionAdapter, parts: tuple[range, range]
    ) -> tuple[Rewriter, str, Spent]:
        options, name = self.options, parse_server(self.options.rewriter)
        server = ServerModel(name.url, name.model, allow_send=options.allow_send, terms=options.terms)
        rewriter = Rewriter(
            server,
            self.prompt.design,
            self._known_texts(),
            most_tokens=options.reply_tokens,
            seed=options.seed,
            until=self.deadline.at,
        )
        bounds = RewriteBounds(options.rewrites, options.calls, self.deadline)
        try:
            why = rewrite(start, adapter, rewriter, bounds, parts=parts, seed=options.seed)
            return rewriter, why, server.spent()
        finally:
            server.close()

    def _known_texts(self) -> tuple[str, ...]:
        """Give the texts that no rewrite may copy from: labelled and shown ones, and the texts that are right."""
        shown = self.prompt.design.demonstrations
        texts = (*self.sample.texts, *(each.text for each in shown))
        if self.task.kind != "generation":
            return texts
        return (*texts, *map(target_of, self.sample.labels), *(each.label for each in shown))

    def merit(self, place: int, answer: Answer) -> float:
        """Say how good an answer is: 1 for the right label and 0 for any other; of a text its score by itself."""
        text, label = self.rows.texts[place], self.rows.labels[place]
        if self.task.kind != "generation":
            return float(answer.value == label)
        (truth,) = truths(self.task, [text], [label])
        score = row_score(self.task.metric, truth, answer.value, self.task.checks)
        # Where no check applies to a row, nothing of it can be mended.
        return 1.0 if score is None else score

    def telling(self, place: int, answer: Answer) -> dict[str, Any]:
        """Tell the strong model of a row and its answer."""
        text, label = self.rows.texts[place], self.rows.labels[place]
        if self.task.kind != "generation":
            return row_record(self.prompt.design, text, label, answer, self.task.labels)
        values = {one.name: check_value(one, text, answer.value or "") for one in self.task.checks}
        fails = [name for name, value in values.items() if value is not None and value < 1.0]
        return text_record(text, target_of(label), answer, self.merit(place, answer), fails)

    def answers(self, instruction: str, places: Sequence[int]) -> Sequence[Answer]:
        """Answer rows with an instruction, as `prompt try` does."""
        prompt, rows = self._with(instruction), self.rows.take(places)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompt.yaml"
            write_prompt_file(path, prompt)
            self.last = answered_rows(path, prompt, self.task, self.model, self.dtype, self.sample, rows, self.deadline)
        return self.last.answers

    def keep_version(self, instruction: str) -> None:
        """Keep what was answered last, which is to all rows, as `prompt try` keeps it."""
        assert self.last is not None
        how, prompt = TryOptions(self.options.n, self.options.seed), self._with(instruction)
        tried = tried_version(self.last, prompt, self.task, self.sample, self.rows, self.model, how, source=self.source)
        self.tried[instruction] = tried
        keep(self.folder, tried)
        chosen = _on(tried, self.rows, halves(len(self.rows))[1])
        told = f"{chosen.right} of the {len(chosen.rows)} rows that choose are answered right"
        if chosen.writes:
            told = f"{chosen.metric} {chosen.score:.3f} on the {len(chosen.rows)} rows that choose"
        self.watcher.step(f"kept: {told}")

    def _with(self, instruction: str) -> PromptFile:
        """Give the prompt with another instruction; a calibration's values were those of the one before."""
        if instruction == self.prompt.design.instruction:
            return self.prompt
        design = replace(self.prompt.design, instruction=instruction)
        return replace(
            self.prompt, design=design, shift=(), model=self.model.name, model_sha256=self.model.sha256, scores={}
        )

    def _scored(self, instruction: str, choosing: Sequence[int]) -> PromptFile:
        chosen = _on(self.tried[instruction], self.rows, choosing)
        scores = {f"{chosen.metric}_on_choosing_rows": chosen.score, "choosing_rows": float(len(chosen.rows))}
        return replace(self._with(instruction), scores=scores)

    def _numbered(self, instruction: str) -> Tried:
        tried = self.tried[instruction]
        return replace(tried, version=version_of(read_history(self.folder), tried.prompt) or 0)


def _on(tried: Tried, rows: Rows, places: Sequence[int]) -> Tried:
    """Give a version as it answered some of the rows."""
    wanted = {rows.ids[place] for place in places}
    return replace(tried, rows=tuple(row for row in tried.rows if row.id in wanted))


def _change(before: Tried, after: Tried) -> Change:
    change = change_between(before, after)
    assert change is not None  # both answered the same rows
    return change


def _check_target(path: Path, target: Path, replaced: bool) -> None:
    if target.exists() and target.resolve() != path.resolve() and not replaced:
        raise OptionError(
            f"{target} is there already, and would be lost.", next_step="Name another file with -o, or add --force."
        )
    if not target.parent.is_dir():
        raise OptionError(
            f"The folder {target.parent} is not there.", next_step="Make it, or name another file with -o."
        )


def _enough(rows: Rows, sample: Rows) -> Rows:
    if len(rows) < _LEAST_ROWS:
        raise OptionError(
            f"At least {_LEAST_ROWS} rows that the prompt does not show are needed, half of them to choose; "
            f"{len(rows)} of {len(sample)} are left.",
            next_step="Give a larger --n.",
        )
    return rows


def _model(name: str, watcher: Watcher) -> CandidateModel:
    if is_server(name):
        raise OptionError(
            f"'prompt improve' improves prompts for a model in process; {name} is a server.",
            next_step="Give --model a name, a folder or a .gguf file, and the server to --rewriter.",
        )
    models, _ = candidate_models(StudyOptions(encoders=(), prompt_models=(name,)), watcher)
    return models[0]
