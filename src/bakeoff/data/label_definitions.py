"""Read what labels mean: ``--labels FILE``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.data.read import read_text_file
from bakeoff.data.yaml_pairs import wrong_form, yaml_pairs
from bakeoff.errors import DataError

__all__ = ["LabelDefinition", "match_definitions", "read_label_definitions"]

_FIELDS = ("words", "definition", "examples")
_WHAT, _EXAMPLE = "each label to its meaning", "Write lines such as 'positive: The customer is content.'"


@dataclass(frozen=True, slots=True)
class LabelDefinition:
    """What one label means.

    Parameters
    ----------
    label : str
        The label as it is in the data.
    words : tuple of str
        How a prompt may call it, the first one by preference.
    definition : str
        What it means; empty where nothing was said.
    examples : tuple of str
        Texts that have it.
    """

    label: str
    words: tuple[str, ...]
    definition: str = ""
    examples: tuple[str, ...] = ()


def read_label_definitions(path: str | Path) -> tuple[LabelDefinition, ...]:
    """Read a YAML or JSON file that says what labels mean.

    Its form is ``label: text``, or ``label: {words: [...], definition: ..., examples: [...]}``, each field optional.
    Labels are taken as they are written: ``no``, ``1`` and ``on`` stay text.

    Parameters
    ----------
    path : str or Path
        A .yaml, .yml or .json file in UTF-8.

    Returns
    -------
    tuple of LabelDefinition
        In the order of the file. Where no words are given, the label is its own word, ``_`` read as a blank.

    Raises
    ------
    DataError
        If the file is missing, broken or of another form, a label comes twice, or two labels share a word.
    """
    file = Path(path)
    text = read_text_file(file, "a file of labels")
    pairs = (
        _json_pairs(text, str(file)) if file.suffix.lower() == ".json" else yaml_pairs(text, str(file), _WHAT, _EXAMPLE)
    )
    if not pairs:
        raise DataError(
            f"{file} must say what at least one label means; it is empty.", next_step="Write a line 'label: meaning'."
        )
    labels = [label for label, _ in pairs]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise DataError(f"{file} must name each label once; {twice!r} comes twice.", next_step="Remove one of them.")
    definitions = tuple(_definition(label, value, str(file)) for label, value in pairs)
    _refuse_shared_words(definitions, str(file))
    return definitions


def match_definitions(definitions: Sequence[LabelDefinition], labels: Sequence[str]) -> tuple[LabelDefinition, ...]:
    """Put definitions in the order of a label set; a label without one stands for itself.

    Parameters
    ----------
    definitions : sequence of LabelDefinition
        What was read.
    labels : sequence of str
        The labels of the data.

    Returns
    -------
    tuple of LabelDefinition
        One for each of `labels`.

    Raises
    ------
    DataError
        If a definition is of a label that the data does not have.
    """
    given = {definition.label: definition for definition in definitions}
    unknown = next((label for label in given if label not in labels), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, labels, n=1, cutoff=0.5)
        shown = ", ".join(repr(label) for label in labels[:20]) + (", ..." if len(labels) > 20 else "")
        raise DataError(
            f"A defined label must be one of the data's ({shown}); got {unknown!r}.",
            next_step=f"Did you mean {near[0]!r}?" if near else "Correct the label, or remove it.",
        )
    return tuple(given.get(label) or LabelDefinition(label, (_own_word(label),)) for label in labels)


def _own_word(label: str) -> str:
    return label.replace("_", " ").strip() or label


def _json_pairs(text: str, source: str) -> list[tuple[str, Any]]:
    try:
        # Lists of pairs, so that a label that comes twice is seen.
        value = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise DataError(
            f"Row {error.lineno} of {source} is not valid JSON ({error.msg.lower()}).", next_step="Correct that line."
        ) from error
    except RecursionError as error:
        raise _wrong_form(source) from error
    if not isinstance(value, _Pairs):
        raise _wrong_form(source)
    return [(label, dict(part) if isinstance(part, _Pairs) else part) for label, part in value]


class _Pairs(list[tuple[str, Any]]):
    """The fields of a JSON object, in order and with repetitions."""


def _wrong_form(source: str) -> DataError:
    return wrong_form(source, _WHAT, _EXAMPLE)


def _definition(label: str, value: Any, source: str) -> LabelDefinition:
    if value is None or isinstance(value, str):
        return LabelDefinition(label, (_own_word(label),), (value or "").strip())
    if not isinstance(value, dict) or set(value) - set(_FIELDS):
        strange = sorted(set(value) - set(_FIELDS))[0] if isinstance(value, dict) else value
        raise DataError(
            f"The meaning of label {label!r} in {source} must be a text, or have the fields words, definition and "
            f"examples; got {strange!r}.",
            next_step="Correct that label.",
        )
    words = _listed(value.get("words"), label, "words", source) or (_own_word(label),)
    definition = " ".join(_listed(value.get("definition"), label, "definition", source))
    return LabelDefinition(label, words, definition, _listed(value.get("examples"), label, "examples", source))


def _listed(value: Any, label: str, field: str, source: str) -> tuple[str, ...]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in values):
        raise DataError(
            f"The {field} of label {label!r} in {source} must be a text or a list of texts; got {value!r}.",
            next_step="Correct that label.",
        )
    return tuple(part.strip() for part in values if part.strip())


def _refuse_shared_words(definitions: Sequence[LabelDefinition], source: str) -> None:
    owner: dict[str, str] = {}
    for definition in definitions:
        for word in definition.words:
            other = owner.setdefault(word.casefold(), definition.label)
            if other != definition.label:
                raise DataError(
                    f"Each word of {source} must stand for one label; {word!r} stands for {other!r} and "
                    f"{definition.label!r}.",
                    next_step="Give one of them another word.",
                )
