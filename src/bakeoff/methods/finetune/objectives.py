"""What training makes small, how held-out rows are looked at, and which rows a step sees together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.models.batching import Indices, length_sorted_batches, shuffled_batches
from bakeoff.tasks import score_codes

__all__ = ["CrossEntropy", "Objective", "SupervisedContrastive", "balanced_batches", "balanced_weights"]

#: Of one forward and backward pass, padding included.
_PART_TOKENS = 1024


class Objective(ABC):
    """What training makes small."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the loss of a step.

        Parameters
        ----------
        outputs : float32 tensor, shape (rows, outputs)
            Of the network.
        codes : int64 tensor, shape (rows,)
            Positions of the labels.

        Returns
        -------
        tensor, shape ()
        """

    @abstractmethod
    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Judge the network by rows that it does not learn from.

        Parameters
        ----------
        outputs : ndarray, shape (rows, outputs)
        codes : ndarray of int64, shape (rows,)

        Returns
        -------
        score, loss : float
            The task's metric, and what decides between equal scores.
        """

    @abstractmethod
    def __repr__(self) -> str:
        """Name it by all that its loss hangs on: a training is told from another by it."""

    def state(self) -> dict[str, torch.Tensor]:
        """Give what it has gathered and needs to go on; nothing for most."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take up what `state` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} gathers nothing; {', '.join(state)} came")

    def batches(self, rows: TokenRows, max_rows: int, seed: int) -> list[Indices]:
        """Divide rows into the steps of one epoch.

        Parameters
        ----------
        rows : TokenRows
        max_rows : int
            Of a step.
        seed : int
            Of the epoch.

        Returns
        -------
        list of int64 array
            Each row once.
        """
        return shuffled_batches(rows.lengths, max_rows=max_rows, seed=seed)

    def parts(self, rows: TokenRows) -> list[Indices]:
        """Divide the rows of a step into parts whose losses, each by its share of the rows, sum to the step's.

        Parameters
        ----------
        rows : TokenRows

        Returns
        -------
        list of int64 array
            One part where the loss compares rows with each other.
        """
        return [np.arange(len(rows))]


class CrossEntropy(Objective):
    """Cross-entropy of one label a row; outputs are the labels' scores.

    Parameters
    ----------
    metric : str
        The task's.
    class_weights : ndarray of float32, shape (labels,), optional
        Of each label in the loss.
    balanced : bool
        Whether steps draw labels evenly, as `balanced_batches` does, instead of rows.
    """

    def __init__(
        self, metric: str, class_weights: NDArray[np.float32] | None = None, *, balanced: bool = False
    ) -> None:
        self._metric = metric
        self._weights = None if class_weights is None else torch.as_tensor(class_weights)
        self._balanced = balanced

    def __repr__(self) -> str:
        weights = None if self._weights is None else self._weights.tolist()
        return f"CrossEntropy({self._metric!r}, {weights}{', balanced' if self._balanced else ''})"

    def batches(self, rows: TokenRows, max_rows: int, seed: int) -> list[Indices]:
        """Divide rows into the steps of one epoch, or draw them label by label."""
        if self._balanced:
            return balanced_batches(rows.codes, max_rows, seed)
        return super().batches(rows, max_rows, seed)

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the mean over rows."""
        weights = None if self._weights is None else self._weights.to(outputs.device)
        # The mean over rows, not over weights: a batch without rare labels must not count as much as one with them.
        return torch.nn.functional.cross_entropy(outputs, codes, weight=weights, reduction="none").mean()

    def parts(self, rows: TokenRows) -> list[Indices]:
        """Divide rows by length, so that long ones take no more memory together than many short ones."""
        return length_sorted_batches(rows.lengths, max_tokens=_PART_TOKENS)

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the metric and the mean loss."""
        loss = torch.nn.functional.cross_entropy(torch.from_numpy(outputs), torch.from_numpy(codes))
        return float(score_codes(self._metric, codes, outputs.argmax(axis=1), outputs.shape[1])), float(loss)


class SupervisedContrastive(Objective):
    """Pulls texts of one label together and pushes those of others away; outputs are vectors of length 1.

    The loss is that of Khosla et al. 2020, "Supervised Contrastive Learning", equation 2: every pair inside a step
    counts, so that no list of pairs is made and each text is encoded once an epoch.

    Parameters
    ----------
    metric : str
        The task's.
    labels : int
    temperature : float
        What similarities are divided by, above 0.
    """

    def __init__(self, metric: str, labels: int, temperature: float) -> None:
        self._metric, self._labels, self._temperature = metric, labels, temperature
        #: Sums of the vectors that training has seen since the last look, label by label.
        self._sums: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return f"SupervisedContrastive({self._metric!r}, {self._labels}, {self._temperature})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Give the mean over rows that share their label with another row of the step; 0 where none does."""
        self._add(outputs, codes)
        alike = outputs @ outputs.T / self._temperature
        itself = torch.eye(len(codes), dtype=torch.bool, device=codes.device)
        shares = torch.log_softmax(alike.masked_fill(itself, -torch.inf), dim=1).masked_fill(itself, 0.0)
        partners = (codes[:, None] == codes[None, :]) & ~itself
        counts = partners.sum(dim=1)
        of_row = -(shares * partners).sum(dim=1) / counts.clamp(min=1)
        return of_row.sum() / (counts > 0).sum().clamp(min=1)

    def look(self, outputs: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
        """Give the metric and the loss of the label whose mean vector, of the rows learned from, is the nearest."""
        if self._sums is None:
            raise RuntimeError("rows were looked at before any was learned from")
        lengths = np.linalg.norm(self._sums, axis=1, keepdims=True)
        nearness = outputs @ np.divide(self._sums, lengths, out=np.zeros_like(self._sums), where=lengths > 0).T
        # A label that no row had is near nothing.
        nearness[:, lengths[:, 0] == 0] = -2.0
        self._sums = None
        return CrossEntropy(self._metric).look(nearness / self._temperature, codes)

    def state(self) -> dict[str, torch.Tensor]:
        """Give the sums since the last look."""
        return {} if self._sums is None else {"sums": torch.from_numpy(self._sums.copy())}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take up the sums since the last look."""
        self._sums = state["sums"].numpy().copy() if "sums" in state else None

    def _add(self, outputs: torch.Tensor, codes: torch.Tensor) -> None:
        if self._sums is None:
            self._sums = np.zeros((self._labels, outputs.shape[1]))
        np.add.at(self._sums, codes.cpu().numpy(), outputs.detach().double().cpu().numpy())

    def batches(self, rows: TokenRows, max_rows: int, seed: int) -> list[Indices]:
        """Divide rows so that each step has partners for its rows, and each label's share of the whole."""
        generator = np.random.default_rng(seed)
        placed: list[tuple[float, Indices]] = []
        for code in np.unique(rows.codes):
            shuffled = generator.permutation(np.flatnonzero(rows.codes == code)).astype(np.int64)
            # Two rows of a label come together; a third joins them where it would stand alone.
            cuts = np.arange(2, len(shuffled) - 1, 2)
            groups = np.split(shuffled, cuts)
            start = generator.random()
            placed += [((start + number) / len(groups), group) for number, group in enumerate(groups)]
        placed.sort(key=lambda one: one[0])
        batches: list[list[Indices]] = [[]]
        for _place, group in placed:
            if batches[-1] and sum(map(len, batches[-1])) + len(group) > max_rows:
                batches.append([])
            batches[-1].append(group)
        return [np.concatenate(batch) for batch in batches]


def balanced_batches(codes: NDArray[np.int64], max_rows: int, seed: int) -> list[Indices]:
    """Draw the steps of an epoch so that each holds every label alike, as far as its rows go round.

    Labels take turns in an order of the epoch's own, through the steps and beyond their ends. A label's rows come in
    random order, each once before any comes again: those of a rare label come several times in an epoch, those of a
    frequent one not all (class-aware sampling: Shen, Lin and Huang 2016, "Relay Backpropagation for Effective Learning
    of Deep Convolutional Neural Networks").

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
    max_rows : int
        Of a step.
    seed : int
        Of the epoch.

    Returns
    -------
    list of int64 array
        As many rows in all as there are; labels differ by one row at most in a step, and in the epoch.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.unique(codes))
    turns = -(-len(codes) // max(1, len(labels)))
    drawn = np.empty((turns, len(labels)), dtype=np.int64)
    for place, label in enumerate(labels):
        own = np.flatnonzero(codes == label)
        passes = -(-turns // len(own))
        drawn[:, place] = np.concatenate([generator.permutation(own) for _ in range(passes)])[:turns]
    order = drawn.ravel()[: len(codes)]
    return [order[start : start + max_rows] for start in range(0, len(order), max_rows)]


def balanced_weights(codes: NDArray[np.int64], n_labels: int) -> NDArray[np.float32]:
    """Give weights under which every label counts alike in the sum over rows.

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
    n_labels : int

    Returns
    -------
    ndarray of float32, shape (labels,)
        ``rows / (labels with rows x rows of the label)``; 1 for a label without rows.
    """
    counts = np.bincount(codes, minlength=n_labels)
    weights = np.ones(n_labels, dtype=np.float32)
    weights[counts > 0] = len(codes) / ((counts > 0).sum() * counts[counts > 0])
    return weights
