"""What changed between two versions of a prompt: its words, and the rows that they answer differently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_to_plain, read_prompt_file
from bakeoff.workbench.prompt_history import (
    Change,
    Tried,
    change_between,
    history_folder,
    pick,
    read_history,
    version_of,
)

__all__ = ["PartChange", "Piece", "PromptDiff", "diff_prompts", "part_changes"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that both versions have, or one alone."""

    kind: Literal["same", "gone", "new"]
    text: str


@dataclass(frozen=True, slots=True)
class PartChange:
    """One part of a prompt that changed, as pieces in reading order."""

    part: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """How two versions differ.

    Parameters
    ----------
    before, after : str
        Names of the two, for people.
    parts : tuple of PartChange
        Empty where they say the same.
    rows : Change or None
        Rows that they answer differently, where both were tried on some of the same with one model.
    """

    before: str
    after: str
    parts: tuple[PartChange, ...]
    rows: Change | None


def diff_prompts(one: str, other: str | None = None) -> PromptDiff:
    """Compare two prompts.

    Parameters
    ----------
    one, other : str
        Each a prompt file, or a version that was tried of it: ``prompt.yaml@2``. Without `other`, the file as it stands
        is compared with the last version tried that says something else.

    Returns
    -------
    PromptDiff

    Raises
    ------
    OptionError, DataError
        If one cannot be found or read.
    """
    if other is None:
        one, other = _last_other(one), one
    (before_name, before, before_tries), (after_name, after, after_tries) = _named(one), _named(other)
    return PromptDiff(before_name, after_name, part_changes(before, after), _rows(before_tries, after_tries))


def part_changes(before: PromptFile, after: PromptFile) -> tuple[PartChange, ...]:
    """Give the parts of a prompt that changed, word by word.

    Parameters
    ----------
    before, after : PromptFile

    Returns
    -------
    tuple of PartChange
        Instruction, cue, templates, form, labels, demonstrations, control and calibration, in this order.
    """
    pairs = _parts(before), _parts(after)
    names = dict.fromkeys((*pairs[0], *pairs[1]))
    found = [(name, pairs[0].get(name, ""), pairs[1].get(name, "")) for name in names]
    changed = [PartChange(name, _pieces(old, new)) for name, old, new in found if old != new]
    return (*changed, *_demonstrations(before, after))


def _parts(prompt: PromptFile) -> dict[str, str]:
    design = prompt.design
    others = design.other_words or ((),) * len(design.labels)
    labels = {
        f"label {label}": f"{', '.join((word, *more))}{': ' if definition else ''}{definition}"
        for label, word, more, definition in zip(design.labels, design.words, others, design.definitions, strict=True)
    }
    shift = " ".join(f"{value:.3f}" for value in prompt.shift)
    return {
        "instruction": design.instruction,
        "cue": design.cue,
        "opening": design.opening,
        "row": design.row,
        "form": design.form,
        **labels,
        "control": str(prompt_to_plain(prompt)["control"]),
        "calibration": f"{prompt.calibration} {shift}".strip(),
    }


def _demonstrations(before: PromptFile, after: PromptFile) -> list[PartChange]:
    old, new = ([f"{each.label}: {each.text}" for each in one.design.demonstrations] for one in (before, after))
    if old == new:
        return []
    if sorted(old) == sorted(new):
        return [PartChange("demonstrations", (Piece("same", f"the same {len(old)} in another order"),))]
    gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
    count = Piece("same", f"{len(old)} before, {len(new)} now")
    return [
        PartChange("demonstrations", (count,)),
        *(PartChange("  gone", (Piece("gone", each),)) for each in gone),
        *(PartChange("  new", (Piece("new", each),)) for each in come),
    ]


def _pieces(old: str, new: str) -> tuple[Piece, ...]:
    """Compare two texts word by word."""
    words = [re.findall(r"\s+|\w+|[^\w\s]", text) for text in (old, new)]
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    for kind, first, last, start, end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(words[0][first:last])))
            continue
        if first < last:
            pieces.append(Piece("gone", "".join(words[0][first:last])))
        if start < end:
            pieces.append(Piece("new", "".join(words[1][start:end])))
    return tuple(pieces)


def _last_other(name: str) -> str:
    prompt, history = read_prompt_file(Path(name)), read_history(history_folder(Path(name)))
    own = version_of(history, prompt)
    others = [tried.version for tried in history if tried.version != own]
    if not others:
        raise OptionError(
            f"No other version of {name} was tried.", next_step="Name two prompt files, or try this one and change it."
        )
    return f"{name}@{others[-1]}"


def _named(name: str) -> tuple[str, PromptFile, Sequence[Tried]]:
    """Give a name for people, the prompt, and its tries, the last one last."""
    path, _, number = name.rpartition("@")
    if path and number.isdecimal() and not Path(name).exists():
        history = read_history(history_folder(Path(path)))
        tried = pick(history, int(number), path)
        return f"{path} version {number}", tried.prompt, [one for one in history if one.version == int(number)]
    prompt, history = read_prompt_file(Path(name)), read_history(history_folder(Path(name)))
    version = version_of(history, prompt)
    tries = [one for one in history if one.version == version]
    return f"{name}, {f'version {version}' if version else 'not tried yet'}", prompt, tries


def _rows(before: Sequence[Tried], after: Sequence[Tried]) -> Change | None:
    """Compare the two tries that share most rows, asked of one model; of equals the later ones."""
    changes = [
        change
        for one in before
        for other in after
        if one.asked == other.asked and (change := change_between(one, other)) is not None
    ]
    return max(reversed(changes), key=lambda change: change.common, default=None)
