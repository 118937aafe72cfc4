"""What a bundle remembers of its study's rows, and what holding later rows against them came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AuditedScore", "Finding", "Look", "Redecision", "Reference"]

#: Of a look: too little to compare, nothing shown, shown and small, shown and large enough to matter.
Finding = Literal["not compared", "no shift shown", "small", "shifted"]


@dataclass(frozen=True, slots=True)
class Reference:
    """Sums over a study's rows, for later rows to be held against; no text, no word and no row's answer is in it.

    Parameters
    ----------
    rows : int
        Labelled rows of the study.
    metric : str
    score, low, high : float or None
        What the model card foretells, with its 95% interval; None where it was not measured.
    answers : tuple of dict of str to int
        For each run on the test rows (a seed, or a round of folds), how often each answer came.
    numbers : tuple of tuple of float
        The same where answers are numbers or texts: up to 500 values of each run, by rank (texts by their words).
    abstained : tuple of int
        Test rows that each run did not answer.
    lengths : tuple of int
        Words of up to 1,000 texts, by rank.
    words : str
        32-bit hashes of the words that stand in three rows or more, in base64.
    unknown, unknown_deviation : float
        Share of a row's words that do not stand in three other rows, told by leaving out a tenth of the rows: mean over
        rows, and deviation.
    copies : float
        Share of rows whose text came before in them.
    tested : tuple of int
        Test rows of each run; empty in bundles of earlier versions.
    n : int
        Labelled rows that each run had to learn from; 0 where it had none, and in bundles of earlier versions.
    """

    rows: int
    metric: str
    score: float | None
    low: float | None
    high: float | None
    answers: tuple[dict[str, int], ...]
    numbers: tuple[tuple[float, ...], ...]
    abstained: tuple[int, ...]
    lengths: tuple[int, ...]
    words: str
    unknown: float
    unknown_deviation: float
    copies: float
    tested: tuple[int, ...] = ()
    n: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """One way in which later rows were held against the study's.

    Parameters
    ----------
    name : str
        ``"texts"``, ``"lengths"``, ``"unknown words"``, ``"answers"`` or ``"abstentions"``.
    figure, before : float
        What was measured, and what stands for the study's rows (or for no shift).
    ci : (float, float)
        95% interval of `figure`, or of its distance from `before` where `about` says so; NaN where there is none.
    p, p_holm : float
        Of no shift, as computed and after Holm's correction over all looks.
    test : str
        Name of the test.
    size, least : float
        The effect, in the unit that `told` tells, and from which on it matters.
    finding : Finding
    told : str
        The figures in a sentence.
    """

    name: str
    figure: float
    before: float
    ci: tuple[float, float]
    p: float
    p_holm: float
    test: str
    size: float
    least: float
    finding: Finding
    told: str


@dataclass(frozen=True, slots=True)
class AuditedScore:
    """A score on labelled new rows.

    Parameters
    ----------
    metric : str
    score : float
    ci : (float, float)
        95% interval.
    rows : int
        Labelled rows behind it.
    interval : str
        Name of the interval.
    unknown_labels : tuple of str
        Labels that the bundle does not know; a row that has one counts as answered wrongly.
    """

    metric: str
    score: float
    ci: tuple[float, float]
    rows: int
    interval: str
    unknown_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redecision:
    """Whether to decide again.

    Parameters
    ----------
    answer : {"yes", "no", "too few labels"}
    difference : float
        Score on the new rows less that of the model card.
    ci : (float, float)
        95% interval of the difference; its lower end allows for what further rows may have given the bundle.
    margin : float
        Loss from which on deciding again is worth it.
    labels_needed : int or None
        Labelled rows that would tell if the difference stays; None where the answer is there, or no number would.
    """

    answer: Literal["yes", "no", "too few labels"]
    difference: float
    ci: tuple[float, float]
    margin: float
    labels_needed: int | None = None
