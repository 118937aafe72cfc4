"""Rhymes of English words and lines: the same sounds from the last stressed vowel on.

Sounds are those of the CMU Pronouncing Dictionary (Carnegie Mellon University, 1993 to 2014; 134,000 words, North
American English), whose file comes with the package ``pronouncing`` 0.1.5. Two words rhyme where any pronunciation of
the one has the rhyming part of any of the other; a word does not rhyme with itself.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

from bakeoff.errors import MissingExtraError

__all__ = ["last_word", "lines_of", "rhyme", "rhyming_pairs", "rhyming_share"]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*['\u2019]?")
_DICTIONARY = "cmudict-0.7b"
#: Letters of a scheme; any other sign is a line that rhymes with none.
_LETTER = re.compile(r"[A-Za-z]")
#: What is left of a word from its last vowels on, a silent e at the end aside.
_SPELLED = re.compile(r"(?:[aeiou]+y?|(?<=.)y)(?:[^aeiouy]*)(?:(?<=[^aeiouy])e)?$")
_EAR_VOWELS = str.maketrans({"y": "i"})
#: Vowels that are taken for one another without stress, and before r.
_UNSTRESSED = {"AO": "AA", "IH": "IY", "UH": "UW"}
_BEFORE_R = {"IY": "IH", "UH": "AO", "UW": "AO", "OW": "AO", "AE": "EH", "EY": "EH"}
_SYLLABLES_TO_LIFT = 3


def lines_of(text: str) -> tuple[str, ...]:
    """Give the lines of a text that hold anything."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def last_word(line: str) -> str:
    """Give the last word of a line in small letters, empty where it has none."""
    found = _WORD.findall(line)
    return found[-1].lower().replace("\u2019", "'") if found else ""


def rhyming_pairs(scheme: str) -> tuple[tuple[int, int], ...]:
    """Give the pairs of lines that a scheme asks to rhyme: each line with the one before it of the same letter.

    Parameters
    ----------
    scheme : str
        A letter for each line, with or without blanks between them: ``"a b a b"``. Another sign, such as ``*``, is a
        line without a rhyme.

    Returns
    -------
    tuple of (int, int)
        Places from 0.
    """
    last: dict[str, int] = {}
    pairs = []
    for place, letter in enumerate("".join(scheme.split())):
        if _LETTER.match(letter):
            if letter in last:
                pairs.append((last[letter], place))
            last[letter] = place
    return tuple(pairs)


def rhyming_share(text: str, scheme: str, *, loose: bool = False) -> float | None:
    """Give the share of a scheme's rhyming pairs that rhyme in a text.

    Parameters
    ----------
    text : str
    scheme : str
        See `rhyming_pairs`.
    loose : bool, default False
        Whether pairs that are spelled alike count, too, as older verse has them (*love*, *prove*).

    Returns
    -------
    float or None
        In [0, 1]; pairs with a line that the text does not have count as not rhyming. None where the scheme has no
        pair.
    """
    pairs, ends = rhyming_pairs(scheme), [last_word(line) for line in lines_of(text)]
    if not pairs:
        return None
    return sum(b < len(ends) and rhyme(ends[a], ends[b], loose=loose) for a, b in pairs) / len(pairs)


@lru_cache(maxsize=1 << 16)
def rhyme(one: str, other: str, *, loose: bool = False) -> bool:
    """Say whether two words rhyme.

    By sound: the same vowels and consonants from the last stressed vowel on. In a word of three syllables or more
    whose last syllable has no stress (*liberty*), that syllable can rhyme as well (*sea*), as in verse. Words that the
    dictionary does not have are compared by their spelling, from the last vowels on, without a silent e: *clos'd* is
    read as *closed*, and *glimmerish* rhymes with *fish*.

    Parameters
    ----------
    one, other : str
    loose : bool, default False
        Whether known words that are spelled alike from the last vowels on rhyme, too, and *liberty* with *die*.

    Returns
    -------
    bool
        False for a word and itself.
    """
    first, second = one.lower(), other.lower()
    if not first or not second or _plain(first) == _plain(second):
        return False
    sounds, others = _endings(first), _endings(second)
    if sounds and others and not sounds.isdisjoint(others):
        return True
    if sounds and others and not loose:
        return False
    alike = _spelled(first) == _spelled(second) != ""
    return alike or (loose and (_as_once(first, second) or _as_once(second, first)))


def _as_once(word: str, other: str) -> bool:
    """Say whether a word ends in *-y* that verse lifts (*liberty*), and another as *die*, as was once one sound."""
    return ("AY",) in _endings(other) and any(
        sounds[-1] in ("IY0", "IY2") and sum(sound[-1].isdigit() for sound in sounds) >= _SYLLABLES_TO_LIFT
        for sounds in _sounds(word)
    )


def _plain(word: str) -> str:
    return word.strip("'").replace("'", "")


@lru_cache(maxsize=1 << 16)
def _endings(word: str) -> frozenset[tuple[str, ...]]:
    """Give the rhyming parts of all pronunciations; none for a word that is not known."""
    return frozenset(part for sounds in _sounds(word) for part in _parts(sounds))


def _parts(sounds: Sequence[str]) -> list[tuple[str, ...]]:
    vowels = [place for place, sound in enumerate(sounds) if sound[-1].isdigit()]
    stressed = [place for place in vowels if sounds[place][-1] != "0"]
    if not vowels:
        return []
    starts = [stressed[-1] if stressed else vowels[-1]]
    if len(vowels) >= _SYLLABLES_TO_LIFT and sounds[vowels[-1]][-1] == "0":
        starts.append(vowels[-1])
    return [tuple(_heard(sounds[start:])) for start in starts]


def _heard(sounds: Sequence[str]) -> list[str]:
    """Give sounds without their stress, those that many speakers do not tell apart as one."""
    heard: list[str] = []
    for sound, after in zip(sounds, (*sounds[1:], ""), strict=True):
        bare = sound.rstrip("012")
        if after == "R":
            bare = _BEFORE_R.get(bare, bare)
        elif sound.endswith("0"):
            bare = _UNSTRESSED.get(bare, bare)
        # A vowel that is hardly heard: ridden, R IH1 D AH0 N, and bidden, B IH1 D N.
        if not (sound == "AH0" and heard and after in ("N", "L", "M")):
            heard.append(bare)
    return heard


def _sounds(word: str) -> tuple[tuple[str, ...], ...]:
    """Look a word up as it is, and by the spellings that older verse gives it."""
    known = _dictionary()
    for tried in _spellings(word):
        if tried in known:
            return tuple(tuple(each.split()) for each in known[tried])
    return ()


def _spellings(word: str) -> list[str]:
    """Give spellings that the dictionary may have: of *o'er*, *clos'd*, *tyrannie*, *sinne*, *reuoke*, *express'd*."""
    bare = word.strip("'")
    tried = [word, bare]
    if re.search(r"'d$|[^aeiou]d$", bare):
        tried.append(re.sub(r"'?d$", "ed", bare))
    if "'" in bare:
        tried += [bare.replace("'", "e"), bare.replace("'", "v"), bare.replace("'", "")]
    if bare.endswith("ie"):
        tried.append(f"{bare[:-2]}y")
    if re.search(r"[^aeiou]e$|.[eo]e$|.re$", bare):
        tried += [bare[:-1], re.sub(r"(.)\1e$", r"\1", bare)]
    tried += [re.sub(r"(?<=[aeiou])u(?=[aeiou])", "v", bare), re.sub(r"^v(?=[^aeiou])", "u", bare)]
    return list(dict.fromkeys(tried))


@lru_cache(maxsize=1 << 16)
def _spelled(word: str) -> str:
    """Give a word's spelling from its last vowels on."""
    bare = re.sub(r"'d$", "ed", word.strip("'")).replace("'", "")
    bare = re.sub(r"(?<=[^aeioutd])ed$", "d", bare).replace("qu", "q")
    found = _SPELLED.search(bare)
    return re.sub(r"(?<=[^aeiou])e$", "", found[0]).translate(_EAR_VOWELS) if found else ""


@cache
def _dictionary() -> dict[str, list[str]]:
    """Read the dictionary: by word in small letters, the sounds of each pronunciation."""
    # The package is not imported: it asks for pkg_resources, which newer installations do not have.
    found = importlib.util.find_spec("pronouncing")
    path = Path(next(iter(found.submodule_search_locations or ())), _DICTIONARY) if found is not None else None
    if path is None or not path.is_file():
        raise MissingExtraError(
            "Rhymes need the dictionary in the package 'pronouncing' 0.1.5, which is not installed.",
            next_step="Install it with: pip install 'bakeoff[generate]'",
        )
    known: dict[str, list[str]] = {}
    for line in path.read_text(encoding="latin-1").lower().splitlines():
        word, _, sounds = line.partition("  ")
        if sounds and not line.startswith(";"):
            known.setdefault(word.partition("(")[0], []).append(sounds.upper())
    return known
