"""Find what an instruction took over from labelled texts: such words fit those texts, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["copied_words"]

#: Words in a row that are no chance; a shorter text counts where it stands whole, from four words on.
_RUN, _WHOLE = 6, 4
#: Characters in a row, in scripts that put no space between words.
_CHARACTER_RUN = 12
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_PIECES = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+")


def copied_words(instruction: str, texts: Iterable[str], allowed: Iterable[str] = ()) -> str | None:
    """Give the longest run of words that an instruction shares with a labelled text.

    Case, punctuation and spaces do not count. A run is six words, or a whole text of four or five; in scripts without
    spaces between words (Chinese, Japanese, Thai) it is twelve characters.

    Parameters
    ----------
    instruction : str
    texts : iterable of str
        Labelled texts.
    allowed : iterable of str
        What may be repeated, such as the instruction that was rewritten.

    Returns
    -------
    str or None
        The words, in lower case; None where there is no such run.
    """
    said = _pieces(instruction)
    free = [_pieces(text) for text in allowed]
    covered = [False] * len(said)
    for text in texts:
        pieces = _pieces(text)
        size = _size(pieces)
        if size is None:
            continue
        runs = _runs(pieces, size).difference(*(_runs(each, size) for each in free))
        for place in range(len(said) - size + 1):
            if tuple(said[place : place + size]) in runs:
                covered[place : place + size] = [True] * size
    stretches, longest = _stretches(covered), ""
    for begin, end in stretches:
        longest = max(longest, " ".join(said[begin:end]), key=len)
    return longest or None


def _pieces(text: str) -> list[str]:
    return _PIECES.findall(text.casefold())


def _size(pieces: list[str]) -> int | None:
    """Give how long a run must be; None where the text is too short to be copied."""
    unspaced = sum(bool(re.match(f"[{_UNSPACED}]", piece)) for piece in pieces)
    size = _CHARACTER_RUN if 2 * unspaced > len(pieces) else _RUN
    return min(size, len(pieces)) if len(pieces) >= min(size, _WHOLE) else None


def _runs(pieces: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(pieces[place : place + size]) for place in range(len(pieces) - size + 1)}


def _stretches(covered: list[bool]) -> list[tuple[int, int]]:
    found, begin = [], None
    for place, is_covered in enumerate([*covered, False]):
        if is_covered and begin is None:
            begin = place
        elif not is_covered and begin is not None:
            found.append((begin, place))
            begin = None
    return found
