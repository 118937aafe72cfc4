"""Fine-tuning of an encoder and a new head: all weights, or those of the upper layers alone.

The head starts from the linear probe's logistic regression, and the weights are tuned from there (LP-FT: Kumar et al.
2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", section 3).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.finetune.embeddings import embed
from bakeoff.methods.finetune.lower_layers import shortened
from bakeoff.methods.finetune.objectives import CrossEntropy, balanced_weights
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.finetune.temperature import scale_head
from bakeoff.methods.finetune.token_rows import TokenRows, divide, predict_logits
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuned_encoder import TextVectors, TunedEncoder
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.forecast import MANY_ROWS_PASSES
from bakeoff.models.digest import weights_sha256
from bakeoff.models.encoder import Encoder
from bakeoff.tasks import Task, label_codes

__all__ = ["FullFineTuning"]

_HEAD_RATE = 1e-3
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
    frozen_share : float
        Share of the encoder's layers, the lowest and the token vectors below them, that keep their weights, in [0, 1);
        what they say of a row is computed once.
    double_from : int
        Training rows from which on a step holds twice `batch_rows` at twice the rate (Goyal et al. 2017, "Accurate,
        Large Minibatch SGD", section 2.1), and two thirds of the passes are made; 0 for never.
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
        self.double_from = double_from

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        if not 0 <= self.frozen_share < 1:
            raise OptionError(
                f"frozen_share must be in [0, 1); {self.frozen_share:g} came.",
                next_step="Give 0.5 for half the layers.",
            )
        codes = label_codes(labels, self.task.labels)
        base = self._copy_encoder()
        rows = TokenRows(self._token_ids(texts), codes)
        kept, out = divide(codes, self.seed)
        train, held = rows.part(kept), rows.part(out)
        head_start = self._start_head(base, [texts[row] for row in kept], train)
        before = weights_sha256(self.encoder_.model)
        weights = balanced_weights(train.codes, len(self.task.labels)) if self.class_weights else None
        half = self.context_.dtype == "bfloat16"
        with shortened(self.encoder_.model, rows.ids, self._pad, self.frozen_share, autocast=half) as short:
            tuned = tune(
                self.network_,
                self._plan_for(len(train)),
                short(train),
                short(held),
                objective=CrossEntropy(self.task.metric, weights),
                pad=self._pad,
                context=self.context_,
            )
        details = tuned.details(self.network_, held) | {"head_start": head_start}
        details["temperature"] = scale_head(self.network_, held, self._pad)
        self._report(tuned, details, base, texts, before)

    def _plan_for(self, rows: int) -> TuningPlan:
        """Give the settings of training on so many rows."""
        plan = self._plan(_HEAD_RATE)
        if not 0 < self.double_from <= rows:
            return plan
        epochs = max(1, round(MANY_ROWS_PASSES * plan.epochs))
        return replace(plan, batch_rows=2 * plan.batch_rows, learning_rate=2 * plan.learning_rate, epochs=epochs)

    def _start_head(self, base: Encoder, texts: list[str], train: TokenRows) -> str:
        """Start the head from the probe's, where the time allows and it can be fitted; say which start it was."""
        if self.continued is not None:
            self._continue_head(train)
            return "earlier fit"
        vectors = self._start_vectors(base, texts, train)
        if vectors is None:
            return "random"
        head, _ = fit_probe_head(vectors, train.codes, self.task, self.seed)
        self._start_from(head)
        return "probe"

    def _start_vectors(self, base: Encoder, texts: list[str], train: TokenRows) -> NDArray[np.float32] | None:
        """Give the vectors of rows before training, at the precision of training; None where time is up."""
        if self.context_.dtype != "bfloat16":
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
            vectors[rows] = predict_logits(TextVectors(self.network_), own.ids, self._pad, autocast=True)
        return vectors
