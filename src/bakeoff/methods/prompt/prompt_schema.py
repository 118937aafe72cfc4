"""What a prompt file may hold: the checks of its values, each by itself and together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from bakeoff.data import counts_of
from bakeoff.errors import DataError

__all__ = ["check_whole", "file_schema"]


@lru_cache(maxsize=1)
def file_schema() -> Any:
    """Make the checks of the file's values, a pydantic model, which is imported where a file is read."""
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
        label: str = ""
        target: str = ""

    class _Calibration(_Plain):
        name: Literal["none", "contextual", "domain", "batch"] = "none"
        shift: list[FiniteFloat] = Field(default_factory=list)

    class _Model(_Plain):
        name: str | None = None
        sha256: str | None = None

    class _File(_Plain):
        schema_: Literal["bakeoff.prompt"] = Field(alias="schema")
        version: Literal[1, 2, 3]
        form: Literal["plain", "chat"] = "plain"
        instruction: str
        cue: str = "Label"
        template: _Template
        labels: list[_Label] = Field(default_factory=list)
        demonstrations: list[_Demonstration] = Field(default_factory=list)
        # The entries of a mapping are checked by `OutputControl` or `WritingControl`, which know what goes together.
        control: Literal["label-scores", "generated", "marks", "written"] | dict[str, Any] = "label-scores"
        calibration: _Calibration = Field(default_factory=_Calibration)
        model: _Model = Field(default_factory=_Model)
        scores: dict[str, float] = Field(default_factory=dict)

    return _File


def check_whole(name: str, found: Any, words: Sequence[tuple[str, ...]]) -> None:
    """Refuse entries that are well formed each, and do not go together.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    found : object
        What the checks of `file_schema` made of the file.
    words : sequence of tuple of str
        Words of each label.

    Raises
    ------
    DataError
    """
    labels = tuple(each.label for each in found.labels)
    by = _check_control(name, found, labels)
    spoken = [word for each in words for word in each]
    if len(set(labels)) < len(labels) or len(set(spoken)) < len(spoken):
        twice = next(word for word in (*labels, *spoken) if labels.count(word) > 1 or spoken.count(word) > 1)
        raise DataError(
            f"The prompt file {name} must name each label once, with words of its own; {twice!r} comes twice.",
            next_step="Mend the list 'labels'.",
        )
    if by == "written":
        _check_targets(name, found)
    else:
        _check_shown(name, found, labels, "tagging" if by == "marks" else "classification")
    shift = found.calibration.shift
    if shift and (found.calibration.name == "none" or len(shift) != len(labels)):
        raise DataError(
            f"The prompt file {name} must give one calibration value a label; {len(shift)} came for {len(labels)}.",
            next_step="Mend the list 'calibration.shift'.",
        )


def _check_shown(name: str, found: Any, labels: tuple[str, ...], kind: str) -> None:
    """Refuse a demonstration of a label that is none."""
    told = [set(counts_of(kind, [each.label])) for each in found.demonstrations]
    strange = [each.label for each, own in zip(found.demonstrations, told, strict=True) if own - {*labels, "O"}]
    if strange:
        raise DataError(
            f"The prompt file {name} has a demonstration of the label {strange[0]!r}, which is not among its labels.",
            next_step="Mend the list 'demonstrations'.",
        )


def _check_targets(name: str, found: Any) -> None:
    """Refuse a demonstration without the text to write."""
    bare = next((each for each in found.demonstrations if not each.target.strip()), None)
    if bare is not None:
        raise DataError(
            f"The prompt file {name} must give each demonstration a 'target', the text to write; that of "
            f"{bare.text[:40]!r} has none.",
            next_step="Mend the list 'demonstrations'.",
        )


def _check_control(name: str, found: Any, labels: tuple[str, ...]) -> str | None:
    """Refuse a control that is unknown, or does not go with the labels that there are; give how answers come about."""
    by: str | None = found.control.get("by") if isinstance(found.control, dict) else found.control
    if (by == "written" and labels) or (by == "generated" and not labels) or len(labels) == 1:
        raise DataError(
            f"The prompt file {name} must have two labels or more, or none where answers are numbers or texts that are "
            f"written; {len(labels)} and the control {by!r} came.",
            next_step="Mend the list 'labels', or write 'control: written' where a text is to be written.",
        )
    if isinstance(found.control, dict) and by not in ("generated", "written"):
        raise DataError(
            f"The prompt file {name} must say, under 'control', by: generated or by: written; {by!r} came.",
            next_step="Write 'control: label-scores' where label scores are compared.",
        )
    return by
