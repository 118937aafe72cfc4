"""Generation: a row has a source, a text to write, and perhaps further texts that would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data import references_of, target_of
from bakeoff.tasks.overlap import OVERLAPS, row_sums
from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["GENERATION_METRICS", "GenerationScoring", "choose_generation_metric"]

GENERATION_METRICS: Mapping[str, str] = {name: overlap.summary for name, overlap in OVERLAPS.items()}

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


class GenerationScoring(TalliedScoring):
    """Written texts, scored against the texts that are right.

    The code of a truth stands for all of its references; that of an answer for its text.

    Parameters
    ----------
    metric : str
        One of `GENERATION_METRICS`.
    """

    metrics = tuple(GENERATION_METRICS)

    @property
    def is_share(self) -> bool:
        """Never: an answer can be right without being a reference letter by letter."""
        return False

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give what each row adds to the sums of the metric."""
        met = self.met
        rows = [
            row_sums(self.metric, met[answer] if answer >= 0 else "", references_of(met[right]))
            for right, answer in zip(truth.tolist(), answers.tolist(), strict=True)
        ]
        width = len(row_sums(self.metric, "", ("-",)))
        return np.array(rows, dtype=np.float64).reshape(len(rows), width)

    def of_sums(self, sums: Reals) -> Reals:
        """Give the metric of sums over rows."""
        return OVERLAPS[self.metric].of_sums(sums)
