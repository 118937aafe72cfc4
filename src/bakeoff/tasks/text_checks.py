"""Checks of written texts: their form and content, each a share in [0, 1] of a row's source and answer.

A check has a name of the user's, a kind of `CHECK_KINDS`, and settings. Its value is 1 where it is passed and 0 where
it is not; where a kind measures a share and no bound is set, it is that share, 1 being best. An empty text passes
nothing. A check whose settings read something from the source (a number of lines, a scheme, words, slots) does not
apply to a row whose source does not have it, and such a row has no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from bakeoff.tasks.rhyme import lines_of, rhyming_share
from bakeoff.tasks.slots import DEFAULT_SLOT, SlotTable, Told, told_slots, values_of_slots
from bakeoff.tasks.text_form import distinct_share, has_words, longest_run, repeated_share, shared_share, words_of
from bakeoff.tasks.user_code import run_code

__all__ = ["CHECK_KINDS", "CheckKind", "TextCheck", "check_value", "knowing_values", "told_by"]

#: Rows whose values are kept: a study asks for the same ones after every trial.
_KEPT = 1 << 18
_REPETITION_N, _DISTINCT_N, _COPIED_N = 3, 2, 4


@dataclass(frozen=True, slots=True)
class TextCheck:
    """A check of written texts; a plain value.

    Parameters
    ----------
    name : str
        Small letters, digits and hyphens; the metric of this check alone is ``form:NAME``.
    kind : str
        One of `CHECK_KINDS`.
    settings : mapping of str to JSON value
        Those of the kind.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TextCheck:
        """Rebuild a check from its plain JSON values."""
        return cls(value["name"], value["kind"], dict(value["settings"]))


@dataclass(frozen=True, slots=True)
class CheckKind:
    """A kind of checks.

    Parameters
    ----------
    summary : str
        What is looked at, for people.
    settings : tuple of str
        Names of its settings.
    needs : tuple of str
        Of these at least one must be given; none need be where it is empty.
    value : callable
        Of settings, source and text: the value in [0, 1], or None where the check does not apply to the row.
    """

    summary: str
    settings: tuple[str, ...]
    needs: tuple[str, ...]
    value: Callable[[TextCheck, str, str], float | None]


@lru_cache(maxsize=_KEPT)
def check_value(check: TextCheck, source: str, text: str) -> float | None:
    """Check a text.

    Parameters
    ----------
    check : TextCheck
    source : str
        What the text was written from.
    text : str
        Empty for an abstention, which passes nothing.

    Returns
    -------
    float or None
        In [0, 1]; None where the check does not apply to the row.

    Raises
    ------
    DataError
        If a user's function fails, or was not given on this machine.
    """
    value = CHECK_KINDS[check.kind].value(check, source, text)
    return value if value is None or text.strip() else 0.0


@lru_cache(maxsize=_KEPT)
def told_by(check: TextCheck, source: str, text: str) -> Told | None:
    """Give what a text tells of its source's slots, by a check of the kind ``slots``; None where there are no slots."""
    return told_slots(_table(check), source, text)


def knowing_values(check: TextCheck, sources: Iterable[str]) -> TextCheck:
    """Give a check of the kind ``slots`` that knows all values which slots have in sources; other checks as they are.

    Parameters
    ----------
    check : TextCheck
    sources : iterable of str
        Of training rows.

    Returns
    -------
    TextCheck
    """
    if check.kind != "slots":
        return check
    found = values_of_slots(sources, check.settings.get("slot", DEFAULT_SLOT))
    return replace(check, settings={**check.settings, "values": found})


@lru_cache(maxsize=64)
def _table(check: TextCheck) -> SlotTable:
    settings = check.settings
    realised: Mapping[str, Mapping[str, str]] = settings.get("realised", {})
    known: dict[tuple[str, str], str | None] = {
        (slot, value): None for slot, values in settings.get("values", {}).items() for value in values
    }
    known.update({(slot, value): words for slot, values in realised.items() for value, words in values.items()})
    return SlotTable(
        settings.get("slot", DEFAULT_SLOT), tuple((slot, value, words) for (slot, value), words in known.items())
    )


def _read(pattern: str, source: str) -> str | None:
    found = re.search(pattern, source)
    return None if found is None or found[1] is None else found[1].strip()


def _line_count(check: TextCheck, source: str, text: str) -> float | None:
    wanted: int | str = check.settings["lines"]
    if isinstance(wanted, str):
        found = _read(wanted, source)
        if found is None or not found.isdecimal():
            return None
        wanted = int(found)
    return float(len(lines_of(text)) == wanted)


def _rhyme_scheme(check: TextCheck, source: str, text: str) -> float | None:
    scheme: str | None = check.settings["scheme"]
    if scheme is not None and "(" in scheme:
        scheme = _read(scheme, source)
    return None if scheme is None else rhyming_share(text, scheme, loose=check.settings.get("loose", False))


def _words(check: TextCheck, source: str) -> Sequence[str] | None:
    given: Sequence[str] | str = check.settings["words"]
    if not isinstance(given, str):
        return given
    found = _read(given, source)
    return None if found is None else [part.strip() for part in re.split(r"[,;\n]", found) if part.strip()] or None


def _required_words(check: TextCheck, source: str, text: str) -> float | None:
    words = _words(check, source)
    return None if words is None else sum(has_words(text, word) for word in words) / len(words)


def _forbidden_words(check: TextCheck, source: str, text: str) -> float | None:
    words = _words(check, source)
    return None if words is None else float(not any(has_words(text, word) for word in words))


def _length(check: TextCheck, source: str, text: str) -> float | None:  # noqa: ARG001  # as all kinds
    count = len(words_of(text))
    settings = check.settings
    return float(settings.get("least_words", 0) <= count <= settings.get("most_words", count))


def _repetition(check: TextCheck, source: str, text: str) -> float | None:  # noqa: ARG001
    share = repeated_share(text, check.settings.get("n", _REPETITION_N))
    most = check.settings.get("most")
    return 1.0 - share if most is None else float(share <= most)


def _distinct(check: TextCheck, source: str, text: str) -> float | None:  # noqa: ARG001
    share = distinct_share(text, check.settings.get("n", _DISTINCT_N))
    least = check.settings.get("least")
    return share if least is None else float(share >= least)


def _copied(check: TextCheck, source: str, text: str) -> float | None:
    settings = check.settings
    if "most_words" in settings:
        return float(longest_run(text, source) <= settings["most_words"])
    share = shared_share(text, source, settings.get("n", _COPIED_N))
    return 1.0 - share if "most" not in settings else float(share <= settings["most"])


def _pattern(check: TextCheck, source: str, text: str) -> float | None:  # noqa: ARG001
    must, must_not = check.settings.get("must"), check.settings.get("must_not")
    return float(
        (must is None or re.search(must, text) is not None) and (must_not is None or re.search(must_not, text) is None)
    )


def _python(check: TextCheck, source: str, text: str) -> float | None:
    return run_code(check.name, check.settings["function"], check.settings["sha256"], source, text)


def _slots(check: TextCheck, source: str, text: str) -> float | None:
    told = told_by(check, source, text)
    return None if told is None else max(0.0, 1.0 - told.errors / told.slots)


#: Kinds of checks, with their settings.
CHECK_KINDS: Mapping[str, CheckKind] = {
    "line-count": CheckKind("as many lines as asked for", ("lines",), ("lines",), _line_count),
    "rhyme-scheme": CheckKind(
        "share of the pairs of lines that are to rhyme and do", ("scheme", "loose"), ("scheme",), _rhyme_scheme
    ),
    "required-words": CheckKind("share of the words that stand in the text", ("words",), ("words",), _required_words),
    "forbidden-words": CheckKind("none of the words stands in the text", ("words",), ("words",), _forbidden_words),
    "length": CheckKind(
        "as many words as asked for", ("least_words", "most_words"), ("least_words", "most_words"), _length
    ),
    "repetition": CheckKind("runs of n words that are not said again", ("n", "most"), (), _repetition),
    "distinct": CheckKind("different runs of n words, of all", ("n", "least"), (), _distinct),
    "copied": CheckKind("runs of n words that are not the source's", ("n", "most", "most_words"), (), _copied),
    "pattern": CheckKind(
        "a regular expression that is found, or is not", ("must", "must_not"), ("must", "must_not"), _pattern
    ),
    "slots": CheckKind("slots of the source that are told, and none made up", ("slot", "realised"), (), _slots),
    "python": CheckKind("a function of yours", ("function",), ("function",), _python),
}
