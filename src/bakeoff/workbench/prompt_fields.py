"""A prompt as the fields of a form, for a study's prompt lab; what is wrong with one is told in words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_from_plain, prompt_to_plain, read_prompt_text
from bakeoff.methods.prompt.template import Demonstration
from bakeoff.workbench.prompt_lab import NAME, Lab
from bakeoff.workbench.prompt_try import check_labels, rows_not_shown

__all__ = ["PromptFields", "fields_of", "prompt_of_fields", "prompt_of_text", "row_key"]


@dataclass(frozen=True, slots=True)
class PromptFields:
    """A prompt as a form has it.

    Parameters
    ----------
    instruction, cue, opening, row : str
    form, calibration, control : str
    words : tuple of str
        By label: its words, divided by ``|``.
    definitions : tuple of str
        By label.
    shown : tuple of str
        Keys of the rows that are demonstrations, as `row_key` gives them.
    """

    instruction: str
    cue: str
    opening: str
    row: str
    form: str
    calibration: str
    control: str
    words: tuple[str, ...]
    definitions: tuple[str, ...]
    shown: tuple[str, ...] = ()


def fields_of(prompt: PromptFile) -> PromptFields:
    """Give a prompt as a form has it."""
    design = prompt.design
    others = design.other_words or ((),) * len(design.labels)
    return PromptFields(
        instruction=design.instruction,
        cue=design.cue,
        opening=design.opening,
        row=design.row,
        form=design.form,
        calibration=prompt.calibration,
        control=prompt.control,
        words=tuple(" | ".join((word, *more)) for word, more in zip(design.words, others, strict=True)),
        definitions=design.definitions,
        shown=tuple(row_key(each.text, each.label) for each in design.demonstrations),
    )


def row_key(text: str, label: str) -> str:
    """Name a row that may be a demonstration, by what it says: 16 hexadecimal digits."""
    return hashlib.sha256(f"{label}\0{' '.join(text.split())}".encode("utf-8", "replace")).hexdigest()[:16]


def prompt_of_fields(lab: Lab, fields: PromptFields) -> PromptFile:
    """Make the prompt that a form holds.

    Parameters
    ----------
    lab : Lab
        Its prompt's labels are those of `fields`, in their order; its rows and versions know the demonstrations.
    fields : PromptFields

    Returns
    -------
    PromptFile
        Its calibration is found anew when it is tried.

    Raises
    ------
    DataError, OptionError
        If it cannot be used: what is wrong, in words.
    """
    plain, labels = prompt_to_plain(lab.prompt), lab.prompt.design.labels
    if len(fields.words) != len(labels) or len(fields.definitions) != len(labels):
        raise OptionError("The form must have words for each label.", next_step="Load the page again.")
    words = [tuple(word.strip() for word in each.split("|") if word.strip()) for each in fields.words]
    empty = next((label for label, each in zip(labels, words, strict=True) if not each), None)
    if empty is not None:
        raise OptionError(f"The label {empty!r} has no word.", next_step="Write what the prompt is to say for it.")
    entries = zip(labels, words, fields.definitions, strict=True)
    control = plain["control"] if fields.control == lab.prompt.control else fields.control
    made: dict[str, Any] = {
        **{name: plain[name] for name in ("schema", "version", "model")},
        "form": fields.form,
        "instruction": fields.instruction,
        "cue": fields.cue,
        "template": {"opening": fields.opening, "row": fields.row},
        "labels": [
            {"label": label, "words": list(said) if len(said) > 1 else said[0], "definition": definition}
            for label, said, definition in entries
        ],
        "demonstrations": [
            {"row": each.row, "text": each.text, "label": each.label} for each in _demonstrations(lab, fields.shown)
        ],
        "control": control,
        "calibration": {"name": fields.calibration},
    }
    return _usable(lab, prompt_from_plain(made, NAME))


def prompt_of_text(lab: Lab, text: str) -> PromptFile:
    """Make the prompt that the text of a prompt file holds.

    Parameters
    ----------
    lab : Lab
    text : str
        YAML.

    Returns
    -------
    PromptFile

    Raises
    ------
    DataError, OptionError
        If it cannot be used: what is wrong, in words.
    """
    return _usable(lab, read_prompt_text(text, NAME))


def _demonstrations(lab: Lab, keys: Sequence[str]) -> tuple[Demonstration, ...]:
    """Find demonstrations by their keys: those of the prompt as they stand, then rows, in the order of the form."""
    known: dict[str, Demonstration] = {}
    rows = zip(range(len(lab.rows)), lab.rows.texts, lab.rows.labels, strict=True)
    every: Iterable[Demonstration] = (
        *lab.prompt.design.demonstrations,
        *(Demonstration(*row) for row in rows),
        *(each for tried in reversed(lab.history) for each in tried.prompt.design.demonstrations),
    )
    for each in every:
        known.setdefault(row_key(each.text, each.label), each)
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise OptionError("A row to show is not among the rows of this budget.", next_step="Load the page again.")
    # The prompt's own stay in their order, in which a form need not send them.
    own = {row_key(each.text, each.label): place for place, each in enumerate(lab.prompt.design.demonstrations)}
    return tuple(known[key] for key in sorted(dict.fromkeys(keys), key=lambda key: own.get(key, len(own))))


def _usable(lab: Lab, prompt: PromptFile) -> PromptFile:
    """Refuse a prompt that could not be tried, before a model is loaded for it."""
    check_labels(Path(NAME), prompt, lab.task)
    prompt.design.messages("text")
    rows_not_shown(lab.rows, prompt)
    return prompt
