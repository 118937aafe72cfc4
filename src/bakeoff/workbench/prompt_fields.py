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
from bakeoff.report.figures import visible_text
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
        By label: its words, one a line.
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
        words=tuple("\n".join((word, *more)) for word, more in zip(design.words, others, strict=True)),
        definitions=design.definitions,
        shown=tuple(row_key(each.text, each.label) for each in design.demonstrations),
    )


def row_key(text: str, label: str) -> str:
    """Name a row that may be a demonstration, by what it says: 16 hexadecimal digits."""
    return hashlib.sha256(f"{label}\0{' '.join(text.split())}".encode("utf-8", "replace")).hexdigest()[:16]


def prompt_of_fields(lab: Lab, fields: PromptFields) -> PromptFile:
    """Make the prompt that a form holds; of a field that is left as it was shown, the prompt's own value is kept.

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
    shown, own = fields_of(lab.prompt), lab.prompt.design
    others = own.other_words or ((),) * len(labels)
    known = [(word, *more) for word, more in zip(own.words, others, strict=True)]
    words = [_words(*each) for each in zip(fields.words, shown.words, known, strict=True)]
    definitions = [_kept(*pair) for pair in zip(fields.definitions, own.definitions, strict=True)]
    empty = next((label for label, each in zip(labels, words, strict=True) if not each), None)
    if empty is not None:
        raise OptionError(f"The label {empty!r} has no word.", next_step="Write what the prompt is to say for it.")
    entries = zip(labels, words, definitions, strict=True)
    control = plain["control"] if fields.control == lab.prompt.control else fields.control
    made: dict[str, Any] = {
        **{name: plain[name] for name in ("schema", "version", "model")},
        "form": fields.form,
        "instruction": _kept(fields.instruction, own.instruction),
        "cue": _kept(fields.cue, own.cue),
        "template": {"opening": _kept(fields.opening, own.opening), "row": _kept(fields.row, own.row)},
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
    """Make the prompt that the text of a prompt file holds; the file's own where its text is left as it was shown.

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
    return _usable(lab, read_prompt_text(_kept(text, lab.text), NAME))


def _is_left(sent: str, own: str) -> bool:
    """Say whether a form sends a text as it was shown: with what cannot be seen as escapes."""
    return visible_text(sent) == visible_text(own)


def _words(sent: str, shown: str, own: tuple[str, ...]) -> tuple[str, ...]:
    return own if _is_left(sent, shown) else tuple(line.strip() for line in sent.split("\n") if line.strip())


def _kept(sent: str, own: str) -> str:
    return own if _is_left(sent, own) else sent


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
    # The prompt's own stay in their order, in which a form need not send them, and as often as they stand there.
    own = [(row_key(each.text, each.label), each) for each in lab.prompt.design.demonstrations]
    further = dict.fromkeys(key for key in keys if key not in {known_key for known_key, _each in own})
    return (*(each for key, each in own if key in keys), *(known[key] for key in further))


def _usable(lab: Lab, prompt: PromptFile) -> PromptFile:
    """Refuse a prompt that could not be tried, before a model is loaded for it."""
    check_labels(Path(NAME), prompt, lab.task)
    prompt.design.messages("text")
    rows_not_shown(lab.rows, prompt)
    return prompt
