"""The model card of a method that was fitted alone: what it is, how it scored, on what, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.records import Contender
from bakeoff.report.figures import (
    clean_text,
    count_text,
    duration_text,
    interval_text,
    points_text,
    rate_text,
    score_text,
)
from bakeoff.ship.card import base_model_section, code_block, escape, given_line, labels_line, use_section
from bakeoff.tasks import Task, metrics_of

__all__ = ["TunedFigures", "floor_words", "tuned_card"]


@dataclass(frozen=True, slots=True)
class TunedFigures:
    """What was measured of a fit.

    Parameters
    ----------
    learned_rows : int
        Labelled rows that it learned from.
    validation, test : tuple of (float, tuple of float, int)
        Score, its 95% interval, and rows.
    calibration : tuple of (float, float, float or None), optional
        Of the test rows: expected calibration error, what chance would show, and the error before temperature scaling.
    floor : float
        TF-IDF and logistic regression on the same test rows; NaN where it was not fitted.
    seconds : float
        Of the fit.
    rows_per_second : float
        Answering the test rows.
    cut : bool
        Whether time was up before the fit was done.
    """

    learned_rows: int
    validation: tuple[float, tuple[float, float], int]
    test: tuple[float, tuple[float, float], int]
    floor: float
    seconds: float
    rows_per_second: float
    cut: bool = False
    calibration: tuple[float, float, float | None] | None = None


def tuned_card(
    task: Task,
    contender: Contender,
    figures: TunedFigures,
    *,
    seed: int = 0,
    repeat: str = "",
    bundle_name: str = "bundle",
) -> str:
    """Write the model card of a method that was fitted alone.

    Parameters
    ----------
    task : Task
    contender : Contender
    figures : TunedFigures
    seed : int
    repeat : str
        Command that makes the bundle again.
    bundle_name : str
        Name of the bundle's folder, for the commands.

    Returns
    -------
    str
        Markdown; text that comes from the data is escaped.
    """
    model = f", on the model {escape(contender.model)}" if contender.model else ""
    head = "\n\n".join(
        (
            f"# {escape(task.name)}: {escape(contender.name)}",
            f"Gives {given_line(task)}, by fine-tuning: the method `{contender.method}` of "
            f"version {escape(contender.version)}{model}.",
            labels_line(task),
        )
    ).rstrip()
    sections = [
        head,
        _score(task, figures),
        _limits(task, figures),
        base_model_section(contender),
        use_section(bundle_name),
        _repeat(contender.parameters, seed, figures.seconds, repeat),
    ]
    return "\n\n".join(sections) + "\n"


def floor_words(kind: str) -> str:
    """Say what a tuned model has to beat, by the kind of task."""
    if kind == "generation":
        return "the target of the most similar source"
    return "token features and a linear head" if kind == "tagging" else "TF-IDF and a linear head"


def _score(task: Task, figures: TunedFigures) -> str:
    rows = "\n".join(
        f"| {name} | {count_text(count)} | {score_text(score)} | {interval_text(interval)} |"
        for name, (score, interval, count) in (("test", figures.test), ("validation", figures.validation))
    )
    floor = ""
    if figures.floor == figures.floor:  # NaN is not equal to itself
        what, reach = floor_words(task.kind), "reaches" if task.kind == "generation" else "reach"
        floor = f"{what[:1].upper()}{what[1:]} {reach} {score_text(figures.floor)} on the same test rows."
    lines = [
        "## Score",
        f"Learned from {count_text(figures.learned_rows)} labelled rows in {duration_text(figures.seconds)}; answers "
        f"{rate_text(figures.rows_per_second)}. {task.metric[:1].upper()}{task.metric[1:]} is the "
        f"{metrics_of(task.kind, task.checks).get(task.metric, task.metric)}.",
        f"| rows that it did not learn from | rows | {task.metric} | 95% interval |\n| --- | --- | --- | --- |\n{rows}",
        floor,
        _calibration(figures.calibration),
        "The interval is that of these weights on other rows of the same kind, not of another training run.",
    ]
    return "\n\n".join(line for line in lines if line)


def _calibration(found: tuple[float, float, float | None] | None) -> str:
    if found is None:
        return ""
    error, chance, before = found
    scaled = "" if before is None else f"; it was {points_text(before, signed=False)} before temperature scaling"
    return (
        f"Probabilities miss the share of right answers by {points_text(error, signed=False)} on the test rows "
        f"(expected calibration error; chance alone shows {points_text(chance, signed=False)}){scaled}."
    )


def _limits(task: Task, figures: TunedFigures) -> str:
    points = [
        "No prompt was measured beside it: `bakeoff run` compares both ways on the same rows.",
        f"Gives {given_line(task)} in every case, for a text about something else too.",
        "The score holds for rows like those above; rows of another source, time or language were not measured.",
    ]
    if figures.cut:
        points.insert(0, "Time was up before training was done.")
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points)


def _repeat(parameters: Mapping[str, object], seed: int, seconds: float, repeat: str) -> str:
    settings = ", ".join(f"{escape(key)} = {escape(str(value))}" for key, value in sorted(parameters.items()))
    told = f"## Repeat\n\nSeed {seed}; the fit took {duration_text(seconds)}. Settings: {settings or 'none'}."
    return f"{told}\n\n{code_block(clean_text(repeat))}" if repeat else told
