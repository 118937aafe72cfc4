"""What a plan knows of the mixtures of both ways, nothing heavy loaded."""

from __future__ import annotations

from bakeoff.methods import combine_forecast
from bakeoff.methods.finetune_specs import FINETUNE_SPECS
from bakeoff.methods.prompt_specs import PROMPT_SPECS
from bakeoff.methods.spec import MethodSpec

__all__ = ["COMBINE_SPECS"]

_BY_NAME = {spec.name: spec for spec in (*FINETUNE_SPECS, *PROMPT_SPECS)}
_TUNED, _PROMPT = _BY_NAME["full"], _BY_NAME["prompt-ensemble"]
_WRITER, _SEARCH = _BY_NAME["label-generator"], _BY_NAME["prompt-search"]
#: The parts' settings as they are alone. Their versions stand behind a mixture's own: it answers as they do.
_PARTS = {"tuned": dict(_TUNED.parameters), "prompt": dict(_PROMPT.parameters)}
_VERSIONS = f"{_TUNED.version}.{_PROMPT.version}"

COMBINE_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="distil",
        version=f"1.{_VERSIONS}",
        arm="both",
        summary="A prompt labels further texts, and an encoder is tuned on those it is surer of and on the rows.",
        kinds=("classification",),
        least_n=0,
        model="encoder",
        second_model="decoder",
        location="bakeoff.methods.combine.distil:Distillation",
        forecast=combine_forecast.forecast_distil,
        parameters={"most_unlabelled": 500, "taken_share": 0.5, **_PARTS},
        learns_from_unlabelled=True,
        by_default=False,
    ),
    MethodSpec(
        name="cascade",
        version=f"1.{_VERSIONS}",
        arm="both",
        summary="A tuned encoder answers; rows of which it is unsure go to three wordings of a prompt, read together.",
        kinds=("classification",),
        least_n=32,
        model="encoder",
        second_model="decoder",
        location="bakeoff.methods.combine.cascade:Cascade",
        forecast=combine_forecast.forecast_cascade,
        parameters={"choosing_share": 0.25, **_PARTS},
        by_default=False,
    ),
    MethodSpec(
        name="tuned-prompt",
        version=f"1.{_WRITER.version}.{_SEARCH.version}",
        arm="both",
        summary="Low-rank adapters on a decoder that learns to write labels under the best prompt of a search.",
        kinds=("classification",),
        least_n=16,
        model="decoder",
        location="bakeoff.methods.combine.tuned_prompt:TunedPrompt",
        forecast=combine_forecast.forecast_tuned_prompt,
        parameters={
            "candidates": 16,
            **{name: value for name, value in _WRITER.parameters.items() if name != "merge"},
        },
        extra=_WRITER.extra,
        needs_module=_WRITER.needs_module,
        by_default=False,
    ),
)
