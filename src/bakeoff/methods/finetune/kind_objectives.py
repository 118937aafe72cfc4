"""What training makes small for every kind of task: one label, several labels, a number, a tag for each token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.finetune.objectives import CrossEntropy, Objective, balanced_weights
from bakeoff.methods.outputs import ManyLabels, Number, Outputs
from bakeoff.tasks import ONE_LABEL, Task, likeliest_tags, scoring_of

__all__ = ["NO_TAG", "LabelEntropy", "SquaredError", "TagEntropy", "objective_of"]

#: Code of a token that has no tag of its own: a special token, padding, or a further piece of a word.
NO_TAG = -100


class LabelEntropy(Objective):
    """Cross-entropy of each label by itself, for rows with any number of labels.

    Parameters
    ----------
    outputs : ManyLabels
    class_weights : ndarray of float32, shape (labels,), optional
        Of each label's own rows in the loss.
    """

    def __init__(self, outputs: ManyLabels, class_weights: NDArray[np.float32] | None = None) -> None:
        self._outputs = outputs
        self._weights = None if class_weights is None else torch.as_tensor(class_weights)

    def __repr__(self) -> str:
        weights = None if self._weights is None else self._weights.tolist()
        return f"LabelEntropy({self._outputs.task.metric!r}, {weights})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the sum over labels, and its mean over rows."""
        weights = None if self._weights is None else self._weights.to(outputs.device)
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        return entropy(outputs, codes, pos_weight=weights, reduction="none").sum(dim=1).mean()

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the F1 over all pairs of row and label under the best common threshold, and the mean loss."""
        loss = float(self.loss(torch.from_numpy(outputs), torch.from_numpy(codes.astype(np.float64))))
        true, best = codes > 0, 0.0
        for threshold in np.arange(-3.0, 1.01, 0.25):
            given = outputs >= threshold
            hits = float((given & true).sum())
            best = max(best, 2 * hits / max(float(given.sum() + true.sum()), 1.0))
        return best, loss


class SquaredError(Objective):
    """Squared distance of a number from the label, both in deviations from the labels' mean.

    Parameters
    ----------
    outputs : Number
    """

    def __init__(self, outputs: Number) -> None:
        self._outputs = outputs

    def __repr__(self) -> str:
        return f"SquaredError({self._outputs.task.metric!r}, {self._outputs.mean}, {self._outputs.scale})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the mean over rows."""
        return torch.nn.functional.mse_loss(outputs, codes.to(outputs.dtype))

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the metric and the mean loss."""
        truth = [str(value) for value, _ in self._outputs.told(codes.astype(np.float64))]
        return self._outputs.score(outputs, truth), float(((outputs - codes) ** 2).mean())


class TagEntropy(Objective):
    """Cross-entropy of the tag of each word's first piece.

    Parameters
    ----------
    task : Task
    class_weights : ndarray of float32, shape (tags,), optional
        Of each tag in the loss.
    """

    def __init__(self, task: Task, class_weights: NDArray[np.float32] | None = None) -> None:
        self._task = task
        self._weights = None if class_weights is None else torch.as_tensor(class_weights)

    def __repr__(self) -> str:
        weights = None if self._weights is None else self._weights.tolist()
        return f"TagEntropy({self._task.metric!r}, {weights})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the mean over the tokens that have a tag; outputs are of shape (rows, tokens, tags)."""
        own = codes[:, : outputs.shape[1]].reshape(-1)
        weights = None if self._weights is None else self._weights.to(outputs.device, outputs.dtype)
        entropy = torch.nn.functional.cross_entropy
        each = entropy(outputs.reshape(-1, outputs.shape[2]), own, weight=weights, ignore_index=NO_TAG, reduction="sum")
        return each / (own != NO_TAG).sum().clamp(min=1)

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the metric and the mean loss."""
        loss = float(self.loss(torch.from_numpy(outputs), torch.from_numpy(codes)))
        own = codes[:, : outputs.shape[1]]
        names = self._task.labels
        truth = [" ".join(names[code] for code in row[row != NO_TAG]) for row in own]
        answers = [
            " ".join(likeliest_tags(scores[row != NO_TAG], names)) for scores, row in zip(outputs, own, strict=True)
        ]
        return scoring_of(self._task).score_values(truth, answers), loss


def objective_of(
    outputs: Outputs, targets: NDArray[np.generic], *, class_weights: bool, sampling: str = "natural"
) -> Objective:
    """Give what training makes small for a kind of task that answers for a text as a whole.

    Parameters
    ----------
    outputs : Outputs
    targets : ndarray
        Of the rows to learn from, as `Outputs.targets` gives them.
    class_weights : bool
        Whether rare labels count more; without effect on numbers.
    sampling : {"natural", "balanced"}
        Whether steps draw labels evenly, which needs one label a row.

    Returns
    -------
    Objective

    Raises
    ------
    OptionError
        If labels are to be drawn evenly where a row has several, or a number.
    """
    if sampling == "balanced" and outputs.task.kind not in ONE_LABEL:
        raise OptionError(
            f"sampling=balanced draws one label a row; the kind of the task is {outputs.task.kind}.",
            next_step="Leave it away, or give class_weights=true for several labels.",
        )
    if isinstance(outputs, Number):
        return SquaredError(outputs)
    if isinstance(outputs, ManyLabels):
        counts = np.asarray(targets, dtype=np.float32).sum(axis=0)
        # The weight under which a label's own rows count as much as all others, and at most tenfold.
        weights = np.clip((len(targets) - counts) / np.maximum(counts, 1), 1, 10).astype(np.float32)
        return LabelEntropy(outputs, weights if class_weights else None)
    codes = np.asarray(targets, dtype=np.int64)
    weights = balanced_weights(codes, outputs.width) if class_weights else None
    return CrossEntropy(outputs.task.metric, weights, balanced=sampling == "balanced")
