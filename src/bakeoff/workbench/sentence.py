"""The labels that a sentence names, such as "Is this review positive or negative?"."""

from __future__ import annotations

import re

__all__ = ["labels_in"]

#: What comes before a list of labels, nearest to it.
_LEADS = re.compile(r":|\b(?:as|either|whether it is|whether it was|one of|between|into)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(?:an?|the)\s+", re.IGNORECASE)
#: What may stand behind the last label.
_TAILS = re.compile(r"\s+(?:in|about|based on|according to|with respect to|with regard to)\b.*$", re.IGNORECASE)
_YES_OR_NO = re.compile(r"^(?:is|are|was|were|does|do|did|has|have|had|can|could|should|will|would)\b", re.IGNORECASE)
_MOST_WORDS = 4


def labels_in(sentence: str) -> tuple[str, ...]:
    """Find the labels that a sentence names.

    Parameters
    ----------
    sentence : str
        A question or an order with a list that ends in "or" or "and", such as ``"Sort the ticket into billing,
        delivery or other."``; quoted labels are taken as they are. A question that names none and asks whether
        something is so has the labels ``yes`` and ``no``.

    Returns
    -------
    tuple of str
        In the order of the sentence; empty where none could be told.
    """
    said = " ".join(sentence.split()).rstrip(" ?.!")
    quoted = re.findall(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]|(?<!\w)'([^']+)'(?!\w)", said)
    if len(quoted) >= 2:
        return _distinct([first or second for first, second in quoted])
    *before, last = re.split(r"\s*,?\s+(?:or|and/or)\s+|\s*,\s*", said)
    if before and re.search(r"\s(?:or|and/or)\s", said):
        return _listed(before, last)
    lead = _last(_LEADS, said)
    if lead is not None:
        *before, last = re.split(r"\s*,?\s+and\s+|\s*,\s*", said[lead:])
        if before:
            return _listed([said[:lead] + before[0], *before[1:]], last)
    return ("yes", "no") if sentence.strip().endswith("?") and _YES_OR_NO.match(said) else ()


def _listed(before: list[str], last: str) -> tuple[str, ...]:
    """Cut the words around a list off its first and its last label."""
    others = [*before[1:], _TAILS.sub("", last)]
    first = before[0]
    lead, article = _last(_LEADS, first), _last(_ARTICLE, first)
    if lead is not None and first[lead:].strip():
        first = first[lead:]
    elif article is not None and all(_ARTICLE.match(other) for other in others):
        first = first[article:]
    else:
        # Labels of one list are mostly as long as each other.
        words = first.split()
        first = " ".join(words[-min(len(other.split()) for other in others) :])
    found = [
        _ARTICLE.sub("", name.strip(), count=1) if _ARTICLE.match(name.strip()) else name for name in (first, *others)
    ]
    return _distinct(found)


def _distinct(found: list[str]) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(name.strip(" .,;:'\"") for name in found))
    usable = len(labels) >= 2 and all(label and len(label.split()) <= _MOST_WORDS for label in labels)
    return labels if usable else ()


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    """Give where the last match ends."""
    ends = [found.end() for found in pattern.finditer(text)]
    return ends[-1] if ends else None
