"""Metrics of other packages: what a row adds to some sums, and the metric of the sums.

An entry point in the group ``bakeoff.metrics`` names a `MetricSpec`. As a metric is a function of sums over rows, rows
can have weights, and a study resamples and swaps answers on it as on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import labels_of, references_of
from bakeoff.errors import OptionError
from bakeoff.plugins import fault_told, plugins, sound_plugins

__all__ = ["METRICS_GROUP", "MetricSpec", "given_metrics", "metric_fault", "of_first_two", "score_given"]

METRICS_GROUP = "bakeoff.metrics"

Reals = NDArray[np.float64]


def of_first_two(sums: Reals) -> Reals:
    """Give a mean: the first sum, of what rows score, divided by the second, of how many they are."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric.

    Parameters
    ----------
    name : str
        As ``--metric`` takes it; higher values of it are better.
    summary : str
        What it is, in a few words: ``"share of rows whose ..."``.
    kinds : tuple of str
        Kinds of task that it scores.
    sums : callable
        Of a row's truth and answer, both as people use them: a label, a tuple of labels or tags, a number, or for texts
        to write the references and the text; the answer is None for an abstention. Gives what the row adds to each
        sum: of `of_first_two` the row's score and 1.
    of_sums : callable
        Sums of shape (resamples, sums) to the metric, shape (resamples,).
    least : float
        Lower end of its range; the upper one is 1.
    """

    name: str
    summary: str
    kinds: tuple[str, ...]
    sums: Callable[[Any, Any], Sequence[float]]
    of_sums: Callable[[Reals], Reals] = of_first_two
    least: float = 0.0


def given_metrics(kind: str | None = None) -> dict[str, MetricSpec]:
    """Give the metrics that installed packages bring.

    Parameters
    ----------
    kind : str, optional
        Those of a kind of task alone.

    Returns
    -------
    dict of str to MetricSpec
    """
    specs: Sequence[MetricSpec] = sound_plugins(METRICS_GROUP, MetricSpec, ())
    return {spec.name: spec for spec in specs if kind is None or kind in spec.kinds}


def metric_fault(name: str) -> str:
    """Say why a metric that somebody asks for is not there, where a package was to bring it; empty else."""
    return fault_told(METRICS_GROUP, MetricSpec, name) if plugins(METRICS_GROUP, MetricSpec) else ""


def score_given(
    metric: str,
    kind: str,
    pairs: tuple[Sequence[str], Sequence[str | None]],
    weights: Reals,
) -> Reals:
    """Score written labels on a metric of another package.

    Parameters
    ----------
    metric : str
    kind : str
        Of the task.
    pairs : (sequence of str, sequence of str or None)
        Truths and answers, row by row.
    weights : ndarray of float64, shape (resamples, rows)

    Returns
    -------
    ndarray of float64, shape (resamples,)

    Raises
    ------
    OptionError
        If the metric raises, or gives something else than numbers.
    """
    spec = given_metrics()[metric]
    met: dict[tuple[str, str | None], Sequence[float]] = {}
    try:
        for truth, answer in set(zip(*pairs, strict=True)):
            met[truth, answer] = spec.sums(*_parsed(kind, truth, answer))
        table = np.array([met[pair] for pair in zip(*pairs, strict=True)], dtype=np.float64)
        values = np.asarray(spec.of_sums(weights @ table.reshape(len(pairs[0]), -1)), dtype=np.float64)
    except Exception as error:
        raise OptionError(
            f"The metric {metric!r} of another package failed: {type(error).__name__}: {error}.",
            next_step="Ask whoever keeps the package, or choose another with --metric.",
        ) from error
    return np.where(weights.sum(axis=1) > 0, values, np.nan)


def _parsed(kind: str, truth: str, answer: str | None) -> tuple[Any, Any]:
    if kind == "generation":
        return references_of(truth), answer
    if kind == "regression":
        return float(truth), None if answer is None else float(answer)
    if kind in ("multi-label", "tagging"):
        return labels_of(kind, truth), None if answer is None else labels_of(kind, answer)
    return truth, answer
