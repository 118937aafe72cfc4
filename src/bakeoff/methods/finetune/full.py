"""Fine-tuning of an encoder and a new head: all weights, or those of the upper layers alone.

The head starts from the linear probe's logistic regression, and the weights are tuned from there (LP-FT: Kumar et al.
2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.finetune.embeddings import embed
from bakeoff.methods.finetune.kind_objectives import objective_of
from bakeoff.methods.finetune.long_texts import check_long_texts, fitted_length, mean_of_pieces
from bakeoff.methods.finetune.lower_layers import shortened
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.finetune.temperature import LEAST_ROWS, calibrate_head
from bakeoff.methods.finetune.token_rows import TokenRows, divide, held_out_rows, predict_logits
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuned_encoder import TextVectors, TunedEncoder
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.forecast import MANY_ROWS_PASSES, are_many, head_start_rows
from bakeoff.methods.outputs import ManyLabels
from bakeoff.models.digest import weights_sha256
from bakeoff.models.encoder import Encoder
from bakeoff.tasks import ONE_LABEL, Task, are_pairs

__all__ = ["FullFineTuning"]

_HEAD_RATE = 1e-3
_SAMPLINGS = ("natural", "balanced")
_ROWS_AT_ONCE = 512


class FullFineTuning(TunedEncoder):
    """Tune all weights of an encoder, or those of its upper layers, and a head that starts from the linear probe's.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Of the held-out part, the batches and dropout.
    learning_rate : float
        Highest rate of the encoder's weights.
    max_epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    class_weights : bool
        Whether rare labels count more in the loss, each label alike in sum.
    sampling : {"natural", "balanced"}
        Whether a step draws rows as they come, or its labels evenly.
    long_texts : {"cut", "cut-short", "windows"}
        What is done with texts that are longer than the encoder reads: cut at its limit; cut at the length that holds
        99.5% of the labelled texts; or read in windows, each a row of its own in training, whose log-probabilities are
        averaged in answers.
    frozen_share : float
        Share of the encoder's layers, the lowest and the token vectors below them, that keep their weights, in [0, 1);
        what they say of a row is computed once.
    double_from : int
        Training rows from which on a step holds twice `batch_rows` at twice the rate (Goyal et al. 2017, "Accurate,
        Large Minibatch SGD", section 2.1), and two thirds of the passes are made, where each label has 100 rows in the
        mean; 0 for never.
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 1e-4,
        max_epochs: int = 3,
        batch_rows: int = 16,
        least_steps: int = 60,
        class_weights: bool = False,
        frozen_share: float = 0.0,
        sampling: str = "natural",
        long_texts: str = "cut",
        double_from: int = 0,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.class_weights = class_weights
        self.frozen_share = frozen_share
        self.sampling = sampling
        self.long_texts = long_texts
        self.double_from = double_from

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        base = self._copy_encoder(labels)
        if self.long_texts == "cut-short":
            base = fitted_length(base, texts)
            self.encoder_ = replace(self.encoder_, max_tokens=base.max_tokens)
        pieces = self._pieces(texts)
        targets = self.outputs_.targets(labels)
        rows = TokenRows(self._token_ids(pieces.texts), targets[pieces.owners])
        # Divided by texts, so that no text is learned from in one window and held out in the next.
        strata = divide(self.outputs_.strata(labels), self.seed)
        kept, out = (np.flatnonzero(np.isin(pieces.owners, part)) for part in strata)
        train, held = rows.part(kept), rows.part(out)
        own = [labels[owner] for owner in pieces.owners[kept]]
        objective = objective_of(self.outputs_, train.codes, class_weights=self.class_weights, sampling=self.sampling)
        precision = self._measured_dtype(rows, train, objective)
        head_start = self._start_head(base, [pieces.texts[row] for row in kept], own, train)
        before = weights_sha256(self.encoder_.model)
        with self._shortened(rows.ids) as short:
            tuned = tune(
                self.network_,
                self._plan_for(len(train)),
                short(train),
                short(held),
                objective=objective,
                pad=self._pad,
                context=self.context_,
            )
        details = tuned.details(self.network_, held) | {"head_start": head_start} | precision
        details |= self._read_scores(held, pieces.owners[out], labels)
        if self.long_texts == "windows":
            details |= {"windows": len(rows), "windowed_rows": pieces.split, "truncated_rows": pieces.cut}
        self._report(tuned, details, texts, before)

    def _check_settings(self) -> None:
        check_long_texts(self.long_texts)
        if not 0 <= self.frozen_share < 1:
            raise OptionError(
                f"frozen_share must be in [0, 1); {self.frozen_share:g} came.",
                next_step="Give 0.5 for half the layers.",
            )
        if self.sampling not in _SAMPLINGS:
            raise OptionError(
                f"sampling is one of {', '.join(_SAMPLINGS)}; {self.sampling!r} came.",
                next_step="Give balanced where labels are rare.",
            )

    def _shortened(self, ids: Sequence[list[int]]) -> AbstractContextManager[Callable[[TokenRows], TokenRows]]:
        """Leave out of the model, while it is trained, what does not change the outcome."""
        half = self.context_.dtype == "bfloat16"
        return shortened(self.encoder_.model, ids, self._pad, self.frozen_share, autocast=half)

    def _measured_dtype(self, rows: TokenRows, train: TokenRows, objective: Objective) -> dict[str, Any]:
        """Choose the data type where it is left open, before anything is computed in one."""
        if not self.context_.measure_dtype:
            return {}
        with self._shortened(rows.ids) as short:
            return self._settle_dtype(short(train), self._plan(_HEAD_RATE), objective)

    def _plan_for(self, rows: int) -> TuningPlan:
        """Give the settings of training on so many rows."""
        plan = self._plan(_HEAD_RATE)
        if not are_many(rows, len(self.task.labels), self.double_from):
            return plan
        epochs = max(1, round(MANY_ROWS_PASSES * plan.epochs))
        return replace(plan, batch_rows=2 * plan.batch_rows, learning_rate=2 * plan.learning_rate, epochs=epochs)

    def _read_scores(self, held: TokenRows, owners: NDArray[np.int64], labels: list[str]) -> dict[str, Any]:
        """Settle how the trained network's scores are read, by the rows held out; give what a method reports of it."""
        if self.task.kind in ONE_LABEL:
            return calibrate_head(self.network_, held, self._pad, owners)
        if isinstance(self.outputs_, ManyLabels):
            texts = np.unique(owners)
            if len(texts) >= LEAST_ROWS:
                scores = mean_of_pieces(predict_logits(self.network_, held.ids, self._pad), owners)
                self.outputs_.settle(scores, [labels[text] for text in texts])
            return {"thresholds": dict(zip(self.task.labels, self.outputs_.thresholds.tolist(), strict=True))}
        return {}

    def _start_head(self, base: Encoder, texts: list[str], labels: list[str], train: TokenRows) -> str:
        """Start the head from the probe's, where the time allows and it can be fitted; say which start it was."""
        if self.continued is not None:
            self._continue_head(train, labels)
            return "earlier fit"
        # Training moves the head anyway, so that a part of many rows is enough to begin with.
        chosen = start_rows(self.outputs_.strata(labels), len(self.task.labels), self.seed)
        own = [labels[row] for row in chosen]
        vectors = self._start_vectors(base, [texts[row] for row in chosen], train.part(chosen))
        if vectors is None:
            return "random"
        head, _ = fit_probe_head(vectors, own, self.outputs_, self.seed, to_start=True)
        self._start_from(head)
        return "probe"

    def _start_vectors(self, base: Encoder, texts: list[str], train: TokenRows) -> NDArray[np.float32] | None:
        """Give the vectors of rows before training, at the precision of training; None where time is up."""
        # Both texts of a pair are read at once, which gives another vector than either alone.
        paired = are_pairs(self.task, texts)
        if self.context_.dtype != "bfloat16" and not paired:
            found = embed(base, texts, self.context_, use_deadline=True)
            self.reused_seconds_ = found.reused_seconds
            return found.vectors if found.reached.all() else None
        vectors = np.empty((len(train), self.network_.head.in_features), dtype=np.float32)
        # Batches hold rows of like length, so the parts do too.
        order = np.argsort(train.lengths, kind="stable")
        for start in range(0, len(order), _ROWS_AT_ONCE):
            if self.context_.deadline.passed:
                return None
            rows = order[start : start + _ROWS_AT_ONCE]
            own = train.part(rows)
            vectors[rows] = predict_logits(
                TextVectors(self.network_), own.ids, self._pad, autocast=self.context_.dtype == "bfloat16"
            )
        return vectors


def start_rows(strata: NDArray[np.int64], labels: int, seed: int) -> NDArray[np.int64]:
    """Choose the rows that a head's start is fitted on: all, or a part in which each label has its share.

    Parameters
    ----------
    strata : ndarray of int64, shape (rows,)
    labels : int
        Of the task; 0 for numbers.
    seed : int

    Returns
    -------
    ndarray of int64
        Row indices, ascending; about as many as `head_start_rows` says, and one of each stratum at least.
    """
    enough = head_start_rows(len(strata), labels)
    if len(strata) <= enough:
        return np.arange(len(strata))
    _, first, counts = np.unique(strata, return_index=True, return_counts=True)
    return np.union1d(held_out_rows(strata, enough / len(strata), seed)[1], first[counts == 1])
