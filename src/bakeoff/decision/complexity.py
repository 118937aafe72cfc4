"""Complexity of the task: labels, length, floor and zero-shot scores, closeness to the models, label noise."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.decision import phrases
from bakeoff.decision.bills import known_or_none
from bakeoff.decision.comparisons import Field
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.ranking import best_on_validation
from bakeoff.decision.slope import slope_per_doubling
from bakeoff.records import Consideration, LabelNoise

__all__ = ["complexity_of"]

#: Tokens to a word from which texts are far from what a model was trained on: English takes 1.2 to 1.6.
_FAR_TOKENS = 2.0
#: Suspect rows whose numbers stand in the sentence.
_ROWS_SAID = 3


def complexity_of(panel: Panel, field: Field) -> Consideration:
    """Answer the consideration of the task's complexity.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    Consideration
        It favours prompting where the tuned finalist is not ahead of the zero-shot prompt by more than the margin;
        neither where it is, but not ahead of the floor, or a doubling of the labels is known to bring less than the
        margin on texts that are not far from the prompted model (2 tokens a word or more); else fine-tuning.
    """
    evidence, tuned, zero = panel.evidence, field.finetune, _zero_shot(panel)
    zero_score = panel.mean_score(zero) if zero else math.nan
    floor_score = panel.mean_score(field.floor) if field.floor else math.nan
    best = max((panel.mean_score(cell) for cell in (tuned, field.prompt) if cell), default=math.nan)
    slope = slope_per_doubling(panel, tuned.contender.name, field.n) if tuned else math.nan
    figures = {
        "labels": len(panel.labels),
        "text_words": known_or_none(evidence.text_words),
        "floor_score": known_or_none(floor_score),
        "lead_over_floor": known_or_none(best - floor_score),
        "zero_shot_score": known_or_none(zero_score),
        "slope_per_doubling": known_or_none(slope),
        **_reading_figures(panel, field),
        **_noise_figures(evidence.measured.label_noise),
    }
    parts = [f"{evidence.task.extent}, {evidence.text_words:.0f} words a text"]
    parts += [f"floor {phrases.score(floor_score)}"] if field.floor else []
    parts += [f"zero-shot {phrases.score(zero_score)}"] if zero else []
    parts += [f"fine-tuning gains {phrases.points(slope)} per doubling of the labels"] if not math.isnan(slope) else []
    parts += _reading_said(figures)
    parts += _noise_said(evidence.measured.label_noise)
    lead = panel.mean_score(tuned) - zero_score if tuned else math.nan
    far = (figures["prompt_tokens_per_word"] or 0.0) >= _FAR_TOKENS
    over_floor = panel.mean_score(tuned) - floor_score if tuned else math.nan
    favours = _favoured(lead, over_floor, slope, far=far, margin=evidence.assumptions.margin)
    return Consideration("complexity", f"{', '.join(parts)}.", figures, favours)


def _favoured(lead: float, over_floor: float, slope: float, *, far: bool, margin: float) -> str:
    if math.isnan(lead):
        return "neither"
    if lead <= margin:
        return "prompting"
    if over_floor <= margin or (slope < margin and not far):
        return "neither"
    return "fine-tuning"


def _zero_shot(panel: Panel) -> Cell | None:
    names = [contender.name for contender in panel.arm("prompt") if not contender.uses_labels]
    ranked = best_on_validation(panel, names, 0)
    return panel.cell(ranked[0], 0) if ranked else None


def _reading_figures(panel: Panel, field: Field) -> dict[str, Any]:
    """Say how the finalists' models read the texts; a prompted model's perplexity with it."""
    figures: dict[str, Any] = {}
    for key, cell in (("finetune", field.finetune), ("prompt", field.prompt)):
        reading = panel.evidence.measured.readings.get(cell.contender.model or "") if cell else None
        figures[f"{key}_tokens_per_word"] = known_or_none(reading.tokens_per_word) if reading else None
        surprise = reading.negative_log_likelihood if reading else math.nan
        figures[f"{key}_perplexity"] = known_or_none(
            math.exp(min(surprise, 100.0)) if not math.isnan(surprise) else math.nan
        )
    return figures


def _reading_said(figures: dict[str, Any]) -> list[str]:
    tokens, perplexity = figures["prompt_tokens_per_word"], figures["prompt_perplexity"]
    if tokens is None:
        return []
    distance = "far from the prompted model's domain" if tokens >= _FAR_TOKENS else "for the prompted model"
    surprise = "" if perplexity is None else f" and a perplexity of {phrases.count(perplexity)}"
    return [f"{tokens:.1f} tokens a word{surprise} {distance}"]


def _noise_figures(noise: LabelNoise | None) -> dict[str, Any]:
    if noise is None:
        return {"mislabelled_rows": None, "mislabelled_share": None}
    return {
        "mislabelled_rows": noise.suspects,
        "mislabelled_share": noise.suspects / noise.rows if noise.rows else 0.0,
        "mislabelled_by": noise.contender,
        "likeliest_mislabelled": [
            {
                "row": one.row_number,
                "id": one.row_id,
                "part": one.part,
                "label": one.label,
                "suggested": one.suggested,
                "probability": one.probability,
            }
            for one in noise.likeliest
        ],
    }


def _noise_said(noise: LabelNoise | None) -> list[str]:
    if noise is None or not noise.suspects:
        return [] if noise is None else ["no row looks mislabelled"]
    first = phrases.listed(str(one.row_number) for one in noise.likeliest[:_ROWS_SAID])
    word = "rows look" if noise.suspects > 1 else "row looks"
    return [f"{noise.suspects} of {noise.rows} {word} mislabelled (first: {first})"]
