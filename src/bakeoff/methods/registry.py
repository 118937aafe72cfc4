"""The registry: one spec a method, loading nothing heavy; plans are built from it.

A third party adds a method by an entry point in the group ``bakeoff.methods`` that names a `MethodSpec`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, cast

from bakeoff.errors import OptionError
from bakeoff.extras import has_module
from bakeoff.methods import forecast
from bakeoff.methods.forecast import Workload
from bakeoff.records import Arm

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["MethodSpec", "load_method", "method_spec", "method_specs"]


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What a plan has to know of a method.

    Parameters
    ----------
    name, version : str
        The version is raised when a method's answers change.
    arm : Arm
    summary : str
        One sentence.
    kinds : tuple of str
        Kinds of task that it can solve.
    least_n : int
        Labelled rows that it needs; 0 for zero-shot.
    model : {None, "encoder", "decoder", "server"}
        Family of the model that it needs.
    location : str
        ``"module:Class"``.
    forecast : callable
        `Workload` to seconds, loading of the model left out.
    parameters : mapping
        Settings of the constructor besides task, model and seed.
    seeded : bool
        Whether two seeds can give different answers.
    uses_labels : bool
        Whether it learns from labelled rows.
    free_with : str or None
        Name of a method whose label scores this one shares on the same model, seed and n: together they cost about as
        much as one.
    extra : str or None
        Extra of this package that brings what it needs.
    needs_module : str or None
        Module by which to see whether the extra is installed.
    """

    name: str
    version: str
    arm: Arm
    summary: str
    kinds: tuple[str, ...]
    least_n: int
    model: Literal["encoder", "decoder", "server"] | None
    location: str
    forecast: Callable[[Workload], float]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeded: bool = True
    uses_labels: bool = True
    free_with: str | None = None
    extra: str | None = None
    needs_module: str | None = None

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs_module is None or has_module(self.needs_module)


def _majority(_work: Workload) -> float:
    return 0.01


def _tfidf(work: Workload) -> float:
    # Vocabulary and cross-validation, fitted to runs from 32 rows of 2 labels to 4,000 of 77.
    return 0.3 + 3e-4 * (work.n + work.answer_rows) + 2e-5 * work.n * work.labels


def _speed(work: Workload) -> forecast.ModelSpeed:
    if work.speed is None:
        raise ValueError("a method with a model was forecast without the model's speed")
    return work.speed


def _probe(work: Workload) -> float:
    # The logistic head's cross-validation grows with rows and labels; the constant was fitted to runs up to 4,000 x 77.
    head = 0.5 + 2e-5 * work.n * work.labels
    return head + forecast.forecast_encoding(work.n + work.answer_rows, _speed(work))


def _full(work: Workload) -> float:
    speed = _speed(work)
    trained = max(
        float(work.parameters["max_epochs"]) * work.n,
        float(work.parameters["least_steps"] * work.parameters["batch_rows"]),
    )
    # The head's start encodes and cross-validates as the probe does; from 100 rows on, 15% are held out and looked at
    # up to eight times.
    looks = min(8.0, float(work.parameters["max_epochs"])) * 0.15 * work.n if work.n >= 100 else 0.0
    return (
        _probe(work)
        + forecast.forecast_tuning(1, trained if work.n < 100 else 0.85 * trained, speed)
        + forecast.forecast_encoding(int(looks), speed)
    )


def _lora(work: Workload) -> float:
    speed = _speed(work)
    trained = max(
        float(work.parameters["epochs"]) * work.n,
        float(work.parameters["least_steps"] * work.parameters["batch_rows"]),
    )
    # The question for the label behind each text is about four tokens.
    return forecast.forecast_tuning(1, trained, speed, extra_tokens=4.0) + forecast.forecast_encoding(
        work.answer_rows, speed
    )


def _label_scores(work: Workload) -> float:
    speed = _speed(work)
    shots = min(int(work.parameters["shots"]), work.n)
    label_tokens = work.labels * max(0.0, work.label_tokens - 1.0)
    prefix = 20.0 + shots * (speed.tokens_per_row + work.label_tokens + 8.0)
    # Texts without content, and at most 64 rows that the prompt does not show.
    rows = {"contextual": 3, "batch": 3 + min(work.n - shots, 64)}.get(work.parameters["calibration"], 1)
    return forecast.forecast_scoring(work.answer_rows + rows, 6.0 + label_tokens, prefix, speed)


def _server(work: Workload) -> float:
    return work.answer_rows * _speed(work).seconds_per_call


_CLASSIFICATION = ("classification",)
_PROMPT = "bakeoff.methods.prompt.label_scores:LabelScorePrompt"

_BUILT_IN: tuple[MethodSpec, ...] = (
    MethodSpec(
        "majority",
        "1",
        "floor",
        "Always the most frequent label.",
        _CLASSIFICATION,
        1,
        None,
        "bakeoff.methods.floors:Majority",
        _majority,
        {},
    ),
    MethodSpec(
        "tfidf",
        "1",
        "floor",
        "TF-IDF of words and characters, logistic regression.",
        _CLASSIFICATION,
        2,
        None,
        "bakeoff.methods.floors:TfidfLogistic",
        _tfidf,
        {},
    ),
    MethodSpec(
        "probe",
        "1",
        "finetune",
        "Frozen encoder, logistic head chosen by cross-validation.",
        _CLASSIFICATION,
        2,
        "encoder",
        "bakeoff.methods.finetune.probe:Probe",
        _probe,
        {},
    ),
    MethodSpec(
        "full",
        "1",
        "finetune",
        "All weights of an encoder and a new head.",
        _CLASSIFICATION,
        8,
        "encoder",
        "bakeoff.methods.finetune.full:FullFineTuning",
        _full,
        {"learning_rate": 1e-4, "max_epochs": 4, "batch_rows": 16, "least_steps": 60, "class_weights": False},
    ),
    MethodSpec(
        "lora",
        "1",
        "finetune",
        "Low-rank adapters on a decoder and a new head.",
        _CLASSIFICATION,
        8,
        "decoder",
        "bakeoff.methods.finetune.lora:LoraClassifier",
        _lora,
        {"learning_rate": 5e-4, "epochs": 4, "rank": 16, "batch_rows": 8, "least_steps": 40},
        extra="finetune",
        needs_module="peft",
    ),
    MethodSpec(
        "zero-shot",
        "1",
        "prompt",
        "Instruction and label scores.",
        _CLASSIFICATION,
        0,
        "decoder",
        _PROMPT,
        _label_scores,
        {"shots": 0, "calibration": "none"},
        seeded=False,
        uses_labels=False,
    ),
    MethodSpec(
        "zero-shot-calibrated",
        "1",
        "prompt",
        "Instruction and label scores, less what they give an empty text.",
        _CLASSIFICATION,
        0,
        "decoder",
        _PROMPT,
        _label_scores,
        {"shots": 0, "calibration": "contextual"},
        seeded=False,
        uses_labels=False,
        free_with="zero-shot",
    ),
    MethodSpec(
        "few-shot",
        "1",
        "prompt",
        "Eight demonstrations and label scores.",
        _CLASSIFICATION,
        8,
        "decoder",
        _PROMPT,
        _label_scores,
        {"shots": 8, "calibration": "none"},
        free_with="few-shot-calibrated",
    ),
    MethodSpec(
        "few-shot-calibrated",
        "1",
        "prompt",
        "Eight demonstrations and label scores, calibrated on the other labelled rows.",
        _CLASSIFICATION,
        8,
        "decoder",
        _PROMPT,
        _label_scores,
        {"shots": 8, "calibration": "batch"},
    ),
    MethodSpec(
        "server-zero-shot",
        "1",
        "prompt",
        "Instruction, answered by a server.",
        _CLASSIFICATION,
        0,
        "server",
        "bakeoff.methods.prompt.server_answers:ServerPrompt",
        _server,
        {"shots": 0},
        seeded=False,
        uses_labels=False,
        extra="server",
        needs_module="openai",
    ),
    MethodSpec(
        "server-few-shot",
        "1",
        "prompt",
        "Eight demonstrations, answered by a server.",
        _CLASSIFICATION,
        8,
        "server",
        "bakeoff.methods.prompt.server_answers:ServerPrompt",
        _server,
        {"shots": 8},
        extra="server",
        needs_module="openai",
    ),
)


def method_specs() -> tuple[MethodSpec, ...]:
    """Give every known method: the built-in ones, then those of installed entry points.

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
