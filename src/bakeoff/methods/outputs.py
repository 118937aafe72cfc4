"""What the scores of a linear layer say, by kind of task: what it learns towards, and the answer that it gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import labels_of, strata_of, write_labels, write_number
from bakeoff.methods.heads import LinearHead, softmax
from bakeoff.tasks import Task, label_codes, scoring_of

__all__ = ["NOT_FINITE", "ManyLabels", "Number", "OneLabel", "Outputs", "Told", "outputs_of"]

Reals = NDArray[np.float64]
Targets = NDArray[np.int64] | NDArray[np.float32]
#: A written label, None for an abstention, and the labels' probabilities where they are honest.
Told = tuple[str | None, tuple[float, ...] | None]

#: Abstention of a row whose number is not finite.
NOT_FINITE = "the answer is no finite number"
#: Labels with fewer rows than these keep the threshold of all labels.
_LEAST_POSITIVE = 5
#: Thresholds that are tried, in probabilities.
_THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.025), 3)


class Outputs(ABC):
    """What scores say; a fit may set more of it than the task does.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    @property
    @abstractmethod
    def width(self) -> int:
        """Scores a row."""

    @abstractmethod
    def targets(self, labels: Sequence[str]) -> Targets:
        """Give what is learned towards, rows first: codes, shares of each label, or numbers."""

    @abstractmethod
    def told(self, scores: Reals) -> list[Told]:
        """Give each row's answer by its scores, shape (rows, width)."""

    def told_by(self, head: LinearHead, features: Any) -> list[Told]:
        """Give each row's answer by a head and features, shape (rows, features)."""
        return self.told(head.scores(features))

    def strata(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Give codes by which rows can be divided so that each part is like the whole."""
        return np.unique(strata_of(self.task.kind, labels), return_inverse=True)[1].astype(np.int64)

    def score(self, scores: Reals, labels: Sequence[str]) -> float:
        """Score the answers on the task's metric."""
        return scoring_of(self.task).score_values(labels, [value for value, _ in self.told(scores)])

    def settle(self, scores: Reals, labels: Sequence[str]) -> None:  # noqa: B027  # nothing for most
        """Choose what the answers hang on beside the scores, by rows that were not learned from; nothing for most."""

    def of_head(self, head: LinearHead) -> None:  # noqa: B027  # nothing for most
        """Take up what a kept head says of its answers."""

    def go_on_from(self, head: LinearHead, labels: Sequence[str]) -> None:  # noqa: ARG002  # for those that need them
        """Take up a head that was fitted for some of the task's labels, before targets are made of new rows."""
        self.of_head(head)

    def on_head(self, head: LinearHead) -> LinearHead:
        """Give a head that says how its scores are read."""
        return head

    def reading(self) -> dict[str, Any]:
        """Say how scores become an answer, as plain JSON values, for those who read them elsewhere."""
        return {"as": "one label"}


class OneLabel(Outputs):
    """The label with the highest score."""

    @property
    def width(self) -> int:
        """Scores a row: one a label."""
        return len(self.task.labels)

    def targets(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Give the labels' codes, shape (rows,)."""
        return label_codes(labels, self.task.labels)

    def told(self, scores: Reals) -> list[Told]:
        """Give the likeliest label and the softmax of the scores."""
        return [(self.task.labels[int(row.argmax())], tuple(row.tolist())) for row in softmax(scores)]

    def told_by(self, head: LinearHead, features: Any) -> list[Told]:
        """Give the likeliest label and the head's probabilities, which may be those of one label against the rest."""
        rows = head.probabilities(features)
        return [(self.task.labels[int(row.argmax())], tuple(row.tolist())) for row in rows]


class ManyLabels(Outputs):
    """Every label whose probability reaches its threshold.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.thresholds = np.full(len(task.labels), 0.5)
        #: Whether a row without any label gets its likeliest, as where no labelled row is without.
        self.least_one = False

    @property
    def width(self) -> int:
        """Scores a row: one a label."""
        return len(self.task.labels)

    def targets(self, labels: Sequence[str]) -> NDArray[np.float32]:
        """Give 1 for each label that a row has, shape (rows, labels)."""
        place = {label: at for at, label in enumerate(self.task.labels)}
        found = np.zeros((len(labels), len(place)), dtype=np.float32)
        for row, value in enumerate(labels):
            for label in labels_of("multi-label", value):
                found[row, place[label]] = 1
        return found

    def learned(self, labels: Sequence[str]) -> None:
        """Note whether any labelled row is without a label."""
        self.least_one = all(labels_of("multi-label", value) for value in labels)

    def told(self, scores: Reals) -> list[Told]:
        """Give the labels above their thresholds, and each label's own probability."""
        shares = 1.0 / (1.0 + np.exp(-np.clip(scores, -60, 60)))
        given = shares >= self.thresholds
        if self.least_one:
            bare = np.flatnonzero(~given.any(axis=1))
            given[bare, (shares - self.thresholds)[bare].argmax(axis=1)] = True
        names = np.array(self.task.labels, dtype=object)
        return [(write_labels(names[row]), tuple(own.tolist())) for row, own in zip(given, shares, strict=True)]

    def settle(self, scores: Reals, labels: Sequence[str]) -> None:
        """Choose one threshold for all labels by the task's metric, then one for each label by its own F1.

        A label keeps the common one where it has fewer than 5 rows, or where its own brings the metric nothing.
        """
        best = -1.0
        for value in _THRESHOLDS:
            self.thresholds, before = np.full(self.width, value), self.thresholds
            found = self.score(scores, labels)
            if found <= best:
                self.thresholds = before
            best = max(best, found)
        true = self.targets(labels) > 0
        shares = 1.0 / (1.0 + np.exp(-np.clip(scores, -60, 60)))
        for label in np.flatnonzero(true.sum(axis=0) >= _LEAST_POSITIVE):
            given = shares[:, label, None] >= _THRESHOLDS
            hits = (given & true[:, label, None]).sum(axis=0)
            own = 2 * hits / np.maximum(given.sum(axis=0) + true[:, label].sum(), 1)
            before, self.thresholds = self.thresholds, self.thresholds.copy()
            self.thresholds[label] = _THRESHOLDS[int(own.argmax())]
            found = self.score(scores, labels)
            if found > best:
                best = found
            else:
                self.thresholds = before

    def of_head(self, head: LinearHead) -> None:
        """Take up a kept head's thresholds."""
        if head.readings is not None:
            self.thresholds, self.least_one = head.readings[:-1].astype(np.float64), bool(head.readings[-1])

    def go_on_from(self, head: LinearHead, labels: Sequence[str]) -> None:
        """Take up the thresholds of the labels that were known; a new label's is one half."""
        if head.readings is not None:
            self.thresholds[label_codes(labels, self.task.labels)] = head.readings[:-1]
            # A row may be without a label where one was, then or now.
            self.least_one = self.least_one and bool(head.readings[-1])

    def on_head(self, head: LinearHead) -> LinearHead:
        """Give the head with the thresholds, and behind them whether a row gets one label at least."""
        kept = np.append(self.thresholds, float(self.least_one)).astype(np.float64)
        return LinearHead(head.weights, head.bias, head.one_vs_rest, kept)

    def reading(self) -> dict[str, Any]:
        """Give the thresholds, and whether a row gets one label at least."""
        return {"as": "labels", "thresholds": self.thresholds.tolist(), "at_least_one": self.least_one}


class Number(Outputs):
    """The score itself; what is learned towards has the mean 0 and the deviation 1.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.mean, self.scale = 0.0, 1.0

    @property
    def width(self) -> int:
        """Scores a row: one."""
        return 1

    def learned(self, labels: Sequence[str]) -> None:
        """Note the labels' mean and deviation."""
        numbers = np.array([float(label) for label in labels])
        self.mean, self.scale = float(numbers.mean()), float(numbers.std()) or 1.0

    def targets(self, labels: Sequence[str]) -> NDArray[np.float32]:
        """Give the numbers in deviations from the mean, shape (rows, 1)."""
        numbers = np.array([[float(label)] for label in labels]).reshape(len(labels), 1)
        return ((numbers - self.mean) / self.scale).astype(np.float32)

    def told(self, scores: Reals) -> list[Told]:
        """Give the number in the labels' own unit, None where it is not finite; it has no probability."""
        numbers = scores[:, 0] * self.scale + self.mean
        return [(write_number(number) if np.isfinite(number) else None, None) for number in numbers.tolist()]

    def of_head(self, head: LinearHead) -> None:
        """Take up a kept head's mean and deviation."""
        if head.readings is not None:
            self.mean, self.scale = (float(value) for value in head.readings)

    def on_head(self, head: LinearHead) -> LinearHead:
        """Give the head with the mean and the deviation."""
        return LinearHead(head.weights, head.bias, head.one_vs_rest, np.array([self.mean, self.scale]))

    def reading(self) -> dict[str, Any]:
        """Give the mean and the deviation."""
        return {"as": "a number", "mean": self.mean, "scale": self.scale}


def outputs_of(task: Task, labels: Sequence[str] = ()) -> Outputs:
    """Give what a linear layer's scores say for a task.

    Parameters
    ----------
    task : Task
        Of any kind but tagging.
    labels : sequence of str
        Written labels of the rows to learn from; none where a fit is read.

    Returns
    -------
    Outputs
    """
    if task.kind not in ("multi-label", "regression"):
        return OneLabel(task)
    found = ManyLabels(task) if task.kind == "multi-label" else Number(task)
    if labels:
        found.learned(labels)
    return found
