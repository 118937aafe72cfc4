"""One trial of a study: the job that a worker gets, and the record of what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.methods.registry import method_spec
from bakeoff.records import Answer, Contender, Trial, Usage
from bakeoff.study.again import gets_instructions, gets_typos
from bakeoff.study.executors.inject import INJECTED_ROWS
from bakeoff.study.executors.jobs import FitJob, FitResult, JobFailed, JobResult
from bakeoff.study.grid import MOST_UNLABELLED
from bakeoff.study.parts import StudyParts
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import read_terms
from bakeoff.study.typos import TypoRows, typo_figures, typo_rows
from bakeoff.tasks import Task

__all__ = ["TrialOfStudy"]

#: Kinds whose texts stay what they are where a letter changes, and whose answers stay or do not.
_TYPO_KINDS = ("classification", "multi-label")


@dataclass(frozen=True, slots=True)
class TrialOfStudy:
    """A planned trial with what of its study a job and a record need.

    Parameters
    ----------
    planned : PlannedTrial
    contender : Contender
    plan : Plan
    task : Task
    parts : StudyParts
    store : StudyStore
    allow_send : frozenset of str
        Hosts to which rows may be sent.
    """

    planned: PlannedTrial
    contender: Contender
    plan: Plan
    task: Task
    parts: StudyParts
    store: StudyStore
    allow_send: frozenset[str]

    def job(self, seconds: float) -> FitJob:
        """Give what the worker gets: n labelled rows, and bare texts to answer.

        Parameters
        ----------
        seconds : float
            The trial's deadline.

        Returns
        -------
        FitJob
        """
        planned, contender = self.planned, self.contender
        sample = self.parts.sample(planned.n, planned.seed, self.store.fact("seed"))
        validation, test = self.parts.to_answer(planned.seed, seeded=contender.seeded)
        return FitJob(
            method=contender.method,
            task=self.task,
            model=contender.model,
            seed=planned.seed,
            parameters=contender.parameters,
            texts=sample.texts,
            labels=sample.labels,
            validation_texts=validation.texts,
            test_texts=test.texts,
            seconds=seconds,
            dtype=self.plan.dtype,
            device=self.plan.device,
            allow_send=self.allow_send,
            answer_seconds=planned.forecast,
            injected_rows=INJECTED_ROWS if self._injects() else 0,
            terms=read_terms(self.store),
            beside=self._beside().texts,
            unlabelled=self._unlabelled(),
        )

    def _unlabelled(self) -> tuple[str, ...]:
        """Give texts without labels, for a method that learns from such."""
        if not method_spec(self.contender.method).learns_from_unlabelled:
            return ()
        return self.parts.beyond(self.planned.n, self.planned.seed, self.store.fact("seed"), MOST_UNLABELLED)

    def _injects(self) -> bool:
        """Say whether rows are asked again with instructions for another label, of which there must be one."""
        return self.task.kind == "classification" and gets_instructions(self.plan, self.contender, self.planned)

    def _beside(self) -> TypoRows:
        """Give the rows that show what typing errors do, for a contender's first trial at its largest n."""
        if self.task.kind not in _TYPO_KINDS or not gets_typos(self.plan, self.contender, self.planned):
            return TypoRows((), ())
        return typo_rows(self.parts.to_answer(0, seeded=True)[0])

    def _typo_details(self, result: FitResult) -> dict[str, object]:
        figures = typo_figures(self.task, self._beside().labels, result.beside)
        return {"light_typos": figures} if figures else {}

    def record(
        self, key: str, result: JobResult, seconds: float
    ) -> tuple[Trial, tuple[Answer, ...], tuple[Answer, ...]]:
        """Make the record of what came back.

        Parameters
        ----------
        key : str
            The trial's.
        result : JobResult
        seconds : float
            That it took, for a trial that gave none.

        Returns
        -------
        trial : Trial
        validation, test : tuple of Answer
            In the order of the study's rows; empty for a trial that failed.
        """
        planned = self.planned
        nothing = float("nan")
        if not isinstance(result, FitResult):
            reason = result.reason if isinstance(result, JobFailed) else "gave no answers"
            return (
                Trial(key, planned.contender, planned.n, planned.seed, "failed", reason, (), (), nothing, nothing,
                      nothing, nothing, nothing, Usage(seconds=seconds), {}),
                (),
                (),
            )  # fmt: skip
        answers = result.validation_answers, result.test_answers
        validation, test = self.parts.sorted_out(*answers, seeded=self.contender.seeded)
        trial = Trial(
            key=key,
            contender=planned.contender,
            n=planned.n,
            seed=planned.seed,
            status="cut" if result.cut else "done",
            reason=result.details.get("cut_because", "its deadline came first") if result.cut else None,
            validation_answers=tuple(answer.value for answer in validation),
            test_answers=tuple(answer.value for answer in test),
            fit_seconds=result.fit_seconds,
            p50_ms=result.p50_ms,
            p95_ms=result.p95_ms,
            rows_per_second=result.rows_per_second,
            size_mb=result.size_mb,
            usage=result.usage,
            details={**result.details, **self._typo_details(result)},
        )
        return trial, validation, test
