"""The contract of a method: scikit-learn's, with answers that can abstain.

A method's constructor only stores its arguments. ``fit`` validates, learns, sets attributes that end in ``_`` and
returns self; ``answer`` is the primary call, and ``predict`` gives its values. The public suite that every method
passes stands in `bakeoff.testing.methods`.
"""

from __future__ import annotations

import resource
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import DataError, OptionError
from bakeoff.records import Answer, RephrasedAnswers, Usage
from bakeoff.tasks import (
    ONE_LABEL,
    Task,
    check_columns,
    check_labels,
    scoring_of,
    truths,
    values_of,
    written_labels,
    written_texts,
)

__all__ = ["Deadline", "Method", "RunContext", "peak_memory_mb"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment at which work has to end, on the clock of `time.monotonic`; infinite where there is none."""

    at: float = float("inf")

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Give the deadline so many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds left; negative when passed."""
        return self.at - time.monotonic()

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return self.left <= 0


def _no_progress(_what: str, _share: float) -> None:
    return


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a fit may use of its surroundings; it changes no answer but through `dtype` and a passed deadline.

    Parameters
    ----------
    deadline : Deadline
        Loops look at it and end with their best so far, marked as cut.
    progress : callable
        Told what is being done and the share done, in [0, 1].
    device : str
        torch's name of the device.
    dtype : {"float32", "bfloat16"}
        Data type of forward passes where a method allows the choice.
    allow_send : frozenset of str
        Hosts to which rows may be sent.
    terms : ServerTerms
        Prices and limits of calls to servers.
    checkpoint : Path or None
        File in which training keeps its state, so that the same fit, started again after it was killed, goes on.
    may_shorten : bool
        Whether training may take fewer steps, on a schedule that ends in time, rather than be cut.
    measure_dtype : bool
        Whether a method may measure, once on a machine, if training in bfloat16 is faster and as good, and set `dtype`
        to what it found. A study's plan fixes `dtype` instead.
    """

    deadline: Deadline = Deadline()
    progress: Callable[[str, float], None] = _no_progress
    device: str = "cpu"
    dtype: str = "float32"
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)
    may_shorten: bool = False
    checkpoint: Path | None = None
    measure_dtype: bool = False


def peak_memory_mb() -> float:
    """Give the highest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _honest(method: Method) -> bool:
    return method.honest_probabilities and method.task.kind in (*ONE_LABEL, "multi-label")


class Method(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Base of every method; subclasses write `_fit`, `_answer`, `_save` and `_load`.

    Parameters
    ----------
    task : Task
        Kind, labels, definitions and instruction.
    model : str or None
        Name of a pre-trained model, never a loaded one.
    seed : int
        Of everything random in the fit.

    Attributes
    ----------
    classes_ : ndarray of str, shape (labels,)
        The task's labels, whatever rows were seen.
    usage_ : Usage
        What the fit has spent, work of earlier trials that it reused included.
    reused_seconds_ : float
        The seconds of that reused work.
    history_ : list of dict
        What happened, step by step; plain JSON values.
    details_ : dict
        What the fit reports of itself; plain JSON values.
    cut_ : bool
        Whether the deadline ended the fit early.
    context_ : RunContext
        Surroundings of the last fit or load.
    """

    #: Whether `predict_proba` exists: only where probabilities are honest.
    honest_probabilities: ClassVar[bool] = True
    #: Whether single answers may carry honest probabilities, though no row is sure to get them.
    some_probabilities: ClassVar[bool] = False
    #: Least number of labelled rows.
    least_n: ClassVar[int] = 2
    #: Whether rows of at least two labels are needed.
    needs_two_labels: ClassVar[bool] = True

    #: Whether a fit can start from what an earlier one saved.
    can_continue: ClassVar[bool] = False

    #: Folder that the next fits start from, and the labels of the fit that wrote it; None for the pre-trained model.
    continued: tuple[Path, tuple[str, ...]] | None = None

    #: Whether every row is computed anew, where a method would else reuse what the process has computed before.
    fresh_scores: bool = False

    task: Task
    model: str | None
    seed: int
    usage_: Usage

    def within(self, context: RunContext) -> Self:
        """Set the surroundings of the next fit: deadline, progress, device, data type.

        Parameters
        ----------
        context : RunContext

        Returns
        -------
        Self
        """
        self.context_given = context
        return self

    def continuing(self, folder: Path, labels: Sequence[str]) -> Self:
        """Let the next fits start from what an earlier one saved, instead of from the pre-trained model.

        Parameters
        ----------
        folder : Path
            `save`'s.
        labels : sequence of str
            Of the task that it was fitted for; they must be among this task's.

        Returns
        -------
        Self

        Raises
        ------
        OptionError
            If the method learns anew each time, or a label is missing.
        """
        if not self.can_continue:
            raise OptionError(
                f"{type(self).__name__} learns anew each time, and cannot go on from an earlier fit.",
                next_step="Fit it on all rows, the earlier ones and the new ones.",
            )
        missing = [label for label in labels if label not in self.task.labels]
        if missing:
            raise OptionError(
                f"Every label of the earlier fit must be among the task's; {missing[0]!r} is not.",
                next_step="Add it to the task's labels.",
            )
        self.continued = (Path(folder), tuple(labels))
        return self

    def fit(self, X: Sequence[Any], y: Sequence[Any]) -> Self:
        """Learn from labelled rows, forgetting any earlier fit.

        Parameters
        ----------
        X : sequence of str, length n
            Texts, or tuples of two texts, or of tokens; empty for a method that needs no rows.
        y : sequence of str, length n
            Labels out of the task's; lists of labels or tags, or numbers, where the task's kind has them.

        Returns
        -------
        Self

        Raises
        ------
        DataError
            If lengths differ, a label is not one of the task's, or there are too few rows.
        """
        texts, labels = self._checked(X, y)
        context = getattr(self, "context_given", None) or RunContext()
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)
        self._prepare(context)
        started = time.perf_counter()
        self._fit(texts, labels)
        seconds = time.perf_counter() - started + self.reused_seconds_
        self.usage_ = replace(self.usage_, seconds=seconds, peak_memory_mb=peak_memory_mb())
        self.is_fitted_ = True
        return self

    def answer(self, X: Sequence[Any]) -> list[Answer]:
        """Answer rows; a row that cannot be answered is an abstention with a reason, never an exception.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        list of Answer, length rows
        """
        if not getattr(self, "is_fitted_", False):
            raise NotFittedError(f"This {type(self).__name__} is not fitted: call fit before answer.")
        texts = written_texts(X)
        return self._answer(texts) if texts else []

    def predict(self, X: Sequence[Any]) -> NDArray[Any]:
        """Give the label of each row, or ``"<abstain>"``; see `bakeoff.tasks.values_of` for other kinds.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        ndarray, shape (rows,)
        """
        return values_of(self.task, [answer.value for answer in self.answer(X)], written_texts(X))

    def score(self, X: Sequence[Any], y: Sequence[Any], sample_weight: None = None) -> float:  # noqa: ARG002
        """Score answers on the task's metric; higher is better."""
        values = [answer.value for answer in self.answer(X)]
        truth = truths(self.task, written_texts(X), written_labels(self.task.kind, y))
        return scoring_of(self.task).score_values(truth, values)

    @available_if(_honest)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, X: Sequence[Any]) -> NDArray[np.float64]:
        """Give the probability of each label, columns in the order of ``classes_``.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        ndarray of float64, shape (rows, labels)
            In [0, 1], rows summing to 1 where a row has one label; NaN for an abstention.
        """
        nothing = (float("nan"),) * len(self.task.labels)
        rows = [a.probabilities if a.probabilities is not None else nothing for a in self.answer(X)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.task.labels))

    def rephrased(self, X: Sequence[str]) -> tuple[RephrasedAnswers, ...]:  # noqa: ARG002  # for those with a prompt
        """Answer rows under other phrasings of the method's prompt.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        tuple of RephrasedAnswers
            One per phrasing; empty for a method without a prompt. A phrasing that the deadline cuts is left out.
        """
        return ()

    def save(self, folder: Path) -> None:
        """Write all that answering needs into an existing folder, without pickle.

        Parameters
        ----------
        folder : Path
        """
        self._save(Path(folder))

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], context: RunContext | None = None) -> Self:
        """Rebuild a fitted method from `save`'s folder.

        Parameters
        ----------
        folder : Path
        parameters : mapping
            The constructor's arguments, `Task` included, as ``get_params(deep=False)`` gave them.
        context : RunContext, optional

        Returns
        -------
        Self
            Answers as the saved method did.
        """
        method = cls(**parameters)
        method._prepare(context or RunContext())
        method._load(Path(folder))
        method.is_fitted_ = True
        return method

    @abstractmethod
    def _fit(self, texts: list[str], labels: list[str]) -> None:
        """Learn; may replace `usage_` (`fit` fills in seconds), extend `history_`, set `details_` and `cut_`."""

    @abstractmethod
    def _answer(self, texts: list[str]) -> list[Answer]:
        """Answer at least one row."""

    @abstractmethod
    def _save(self, folder: Path) -> None:
        """Write weights as safetensors and the rest as JSON or YAML."""

    @abstractmethod
    def _load(self, folder: Path) -> None:
        """Read what `_save` wrote."""

    @property
    def size_mb(self) -> float:
        """Weights and files that answering needs, in MB."""
        return float(getattr(self, "size_mb_", 0.0))

    @property
    def answers_in_parallel(self) -> bool:
        """Whether several threads may ask it at a time: not where that changes what it holds, as a decoder's caches."""
        return False

    def _prepare(self, context: RunContext) -> None:
        self.context_ = context
        self.classes_ = np.array(self.task.labels, dtype=np.str_)
        self.usage_ = Usage()
        self.reused_seconds_ = 0.0
        self.history_: list[dict[str, Any]] = []
        self.details_: dict[str, Any] = {}
        self.cut_ = False

    def _checked(self, X: Sequence[str], y: Sequence[str]) -> tuple[list[str], list[str]]:
        check_columns(X, y)
        texts, labels = written_texts(X), written_labels(self.task.kind, y)
        if len(texts) != len(labels):
            raise DataError(
                f"fit needs one label a text; {len(texts)} texts and {len(labels)} labels came.",
                next_step="Give X and y of one length.",
            )
        check_labels(self.task, texts, labels)
        distinct = len(set(labels))
        if len(texts) < self.least_n or (self.needs_two_labels and distinct < 2):
            raise DataError(
                f"{type(self).__name__} needs at least {self.least_n} labelled rows"
                f"{' of two labels' if self.needs_two_labels else ''}; {len(texts)} rows of {distinct} came.",
                next_step="Give it more labelled rows.",
            )
        return texts, labels
