"""What goes to a worker and what comes back; no test or validation label ever does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeoff.catalog.terms import ServerTerms
from bakeoff.methods.forecast import ModelSpeed
from bakeoff.records import Answer, RephrasedAnswers, Usage
from bakeoff.tasks import Task

__all__ = [
    "CLOCK_STARTS",
    "FitJob",
    "FitResult",
    "Job",
    "JobFailed",
    "JobResult",
    "MeasureJob",
    "RefitJob",
    "RefitResult",
    "RephraseJob",
    "RephraseResult",
]

#: What a worker reports once the model is loaded: from here on the job's own seconds count.
CLOCK_STARTS = "started"


@dataclass(frozen=True, slots=True)
class MeasureJob:
    """Measure one model on this machine, on a few texts of the train pool."""

    family: str
    model: str
    texts: tuple[str, ...]
    dtype: str
    device: str
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)


@dataclass(frozen=True, slots=True)
class FitJob:
    """Fit one method on labelled rows and answer bare texts.

    Parameters
    ----------
    method : str
        Name in the registry.
    task : Task
    model : str or None
    seed : int
    parameters : mapping
        Further arguments of the method's constructor.
    texts, labels : tuple of str, length n
    validation_texts, test_texts : tuple of str
    seconds : float
        Deadline, from the moment at which the model is loaded.
    answer_seconds : float
        What answering is forecast to take past a deadline, before the job counts as hung.
    injected_rows : int
        Rows that are asked again with an instruction of their own, beside the trial.
    dtype, device : str
    allow_send : frozenset of str
    terms : ServerTerms
        Prices and limits of calls to servers.
    beside : tuple of str
        Texts that are answered at the end where time is left, and are no part of the trial's seconds.
    unlabelled : tuple of str
        Texts of the train pool that the method gets behind its labelled rows, their labels None.
    """

    method: str
    task: Task
    model: str | None
    seed: int
    parameters: Mapping[str, Any]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    validation_texts: tuple[str, ...]
    test_texts: tuple[str, ...]
    seconds: float
    dtype: str
    device: str
    allow_send: frozenset[str] = frozenset()
    answer_seconds: float = 0.0
    injected_rows: int = 0
    terms: ServerTerms = field(default_factory=ServerTerms)
    beside: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefitJob:
    """Fit one method on all labelled rows, save it, load it again, and compare the answers of both.

    `compared_texts` are answered by the trained and by the reloaded method.
    """

    fit: FitJob
    folder: str
    compared_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RephraseJob:
    """Fit one method and answer the job's validation texts under other phrasings of its prompt."""

    fit: FitJob


@dataclass(frozen=True, slots=True)
class FitResult:
    """What a fitted method answered and spent; the fields are those of `bakeoff.records.Trial`.

    `beside` holds the answers to the job's texts beside the trial, or none where time was short.
    """

    validation_answers: tuple[Answer, ...]
    test_answers: tuple[Answer, ...]
    cut: bool
    fit_seconds: float
    p50_ms: float
    p95_ms: float
    rows_per_second: float
    size_mb: float
    usage: Usage
    details: Mapping[str, Any]
    beside: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RefitResult:
    """How the refit went: its data type, demonstrations in its prompt, rows whose answer saving and loading changed.

    `share_of_steps` is below 1 where training was shortened to end in time.
    """

    dtype: str
    demonstrations: int
    seconds: float
    cut: bool
    share_of_steps: float
    changed_rows: int
    compared_rows: int
    size_mb: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class RephraseResult:
    """What each phrasing answered, those left out that the deadline cut; and the sha256 of the model's weights then."""

    answers: tuple[RephrasedAnswers, ...]
    weights_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """Why a job gave no result.

    `crashed` is true where the worker died or hung, which may be chance, and false where the method said why; `lost`
    where a whole machine went away with it.
    """

    reason: str
    crashed: bool
    lost: bool = False


Job = MeasureJob | FitJob | RefitJob | RephraseJob
JobResult = ModelSpeed | FitResult | RefitResult | RephraseResult | JobFailed
