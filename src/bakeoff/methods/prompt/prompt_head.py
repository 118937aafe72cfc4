"""Several labels a text, or a number, by several prompts: a linear head reads what they make the model say.

Each row is asked in a few wordings, as by `bakeoff.methods.prompt.several`: the log-probabilities of the labels, and of
the words that the model is likeliest to say there, are the features. The labelled rows teach the head, its strength and
the labels' thresholds; no weight of the model changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import TrialError
from bakeoff.methods.head_fits import fit_outputs
from bakeoff.methods.heads import LinearHead, read_head, write_head
from bakeoff.methods.outputs import Outputs, Told, outputs_of
from bakeoff.methods.prompt.phrasings import ENSEMBLE
from bakeoff.methods.prompt.several import SeveralPrompts

__all__ = ["PromptHead", "standardised_head"]

#: Inverse strengths of the penalty that are tried, on features of deviation 1 whose squares sum to about 1 a row.
_STRENGTHS = (0.1, 1.0, 10.0)
_HEAD_NAME = "head.safetensors"

Floats = NDArray[np.float64]


class PromptHead(SeveralPrompts):
    """Several prompts, read by a linear head.

    Parameters
    ----------
    task : Task
        Of the kind multi-label or regression.
    model : str
        Name of a decoder.
    seed : int
        Of the folds in which strength and thresholds are chosen.
    wordings, words
        As of `SeveralPrompts`.

    Attributes
    ----------
    head_ : LinearHead
    outputs_ : Outputs
    """

    least_n: ClassVar[int] = 8
    needs_two_labels: ClassVar[bool] = True
    #: As of `SeveralPrompts`; here rows are not shown, and there is one reading.
    reading: str = "chosen"
    shots: int = 0
    demonstration_sets: int = 1

    def __init__(
        self, task: Any, model: str, seed: int = 0, wordings: Sequence[str] = ENSEMBLE, words: int = 100
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.wordings = wordings
        self.words = words

    def _teach(self, said: Floats, labels: Sequence[str], empty: Floats) -> None:  # noqa: ARG002  # nothing to take out
        """Fit the head, its strength and what the kind's answers hang on."""
        if len(set(labels)) < 2 or not said.size:
            raise TrialError(f"Time was up with {len(labels)} rows asked, too few to fit a head.")
        self.outputs_: Outputs = outputs_of(self.task, labels)
        self.head_, choice = standardised_head(self._features(said), labels, self.outputs_, self.seed)
        self.details_ |= {"reading": "linear head", "reading_rows": len(said), "strength": choice}
        self.history_.append({"step": "control the output", "by": "label scores", "reading": "linear head"})

    def _told(self, said: Floats) -> list[Told]:
        return self.outputs_.told_by(self.head_, self._features(said))

    def _features(self, said: Floats) -> Floats:
        """Give what each prompt made likely beside the rest, shape (rows, features)."""
        labels = len(self.task.labels)
        parts = [part for part in (said[:, :, :labels], said[:, :, labels:]) if part.shape[2]]
        return np.concatenate([(part - part.mean(axis=2, keepdims=True)).reshape(len(said), -1) for part in parts], 1)

    def _write_reading(self, folder: Path) -> None:
        write_head(self.head_, folder / _HEAD_NAME)

    def _read_reading(self, folder: Path) -> None:
        self.head_ = read_head(folder / _HEAD_NAME)
        self.outputs_ = outputs_of(self.task)
        self.outputs_.of_head(self.head_)
        self.details_["reading"] = "linear head"


def standardised_head(
    features: Floats, labels: Sequence[str], outputs: Outputs, seed: int
) -> tuple[LinearHead, dict[str, Any]]:
    """Fit a head on standardised features, and give the one that does the same on the features as they are.

    Parameters
    ----------
    features : ndarray of float64, shape (rows, features)
    labels : sequence of str
        Written, of which at least two differ.
    outputs : Outputs
        Of several labels or of numbers; thresholds are chosen with it.
    seed : int
        Of the folds.

    Returns
    -------
    head : LinearHead
    choice : dict
        Which strength was chosen, and how; plain JSON values.
    """
    centre = features.mean(axis=0)
    scale = 1.0 / (np.maximum(features.std(axis=0), 1e-6) * np.sqrt(features.shape[1]))
    head, choice = fit_outputs((features - centre) * scale, labels, outputs, candidates=_STRENGTHS, seed=seed)
    weights = head.weights * scale
    plain = LinearHead(
        weights.astype(np.float32), (head.bias - weights @ centre).astype(np.float32), head.one_vs_rest, head.readings
    )
    return plain, choice.to_json()
