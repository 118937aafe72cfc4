"""What texts tell of slots: missing, wrong and made up values, each counted once."""

from __future__ import annotations

from bakeoff.tasks.slots import SlotTable, slots_of, told_slots, values_of_slots

_SOURCES = (
    "name[The Mill], area[riverside], familyFriendly[yes]",
    "name[Caf\u00e9 Rouge], area[city centre], familyFriendly[no], near[The Mill]",
)
_PATTERN = r"([^,\[\]]+?)\s*\[([^\]]*)\]"
_TABLE = SlotTable(
    _PATTERN,
    (
        *((slot, value, None) for slot, values in values_of_slots(_SOURCES).items() for value in values),
        ("familyFriendly", "yes", "family[ -]friendly"),
        ("familyFriendly", "no", "not [^.]{0,10}family[ -]friendly"),
        ("eatType", "restaurant", ""),
    ),
)


def _told(source: str, text: str) -> tuple[int, list[str], list[str], int]:
    told = told_slots(_TABLE, source, text)
    assert told is not None
    return told.slots, [value for _, value in told.missing], [value for _, value in told.invented], told.errors


def test_a_text_that_tells_all_slots_has_no_error() -> None:
    assert _told(_SOURCES[0], "The  MILL, a family-friendly place by the Riverside.") == (3, [], [], 0)
    assert _told(_SOURCES[1], "Cafe Rouge, not so family friendly, near the mill, in the city-centre.") == (
        4,
        [],
        [],
        0,
    )


def test_missing_wrong_and_made_up_values_are_counted_once_each() -> None:
    assert _told(_SOURCES[0], "The Mill is by the riverside.") == (3, ["yes"], [], 1)
    assert _told(_SOURCES[0], "The Mill, not family friendly, riverside.") == (3, ["yes"], ["no"], 1)
    assert _told("name[The Mill]", "The Mill in the city centre is family friendly.")[2:] == (["city centre", "yes"], 2)
    assert _told(_SOURCES[0], "") == (3, ["The Mill", "riverside", "yes"], [], 3)


def test_words_of_a_value_count_as_words_and_a_value_without_words_is_not_looked_for() -> None:
    assert _told("name[The Mill], eatType[restaurant]", "At the millpond.") == (1, ["The Mill"], [], 1)
    assert told_slots(_TABLE, "eatType[restaurant]", "A bar.") is None
    assert told_slots(_TABLE, "no slots at all", "The Mill.") is None
    assert slots_of("name[The Mill], near[]") == (("name", "The Mill"),)


def test_a_value_that_no_training_row_has_is_still_looked_for() -> None:
    assert _told("name[Zizzi], area[riverside]", "Zizzi, riverside.") == (2, [], [], 0)
    assert _told("name[Zizzi], area[riverside]", "Riverside.") == (2, ["Zizzi"], [], 1)
