"""What fitting a method alone takes: draw its rows, fit it, score it, and write what was scored."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.data import Rows, nested_order
from bakeoff.decision import bootstrap_scores, calibration_error, calibration_error_by_chance
from bakeoff.errors import BundleError, OptionError
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.registry import load_method, method_specs
from bakeoff.models.facts import choose_dtype
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.ship.tuned_card import floor_words
from bakeoff.tasks import ONE_LABEL, scoring_of, truths
from bakeoff.workbench.options import Watcher

if TYPE_CHECKING:
    from bakeoff.records import Answer
    from bakeoff.ship import Bundle
    from bakeoff.tasks import Task

__all__ = [
    "Calibration",
    "Scored",
    "calibration_figures",
    "context_for",
    "floor_score",
    "floor_words",
    "rows_source",
    "sample",
    "scored",
    "write_fitted",
]

#: Rows that the fitted and the reloaded method both answer before a bundle counts.
_COMPARED_ROWS = 32
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether probabilities hold, on rows that were not learned from.

    Parameters
    ----------
    error : float
        Expected calibration error, in [0, 1].
    by_chance : float
        What probabilities that hold would show on as many rows.
    unscaled : float or None
        The error as it was before temperature scaling; None where nothing was scaled.
    """

    error: float
    by_chance: float
    unscaled: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A score on rows that were not learned from: the metric in [0, 1], its 95% interval over rows, how many rows.

    Its calibration is None for a method without honest probabilities.
    """

    score: float
    interval: tuple[float, float]
    rows: int
    calibration: Calibration | None = None


def rows_source(source: str) -> str:
    """Name where rows came from so that they can be found again from another folder.

    Parameters
    ----------
    source : str

    Returns
    -------
    str
        A path becomes absolute.
    """
    return str(Path(source).absolute()) if Path(source).exists() else source


def context_for(
    seconds: float | None, watcher: Watcher, output: Path | None = None, *, measure_dtype: bool = False
) -> RunContext:
    """Give the surroundings of a fit: where time is limited, training is shortened to end in it.

    Parameters
    ----------
    seconds : float, optional
    watcher : Watcher
        Told how far the fit is.
    output : Path, optional
        Of the bundle, beside which training keeps its state until it is done.
    measure_dtype : bool
        Whether the fit may measure which data type trains faster here.

    Returns
    -------
    RunContext
    """
    kept = None if output is None else output.absolute().with_name(f".{output.name}.training")
    if kept is not None and kept.exists():
        watcher.step("an earlier training was stopped here: if it is the same, it goes on from there")
    deadline = Deadline() if seconds is None else Deadline.after(seconds)
    return RunContext(
        deadline=deadline,
        progress=watcher.fitting,
        dtype=choose_dtype(),
        measure_dtype=measure_dtype,
        may_shorten=seconds is not None,
        checkpoint=kept,
    )


def sample(train: Rows, n: int | None, seed: int) -> Rows:
    """Draw the rows to learn from, as a study draws them.

    Parameters
    ----------
    train : Rows
    n : int, optional
        All of them where not given.
    seed : int

    Returns
    -------
    Rows

    Raises
    ------
    OptionError
        If there are not so many.
    """
    if n is None:
        return train
    if n > len(train):
        raise OptionError(
            f"-n is at most the {len(train):,} train rows; {n:,} came.", next_step="Give fewer, or leave it away."
        )
    return train.take(nested_order(train.strata, seed)[:n])


def scored(method: Method, rows: Rows, task: Task, seed: int) -> tuple[Scored, tuple[str | None, ...], float]:
    """Score a method on rows that it did not learn from.

    Parameters
    ----------
    method : Method
        Fitted.
    rows : Rows
    task : Task
        Whose labels and metric count; it may know labels that the method does not.
    seed : int
        Of the interval's resamples.

    Returns
    -------
    Scored
    answers : tuple of str or None
    rows_per_second : float
    """
    began = time.perf_counter()
    found = method.answer(rows.texts)
    rate = len(rows) / max(time.perf_counter() - began, 1e-9)
    answers = tuple(answer.value for answer in found)
    scoring = scoring_of(task)
    truth, codes = scoring.codes(truths(task, rows.texts, rows.labels)), scoring.codes(answers)
    drawn = bootstrap_scores(scoring, truth, codes[None], _RESAMPLES, seed)[:, 0]
    low, high = (float(bound) for bound in np.percentile(drawn, (2.5, 97.5)))
    told = None
    if task.kind in ONE_LABEL:
        told = _calibration(found, rows.labels, method.details_.get("temperature", 1.0))
    return Scored(float(scoring.score(truth, codes)), (low, high), len(rows), told), answers, rate


def _calibration(answers: Sequence[Answer], labels: Sequence[str], temperature: float) -> Calibration | None:
    """Measure the calibration of answers; the temperature that they were scaled by is taken back out of them."""
    kept = [
        (answer.probabilities, answer.value == label)
        for answer, label in zip(answers, labels, strict=True)
        if answer.value is not None and answer.probabilities is not None
    ]
    if not kept:
        return None
    shares, right = np.array([row for row, _ in kept]), np.array([fits for _, fits in kept])
    error, unscaled = calibration_error(shares.max(axis=1), right), None
    if temperature != 1.0:
        # Scores are known up to what all labels share, which moves no probability.
        first = (shares / shares.max(axis=1, keepdims=True)) ** temperature
        unscaled = calibration_error((first / first.sum(axis=1, keepdims=True)).max(axis=1), right)
    return Calibration(error, calibration_error_by_chance(shares.max(axis=1)), unscaled)


def calibration_figures(found: Scored) -> tuple[float, float, float | None] | None:
    """Give a score's calibration as a card takes it.

    Parameters
    ----------
    found : Scored

    Returns
    -------
    (error, by chance, before scaling) or None
    """
    told = found.calibration
    return None if told is None else (told.error, told.by_chance, told.unscaled)


def floor_score(task: Task, train: Rows, test: Rows, seed: int) -> Scored:
    """Score TF-IDF and a linear head, or a tagger of token features, which a tuned model should beat.

    Parameters
    ----------
    task : Task
    train, test : Rows
    seed : int

    Returns
    -------
    Scored
        NaN where too few rows allow no fit.
    """
    # The last is the one that learns most.
    spec = [spec for spec in method_specs() if spec.arm == "floor" and task.kind in spec.kinds][-1]
    if len(train) < spec.least_n or len(set(train.labels)) < 2:
        return Scored(float("nan"), (float("nan"), float("nan")), len(test))
    floor = load_method(spec.name)(task=task, seed=seed).fit(train.texts, train.labels)
    return scored(floor, test, task, seed)[0]


def write_fitted(method: Method, facts: BundleFacts, card: str, output: Path, texts: Sequence[str]) -> Path:
    """Write a fitted method as a bundle; what is read back must answer as it does, or nothing takes its place.

    Parameters
    ----------
    method : Method
    facts : BundleFacts
    card : str
    output : Path
        A bundle that stands there is replaced.
    texts : sequence of str
        The first of them are answered by both.

    Returns
    -------
    Path

    Raises
    ------
    BundleError
        If the reloaded method answers otherwise.
    """
    compared = texts[:_COMPARED_ROWS]
    folder = output.absolute().parent / f".{output.name}.method"
    # What a killed process left there must not get into the bundle.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected = method.answer(compared)
    try:
        method.save(folder)

        def check(bundle: Bundle) -> None:
            found = bundle.load().answer(compared)
            changed = int(np.sum([one.value != other.value for one, other in zip(expected, found, strict=True)]))
            if changed:
                raise BundleError(
                    f"The reloaded {facts.contender.name} answers {changed} of {len(compared)} rows otherwise than the "
                    "trained one; no bundle was written.",
                    next_step=f"Report this with the rows: {shlex.quote(str(output))}.",
                )

        return write_bundle(output, method_folder=folder, facts=facts, card=card, check=check)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
