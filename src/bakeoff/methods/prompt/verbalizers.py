"""Verbalizers: which words stand for a label, given or found in labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.prompt.template import PromptDesign

__all__ = ["VERBALIZERS", "characteristic_words", "with_verbalizer"]

#: Every verbalizer by its name.
VERBALIZERS: Mapping[str, str] = {
    "given": "the labels' own words",
    "capitals": "the same, each with a capital letter",
    "found": "the labels' own words, and such that the model says after texts of that label",
}

#: Words found for a label at most, and how many standard errors they must stand out by.
MOST_FOUND, LEAST_ERRORS = 2, 2.0

Floats = NDArray[np.float64]


def characteristic_words(
    said: Floats, codes: NDArray[np.int64], words: Sequence[str], labels: int
) -> tuple[tuple[str, ...], ...]:
    """Find the words that a model says after texts of one label rather than after others.

    Labelled rows tell which words can serve as a label's (Schick, Schmid and Schuetze 2020, section 3). A word is
    compared by its mean log-probability on rows of the label and on all others, in standard errors (Welch's t).

    Parameters
    ----------
    said : ndarray of float64, shape (rows, words)
        Log-probabilities of the words behind labelled rows.
    codes : ndarray of int64, shape (rows,)
    words : sequence of str, length words
    labels : int

    Returns
    -------
    tuple of tuple of str
        For each label up to `MOST_FOUND` words, no word twice; none for a label of which fewer than two rows came.
    """
    if not len(said) or not len(words):
        return ((),) * labels
    # A row that makes all words likelier says nothing about one of them.
    levelled = said - said.mean(axis=1, keepdims=True)
    standing = np.full((labels, len(words)), -np.inf)
    for label in range(labels):
        own, others = levelled[codes == label], levelled[codes != label]
        if len(own) < 2 or len(others) < 2:
            continue
        error = np.sqrt(own.var(axis=0, ddof=1) / len(own) + others.var(axis=0, ddof=1) / len(others))
        standing[label] = (own.mean(axis=0) - others.mean(axis=0)) / np.maximum(error, 1e-9)
    owners = standing.argmax(axis=0)
    found: list[tuple[str, ...]] = []
    for label in range(labels):
        places = np.flatnonzero((owners == label) & (standing[label] >= LEAST_ERRORS))
        best = places[np.argsort(-standing[label, places], kind="stable")][:MOST_FOUND]
        found.append(tuple(words[place].strip() for place in best))
    return tuple(found)


def with_verbalizer(design: PromptDesign, name: str, found: Sequence[Sequence[str]]) -> PromptDesign | None:
    """Give a design with other words for its labels.

    Parameters
    ----------
    design : PromptDesign
    name : str
        One of `VERBALIZERS`.
    found : sequence of sequence of str, length labels
        As `characteristic_words` gives them.

    Returns
    -------
    PromptDesign or None
        None where the words would be those of the design itself, or no longer differ from one another.
    """
    if name == "given":
        return design
    if name == "capitals":
        words = tuple(word[:1].upper() + word[1:] for word in design.words)
        if words == design.words or len(set(words)) < len(words):
            return None
        return replace(design, words=words)
    taken = {*design.words, *(word for several in design.other_words for word in several)}
    added = [tuple(word for word in several if word not in taken) for several in found]
    if not any(added):
        return None
    before = design.other_words or ((),) * len(design.labels)
    return replace(design, other_words=tuple((*old, *new) for old, new in zip(before, added, strict=True)))
