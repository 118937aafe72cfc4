"""Advice before anything is measured: the five considerations from the data alone, and a forecast for each way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import entries
from bakeoff.data import Check, check_rows, counts_of, label_names
from bakeoff.decision import Expectation, expectation
from bakeoff.methods.forecast import ModelSpeed
from bakeoff.methods.registry import method_spec
from bakeoff.records import Assumptions, Consideration, Requirement
from bakeoff.study.contenders import CandidateModel, build_contenders
from bakeoff.study.grid import Grid, forecast_trial
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.prepare import task_of
from bakeoff.workbench.rows import can_show, divide, forecast_of_showing, read_source, row_counts

__all__ = ["Advice", "Forecast", "advise"]

#: Tokens to a word of English, and tokens a second times weights on two cores with AVX-512 BF16 (MiniLM-L6 5,600, and
#: SmolLM2-135M 860, tokens a second forward).
_TOKENS_A_WORD, _TOKEN_WEIGHTS_A_SECOND = 1.3, 1.2e11
#: A training step is so many times as dear as a forward pass.
_TUNING = {"encoder": 2.4, "decoder": 3.0}
#: Labels from which on every prompt that shows one row of each is long.
_MANY_LABELS = 20


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a contender would take here, by rule of thumb.

    Parameters
    ----------
    contender : str
    arm : str
    n : int
        Labelled rows that it learns from; 0 where it uses none.
    fit_seconds, answer_seconds : float
        For one fit, and for 1,000 answers.
    """

    contender: str
    arm: str
    n: int
    fit_seconds: float
    answer_seconds: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said of rows before anything is measured on them.

    Parameters
    ----------
    name, columns : str
        The source's name, and one sentence on which columns were taken.
    kind : str
        Of the task.
    labels : int
    rows : mapping
        ``train``, ``validation`` and ``test`` rows as a study would divide them.
    checks : tuple of Check
        Those that do not pass.
    mde : float
        Smallest difference that the test rows can show, in points.
    expected : Expectation or None
        None for kinds of which no open sets were measured both ways.
    considerations : tuple of Consideration
        The five, from the data alone.
    forecasts : tuple of Forecast
        The quickest to answer first.
    literature : tuple of str
        What was published about so many labelled rows.
    """

    name: str
    columns: str
    kind: str
    labels: int
    rows: dict[str, int]
    checks: tuple[Check, ...]
    mde: float
    expected: Expectation | None
    considerations: tuple[Consideration, ...]
    forecasts: tuple[Forecast, ...]
    literature: tuple[str, ...]


def advise(source: Any, data: DataOptions, options: StudyOptions) -> Advice:
    """Say what to expect of both ways on a source of rows; nothing is fetched, loaded or written.

    Parameters
    ----------
    source : str or a table in memory
    data : DataOptions
    options : StudyOptions

    Returns
    -------
    Advice

    Raises
    ------
    UserError
        If rows or options cannot be used.
    """
    read = read_source(source, data)
    split = divide(read, seed=options.seed, seeds=options.seeds, division=options.division)
    task, rows = task_of(read, split, options), row_counts(split)
    parts = (split.rows,) if split.rows is not None else (split.train, split.validation, split.test)
    labels = [label for part in parts for label in part.labels]
    words = float(np.median([len(text.split()) for part in parts for text in part.texts]))
    forecasts = _forecasts(options, task.kind, rows, words, len(task.labels))
    classes = max(len(label_names(read.kind, labels)), 1)
    expected = expectation(classes, rows["train"]) if read.kind == "classification" else None
    known = len(split.rows or split.test), options.seeds, split.folds, read.kind
    mde, forecast = can_show(*known), forecast_of_showing(*known)
    counts = np.array(list(counts_of(read.kind, labels).values()), dtype=np.int64)
    return Advice(
        name=read.name,
        columns=read.columns.how,
        kind=read.kind,
        labels=len(task.labels),
        rows=rows,
        checks=tuple(one for one in (*check_rows(read), *split.checks) if one.status != "PASS"),
        mde=mde,
        expected=expected,
        considerations=(
            _requirements(options.requirements, forecasts),
            _control(counts, options),
            _resources(forecasts, options.assumptions),
            _complexity(counts, words, len(labels), rows["train"]),
            _goals(expected, forecast),
        ),
        forecasts=forecasts,
        literature=_literature(rows["train"]),
    )


def _models(options: StudyOptions) -> list[CandidateModel]:
    """Take models by what the catalogue says of them; nothing is fetched. Others are left out."""
    known = {one.name: one for one in entries("model")}
    wanted = (*options.encoders, *options.prompt_models)
    return [
        CandidateModel(name, one.family, None, one.parameters, name)
        for name in wanted
        if (one := known.get(name)) is not None and one.family in _TUNING and one.parameters
    ]


def _forecasts(
    options: StudyOptions, kind: str, rows: dict[str, int], words: float, labels: int
) -> tuple[Forecast, ...]:
    models = _models(options)
    found, _missing = build_contenders(models, kind=kind, methods=options.methods, train_rows=rows["train"])
    speeds = {model.name: _speed(model, words) for model in models}
    grid = Grid(found, speeds, (rows["train"],), options.seeds, rows, labels, float(labels), 1.5)
    forecasts = []
    for contender in found:
        n = rows["train"] if contender.uses_labels else 0
        if contender.arm != "floor" and n >= method_spec(contender.method).least_n:
            fit = forecast_trial(grid, contender, n, 0)
            answers = forecast_trial(grid, contender, n, 1000) - fit
            forecasts.append(Forecast(contender.name, contender.arm, n, fit, max(answers, 0.0)))
    return tuple(sorted(forecasts, key=lambda one: one.answer_seconds))


def _speed(model: CandidateModel, words: float) -> ModelSpeed:
    forward = _TOKEN_WEIGHTS_A_SECOND / model.parameters
    return ModelSpeed(forward, forward / _TUNING[model.family], 0.0, _TOKENS_A_WORD * words + 2)


def _of_arm(forecasts: Sequence[Forecast], arm: str) -> list[Forecast]:
    return [one for one in forecasts if one.arm == arm]


def _requirements(requirements: Sequence[Requirement], forecasts: Sequence[Forecast]) -> Consideration:
    name = "task_requirements"
    if not requirements:
        return Consideration(name, "No hard limits were given (--require).", {}, "neither")
    told, favours = [], "neither"
    for one in requirements:
        if one.figure not in ("p50_ms", "p95_ms"):
            told.append(f"{one.figure}: only a measurement tells")
            continue
        tuned, asked = ([f.answer_seconds for f in _of_arm(forecasts, arm)] for arm in ("finetune", "prompt"))
        if tuned and asked:
            told.append(
                f"{one.figure} <= {one.value:g}: how long one row alone takes is not forecast; of rows answered "
                f"together each takes about {min(tuned):.1f} ms tuned and {min(asked):.1f} ms prompted at best, and "
                "one alone takes longer"
            )
            # What misses the limit even so cannot meet it; what does not may miss it all the same.
            out = [min(each) > one.value for each in (tuned, asked)]
            favours = {(True, False): "prompting", (False, True): "fine-tuning"}.get((out[0], out[1]), favours)
    return Consideration(name, "; ".join(told) + ".", {}, favours)


def _control(counts: NDArray[np.int64], options: StudyOptions) -> Consideration:
    if not len(counts):
        return Consideration("control_vs_flexibility", "Answers are numbers, of which none is rare.", {}, "neither")
    rare = int((counts < 8).sum())
    told = f"{rare} of {len(counts)} labels have fewer than 8 rows: a prompt can name them, training hardly sees them."
    if not rare:
        told = f"Every label has {int(counts.min()):,} rows or more. A new label changes a prompt at once; training it "
        told += "takes rows and a fit."
    given = " Definitions of the labels were given, which prompts read." if options.labels is not None else ""
    return Consideration(
        "control_vs_flexibility", told + given, {"rare_labels": rare}, "prompting" if rare or given else "neither"
    )


def _resources(forecasts: Sequence[Forecast], assumptions: Assumptions) -> Consideration:
    name = "time_and_resources"
    tuned, asked = (_of_arm(forecasts, arm) for arm in ("finetune", "prompt"))
    if not tuned or not asked:
        return Consideration(name, "One of the two ways has no contender here.", {}, "neither")
    costs = {}
    for way, each in (("fine-tuning", tuned), ("prompting", asked)):
        best = min(each, key=lambda one: one.answer_seconds)
        seconds = best.fit_seconds + best.answer_seconds / 1000 * assumptions.volume * assumptions.horizon_months
        costs[way] = seconds / 3600 * assumptions.machine_hour_cost
    favours = min(costs, key=lambda way: costs[way])
    told = ", ".join(f"{way} {cost:,.2f} {assumptions.currency}" for way, cost in costs.items())
    return Consideration(
        name,
        f"Machine time over {assumptions.horizon_months:g} months at {assumptions.volume:,.0f} predictions a month, by "
        f"the quickest of each: {told}. People's hours are not forecast.",
        dict(costs),
        favours,
    )


def _complexity(counts: NDArray[np.int64], words: float, all_rows: int, train: int) -> Consideration:
    if not len(counts):
        told = f"Numbers, {train:,} labelled rows, {words:g} words a text."
        return Consideration("complexity", told, {}, "neither")
    a_label = train / len(counts)
    told = (
        f"{len(counts)} labels, {a_label:,.0f} labelled rows for each, {words:g} words a text, the most frequent label "
        f"on {counts.max() / all_rows:.0%} of the rows."
    )
    favours = "neither"
    if a_label < 8:
        favours = "prompting"
    elif len(counts) >= _MANY_LABELS:
        favours, told = "fine-tuning", f"{told} A prompt that shows a row of each label is long."
    return Consideration("complexity", told, {"labels": len(counts), "rows_a_label": a_label}, favours)


def _goals(expected: Expectation | None, forecast: str) -> Consideration:
    name, shown = "performance_goals", f" {forecast}" if forecast else ""
    if expected is None:
        return Consideration(name, f"No open sets of this kind were measured both ways.{shown}", {}, "neither")
    if expected.way is None:
        return Consideration(name, f"Open sets like this are divided, or too few.{shown}", {}, "neither")
    way = {"finetune": "fine-tuning", "prompt": "prompting"}[expected.way]
    told = f"On {expected.ahead} of {expected.sets} open sets with about as many rows a label, {way} was ahead.{shown}"
    return Consideration(name, told, {"probability": expected.probability}, way)


def _literature(n: int) -> tuple[str, ...]:
    where = "fewer than" if n < 100 else "about as many as" if n < 500 else "more than"
    return (
        "Small tuned models met large prompted ones at about 100 labelled rows in the mean over tasks, and at two to "
        "three times as many where chance is allowed for (Pecher et al. 2024, arXiv 2402.12819): "
        f"{n:,} are {where} that.",
        "Tuned models of RoBERTa's size beat GPT-4 and others asked zero-shot, with 200 to 500 rows (Bucher and "
        "Martini 2024, arXiv 2406.08660); those prompts were not searched for.",
        "Searched prompts did as well as tuned models at a lower cost of serving, and both together best (Databricks "
        "2025).",
    )
