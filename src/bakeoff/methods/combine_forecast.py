"""Forecasts of mixtures: sums of what their parts take."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.methods.forecast import (
    Workload,
    forecast_full,
    forecast_label_scores,
    forecast_label_writer,
    forecast_several_prompts,
)

__all__ = ["LEAST_TO_TEACH", "forecast_cascade", "forecast_distil", "forecast_tuned_prompt"]

#: Labelled rows from which on they teach the prompts that label in distillation.
LEAST_TO_TEACH = 8
#: Share of the answered rows that is thought to go to the prompt; which it is, is chosen in the fit.
_SENT = 0.5


def forecast_distil(work: Workload) -> float:
    """Seconds of a trial of distillation: the prompt labels texts, and a model is tuned on those it is surer of."""
    given = work.parameters
    asked = min(work.unlabelled, int(given["most_unlabelled"]))
    prompt = replace(work, speed=work.second_speed, answer_rows=asked)
    if work.n >= LEAST_TO_TEACH:
        labelling = forecast_several_prompts(replace(prompt, parameters=given["prompt"]))
    else:
        settings = {"shots": 0, "calibration": "contextual"}
        labelling = forecast_label_scores(replace(prompt, parameters=settings, answer_rows=asked + work.n))
    learned = work.n + round(float(given["taken_share"]) * asked)
    return labelling + forecast_full(replace(work, n=max(learned, 1), parameters=given["tuned"]))


def forecast_cascade(work: Workload) -> float:
    """Seconds of a trial of a cascade: both parts' fits on a part of the rows, and the rows that reach the prompt."""
    given = work.parameters
    choosing = round(float(given["choosing_share"]) * work.n)
    both = replace(work, n=work.n - choosing)
    tuned = replace(both, parameters=given["tuned"], answer_rows=work.answer_rows + choosing)
    sent = round(_SENT * work.answer_rows) + choosing
    asked = replace(both, parameters=given["prompt"], answer_rows=sent, speed=work.second_speed)
    return forecast_full(tuned) + forecast_several_prompts(asked)


def forecast_tuned_prompt(work: Workload) -> float:
    """Seconds of a trial of a decoder tuned under a searched prompt: the rounds of the search, and the tuning."""
    half, prompts = min(work.n // 2, 64), [int(work.parameters["candidates"])]
    while prompts[-1] > 2:
        prompts.append((prompts[-1] + 1) // 2)
    rows = [min(half, max(8, half >> (len(prompts) - 1 - place))) for place in range(len(prompts))]
    asked = sum(many * (now - before) for many, now, before in zip(prompts, rows, [-3, *rows], strict=False))
    search = replace(work, parameters={"shots": 0, "calibration": "none"}, answer_rows=asked)
    return forecast_label_scores(search) + forecast_label_writer(work)
