"""Multi-label classification: a row has any number of labels out of the label set, none included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data import labels_of
from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["MULTI_LABEL_METRICS", "MultiLabelScoring"]

MULTI_LABEL_METRICS: Mapping[str, str] = {
    "micro-F1": "F1 over all pairs of row and label; an abstention finds no label",
    "macro-F1": "F1 of each label in the truth, averaged with equal weight; an abstention finds no label",
    "exact-match": "share of rows whose labels are all right, and no other given",
}


class MultiLabelScoring(TalliedScoring):
    """Sets of labels, scored by the labels that both have.

    Parameters
    ----------
    metric : str
        One of `MULTI_LABEL_METRICS`.
    labels : sequence of str
        The label set; what is not in it counts as answered wrongly.
    """

    kind = "multi-label"
    metrics = tuple(MULTI_LABEL_METRICS)

    def __init__(self, metric: str, labels: Sequence[str]) -> None:
        super().__init__(metric)
        self.labels = tuple(labels)
        self._kept: Reals = np.zeros((0, 0))

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give a row's hits, labels answered and labels true: summed for micro-F1, label by label for macro-F1."""
        member = self._members()
        true, answered = member[truth], member[answers]
        hits = true * answered
        # What is not in the label set is never right.
        hits[:, -1] = 0
        if self.metric == "micro-F1":
            return np.stack([part.sum(axis=1) for part in (hits, answered, true)], axis=1)
        return np.concatenate([hits, answered, true], axis=1)

    def of_sums(self, sums: Reals) -> Reals:
        """Give F1 of the sums; for macro-F1 its mean over the labels that stand in the truth."""
        hits, answered, true = np.split(sums, 3, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = np.where(true + answered > 0, 2 * hits / (true + answered), 0.0)
            if self.metric == "micro-F1":
                return np.asarray(each[:, 0])
            counted = true > 0
            return np.asarray((each * counted).sum(axis=1) / counted.sum(axis=1))

    def _members(self) -> Reals:
        """Give which answer holds which label, shape (answers + 1, labels + 1); the last row is an abstention's."""
        if len(self._kept) > len(self._place):
            return self._kept
        place = {label: at for at, label in enumerate(self.labels)}
        met = self.met
        member = np.zeros((len(met) + 1, len(place) + 1))
        for row, value in enumerate(met):
            for label in labels_of("multi-label", value):
                member[row, place.get(label, len(place))] += 1
        self._kept = member
        return member
