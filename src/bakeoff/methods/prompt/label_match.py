"""A label read out of what a model wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["match_label"]


def match_label(text: str, labels: Sequence[str], words: Sequence[str]) -> str | None:
    """Read a label out of what a model wrote.

    Parameters
    ----------
    text : str
        The answer.
    labels, words : sequence of str, one length
        A label, and what stands for it in the prompt; a label may come several times, with other words.

    Returns
    -------
    str or None
        The label that the answer is, or, case and quotes and punctuation at the ends aside, that it is; else the one
        label that stands in it as whole words. None where there is none, or more than one.
    """
    spoken: dict[str, str] = {}
    for label, word in (*zip(labels, words, strict=True), *zip(labels, labels, strict=True)):
        spoken.setdefault(word, label)
    for candidate in (text.strip(), _bare(text)):
        if candidate in spoken:
            return spoken[candidate]
    folded: dict[str, set[str]] = {}
    for word, label in spoken.items():
        folded.setdefault(_bare(word).casefold(), set()).add(label)
    same = folded.get(_bare(text).casefold(), set())
    if same:
        return next(iter(same)) if len(same) == 1 else None
    return _inside(text.casefold(), folded)


def _inside(text: str, folded: Mapping[str, set[str]]) -> str | None:
    found: set[str] = set()
    # The longest first, each taken out of the text: "not relevant" must not count as "relevant", too.
    for word in sorted(folded, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
        if word and re.search(pattern, text):
            found |= folded[word]
            text = re.sub(pattern, "\n", text)
    return next(iter(found)) if len(found) == 1 else None


def _bare(text: str) -> str:
    return " ".join(text.split()).strip(" .,:;!?\"'`*()[]-\u201c\u201d\u2018\u2019")
