"""The prompt file: one plain, versioned YAML that holds all that a prompt is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from bakeoff.catalog import write_file
from bakeoff.errors import DataError
from bakeoff.methods.prompt.control import OutputControl, control_from_plain
from bakeoff.methods.prompt.prompt_schema import check_whole, file_schema
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.methods.prompt.writing_control import WritingControl, writing_control_from_plain
from bakeoff.plain_yaml import value_of

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
#: Since version 2 a label may have several words, and a calibration may be named without its values; since version 3
#: an answer may be a text that is written.
VERSION = 3
_READABLE = (1, 2, 3)
_UNICODE_BREAKS = "\x85\u2028\u2029"

#: How the answer comes about; with "marks", demonstrations are labelled with their tokens' tags, labels are types.
Control = Literal["label-scores", "generated", "marks", "written"]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt with what was chosen around it.

    Parameters
    ----------
    design : PromptDesign
    control : {"label-scores", "generated", "written"}
        How the output is held to the labels: their scores are compared, or a label is read out of what was written; or
        what was written is the answer, and there are no labels.
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
    writing : WritingControl or None
        The same for the control ``"written"``.
    """

    design: PromptDesign
    control: Control = "label-scores"
    calibration: str = "none"
    shift: tuple[float, ...] = ()
    model: str | None = None
    model_sha256: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    output: OutputControl | None = None
    writing: WritingControl | None = None


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
        value = value_of(text)
    except yaml.YAMLError as error:
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
    answer = "label" if design.labels else "target"
    held = prompt.output if prompt.writing is None else prompt.writing
    return {
        "schema": SCHEMA,
        # Older versions of this package read what they know.
        "version": VERSION if prompt.control == "written" else 2,
        "form": design.form,
        "instruction": design.instruction,
        "cue": design.cue,
        "template": {"opening": design.opening, "row": design.row}
        | ({} if design.between is None else {"between": design.between}),
        "labels": [{"label": label, "words": said, "definition": definition} for label, said, definition in labels],
        "demonstrations": [
            {"row": shown.row, "text": shown.text, answer: shown.label} for shown in design.demonstrations
        ],
        "control": prompt.control if held is None else {"by": prompt.control, **held.to_plain()},
        "calibration": {"name": prompt.calibration, "shift": list(prompt.shift)},
        "model": {"name": prompt.model, "sha256": prompt.model_sha256},
        "scores": dict(prompt.scores),
    }


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
        versions = ", ".join(map(str, _READABLE))
        raise DataError(
            f"The prompt file {name} must be of the schema {SCHEMA!r} and version {versions}; {came} came.",
            next_step="Give a prompt file that this version of bakeoff wrote.",
        )
    try:
        found = file_schema().model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"The prompt file {name} is wrong at {place!r}: {first['msg']}.", next_step="Mend this entry."
        ) from error
    words = [(each.words,) if isinstance(each.words, str) else tuple(each.words) for each in found.labels]
    check_whole(name, found, words)
    return _made_of(name, found, words)


def _made_of(name: str, found: Any, words: Sequence[tuple[str, ...]]) -> PromptFile:
    shown = tuple(Demonstration(each.row, each.text, each.label or each.target) for each in found.demonstrations)
    control, output, writing = found.control, None, None
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
        keeps_lines=(control.get("by") if isinstance(control, dict) else control) == "written",
    )
    if isinstance(control, dict):
        given = {key: value for key, value in control.items() if key != "by"}
        control = control["by"]
        if control == "written":
            writing = writing_control_from_plain(given, name)
        else:
            output = control_from_plain(given, name)
    return PromptFile(
        design,
        control,
        found.calibration.name,
        tuple(found.calibration.shift),
        found.model.name,
        found.model.sha256,
        dict(found.scores),
        output,
        writing,
    )
