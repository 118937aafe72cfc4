"""Which contenders a study has: methods crossed with the models that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bakeoff.errors import StudyError
from bakeoff.methods.registry import MethodSpec, method_spec, method_specs
from bakeoff.records import Contender

__all__ = [
    "CandidateModel",
    "GivenPromptFile",
    "PromptTry",
    "build_contenders",
    "check_versions",
    "contender_from_json",
    "contender_to_json",
]

#: Above this many weights a language model is not tuned here: a step takes seconds on a processor.
MOST_TUNED_PARAMETERS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CandidateModel:
    """A model that a study may use.

    Parameters
    ----------
    name : str
        As methods get it: a catalogue name, a path, or a server.
    family : {"encoder", "decoder", "seq2seq", "server"}
    sha256 : str or None
    parameters : int
        Number of weights; 0 where not known.
    short_name : str
        For people.
    """

    name: str
    family: str
    sha256: str | None
    parameters: int
    short_name: str


@dataclass(frozen=True, slots=True)
class PromptTry:
    """One try of a version of a prompt file, as a study keeps it: no text of a row.

    Parameters
    ----------
    version : int
        From 1, in the order in which versions were first tried.
    digest : str
        sha256 of what the version says.
    model, when : str
        When is ISO 8601, UTC.
    rows : int
        That it answered.
    fingerprint : str
        sha256 of these rows' ids and labels.
    accuracy : float
        On them, in [0, 1].
    """

    version: int
    digest: str
    model: str
    when: str
    rows: int
    fingerprint: str
    accuracy: float


@dataclass(frozen=True, slots=True)
class GivenPromptFile:
    """A prompt file of the user's.

    Parameters
    ----------
    name, text : str
        Of the file, and the whole of it.
    labels : tuple of str
    shots : int
        Demonstrations that it shows.
    characters : int
        That go to a server with every text, the text left out.
    calibration : str
        Its name.
    shift_of : str or None
        sha256 of the model that its calibration values are for; None where it has none.
    seen : frozenset of str
        Keys of the texts that it shows or was tried on.
    written : bool
        Whether its answer is to be written, which servers alone are asked for here, rather than scored.
    draws : int
        Texts that it has written for each row, of which one is chosen.
    digest : str
        sha256 of what it says.
    tries : tuple of PromptTry
        Of its versions, in order; empty without a history beside the file.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    shots: int
    characters: int
    calibration: str
    shift_of: str | None
    seen: frozenset[str]
    written: bool = False
    draws: int = 1
    digest: str = ""
    tries: tuple[PromptTry, ...] = ()


def build_contenders(
    models: Sequence[CandidateModel],
    *,
    kind: str,
    methods: Sequence[str] | None,
    train_rows: int,
    prompts: Sequence[GivenPromptFile] = (),
    unlabelled: int = 0,
) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """Cross the methods that can solve the task with the models that fit them.

    Parameters
    ----------
    models : sequence of CandidateModel
    kind : str
    methods : sequence of str, optional
        Names to keep; where not given, all that a study has by default. Floors always stay.
    train_rows : int
        Rows of the train pool; a method that needs more is left out.
    prompts : sequence of GivenPromptFile
        Each is a contender with every server, and with every decoder where its labels are to be scored; whatever
        `methods` says.
    unlabelled : int
        Texts without a label. Where they are as many as the train rows, what learns from such is had by default.

    Returns
    -------
    contenders : tuple of Contender
    missing : tuple of str
        One sentence for each method that was wanted and cannot be had, and for an arm that does not know the kind.
    """
    contenders: list[Contender] = []
    missing: list[str] = []
    for spec in method_specs():
        many = 0 < train_rows <= unlabelled
        if kind not in spec.kinds or not (prompts if spec.takes_prompt else _wanted(spec, methods, many)):
            continue
        fitting = [model for model in models if model.family == spec.model]
        second = [model for model in models if model.family == spec.second_model]
        if (spec.model and not fitting) or (spec.second_model and not second):
            continue
        if lacking := _lacking(spec, train_rows):
            missing.append(lacking)
            continue
        large = [model for model in fitting if _is_too_large(spec, model)]
        missing += _not_tried(spec, large, prompts)
        contenders += _contenders_of(spec, [model for model in fitting if model not in large], prompts, second)
    if not any(spec.arm == "prompt" and kind in spec.kinds for spec in method_specs()):
        missing.append(f"Prompting is missing: no method here prompts for tasks of the kind {kind!r}.")
    return _with_unique_names(contenders), tuple(missing)


def _lacking(spec: MethodSpec, train_rows: int) -> str | None:
    """Say what a method lacks, an extra or labelled rows; None where nothing."""
    if not spec.available:
        return f"{spec.name} needs bakeoff[{spec.extra}], which is not installed."
    if spec.least_n > train_rows:
        return f"{spec.name} needs {spec.least_n} labelled rows; the train part has {train_rows}."
    return None


def _not_tried(spec: MethodSpec, large: Sequence[CandidateModel], prompts: Sequence[GivenPromptFile]) -> list[str]:
    """Say which models are too large to be tuned here, and which prompt files no model in process is asked with."""
    told = [f"{spec.name} of {m.short_name} was not tried: {m.parameters / 1e9:.1f} B weights." for m in large]
    if spec.takes_prompt and spec.model == "decoder":
        told += [f"{one.name} asks for a written answer: servers alone were asked." for one in prompts if one.written]
    return told


def _contenders_of(
    spec: MethodSpec,
    models: Sequence[CandidateModel],
    prompts: Sequence[GivenPromptFile],
    second: Sequence[CandidateModel],
) -> list[Contender]:
    """Cross one method with its models, with the second ones of a mixture, or with prompt files that it stands for."""
    if spec.second_model is not None:
        return [_mixture(spec, model, asked) for model in models for asked in second]
    if spec.takes_prompt:
        fitting = [prompt for prompt in prompts if spec.model == "server" or not prompt.written]
        return [_given_contender(spec, model, prompt) for prompt in fitting for model in models]
    return [_contender(spec, model) for model in models] if spec.model is not None else [_contender(spec, None)]


def _is_too_large(spec: MethodSpec, model: CandidateModel) -> bool:
    large = model.parameters > MOST_TUNED_PARAMETERS
    return spec.arm in ("finetune", "both") and spec.model in ("decoder", "seq2seq") and large


def _wanted(spec: MethodSpec, methods: Sequence[str] | None, many_unlabelled: bool) -> bool:
    by_default = spec.by_default or (spec.learns_from_unlabelled and many_unlabelled)
    return (by_default if methods is None else spec.name in methods) or spec.arm == "floor"


def _contender(spec: MethodSpec, model: CandidateModel | None) -> Contender:
    return Contender(
        name=spec.name if model is None else f"{spec.name} {model.short_name}",
        method=spec.name,
        version=spec.version,
        arm=spec.arm,
        model=None if model is None else model.name,
        model_sha256=None if model is None else model.sha256,
        parameters=dict(spec.parameters),
        seeded=spec.seeded,
        uses_labels=spec.uses_labels,
    )


def _mixture(spec: MethodSpec, model: CandidateModel, asked: CandidateModel) -> Contender:
    return replace(
        _contender(spec, model),
        name=f"{spec.name} {model.short_name} + {asked.short_name}",
        parameters={"prompt_model": asked.name, **spec.parameters},
        second_sha256=asked.sha256,
    )


def _given_contender(spec: MethodSpec, model: CandidateModel, prompt: GivenPromptFile) -> Contender:
    # Left out where there is one, so that the keys of trials which ran before it was known still stand.
    draws = {"candidates": prompt.draws} if prompt.draws > 1 else {}
    if spec.model == "server":
        told = {"shots": prompt.shots, "characters": prompt.characters, "prompt": prompt.text, **draws}
        return replace(_contender(spec, model), name=f"{prompt.name} {model.short_name}", parameters=told)
    own = prompt.shift_of is not None and prompt.shift_of == model.sha256
    calibration = "file" if own else prompt.calibration
    settings = {"shots": prompt.shots, "calibration": calibration, "prompt": prompt.text, **draws}
    return replace(_contender(spec, model), name=f"{prompt.name} {model.short_name}", parameters=settings)


def _with_unique_names(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Add a number to the names of contenders whose models share a short name."""
    seen: dict[str, int] = {}
    unique = []
    for contender in contenders:
        seen[contender.name] = seen.get(contender.name, 0) + 1
        count = seen[contender.name]
        unique.append(contender if count == 1 else replace(contender, name=f"{contender.name} ({count})"))
    return tuple(unique)


def contender_to_json(contender: Contender) -> dict[str, Any]:
    """Give a contender as plain JSON values."""
    return asdict(contender)


def contender_from_json(value: dict[str, Any]) -> Contender:
    """Rebuild a contender from `contender_to_json`'s values."""
    return Contender(**value)


def check_versions(contenders: Sequence[Contender]) -> None:
    """Refuse contenders whose method has changed since they were measured: two versions under one name say nothing.

    Parameters
    ----------
    contenders : sequence of Contender
        That are to be fitted again. Today's system, which is not fitted, is passed over.

    Raises
    ------
    StudyError
        If a method is of another version here.
    """
    for contender in contenders:
        if contender.arm == "current":
            continue
        here = method_spec(contender.method).version
        if here != contender.version:
            raise StudyError(
                f"The study measured {contender.name} by version {contender.version} of {contender.method}; this "
                f"bakeoff has version {here} of it, and fits otherwise.",
                next_step="Begin a new study, or go on with the bakeoff that began this one.",
            )
