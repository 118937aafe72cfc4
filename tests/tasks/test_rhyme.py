"""Rhymes by the sounds of words, on pairs that poets rhymed, and on stanzas."""

from __future__ import annotations

import pytest

from bakeoff.tasks.rhyme import last_word, rhyme, rhyming_pairs, rhyming_share

_STANZA = "Tyger Tyger, burning bright,\nIn the forests of the night;\n\nWhat immortal hand or eye,\nCould frame it?"


@pytest.mark.parametrize(
    ("one", "other", "rhymes"),
    [
        ("bright", "night", True),
        ("vulgar", "bulgar", True),  # the second is read by its spelling
        ("liberty", "sea", True),  # verse lifts a last syllable without stress
        ("clos'd", "dozed", True),
        ("here", "fear", True),  # vowels that r makes one
        ("read", "bed", True),  # any pronunciation counts
        ("read", "seed", True),
        ("night", "night", False),  # a word is no rhyme to itself
        ("Night's", "nights", False),
        ("love", "prove", False),
        ("table", "chair", False),
        ("snorp", "glorp", True),
        ("snorp", "glark", False),
        ("", "night", False),
    ],
)
def test_words_rhyme_by_sound_and_unknown_ones_by_spelling(one: str, other: str, rhymes: bool) -> None:
    assert rhyme(one, other) is rhymes
    assert rhyme(other, one) is rhymes


def test_loose_rhymes_are_those_of_older_verse_and_no_others() -> None:
    assert rhyme("love", "prove", loose=True)
    assert rhyme("liberty", "die", loose=True)
    assert not rhyme("tree", "die", loose=True)
    assert not rhyme("love", "night", loose=True)


def test_a_scheme_names_each_line_with_the_one_before_of_its_letter() -> None:
    assert rhyming_pairs("a b a b") == ((0, 2), (1, 3))
    assert rhyming_pairs("aaa*b") == ((0, 1), (1, 2))


def test_a_stanza_has_the_share_of_its_pairs_that_rhyme_and_lost_lines_do_not() -> None:
    assert rhyming_share(_STANZA, "a a b b") == 0.5
    assert rhyming_share(_STANZA, "a a b b c c") == pytest.approx(1 / 3)
    assert rhyming_share(_STANZA, "a b c d") is None
    assert rhyming_share("", "a a") == 0.0
    assert last_word("Could frame thy fearful symmetry?  \u2014") == "symmetry"
