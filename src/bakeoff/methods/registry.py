"""The registry: one spec a method, loading nothing heavy; plans are built from it.

A third party adds a method by an entry point in the group ``bakeoff.methods`` that names a `MethodSpec`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast

from bakeoff.errors import OptionError
from bakeoff.methods import forecast
from bakeoff.methods.spec import MethodSpec

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["MethodSpec", "load_method", "method_spec", "method_specs"]


_CLASSIFICATION = ("classification",)
_PROMPT = "bakeoff.methods.prompt.label_scores:LabelScorePrompt"
_SEVERAL = "bakeoff.methods.prompt.several:SeveralPrompts"
_ENSEMBLE: Mapping[str, Any] = {
    "wordings": ["as it stands", "input and output", "this is"],
    "words": 100,
    "shots": 0,
    "demonstration_sets": 1,
}
_GENERATED = "bakeoff.methods.prompt.generated:GeneratedPrompt"

_BUILT_IN: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="majority",
        version="1",
        arm="floor",
        summary="Always the most frequent label.",
        kinds=_CLASSIFICATION,
        least_n=1,
        model=None,
        location="bakeoff.methods.floors:Majority",
        forecast=forecast.forecast_majority,
        parameters={},
    ),
    MethodSpec(
        name="tfidf",
        version="1",
        arm="floor",
        summary="TF-IDF of words and characters, logistic regression.",
        kinds=_CLASSIFICATION,
        least_n=2,
        model=None,
        location="bakeoff.methods.floors:TfidfLogistic",
        forecast=forecast.forecast_tfidf,
        parameters={},
    ),
    MethodSpec(
        name="probe",
        version="1",
        arm="finetune",
        summary="Frozen encoder, logistic head chosen by cross-validation.",
        kinds=_CLASSIFICATION,
        least_n=2,
        model="encoder",
        location="bakeoff.methods.finetune.probe:Probe",
        forecast=forecast.forecast_probe,
        parameters={},
    ),
    MethodSpec(
        name="full",
        version="2",
        arm="finetune",
        summary="All weights of an encoder and a new head.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="encoder",
        location="bakeoff.methods.finetune.full:FullFineTuning",
        forecast=forecast.forecast_full,
        parameters={
            "learning_rate": 1e-4,
            "max_epochs": 3,
            "batch_rows": 16,
            "least_steps": 60,
            "class_weights": False,
        },
    ),
    MethodSpec(
        name="lora",
        version="1",
        arm="finetune",
        summary="Low-rank adapters on a decoder and a new head.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location="bakeoff.methods.finetune.lora:LoraClassifier",
        forecast=forecast.forecast_lora,
        parameters={"learning_rate": 5e-4, "epochs": 4, "rank": 16, "batch_rows": 8, "least_steps": 40},
        extra="finetune",
        needs_module="peft",
    ),
    MethodSpec(
        name="zero-shot",
        version="1",
        arm="prompt",
        summary="Instruction and label scores.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 0, "calibration": "none"},
        seeded=False,
        uses_labels=False,
    ),
    MethodSpec(
        name="zero-shot-calibrated",
        version="1",
        arm="prompt",
        summary="Instruction and label scores, less what they give an empty text.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 0, "calibration": "contextual"},
        seeded=False,
        uses_labels=False,
        free_with="zero-shot",
    ),
    MethodSpec(
        name="few-shot",
        version="1",
        arm="prompt",
        summary="Eight demonstrations and label scores.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 8, "calibration": "none"},
        free_with="few-shot-calibrated",
    ),
    MethodSpec(
        name="few-shot-calibrated",
        version="1",
        arm="prompt",
        summary="Eight demonstrations and label scores, calibrated on the other labelled rows.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 8, "calibration": "batch"},
    ),
    MethodSpec(
        name="zero-shot-domain",
        version="1",
        arm="prompt",
        summary="Instruction and label scores, less what they give random words of the labelled rows.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 0, "calibration": "domain"},
        seeds_share=True,
        by_default=False,
    ),
    MethodSpec(
        name="few-shot-domain",
        version="1",
        arm="prompt",
        summary="Eight demonstrations and label scores, less what they give random words of the labelled rows.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_PROMPT,
        forecast=forecast.forecast_label_scores,
        parameters={"shots": 8, "calibration": "domain"},
        free_with="few-shot-calibrated",
        by_default=False,
    ),
    MethodSpec(
        name="generated",
        version="1",
        arm="prompt",
        summary="Instruction, and a decoder that writes nothing but a label.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="decoder",
        location=_GENERATED,
        forecast=forecast.forecast_generated,
        parameters={"shots": 0, "control": "choice"},
        seeded=False,
        uses_labels=False,
        extra="control",
        needs_module="llguidance",
        by_default=False,
    ),
    MethodSpec(
        name="generated-reasoning",
        version="1",
        arm="prompt",
        summary="Instruction, and a decoder that writes its reasons and then nothing but a label.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="decoder",
        location=_GENERATED,
        forecast=forecast.forecast_generated,
        parameters={"shots": 0, "control": "choice", "reasoning_tokens": 40},
        seeded=False,
        uses_labels=False,
        extra="control",
        needs_module="llguidance",
        by_default=False,
    ),
    MethodSpec(
        name="given-prompt",
        version="1",
        arm="prompt",
        summary="A prompt file of the user's and label scores.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="decoder",
        location="bakeoff.methods.prompt.given_prompt:GivenPrompt",
        forecast=forecast.forecast_given_prompt,
        parameters={},
        seeded=False,
        uses_labels=False,
        takes_prompt=True,
    ),
    MethodSpec(
        name="prompt-ensemble",
        version="2",
        arm="prompt",
        summary="Three wordings of the prompt, read together; how is chosen by cross-validation.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_SEVERAL,
        forecast=forecast.forecast_several_prompts,
        parameters={"reading": "chosen", **_ENSEMBLE},
        seeds_share=True,
    ),
    MethodSpec(
        name="prompt-affine",
        version="2",
        arm="prompt",
        summary="Three wordings of the prompt, an affine map of what the model says in them.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_SEVERAL,
        forecast=forecast.forecast_several_prompts,
        parameters={"reading": "affine", **_ENSEMBLE},
        seeds_share=True,
        free_with="prompt-ensemble",
        by_default=False,
    ),
    MethodSpec(
        name="prompt-neighbours",
        version="2",
        arm="prompt",
        summary="Three wordings of the prompt, the labels of the rows to which the model says the like.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location=_SEVERAL,
        forecast=forecast.forecast_several_prompts,
        parameters={"reading": "neighbours", **_ENSEMBLE},
        seeds_share=True,
        free_with="prompt-ensemble",
        by_default=False,
    ),
    MethodSpec(
        name="prompt-search",
        version="1",
        arm="prompt",
        summary="The best three of 24 prompts, found by sequential halving inside the labelled rows, read together.",
        kinds=_CLASSIFICATION,
        least_n=16,
        model="decoder",
        location="bakeoff.methods.prompt.searched:SearchedPrompts",
        forecast=forecast.forecast_searched_prompts,
        parameters={"reading": "chosen", "words": 100, "candidates": 24, "kept": 3},
        by_default=False,
    ),
    MethodSpec(
        name="server-zero-shot",
        version="1",
        arm="prompt",
        summary="Instruction, answered by a server.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="server",
        location="bakeoff.methods.prompt.server_answers:ServerPrompt",
        forecast=forecast.forecast_server,
        parameters={"shots": 0},
        seeded=False,
        uses_labels=False,
        extra="server",
        needs_module="httpx",
    ),
    MethodSpec(
        name="server-few-shot",
        version="1",
        arm="prompt",
        summary="Eight demonstrations, answered by a server.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="server",
        location="bakeoff.methods.prompt.server_answers:ServerPrompt",
        forecast=forecast.forecast_server,
        parameters={"shots": 8},
        extra="server",
        needs_module="httpx",
    ),
    MethodSpec(
        name="server-choice",
        version="1",
        arm="prompt",
        summary="Instruction, answered by a server that is held to the labels.",
        kinds=_CLASSIFICATION,
        least_n=0,
        model="server",
        location="bakeoff.methods.prompt.server_control:ControlledServerPrompt",
        forecast=forecast.forecast_server,
        parameters={"shots": 0, "control": "choice", "retries": 1},
        seeded=False,
        uses_labels=False,
        extra="server",
        needs_module="httpx",
        by_default=False,
    ),
)


@cache
def method_specs() -> tuple[MethodSpec, ...]:
    """Give every known method: the built-in ones, then those of installed entry points, looked for once a process.

    Returns
    -------
    tuple of MethodSpec
        Names are unique.

    Raises
    ------
    OptionError
        If an entry point takes a name that is taken.
    """
    specs = list(_BUILT_IN)
    for point in entry_points(group="bakeoff.methods"):
        spec = cast("MethodSpec", point.load())
        if any(spec.name == known.name for known in specs):
            raise OptionError(
                f"The entry point {point.value!r} names a method {spec.name!r}, which is taken.",
                next_step="Uninstall the package, or ask its author for another name.",
            )
        specs.append(spec)
    return tuple(specs)


def method_spec(name: str) -> MethodSpec:
    """Find a method's spec by its name.

    Parameters
    ----------
    name : str

    Returns
    -------
    MethodSpec

    Raises
    ------
    OptionError
        If there is none; the message lists all names.
    """
    known = {spec.name: spec for spec in method_specs()}
    if name not in known:
        raise OptionError(
            f"A method must be one of {', '.join(known)}; {name!r} came.",
            next_step="Choose one of these names.",
        )
    return known[name]


def load_method(name: str) -> type[Method]:
    """Import the class of a method, and whatever heavy that needs.

    Parameters
    ----------
    name : str

    Returns
    -------
    type
        A subclass of `bakeoff.methods.contract.Method`.
    """
    module, _, attribute = method_spec(name).location.partition(":")
    return cast("type[Method]", getattr(importlib.import_module(module), attribute))
