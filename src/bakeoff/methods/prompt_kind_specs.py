"""What a plan knows of the prompting methods for several labels a text, numbers and tags, nothing heavy loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.methods import kind_forecast
from bakeoff.methods.spec import MethodSpec

__all__ = ["PROMPT_KIND_SPECS"]

_SCALE = "bakeoff.methods.prompt.scale:ScalePrompt"
_WORDINGS: Mapping[str, Any] = {"wordings": ["as it stands", "input and output", "this is"], "words": 100}

PROMPT_KIND_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="zero-shot-sets",
        version="1",
        arm="prompt",
        summary="Instruction and label scores, the likeliest label and those nearly as likely.",
        kinds=("multi-label",),
        least_n=0,
        model="decoder",
        location="bakeoff.methods.prompt.label_sets:LabelSetPrompt",
        forecast=kind_forecast.forecast_label_sets,
        parameters={"calibration": "contextual", "share": 0.9},
        seeded=False,
        uses_labels=False,
    ),
    MethodSpec(
        name="zero-shot-scale",
        version="1",
        arm="prompt",
        summary="Instruction that names a range, and the mean of a rating from 1 to 9.",
        kinds=("regression",),
        least_n=0,
        model="decoder",
        location=_SCALE,
        forecast=kind_forecast.forecast_scale,
        parameters={"shots": 0},
        seeded=False,
        uses_labels=False,
    ),
    MethodSpec(
        name="few-shot-scale",
        version="1",
        arm="prompt",
        summary="Eight demonstrations and the mean of a rating from 1 to 9, brought to the labels' unit.",
        kinds=("regression",),
        least_n=8,
        model="decoder",
        location=_SCALE,
        forecast=kind_forecast.forecast_scale,
        parameters={"shots": 8},
    ),
    MethodSpec(
        name="prompt-head",
        version="1",
        arm="prompt",
        summary="Three wordings of the prompt, a linear head on what the model says in them.",
        kinds=("multi-label", "regression"),
        least_n=8,
        model="decoder",
        location="bakeoff.methods.prompt.prompt_head:PromptHead",
        forecast=kind_forecast.forecast_prompt_head,
        parameters=_WORDINGS,
        seeds_share=True,
        stands_for_learning=True,
    ),
    MethodSpec(
        name="tag-marks",
        version="1",
        arm="prompt",
        summary="Six marked texts as demonstrations, a linear map of the scores of marks behind each word.",
        kinds=("tagging",),
        least_n=8,
        model="decoder",
        location="bakeoff.methods.prompt.tag_marks:TagMarks",
        forecast=kind_forecast.forecast_tag_marks,
        parameters={"shots": 6, "words": 60},
        stands_for_learning=True,
    ),
)
