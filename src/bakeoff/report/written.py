"""What was written, measured otherwise: further metrics, each check, variety, copies and lengths, by contender."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.data import target_of
from bakeoff.decision.panel import Cell, Panel
from bakeoff.extras import has_module
from bakeoff.records import Decision
from bakeoff.report.answered import Answered
from bakeoff.report.looks import at_budget
from bakeoff.tasks import metrics_of
from bakeoff.tasks.text_form import word_runs, words_of

__all__ = ["TARGETS", "Written", "written"]

#: Metrics that are shown beside the primary one and those of checks, where the package that each needs is there.
_BESIDE = {"chrf": "sacrebleu", "bleu": "sacrebleu", "rouge-l": "rouge_score"}
#: Beside a primary metric of short answers, which the others tell little of.
_SHORT = ("token-f1", "exact-match")
#: Stands for the test rows' own targets among contenders.
TARGETS = "the test rows' targets"


@dataclass(frozen=True, slots=True)
class Written:
    """The table of written texts.

    Parameters
    ----------
    metrics : mapping of str to str
        What stands in the columns beside the primary metric, with what each is.
    rows : mapping of (str, int) to mapping of str to float
        By contender and n: the columns' figures, then ``distinct-2``, ``copied`` and ``words``; mean over seeds.
    targets : mapping of str to float
        The same of the test rows' first targets, where it means anything.
    """

    metrics: Mapping[str, str]
    rows: Mapping[tuple[str, int], Mapping[str, float]]
    targets: Mapping[str, float]


def written(panel: Panel, decision: Decision) -> Written | None:
    """Measure what contenders wrote to the test rows at the verdict's budget.

    Parameters
    ----------
    panel : Panel
    decision : Decision

    Returns
    -------
    Written or None
        None where no texts are written.
    """
    task = panel.evidence.task
    if task.kind != "generation" or not len(panel.truth["test"]):
        return None
    known = metrics_of(task.kind, task.checks)
    beside = _SHORT if task.metric in _SHORT else [name for name, module in _BESIDE.items() if has_module(module)]
    own = [name for name in known if name.partition(":")[0] in ("form", "slot-accuracy")]
    shown = [name for name in (*beside, *own) if name != task.metric]
    # One check is all of the form, and the mean of one says nothing more.
    shown = [name for name in shown if len(task.checks) > 1 or not name.startswith("form:")]
    rows: dict[tuple[str, int], dict[str, float]] = {}
    now = at_budget(decision)
    for line in (row for row in decision.leaderboard if id(row) in now):
        cell = panel.cell(line.contender, line.n)
        if cell is not None:
            rows[line.contender, line.n] = _figures(panel, cell, shown)
    return Written({name: known[name] for name in shown}, rows, _of_targets(panel, decision, own))


def _figures(panel: Panel, cell: Cell, metrics: Sequence[str]) -> dict[str, float]:
    found = {name: float(np.mean(panel.points(panel.truth["test"], cell.test, name))) for name in metrics}
    said = Answered(panel.evidence, cell)
    texts = [[one for one in said.values(place) if one is not None] for place in range(len(cell.seeds))]
    copied = [panel.evidence.measured.copied.get(trial.key, math.nan) for trial in cell.trials]
    return {**found, **_variety(texts), "copied": _mean(copied)}


def _variety(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """Give distinct-2 of all texts of a seed together, and their mean length, mean over seeds."""
    runs = [[run for text in own for run in word_runs(words_of(text), 2)] for own in texts]
    return {
        "distinct-2": _mean([len(set(own)) / len(own) if own else math.nan for own in runs]),
        "words": _mean([_mean([float(len(words_of(text))) for text in own]) for own in texts]),
    }


def _of_targets(panel: Panel, decision: Decision, metrics: Sequence[str]) -> dict[str, float]:
    labels = panel.evidence.test_labels
    answers = panel.scoring.codes([target_of(label) for label in labels])
    truth = panel.truth["test"]
    # Against the references a target is itself; only checks of the source tell something of it.
    found = {name: float(panel.scoring.with_metric(name).score(truth, answers)) for name in metrics}
    copied = panel.evidence.measured.copied_by_targets.get(decision.verdict.n, math.nan)
    return {**found, **_variety([[target_of(label) for label in labels]]), "copied": copied}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
