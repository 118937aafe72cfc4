"""What a study measures beside its trials' answers: figures that a decision cannot compute, since it sees no files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LabelNoise", "Measured", "Reading", "Rephrased", "RephrasedAnswers", "Suspect"]


@dataclass(frozen=True, slots=True)
class RephrasedAnswers:
    """What one phrasing of a prompt answered.

    Parameters
    ----------
    name : str
        Of the phrasing.
    prompt : str
        The text that all rows share.
    plain, calibrated : tuple of (str or None)
        Answers by the labels' scores as they are, and less what they give texts without content; one per row.
    """

    name: str
    prompt: str
    plain: tuple[str | None, ...]
    calibrated: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Rephrased:
    """How a model's zero-shot prompt scored in several phrasings, on validation rows.

    Parameters
    ----------
    names : tuple of str
        Of the phrasings.
    scores : tuple of float
        On the task's metric, one per phrasing.
    deviation : float
        Standard deviation over phrasings of the share of right answers, less what so few rows give by chance.
    rows : int
        Validation rows that each phrasing answered.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]
    deviation: float
    rows: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads the texts; NaN where not measured.

    Parameters
    ----------
    tokens_per_word : float
        Tokens of its tokenizer to a word between spaces (fertility).
    negative_log_likelihood : float
        Mean over the tokens of texts of the train pool, in nats; a decoder's alone. Its exponential is the perplexity.
    weights_before, weights_after : str or None
        sha256 of a decoder's weights in memory before the study's first trial and after its prompts; None where not
        measured.
    """

    tokens_per_word: float = math.nan
    negative_log_likelihood: float = math.nan
    weights_before: str | None = None
    weights_after: str | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is likely wrong.

    Parameters
    ----------
    row_id : str
    row_number : int
        In the file it came from.
    part : {"validation", "test"}
    label, suggested : str
        The label it has, and the one that the contender gives it.
    probability : float
        That the contender gives the label it has, in [0, 1].
    """

    row_id: str
    row_number: int
    part: str
    label: str
    suggested: str
    probability: float


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """Rows that look mislabelled, by out-of-sample answers of one contender.

    Parameters
    ----------
    contender : str
    rows : int
        Validation and test rows that were looked at.
    suspects : int
        How many of them look mislabelled.
    likeliest : tuple of Suspect
        The ten likeliest, first the one whose label has least behind it.
    """

    contender: str
    rows: int
    suspects: int
    likeliest: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a study measured beside its trials' answers; what is not there was not measured.

    Parameters
    ----------
    calibration_error : mapping of str to tuple of float
        By trial key: the expected calibration error of its test answers, and the one that probabilities which hold
        would show on so many rows; both in [0, 1].
    rephrased : mapping of str to (Rephrased, Rephrased)
        By model: its zero-shot prompt, uncalibrated and calibrated.
    readings : mapping of str to Reading
        By model.
    label_noise : LabelNoise or None
    test_groups : tuple of str
        Group of each answered test row; empty without groups.
    months_to_test : float
        From the middle of the answered validation rows to that of the answered test rows, where the test rows are
        later ones; else NaN.
    copied : mapping of str to float
        By trial key, where texts are written: the share of the runs of eight words in its test answers that stand in
        one of the targets it learned from.
    copied_by_targets : mapping of int to float
        By n: the same share of the test rows' own targets, mean over the seeds' samples.
    """

    calibration_error: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rephrased: Mapping[str, tuple[Rephrased, Rephrased]] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    label_noise: LabelNoise | None = None
    test_groups: tuple[str, ...] = ()
    months_to_test: float = math.nan
    copied: Mapping[str, float] = field(default_factory=dict)
    copied_by_targets: Mapping[int, float] = field(default_factory=dict)
