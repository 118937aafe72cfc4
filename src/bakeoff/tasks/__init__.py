"""Tasks: what a row is, what an answer is, and how answers are scored."""

from __future__ import annotations

from bakeoff.tasks.checks_file import read_checks
from bakeoff.tasks.classification import METRICS, choose_metric, label_codes, score_codes
from bakeoff.tasks.given_metrics import MetricSpec, metric_fault
from bakeoff.tasks.kinds import ONE_LABEL, default_metric, least_score, metrics_of, scoring_of
from bakeoff.tasks.multi_label import MultiLabelScoring
from bakeoff.tasks.scoring import LabelScoring, Scoring
from bakeoff.tasks.tagging import entities_of, likeliest_tags, with_beginnings
from bakeoff.tasks.task import ABSTAIN, TASK_KINDS, Task, classification_task, label_words, task_of_kind
from bakeoff.tasks.text_checks import CHECK_KINDS, TextCheck, check_value, knowing_values
from bakeoff.tasks.written import (
    are_pairs,
    check_columns,
    check_labels,
    truths,
    values_of,
    written_labels,
    written_texts,
)

__all__ = [
    "ABSTAIN",
    "CHECK_KINDS",
    "METRICS",
    "ONE_LABEL",
    "TASK_KINDS",
    "LabelScoring",
    "MetricSpec",
    "MultiLabelScoring",
    "Scoring",
    "Task",
    "TextCheck",
    "are_pairs",
    "check_columns",
    "check_labels",
    "check_value",
    "choose_metric",
    "classification_task",
    "default_metric",
    "entities_of",
    "knowing_values",
    "label_codes",
    "label_words",
    "least_score",
    "likeliest_tags",
    "metric_fault",
    "metrics_of",
    "read_checks",
    "score_codes",
    "scoring_of",
    "task_of_kind",
    "truths",
    "values_of",
    "with_beginnings",
    "written_labels",
    "written_texts",
]
