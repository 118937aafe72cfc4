"""The control of a text that a model writes: how long it may be, where it ends, how it is drawn, what it must hold.

What can be held while the text is written (its length and end, words that may not come, runs that may not come again, a
grammar) is; what can only be seen in the whole text is looked at behind it, and a text that fails is asked for again as
often as the user says. It is never mended: where the last attempt fails, the row abstains with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import checked_control

if TYPE_CHECKING:
    from bakeoff.models.constraint import Constraint
    from bakeoff.models.generate import WriteSettings

__all__ = [
    "CHOICES_OF_ONE",
    "MOST_TOKENS",
    "WritingControl",
    "read_text",
    "seed_of_draw",
    "stop_of",
    "writing_control_from_plain",
]

#: Tokens of a text of which no example is known.
MOST_TOKENS = 128
#: How one of several candidates is chosen.
CHOICES_OF_ONE = ("risk", "probability")

ChooseBy = Literal["risk", "probability"]


@dataclass(frozen=True, slots=True)
class WritingControl:
    """How what a model writes is held.

    Parameters
    ----------
    most_tokens : int, optional
        Most tokens of a text, 1 or more. Default: by the longest text among the labelled rows, else `MOST_TOKENS`.
    stop : tuple of str
        What ends a text beside the model's end token; it is cut off. A plain prompt needs it.
    temperature, top_p : float
        As in `bakeoff.models.generate.WriteSettings`.
    no_repeat_ngram : int
        No run of so many tokens comes twice in a text; 0 lets all come.
    required, forbidden : tuple of str
        Words that stand in every text, and that stand in none, as whole words whatever their case.
    pattern, schema : str, optional
        A regular expression (in the syntax of Rust's ``regex``) or a JSON Schema that the whole text keeps; one of the
        two.
    field : str, optional
        Where the answer stands in the JSON object of `schema`; the whole text where not given.
    candidates : int
        Texts that are drawn for each row, of which one is chosen.
    choose_by : {"risk", "probability"}
        The candidate that agrees best with the others on the task's metric (minimum Bayes risk, Eikema and Aziz 2020,
        section 4), or the one with the highest mean log-probability of its tokens. Where the task has checks, among
        those alone that pass most of them.
    retries : int
        How often a row whose text fails is asked for again, 0 or more.
    retry_temperature : float
        At least so hot; a likeliest text would only come again.
    beams, length_penalty : int, float
        As in `bakeoff.models.generate.WriteSettings`: beam search instead of the likeliest token each time. What
        is asked for again is drawn.

    Raises
    ------
    OptionError
        If a value is out of its range, or does not go with another.
    """

    most_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    no_repeat_ngram: int = 0
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    pattern: str | None = None
    schema: str | None = None
    field: str | None = None
    candidates: int = 1
    choose_by: ChooseBy = "risk"
    retries: int = 0
    retry_temperature: float = 0.7
    beams: int = 1
    length_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, allowed, holds in (
            ("most_tokens", "1 or more", self.most_tokens is None or self.most_tokens >= 1),
            ("stop", "texts of one character or more", all(self.stop)),
            ("temperature", "0 to 5", 0.0 <= self.temperature <= 5.0),
            ("top_p", "above 0 and at most 1", 0.0 < self.top_p <= 1.0),
            ("no_repeat_ngram", "0, or 2 or more", self.no_repeat_ngram == 0 or self.no_repeat_ngram >= 2),
            ("required", "words, none blank", all(word.strip() for word in self.required)),
            ("forbidden", "words, none blank", all(word.strip() for word in self.forbidden)),
            ("pattern", "left out where a schema is given", self.pattern is None or self.schema is None),
            ("field", "left out but for a schema", self.field is None or self.schema is not None),
            ("candidates", "1 to 64", 1 <= self.candidates <= 64),
            ("candidates", "1 at a temperature of 0", self.candidates == 1 or self.temperature > 0.0),
            ("choose_by", f"one of {', '.join(CHOICES_OF_ONE)}", self.choose_by in CHOICES_OF_ONE),
            ("retries", "0 to 100", 0 <= self.retries <= 100),
            ("retry_temperature", "above 0 and at most 5", 0.0 < self.retry_temperature <= 5.0),
            ("beams", "1 to 16", 1 <= self.beams <= 16),
            ("beams", "1 at a temperature above 0", self.beams == 1 or self.temperature == 0.0),
            ("length_penalty", "-5 to 5", -5.0 <= self.length_penalty <= 5.0),
        ):
            if not holds:
                raise OptionError(
                    f"The control's {name} must be {allowed}; {getattr(self, name)!r} came.",
                    next_step=f"Change {name}.",
                )

    def to_plain(self) -> dict[str, Any]:
        """Give what differs from the defaults, as plain values for a prompt file."""
        defaults = asdict(WritingControl())
        plain = {name: value for name, value in asdict(self).items() if value != defaults[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    def constraint(self) -> Constraint | None:
        """Give the grammar of the texts; None where they are free.

        Raises
        ------
        OptionError
            If expression or schema is none.
        """
        from bakeoff.models.constraint import json_constraint, regex_constraint

        if self.pattern is not None:
            return regex_constraint(self.pattern)
        return json_constraint(self.schema) if self.schema is not None else None

    def settings(self, seed: int, draw: int, *, again: bool = False, constraint: Constraint | None) -> WriteSettings:
        """Give the settings of one draw.

        Parameters
        ----------
        seed, draw : int
            Of the method, and which draw of a row's it is.
        again : bool
            Whether an earlier text failed.
        constraint : Constraint or None

        Returns
        -------
        WriteSettings
        """
        from bakeoff.models.generate import WriteSettings

        return WriteSettings(
            most_tokens=self.most_tokens or MOST_TOKENS,
            constraint=constraint,
            stop=self.stop,
            temperature=max(self.temperature, self.retry_temperature) if again else self.temperature,
            top_p=self.top_p,
            seed=seed_of_draw(seed, draw),
            no_repeat_ngram=self.no_repeat_ngram,
            forbidden=self.forbidden,
            scored=self.candidates > 1 and self.choose_by == "probability",
            beams=1 if again else self.beams,
            length_penalty=self.length_penalty,
        )


def seed_of_draw(seed: int, draw: int) -> int:
    """Give the seed of one draw of a row's, by the method's seed."""
    return seed * 10_007 + draw


def writing_control_from_plain(value: Mapping[str, Any], name: str) -> WritingControl:
    """Read the control of a prompt file whose answers are texts.

    Parameters
    ----------
    value : mapping
        Entries named as the parameters of `WritingControl`.
    name : str
        Of the file, for messages.

    Returns
    -------
    WritingControl

    Raises
    ------
    DataError
        If an entry is not known, or its value is not allowed.
    """
    return checked_control(WritingControl, value, name, "by")


def read_text(control: WritingControl, text: str, ended: str) -> tuple[str | None, str | None]:
    """Take the answer out of what was written.

    Parameters
    ----------
    control : WritingControl
    text : str
        What was written.
    ended : str
        How, as `bakeoff.models.generate.Ended` says.

    Returns
    -------
    answer, reason : str or None
        The answer, or the reason of the abstention; one of the two. A text that is cut at its most tokens is an answer,
        but where it was to be JSON or an expression.
    """
    if ended in _NOT_WRITTEN:
        return None, _NOT_WRITTEN[ended]
    if ended == "length" and (control.pattern is not None or control.schema is not None):
        return None, "the answer was cut at its most tokens"
    said = text.strip()
    if control.field is not None:
        value = json.loads(text)
        held = value.get(control.field) if isinstance(value, dict) else None
        if not isinstance(held, str):
            return None, f"the answer has no text under {control.field!r}"
        said = held.strip()
    if not said:
        return None, "the answer is empty"
    missing = next((word for word in control.required if not _stands_in(word, said)), None)
    if missing is not None:
        return None, f"the answer lacks the word {missing!r}"
    strange = next((word for word in control.forbidden if _stands_in(word, said)), None)
    return (said, None) if strange is None else (None, f"the answer has the word {strange!r}")


def stop_of(targets: Sequence[str], mark: str) -> tuple[str, ...]:
    """Give what ends a text in a plain prompt: the least that stands in no target.

    Parameters
    ----------
    targets : sequence of str
        Of the labelled rows.
    mark : str
        What begins the next row.

    Returns
    -------
    tuple of str
        The end of the line, a blank line, or a blank line and the mark.
    """
    whole = [target.strip() for target in targets]
    if whole and not any("\n" in target for target in whole):
        return ("\n",)
    # A model that shows no end goes on with further lines; without rows, a blank line is the likeliest end.
    return (f"\n\n{mark}",) if any("\n\n" in target for target in whole) else ("\n\n",)


def _stands_in(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE) is not None


_NOT_WRITTEN = {
    "too-long": "the text and the prompt are longer than the model's context",
    "grammar": "the constraint could not be followed to its end",
}
