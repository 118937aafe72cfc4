"""The control of what a model writes: what it may write, how it is drawn, how often it is asked again, how it is read.

Invalid answers are counted and never mended: a row is asked again as often as the user says, and then abstains with
the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.label_match import match_label

if TYPE_CHECKING:
    from bakeoff.models.constraint import Constraint
    from bakeoff.models.generate import WriteSettings

__all__ = ["OutputControl", "checked_control", "control_from_plain", "object_schema", "quoted", "read_answer"]

_Control = TypeVar("_Control")

Kind = Literal["choice", "regex", "json-schema", "free"]

#: Characters of an unreadable answer that its reason quotes.
_QUOTED = 80
#: Tokens of a free answer beside the longest label, for a full stop or a quote, and those that JSON takes for itself.
_SPARE, _JSON_SPARE = 8, 16
_KINDS = ("choice", "regex", "json-schema", "free")


@dataclass(frozen=True, slots=True)
class OutputControl:
    """How what a model writes is held to the labels.

    Parameters
    ----------
    kind : {"choice", "regex", "json-schema", "free"}
        Nothing but a label's words; what a regular expression matches; JSON of a schema; anything, out of which a label
        is read.
    pattern : str, optional
        The regular expression, in the syntax of Rust's ``regex``; it stands for the whole answer.
    schema : str, optional
        The JSON Schema as text. Default: an object with nothing but the label.
    field : str
        Where the label stands in the JSON object.
    most_tokens : int, optional
        Most tokens of an answer, 1 or more. Default: what the longest label can take.
    stop : tuple of str
        Words at which an answer ends, beside the end of the line in a plain prompt.
    temperature, top_p : float
        As in `bakeoff.models.generate.WriteSettings`.
    retries : int
        How often a row whose answer is no label is asked again, 0 or more.
    retry_temperature : float
        At least so hot; a likeliest answer would only come again.
    reasoning_tokens : int
        Most tokens of reasoning before the answer; 0 for none.

    Raises
    ------
    OptionError
        If a value is out of its range, or the kind needs one that is missing.
    """

    kind: Kind = "choice"
    pattern: str | None = None
    schema: str | None = None
    field: str = "label"
    most_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    retries: int = 0
    retry_temperature: float = 0.7
    reasoning_tokens: int = 0

    def __post_init__(self) -> None:
        for name, allowed, holds in (
            ("kind", f"one of {', '.join(_KINDS)}", self.kind in _KINDS),
            (
                "pattern",
                "given for the kind 'regex' and no other",
                (self.pattern is not None) == (self.kind == "regex"),
            ),
            ("schema", "left out but for 'json-schema'", self.schema is None or self.kind == "json-schema"),
            ("most_tokens", "1 or more", self.most_tokens is None or self.most_tokens >= 1),
            ("stop", "words of one character or more", all(self.stop)),
            ("temperature", "0 to 5", 0.0 <= self.temperature <= 5.0),
            ("top_p", "above 0 and at most 1", 0.0 < self.top_p <= 1.0),
            ("retries", "0 to 100", 0 <= self.retries <= 100),
            ("retry_temperature", "above 0 and at most 5", 0.0 < self.retry_temperature <= 5.0),
            ("reasoning_tokens", "0 or more", self.reasoning_tokens >= 0),
        ):
            if not holds:
                raise OptionError(
                    f"The output control's {name} must be {allowed}; {getattr(self, name)!r} came.",
                    next_step=f"Change {name}.",
                )

    def to_plain(self) -> dict[str, Any]:
        """Give what differs from the defaults, as plain values for a prompt file; the kind always."""
        defaults = asdict(OutputControl())
        plain = {name: value for name, value in asdict(self).items() if name == "kind" or value != defaults[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    def constraint(self, words: Sequence[str], *, space: str = "", ending: str = "") -> Constraint | None:
        """Give what the text may be.

        Parameters
        ----------
        words : sequence of str
            All that stands for a label.
        space : str
            What stands before a label in the prompt's form.
        ending : str
            What ends an answer where one label is the beginning of another; ``""`` for the end token.

        Returns
        -------
        Constraint or None
            None for the kind ``"free"``.

        Raises
        ------
        OptionError
            If the schema is none.
        """
        from bakeoff.models.constraint import choice_constraint, json_constraint, regex_constraint

        if self.kind == "choice":
            ordered = sorted(words)
            clash = any(after.startswith(before) for before, after in pairwise(ordered))
            return choice_constraint([f"{space}{word}{ending if clash else ''}" for word in words])
        if self.kind == "regex":
            return regex_constraint(str(self.pattern))
        return json_constraint(self.json_schema(words)) if self.kind == "json-schema" else None

    def json_schema(self, words: Sequence[str]) -> Mapping[str, Any] | str:
        """Give the schema, or the default one: an object with the label alone, which is one of the words."""
        return self.schema if self.schema is not None else object_schema({self.field: {"enum": list(words)}})

    def settings(
        self, words: Sequence[str], seed: int, attempt: int, constraint: Constraint | None, stop: Sequence[str]
    ) -> WriteSettings:
        """Give the settings of one attempt.

        Parameters
        ----------
        words : sequence of str
        seed : int
        attempt : int
            0 for the first; each further one draws anew, at least at `retry_temperature`.
        constraint : Constraint or None
        stop : sequence of str
            Stop words of the prompt's form.

        Returns
        -------
        WriteSettings
        """
        from bakeoff.models.generate import WriteSettings

        return WriteSettings(
            most_tokens=self.tokens_for(words),
            constraint=constraint,
            stop=(*self.stop, *stop),
            temperature=self.temperature if attempt == 0 else max(self.temperature, self.retry_temperature),
            top_p=self.top_p,
            seed=seed * 101 + attempt,
        )

    def tokens_for(self, words: Sequence[str]) -> int:
        """Give the most tokens of an answer: as the user says, else what the longest label can take."""
        if self.most_tokens is not None:
            return self.most_tokens
        # A constrained model may write letter by letter, so each byte is given room.
        longest = max(len(word.encode()) for word in words)
        return longest + (_JSON_SPARE + len(self.field) if self.kind == "json-schema" else _SPARE)


def object_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema of an object that has all of some properties and no other.

    Parameters
    ----------
    properties : mapping
        Schema of each, by its name.

    Returns
    -------
    dict
    """
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def control_from_plain(value: Mapping[str, Any], name: str) -> OutputControl:
    """Read the output control of a prompt file.

    Parameters
    ----------
    value : mapping
        Entries named as the parameters of `OutputControl`.
    name : str
        Of the file, for messages.

    Returns
    -------
    OutputControl

    Raises
    ------
    DataError
        If an entry is not known, or its value is not allowed.
    """
    return checked_control(OutputControl, value, name)


def checked_control(kind: type[_Control], value: Mapping[str, Any], name: str, *beside: str) -> _Control:
    """Make a control of the entries of a prompt file.

    Parameters
    ----------
    kind : type
        A dataclass that checks what goes together.
    value : mapping
        Entries named as its parameters.
    name : str
        Of the file, for messages.
    *beside : str
        Entries that are known beside them, and read elsewhere.

    Returns
    -------
    object
        Of that kind.

    Raises
    ------
    DataError
        If an entry is not known, or its value is not allowed.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    strange = [key for key in value if key not in known]
    if strange:
        raise DataError(
            f"The prompt file {name} may hold, under 'control', {', '.join((*beside, *known))}; {strange[0]!r} came.",
            next_step="Mend this entry.",
        )
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(json.dumps(dict(value), default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(("control", *(str(part) for part in first["loc"])))
        raise DataError(
            f"The prompt file {name} is wrong at {place!r}: {first['msg']}.", next_step="Mend this entry."
        ) from error
    except OptionError as error:
        raise DataError(f"The prompt file {name} is wrong at 'control': {error}", next_step="Mend it.") from error


def read_answer(
    control: OutputControl, text: str, ended: str, labels: Sequence[str], words: Sequence[str]
) -> tuple[str | None, str | None]:
    """Read a label out of what was written.

    Parameters
    ----------
    control : OutputControl
    text : str
        What was written.
    ended : str
        How, as `bakeoff.models.generate.Ended` says.
    labels, words : sequence of str, one length
        Label and what stands for it; a label may come several times.

    Returns
    -------
    label, reason : str or None
        The label, or the reason of the abstention; one of the two.
    """
    if ended in _NOT_ASKED:
        return None, _NOT_ASKED[ended]
    said = text
    if control.kind == "json-schema":
        try:
            value = json.loads(text)
        except ValueError:
            return None, _cut_reason(ended) or f"answer is no JSON: {quoted(text)}"
        held = value.get(control.field) if isinstance(value, dict) else None
        if not isinstance(held, str):
            return None, f"answer has no text under {control.field!r}: {quoted(text)}"
        said = held
    label = match_label(said, labels, words)
    if ended == "length" and control.kind in ("choice", "regex"):
        return None, _cut_reason(ended)
    return (label, None) if label is not None else (None, f"answer is no label: {quoted(said)}")


_NOT_ASKED = {
    "too-long": "the text and the prompt are longer than the model's context",
    "grammar": "the constraint could not be followed to its end",
}


def _cut_reason(ended: str) -> str | None:
    return "the answer was cut at its most tokens" if ended == "length" else None


def quoted(text: str) -> str:
    """Give the beginning of a text in one line, in quotes."""
    return repr(" ".join(text.split())[:_QUOTED])
