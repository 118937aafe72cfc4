"""Forecasts of the prompting methods for several labels a text, numbers and tags; see `bakeoff.methods.forecast`."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.methods import forecast
from bakeoff.methods.forecast import SINGLE_ROWS_SECONDS, TOKENS_THAT_DOUBLE, Workload, model_speed

__all__ = ["forecast_label_sets", "forecast_prompt_head", "forecast_scale", "forecast_tag_marks"]

#: Tokens of a rating's points behind a text, and those of the instruction for it.
_POINT_TOKENS, _SCALE_PREFIX = 1.0, 20.0
#: Fitting one label's logistic regression once, and what each row and feature adds; how many fits a head takes, and
#: the rows below which it takes one; and the map of tags, for each word of a row, feature and tag.
_FIT_SECONDS, _HEAD_SECONDS, _HEAD_FITS, _LEAST_TO_CHOOSE, _MAP_SECONDS = 0.04, 1.0e-7, 10, 30, 2.0e-6
#: Labelled rows that teach at most.
_MOST_TAUGHT, _MOST_RATED = 256, 64


def forecast_label_sets(work: Workload) -> float:
    """Seconds of a trial of a prompt that gives the likeliest labels."""
    return forecast.forecast_label_scores(replace(work, parameters={"shots": 0, **work.parameters}))


def forecast_scale(work: Workload) -> float:
    """Seconds of a trial of ratings; without labelled rows and a range, it takes less."""
    speed = model_speed(work)
    shots = min(int(work.parameters["shots"]), work.n)
    prefix = _SCALE_PREFIX + shots * (speed.tokens_per_row + 9.0)
    rows = work.answer_rows + 1 + min(work.n - shots, _MOST_RATED)
    tokens = rows * (speed.tokens_per_row + 6.0 + _POINT_TOKENS)
    dearer = 1.0 + prefix / TOKENS_THAT_DOUBLE
    return (prefix + tokens * dearer) / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS


def forecast_prompt_head(work: Workload) -> float:
    """Seconds of a trial of several prompts read by a head: one pass a prompt, and the choice of its strength."""
    given = {"shots": 0, "demonstration_sets": 1, **work.parameters}
    asking, taught = forecast.asking_seconds(replace(work, parameters=given))
    features = len(given["wordings"]) * (work.labels + int(given["words"]))
    fits = (_HEAD_FITS if taught >= _LEAST_TO_CHOOSE else 1) * max(work.labels, 1)
    return asking + fits * (_FIT_SECONDS + _HEAD_SECONDS * taught * features)


def forecast_tag_marks(work: Workload) -> float:
    """Seconds of a trial of marks: each row twice, and a bracket behind each of its words."""
    speed, given = model_speed(work), work.parameters
    shots = min(int(given["shots"]), work.n // 2)
    words = speed.tokens_per_row / (speed.tokens_per_word or 1.3)
    prefix = 10.0 + shots * (2.0 * speed.tokens_per_row + 12.0)
    taught = min(work.n - shots, _MOST_TAUGHT)
    # The words behind a bracket are looked for in eight rows.
    rows = work.answer_rows + taught + 8
    tokens = rows * (2.0 * speed.tokens_per_row + words + 4.0)
    dearer = 1.0 + prefix / TOKENS_THAT_DOUBLE
    reading = (prefix + tokens * dearer) / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS
    return reading + _MAP_SECONDS * taught * words * 3.0 * (int(given["words"]) + 5) * max(work.labels, 1)
