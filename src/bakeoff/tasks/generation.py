"""Generation: a row has a source, a text to write, and perhaps further texts that would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data import references_of, source_of, target_of
from bakeoff.tasks.overlap import OVERLAPS, row_sums
from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring
from bakeoff.tasks.text_checks import CHECK_KINDS, TextCheck, check_value, told_by

__all__ = ["GENERATION_METRICS", "GenerationScoring", "check_metrics", "choose_generation_metric"]

GENERATION_METRICS: Mapping[str, str] = {name: overlap.summary for name, overlap in OVERLAPS.items()}

_FORM, _SLOTS = "form", "slot-accuracy"

#: Targets up to this mean number of words are answers, which are right or wrong by their words.
_ANSWER_WORDS = 6.0


def choose_generation_metric(values: Sequence[str]) -> str:
    """Choose the metric by what is to be written.

    Parameters
    ----------
    values : sequence of str
        Written labels of the rows to learn from.

    Returns
    -------
    str
        ``"token-f1"`` for targets of a few words, such as answers; else ``"chrf"``.
    """
    words = [len(target_of(value).split()) for value in values]
    return "token-f1" if words and sum(words) / len(words) <= _ANSWER_WORDS else "chrf"


def check_metrics(checks: Sequence[TextCheck]) -> dict[str, str]:
    """Give the metrics that come with checks, with what each is.

    Parameters
    ----------
    checks : sequence of TextCheck

    Returns
    -------
    dict of str to str
        ``form``, ``slot-accuracy`` where one is of the kind ``slots``, and ``form:NAME`` for each; none without checks.
    """
    if not checks:
        return {}
    found = {_FORM: "mean over rows of the mean over the checks that apply"}
    if any(check.kind == "slots" for check in checks):
        found[_SLOTS] = "1 - slot error rate: (missing + made up) / slots, over all rows"
    return {**found, **{f"{_FORM}:{check.name}": CHECK_KINDS[check.kind].summary for check in checks}}


class GenerationScoring(TalliedScoring):
    """Written texts, scored against the texts that are right, or by checks of their form and content.

    The code of a truth stands for all of its references, and the row's source (`bakeoff.data.write_truth`) where there
    are checks; that of an answer for its text.

    Parameters
    ----------
    metric : str
        One of `GENERATION_METRICS`, or of `check_metrics`.
    checks : sequence of TextCheck
    """

    kind = "generation"

    def __init__(self, metric: str, checks: Sequence[TextCheck] = ()) -> None:
        self.checks = tuple(checks)
        self.metrics = (*GENERATION_METRICS, *check_metrics(checks))
        super().__init__(metric)

    @property
    def is_share(self) -> bool:
        """Never: an answer can be right without being a reference letter by letter."""
        return False

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give what each row adds to the sums of the metric."""
        met, overlap = self.met, self.metric in OVERLAPS
        rows = []
        for right, answer in zip(truth.tolist(), answers.tolist(), strict=True):
            text = met[answer] if answer >= 0 else ""
            if overlap:
                rows.append(row_sums(self.metric, text, references_of(met[right])))
            else:
                rows.append(self._checked(source_of(met[right]), text))
        width = len(row_sums(self.metric, "", ("-",))) if overlap else 2
        return np.array(rows, dtype=np.float64).reshape(len(rows), width)

    def _checked(self, source: str, text: str) -> tuple[float, float]:
        """Give what a row adds to value and count: slots that are right and all slots, or its value and 1."""
        if self.metric == _SLOTS:
            told = [told_by(check, source, text) for check in self.checks if check.kind == "slots"]
            slots = sum(one.slots for one in told if one is not None)
            return slots - sum(one.errors for one in told if one is not None), slots
        asked = [check for check in self.checks if self.metric in (_FORM, f"{_FORM}:{check.name}")]
        values = [value for check in asked if (value := check_value(check, source, text)) is not None]
        # A row to which no check applies has no part in the score.
        return (sum(values) / len(values), 1.0) if values else (0.0, 0.0)

    def of_sums(self, sums: Reals) -> Reals:
        """Give the metric of sums over rows."""
        if self.metric in OVERLAPS:
            return OVERLAPS[self.metric].of_sums(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.maximum(sums[:, 0] / sums[:, 1], 0.0))
