"""Several labels a text, by a prompt without labelled rows: the labels whose words the model finds likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from bakeoff.data import write_labels
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.records import RephrasedAnswers

__all__ = ["LabelSetPrompt"]


class LabelSetPrompt(LabelScorePrompt):
    """A prompt whose answer is every label nearly as likely as the likeliest, by the label scores of a decoder.

    One score a label is all that the prompt gives, and nothing tells how many labels a row has. So a row gets its
    likeliest label, and with it those that are at least `share` times as likely.

    Parameters
    ----------
    task : Task
        Of the kind multi-label.
    model : str
        Name of a decoder.
    seed : int
        Not used.
    calibration : {"none", "contextual"}
        As of `LabelScorePrompt`.
    share : float
        Above 0 and at most 1.
    """

    #: The shares of a label among all labels are not its own probability.
    honest_probabilities: ClassVar[bool] = False
    #: As of `LabelScorePrompt`.
    shots: int = 0
    prompt_file: str | None = None

    def __init__(
        self, task: Any, model: str, seed: int = 0, calibration: str = "contextual", share: float = 0.9
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.calibration = calibration
        self.share = share

    def _value_of(self, shares: Sequence[float]) -> str:
        near = np.asarray(shares) >= self.share * max(shares)
        return write_labels(label for label, given in zip(self.task.labels, near, strict=True) if given)

    def rephrased(self, X: Sequence[str]) -> tuple[RephrasedAnswers, ...]:  # noqa: ARG002  # as of `Method`
        """Give nothing: phrasings are compared by one label a row."""
        return ()
