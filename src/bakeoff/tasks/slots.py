"""Slots of data to text: which values of a source a text tells, which it leaves out, and which it makes up.

A source names slots with values, such as ``name[The Mill], area[riverside]``. The slot error rate is (missing +
invented) / slots, over all rows (Wen et al. 2015, "Semantically conditioned LSTM-based natural language generation",
section 5.1; patterns for values as in Dušek et al. 2019, "Semantic noise matters"). A slot whose value is told wrongly
is one error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["DEFAULT_SLOT", "SlotTable", "Told", "plain_text", "slots_of", "told_slots", "values_of_slots"]

#: A slot where no pattern is given: ``name[value]``.
DEFAULT_SLOT = r"([^,\[\]]+?)\s*\[([^\]]*)\]"

Slot = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SlotTable:
    """How slots are written.

    Parameters
    ----------
    pattern : str
        Regular expression of a slot in a source; its two groups are name and value.
    values : tuple of (str, str, str or None)
        Slot, value, and the regular expression of the words that tell it; the value's own words where that is None. A
        value with an empty expression is not looked for.
    """

    pattern: str
    values: tuple[tuple[str, str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a text tells of a source's slots.

    Parameters
    ----------
    slots : int
        Slots of the source that are looked for.
    missing, invented : tuple of (str, str)
        Slot and value: of the source, and not in the text; in the text, and not of the source.
    """

    slots: int
    missing: tuple[Slot, ...]
    invented: tuple[Slot, ...]

    @property
    def errors(self) -> int:
        """Slots that are missing or wrong, and those with a value that is made up beside the right one."""
        # A wrong value is missing and invented, and is one error; two that mean the same are one, too.
        return len(self.missing) + len({slot for slot, _ in self.invented} - {slot for slot, _ in self.missing})


def plain_text(text: str) -> str:
    """Give a text in small letters, without accents, its white space as single blanks."""
    bare = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    return " ".join("".join(sign for sign in bare if not unicodedata.combining(sign)).lower().split())


def slots_of(source: str, pattern: str = DEFAULT_SLOT) -> tuple[Slot, ...]:
    """Give the slots of a source, each with its value; those without a value are left out."""
    found = ((match[1].strip(), match[2].strip()) for match in re.finditer(pattern, source))
    return tuple(dict.fromkeys(slot for slot in found if slot[1]))


def values_of_slots(sources: Iterable[str], pattern: str = DEFAULT_SLOT) -> dict[str, list[str]]:
    """Give all values that slots have in sources, sorted."""
    found: dict[str, set[str]] = {}
    for source in sources:
        for slot, value in slots_of(source, pattern):
            found.setdefault(slot, set()).add(value)
    return {slot: sorted(found[slot]) for slot in sorted(found)}


def told_slots(table: SlotTable, source: str, text: str) -> Told | None:
    """Compare a text with the slots of its source.

    Parameters
    ----------
    table : SlotTable
    source, text : str

    Returns
    -------
    Told or None
        None where the source has no slot that is looked for.

    Notes
    -----
    Words inside a longer phrase of another value of the slot do not count (*family friendly* in *not family friendly*),
    and words that tell a value of the source make up nothing.
    """
    patterns = _patterns(table)
    asked = [slot for slot in slots_of(source, table.pattern) if patterns.get(slot, "") is not None]
    if not asked:
        return None
    plain = plain_text(text)
    looked_for = {**patterns, **{slot: patterns.get(slot) or _own_words(slot[1]) for slot in asked}}
    found = {
        slot: [match.span() for match in pattern.finditer(plain) if match[0]]
        for slot, pattern in looked_for.items()
        if pattern is not None
    }
    kept = {slot: _standing(slot, spans, found) for slot, spans in found.items()}
    right = [span for slot in asked for span in kept[slot]]
    return Told(
        slots=len(asked),
        missing=tuple(slot for slot in asked if not kept[slot]),
        invented=tuple(
            slot for slot, spans in kept.items() if slot not in asked and any(not _meets(span, right) for span in spans)
        ),
    )


@lru_cache(maxsize=64)
def _patterns(table: SlotTable) -> Mapping[Slot, re.Pattern[str] | None]:
    """Give the pattern of each value that is known; None for one that is not looked for."""
    return {
        (slot, value): _own_words(value)
        if written is None
        else (re.compile(written, re.IGNORECASE) if written else None)
        for slot, value, written in table.values
    }


@lru_cache(maxsize=1 << 14)
def _own_words(value: str) -> re.Pattern[str]:
    words = re.findall(r"\w+", plain_text(value))
    joined = r"[\W_]+".join(map(re.escape, words)) or re.escape(value.lower())
    return re.compile(rf"(?<!\w){joined}(?!\w)")


def _standing(
    slot: Slot, spans: Sequence[tuple[int, int]], found: Mapping[Slot, Sequence[tuple[int, int]]]
) -> list[tuple[int, int]]:
    """Drop spans inside a longer one of another value of the same slot."""
    others = [span for other, more in found.items() if other[0] == slot[0] and other != slot for span in more]
    return [span for span in spans if not any(a <= span[0] and span[1] <= b and (a, b) != span for a, b in others)]


def _meets(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < b and a < span[1] for a, b in others)
