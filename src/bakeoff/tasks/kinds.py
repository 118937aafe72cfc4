"""What differs between the kinds of tasks: metrics, the one chosen by default, and how answers are scored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bakeoff.data import counts_of
from bakeoff.tasks.classification import METRICS, choose_metric
from bakeoff.tasks.generation import (
    GENERATION_METRICS,
    GenerationScoring,
    check_metrics,
    choose_generation_metric,
)
from bakeoff.tasks.given_metrics import given_metrics
from bakeoff.tasks.multi_label import MULTI_LABEL_METRICS, MultiLabelScoring
from bakeoff.tasks.regression import REGRESSION_METRICS, RegressionScoring
from bakeoff.tasks.scoring import LabelScoring, Scoring
from bakeoff.tasks.tagging import TAGGING_METRICS, TaggingScoring
from bakeoff.tasks.task import Task
from bakeoff.tasks.text_checks import TextCheck

__all__ = ["ONE_LABEL", "default_metric", "least_score", "metrics_of", "scoring_of"]

#: Kinds in which a row has one label out of the label set.
ONE_LABEL = ("classification", "pair")

_METRICS: Mapping[str, Mapping[str, str]] = {
    "classification": METRICS,
    "pair": METRICS,
    "multi-label": MULTI_LABEL_METRICS,
    "regression": REGRESSION_METRICS,
    "tagging": TAGGING_METRICS,
    "generation": GENERATION_METRICS,
}


def metrics_of(kind: str, checks: Sequence[TextCheck] = ()) -> Mapping[str, str]:
    """Give a kind's metrics, with what each is; the first is the default where the labels do not choose it.

    Parameters
    ----------
    kind : str
    checks : sequence of TextCheck
        What written texts must pass; metrics of their own come with them.

    Returns
    -------
    mapping of str to str
        Those of installed packages come last.
    """
    own = {**_METRICS[kind], **check_metrics(checks)}
    return {**own, **{name: spec.summary for name, spec in given_metrics(kind).items() if name not in own}}


def least_score(metric: str) -> float:
    """Give the lower end of a metric's range; the upper one is 1 for all."""
    given = given_metrics().get(metric)
    return {"pearson": -1.0, "r2": -math.inf}.get(metric, given.least if given is not None else 0.0)


def default_metric(kind: str, values: Sequence[str]) -> str:
    """Choose the primary metric.

    Parameters
    ----------
    kind : str
    values : sequence of str
        Written labels of the rows to learn from.

    Returns
    -------
    str
        Accuracy or macro-F1 for one label a row, by how even the labels are; ``"micro-F1"``, ``"pearson"`` or
        ``"entity-F1"`` for the other kinds, ``"token-accuracy"`` where tags have no types; for texts to write
        ``"chrf"``, or ``"token-f1"`` where they are short.
    """
    if kind in ONE_LABEL:
        return choose_metric(counts_of(kind, values))
    if kind == "generation":
        return choose_generation_metric(values)
    if kind == "tagging" and not any("-" in value for value in values):
        return "token-accuracy"
    return next(iter(_METRICS[kind]))


def scoring_of(task: Task) -> Scoring:
    """Give how a task's answers are coded and scored.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Scoring
        Of its own: codes of two scorings of one task need not agree.
    """
    if task.kind == "multi-label":
        return MultiLabelScoring(task.metric, task.labels)
    if task.kind == "regression":
        return RegressionScoring(task.metric)
    if task.kind == "generation":
        return GenerationScoring(task.metric, task.checks)
    return TaggingScoring(task.metric) if task.kind == "tagging" else LabelScoring(task.metric, task.labels)
