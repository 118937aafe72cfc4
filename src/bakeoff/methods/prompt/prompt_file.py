"""The prompt file: one plain, versioned YAML that holds all that a prompt is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from bakeoff.catalog import write_file
from bakeoff.data import counts_of
from bakeoff.errors import DataError
from bakeoff.methods.prompt.control import OutputControl, control_from_plain
from bakeoff.methods.prompt.template import Demonstration, PromptDesign

__all__ = [
    "SCHEMA",
    "VERSION",
    "PromptFile",
    "prompt_digest",
    "prompt_from_plain",
    "prompt_text",
    "prompt_to_plain",
    "read_prompt_file",
    "read_prompt_text",
    "write_prompt_file",
]

SCHEMA = "bakeoff.prompt"
#: Since version 2 a label may have several words, and a calibration may be named without its values.
VERSION = 2
_READABLE = (1, 2)
_UNICODE_BREAKS = "\x85\u2028\u2029"

#: How the answer comes about; with "marks", demonstrations are labelled with their tokens' tags, labels are types.
Control = Literal["label-scores", "generated", "marks"]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt with what was chosen around it.

    Parameters
    ----------
    design : PromptDesign
    control : {"label-scores", "generated"}
        How the output is held to the labels: their scores are compared, or a label is read out of what was written.
    calibration : str
        Name of the calibration; ``"none"`` where there is none.
    shift : tuple of float
        Its values, one per label in the design's order; empty where they are to be found when the prompt is used.
    model, model_sha256 : str or None
        The model that the prompt was chosen for, and the digest of its weights (None for a server).
    scores : mapping of str to float
        What was measured with this prompt, by name.
    output : OutputControl or None
        For the control ``"generated"``, what may be written and how it is drawn; None where the method says so.
    """

    design: PromptDesign
    control: Control = "label-scores"
    calibration: str = "none"
    shift: tuple[float, ...] = ()
    model: str | None = None
    model_sha256: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    output: OutputControl | None = None


def write_prompt_file(path: Path, prompt: PromptFile) -> None:
    """Write a prompt file aside, and rename it into place.

    Parameters
    ----------
    path : Path
    prompt : PromptFile
    """
    write_file(Path(path), prompt_text(prompt).encode("utf-8"))


def prompt_text(prompt: PromptFile) -> str:
    """Give the text of a prompt file.

    Parameters
    ----------
    prompt : PromptFile

    Returns
    -------
    str
        YAML.
    """
    import yaml

    text: str = yaml.dump(prompt_to_plain(prompt), Dumper=_dumper(), allow_unicode=True, sort_keys=False, width=100)
    return text


def prompt_digest(prompt: PromptFile) -> str:
    """Name what a prompt says: two files with the same digest ask the same.

    Parameters
    ----------
    prompt : PromptFile

    Returns
    -------
    str
        A sha256 as 64 hexadecimal digits, over everything but the model and the scores.
    """
    plain = prompt_to_plain(prompt)
    said = {name: value for name, value in plain.items() if name not in ("schema", "version", "model", "scores")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_prompt_file(path: Path) -> PromptFile:
    """Read and check a prompt file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    PromptFile

    Raises
    ------
    DataError
        If it cannot be read, is of another version, or has a key or a value that is not allowed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        raise DataError(
            f"The prompt file {path} cannot be read: {why}.",
            next_step="Check the path, or draft one with: bakeoff prompt new",
        ) from error
    return read_prompt_text(text, str(path))


def _yaml_fault(error: Exception) -> str:
    """Say where YAML is broken, and how, in one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem}"


def read_prompt_text(text: str, name: str) -> PromptFile:
    """Read and check a prompt file's text, as `read_prompt_file` does.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.

    Returns
    -------
    PromptFile
    """
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(
            f"The prompt file {name} must be YAML; {_yaml_fault(error)}.",
            next_step="Mend that line, or write the file anew with: bakeoff prompt new",
        ) from error
    return prompt_from_plain(value, name)


@lru_cache(maxsize=1)
def _dumper() -> Any:
    import yaml

    class _Dumper(yaml.SafeDumper):
        """Escapes the line breaks of Unicode, which YAML would otherwise fold into spaces."""

    def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        # Lines that people edit stand as lines; what YAML cannot keep so, the emitter quotes.
        style = "|" if "\n" in value else None
        style = '"' if any(character in value for character in _UNICODE_BREAKS) else style
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    _Dumper.add_representer(str, _text)
    return _Dumper


def prompt_to_plain(prompt: PromptFile) -> dict[str, Any]:
    """Give a prompt as the plain values of its file.

    Parameters
    ----------
    prompt : PromptFile

    Returns
    -------
    dict
    """
    design = prompt.design
    others = design.other_words or ((),) * len(design.labels)
    words = [[word, *more] if more else word for word, more in zip(design.words, others, strict=True)]
    labels = zip(design.labels, words, design.definitions, strict=True)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "form": design.form,
        "instruction": design.instruction,
        "cue": design.cue,
        "template": {"opening": design.opening, "row": design.row}
        | ({} if design.between is None else {"between": design.between}),
        "labels": [{"label": label, "words": said, "definition": definition} for label, said, definition in labels],
        "demonstrations": [
            {"row": shown.row, "text": shown.text, "label": shown.label} for shown in design.demonstrations
        ],
        "control": prompt.control if prompt.output is None else {"by": prompt.control, **prompt.output.to_plain()},
        "calibration": {"name": prompt.calibration, "shift": list(prompt.shift)},
        "model": {"name": prompt.model, "sha256": prompt.model_sha256},
        "scores": dict(prompt.scores),
    }


@lru_cache(maxsize=1)
def _schema() -> Any:
    """Make the checks of the file; pydantic is imported where a file is read."""
    from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

    Word = Annotated[str, StringConstraints(min_length=1)]

    class _Plain(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)

    class _Template(_Plain):
        opening: str
        row: str
        between: str | None = None

    class _Label(_Plain):
        label: str
        words: Word | list[Word] = Field(min_length=1)
        definition: str = ""

    class _Demonstration(_Plain):
        row: int = -1
        text: str
        label: str

    class _Calibration(_Plain):
        name: Literal["none", "contextual", "domain", "batch"] = "none"
        shift: list[FiniteFloat] = Field(default_factory=list)

    class _Model(_Plain):
        name: str | None = None
        sha256: str | None = None

    class _File(_Plain):
        schema_: Literal["bakeoff.prompt"] = Field(alias="schema")
        version: Literal[1, 2]
        form: Literal["plain", "chat"] = "plain"
        instruction: str
        cue: str = "Label"
        template: _Template
        labels: list[_Label]
        demonstrations: list[_Demonstration] = Field(default_factory=list)
        # The entries of a mapping are checked by `OutputControl`, which knows what goes together.
        control: Literal["label-scores", "generated", "marks"] | dict[str, Any] = "label-scores"
        calibration: _Calibration = Field(default_factory=_Calibration)
        model: _Model = Field(default_factory=_Model)
        scores: dict[str, float] = Field(default_factory=dict)

    return _File


def prompt_from_plain(value: Any, name: str) -> PromptFile:
    """Check the plain values of a prompt file, and make the prompt of them.

    Parameters
    ----------
    value : object
        What stood in the file.
    name : str
        Of the file, for messages.

    Returns
    -------
    PromptFile

    Raises
    ------
    DataError
        As `read_prompt_file` does.
    """
    from pydantic import ValidationError

    if not isinstance(value, dict) or value.get("schema") != SCHEMA or value.get("version") not in _READABLE:
        came = f"{value.get('schema')!r} {value.get('version')!r}" if isinstance(value, dict) else type(value).__name__
        versions = " or ".join(map(str, _READABLE))
        raise DataError(
            f"The prompt file {name} must be of the schema {SCHEMA!r} and version {versions}; {came} came.",
            next_step="Give a prompt file that this version of bakeoff wrote.",
        )
    try:
        found = _schema().model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"The prompt file {name} is wrong at {place!r}: {first['msg']}.", next_step="Mend this entry."
        ) from error
    words = [(each.words,) if isinstance(each.words, str) else tuple(each.words) for each in found.labels]
    _check_whole(name, found, words)
    return _made_of(name, found, words)


def _made_of(name: str, found: Any, words: Sequence[tuple[str, ...]]) -> PromptFile:
    shown = tuple(Demonstration(each.row, each.text, each.label) for each in found.demonstrations)
    design = PromptDesign(
        instruction=found.instruction,
        labels=tuple(each.label for each in found.labels),
        words=tuple(each[0] for each in words),
        definitions=tuple(each.definition for each in found.labels),
        cue=found.cue,
        opening=found.template.opening,
        row=found.template.row,
        form=found.form,
        demonstrations=shown,
        other_words=tuple(each[1:] for each in words) if any(len(each) > 1 for each in words) else (),
        between=found.template.between,
    )
    control, output = found.control, None
    if isinstance(control, dict):
        output = control_from_plain({key: value for key, value in control.items() if key != "by"}, name)
        control = "generated"
    return PromptFile(
        design,
        control,
        found.calibration.name,
        tuple(found.calibration.shift),
        found.model.name,
        found.model.sha256,
        dict(found.scores),
        output,
    )


def _check_whole(name: str, found: Any, words: Sequence[tuple[str, ...]]) -> None:
    """Refuse entries that are well formed each, and do not go together."""
    labels = tuple(each.label for each in found.labels)
    if len(labels) == 1:
        raise DataError(
            f"The prompt file {name} must have two labels or more, or none where answers are numbers; 1 came.",
            next_step="Mend the list 'labels'.",
        )
    spoken = [word for each in words for word in each]
    if len(set(labels)) < len(labels) or len(set(spoken)) < len(spoken):
        twice = next(word for word in (*labels, *spoken) if labels.count(word) > 1 or spoken.count(word) > 1)
        raise DataError(
            f"The prompt file {name} must name each label once, with words of its own; {twice!r} comes twice.",
            next_step="Mend the list 'labels'.",
        )
    kind = "tagging" if found.control == "marks" else "classification"
    told = [set(counts_of(kind, [each.label])) for each in found.demonstrations]
    strange = [each.label for each, own in zip(found.demonstrations, told, strict=True) if own - {*labels, "O"}]
    if strange:
        raise DataError(
            f"The prompt file {name} has a demonstration of the label {strange[0]!r}, which is not among its labels.",
            next_step="Mend the list 'demonstrations'.",
        )
    if isinstance(found.control, dict) and found.control.get("by") != "generated":
        raise DataError(
            f"The prompt file {name} must say, under 'control', by: generated; {found.control.get('by')!r} came.",
            next_step="Write 'control: label-scores' where label scores are compared.",
        )
    shift = found.calibration.shift
    if shift and (found.calibration.name == "none" or len(shift) != len(labels)):
        raise DataError(
            f"The prompt file {name} must give one calibration value a label; {len(shift)} came for {len(labels)}.",
            next_step="Mend the list 'calibration.shift'.",
        )
