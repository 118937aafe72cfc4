"""Tasks: what a row is, what an answer is, and how answers are scored."""

from __future__ import annotations

from bakeoff.tasks.classification import (
    METRICS,
    choose_metric,
    label_codes,
    score,
    score_codes,
)
from bakeoff.tasks.task import ABSTAIN, TASK_KINDS, Task, classification_task, label_words

__all__ = [
    "ABSTAIN",
    "METRICS",
    "TASK_KINDS",
    "Task",
    "choose_metric",
    "classification_task",
    "label_codes",
    "label_words",
    "score",
    "score_codes",
]
