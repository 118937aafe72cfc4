"""Rewrite a prompt's instruction by reflection on its answers: the loop is gepa's, all else is ours.

Candidates are rewritten by a strong model that sees some labelled rows with what was answered to them; those that are
no worse on these rows are scored on other rows, among which the choice is made (Agrawal et al. 2025, "GEPA: Reflective
Prompt Evolution Can Outperform Reinforcement Learning", algorithm 1, with one module and no merging).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakeoff.extras import require
from bakeoff.methods.contract import Deadline
from bakeoff.methods.prompt.rewriter import PART, Rewriter
from bakeoff.methods.prompt.score_store import TIME_WAS_UP
from bakeoff.records import Answer

__all__ = [
    "ROWS_SHOWN",
    "InstructionAdapter",
    "RewriteBounds",
    "TimeIsUpError",
    "load_gepa",
    "most_rows_answered",
    "rewrite",
]

#: Rows that a strong model sees at a time.
ROWS_SHOWN = 8
#: The forecast of a step is stretched by this before it is held against the time that is left.
_CAUTION = 1.5

#: Rows are cheap here and rewrites dear, so one that is only as good on the few rows it was made from goes on, too.
_SETTINGS = {"acceptance_criterion": "improvement_or_equal", "track_best_outputs": False}

#: Answers rows, named by their places, with an instruction in place of the prompt's own.
Answering = Callable[[str, Sequence[int]], Sequence[Answer]]


class TimeIsUpError(Exception):
    """The deadline came while rows were answered."""


@dataclass(frozen=True, slots=True)
class RewriteBounds:
    """What a search may take; it ends before any of these is passed.

    Parameters
    ----------
    rewrites : int
        Most replies of the strong model that are asked for.
    rows : int or None
        Most rows answered in process, the start's included; None for no limit.
    deadline : Deadline
    """

    rewrites: int
    rows: int | None = None
    deadline: Deadline = field(default_factory=Deadline)


def load_gepa() -> Any:
    """Import gepa, or say which extra brings it."""
    return require("gepa", extra="improve", purpose="The rewriting of instructions")


def most_rows_answered(rows: int, rewrites: int) -> int:
    """Give how many rows are answered at most: all by the start, and by each rewrite those it was made from and all.

    Parameters
    ----------
    rows : int
        Labelled rows in all.
    rewrites : int

    Returns
    -------
    int
    """
    return rows + rewrites * (min(ROWS_SHOWN, rows) + rows)


class InstructionAdapter:
    """What gepa asks of the thing it improves: answer rows with a candidate, and tell how it went.

    Rows are named by their places. Where gepa asks for the rows that choose, all rows are answered, so that the version
    can be kept as one that was tried; its answers to the other rows then serve its own rewrites.

    Parameters
    ----------
    rows : int
        Labelled rows in all.
    choosing : sequence of int
        Places of the rows that choose.
    merit : callable
        Of a row's place and its answer: how good that is, in [0, 1].
    telling : callable
        Of the same: what the strong model is told of it, plain JSON values.
    answering : callable
    keep : callable
        Given an instruction right after it answered all rows.

    Attributes
    ----------
    answered : int
        Rows answered so far.
    seconds_per_row : float
        Of the slowest answers so far.
    kept : dict of str to sequence of Answer
        Answers to all rows, by instruction.
    """

    #: gepa looks for it: the proposals are made by a function of ours.
    propose_new_texts = None

    def __init__(
        self,
        rows: int,
        choosing: Sequence[int],
        merit: Callable[[int, Answer], float],
        telling: Callable[[int, Answer], dict[str, Any]],
        answering: Answering,
        keep: Callable[[str], None],
    ) -> None:
        self._rows = rows
        self._choosing = frozenset(choosing)
        self._merit = merit
        self._telling = telling
        self._answering = answering
        self._keep = keep
        self.answered = 0
        self.seconds_per_row = 0.0
        self.kept: dict[str, Sequence[Answer]] = {}

    def answer_all(self, instruction: str) -> Sequence[Answer]:
        """Answer all rows with an instruction and keep it, once.

        Parameters
        ----------
        instruction : str

        Returns
        -------
        sequence of Answer
        """
        if instruction not in self.kept:
            answers = self._answers(instruction, range(self._rows))
            self.kept[instruction] = answers
            self._keep(instruction)
        return self.kept[instruction]

    def evaluate(self, batch: list[int], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:  # noqa: ARG002  # gepa's
        """Answer rows with a candidate's instruction, and say how good each answer is.

        Parameters
        ----------
        batch : list of int
            Places of rows.
        candidate : mapping
            The instruction, under `PART`.
        capture_traces : bool
            Answers are the traces, and given in any case.

        Returns
        -------
        gepa.EvaluationBatch
        """
        instruction = candidate[PART]
        if instruction in self.kept or self._choosing.issuperset(batch):
            known = self.answer_all(instruction)
            answers = [known[place] for place in batch]
        else:
            answers = list(self._answers(instruction, batch))
        traces = list(zip(batch, answers, strict=True))
        merits = [self._merit(place, answer) for place, answer in traces]
        return load_gepa().EvaluationBatch(outputs=answers, scores=merits, trajectories=traces)

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Tell what was answered to each row, and what is right.

        Parameters
        ----------
        candidate : mapping
        eval_batch : gepa.EvaluationBatch
        components_to_update : sequence of str
            `PART` alone.

        Returns
        -------
        dict
            Under `PART` what is told of each row.
        """
        assert PART in candidate
        assert list(components_to_update) == [PART]
        return {PART: [self._telling(place, answer) for place, answer in eval_batch.trajectories]}

    def _answers(self, instruction: str, places: Sequence[int]) -> Sequence[Answer]:
        answers = self._answering(instruction, places)
        self.answered += len(places)
        if any(answer.abstention == TIME_WAS_UP for answer in answers):
            raise TimeIsUpError
        mean = sum(answer.seconds for answer in answers) / max(len(answers), 1)
        self.seconds_per_row = max(self.seconds_per_row, mean)
        return answers


def rewrite(
    start: str,
    adapter: InstructionAdapter,
    rewriter: Rewriter,
    bounds: RewriteBounds,
    *,
    parts: tuple[Sequence[int], Sequence[int]],
    seed: int = 0,
) -> str:
    """Search for a better instruction; all that was kept stands in the adapter, whatever ends the search.

    Parameters
    ----------
    start : str
        The instruction to begin with, which `adapter` has answered all rows with.
    adapter : InstructionAdapter
    rewriter : Rewriter
    bounds : RewriteBounds
    parts : tuple of (sequence of int, sequence of int)
        Places of the rows that the strong model may see, and of those that choose.
    seed : int
        Of the order in which rows are shown, and of which version is rewritten.

    Returns
    -------
    str
        Why it ended; a `ModelError` is raised where no call to the server can succeed.
    """
    shown, choosing = parts
    stopper = _Stopper(adapter, rewriter, bounds, len(shown), len(choosing))
    try:
        load_gepa().optimize(
            seed_candidate={PART: start},
            trainset=list(shown),
            valset=list(choosing),
            adapter=adapter,
            custom_candidate_proposer=rewriter.propose,
            reflection_minibatch_size=min(ROWS_SHOWN, len(shown)),
            stop_callbacks=[stopper],
            logger=_Silent(),
            seed=seed,
            **_SETTINGS,
        )
    except TimeIsUpError:
        stopper.why = "--time-limit is up"
    if rewriter.failure is not None:
        raise rewriter.failure
    return stopper.why


class _Silent:
    """gepa prints what it does; a library does not."""

    def log(self, message: str) -> None:
        """Say nothing."""


class _Stopper:
    """Ends the search before a step that could pass a bound."""

    def __init__(
        self, adapter: InstructionAdapter, rewriter: Rewriter, bounds: RewriteBounds, shown: int, choosing: int
    ) -> None:
        self._adapter, self._rewriter, self._bounds = adapter, rewriter, bounds
        self._step = min(ROWS_SHOWN, shown) + shown + choosing
        self._asked, self._idle, self._most_idle = 0, 0, 4 + 4 * shown // ROWS_SHOWN
        self.why = ""

    def __call__(self, _state: Any) -> bool:
        """Say whether the next step is not to begin."""
        self.why = self._reason() or ""
        return bool(self.why)

    def _reason(self) -> str | None:
        rewriter, bounds = self._rewriter, self._bounds
        if rewriter.failure is not None:
            return "no call can succeed"
        if rewriter.stopped is not None:
            return rewriter.stopped
        if rewriter.rewrites.asked >= bounds.rewrites:
            return f"all {bounds.rewrites} rewrites were asked for"
        if bounds.rows is not None and self._adapter.answered + self._step > bounds.rows:
            return f"--calls {bounds.rows} could be passed by another rewrite"
        seconds = rewriter.slowest + self._step * self._adapter.seconds_per_row
        if _CAUTION * seconds > bounds.deadline.left:
            return "--time-limit could be passed by another rewrite"
        self._idle = self._idle + 1 if rewriter.rewrites.asked == self._asked else 0
        self._asked = rewriter.rewrites.asked
        if self._idle > self._most_idle:
            return "no row that may be shown is answered wrongly"
        return None
