"""Contrastive fine-tuning for few rows: an encoder learns to tell the labels' texts apart, and then gets a head.

Two stages follow Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit), section 3. The first
works on all pairs inside a step instead of a list of pairs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bakeoff.methods.finetune.lower_layers import shortened
from bakeoff.methods.finetune.objectives import SupervisedContrastive
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.finetune.token_rows import TokenRows, divide, predict_logits
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuned_encoder import TextVectors, TunedEncoder
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.forecast import steps_for
from bakeoff.models.digest import weights_sha256
from bakeoff.tasks import Task, label_codes

__all__ = ["ContrastiveFineTuning"]

#: With fewer rows all of them are learned from: training is short, and its end is no matter of a look.
_LEAST_TO_HOLD_OUT = 400


class ContrastiveFineTuning(TunedEncoder):
    """Tune an encoder until texts of one label are near each other, and fit a logistic head on its vectors.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Of the held-out part and the batches.
    learning_rate : float
        Highest rate.
    max_epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step, whose pairs count.
    least_steps : int
        Steps that are taken at least, or those of `rows_a_step` where they are fewer.
    rows_a_step : int
        Rows for each step: few rows teach little by many. Two labels, which are moved apart once, take a step for two
        and a half times as many.
    temperature : float
        What similarities are divided by.
    frozen_share : float
        Share of the encoder's layers, the lowest and the token vectors below them, that keep their weights, in [0, 1);
        what they say of a row is computed once.
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 1e-4,
        max_epochs: int = 3,
        batch_rows: int = 64,
        least_steps: int = 20,
        rows_a_step: int = 2,
        temperature: float = 0.3,
        frozen_share: float = 0.0,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.rows_a_step = rows_a_step
        self.temperature = temperature
        self.frozen_share = frozen_share

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        codes = label_codes(labels, self.task.labels)
        self._copy_encoder(labels)
        rows = TokenRows(self._token_ids(texts), codes)
        kept, out = (
            divide(codes, self.seed) if len(codes) >= _LEAST_TO_HOLD_OUT else (np.arange(len(codes)), np.arange(0))
        )
        train, held = rows.part(kept), rows.part(out)
        before = weights_sha256(self.encoder_.model)
        network = TextVectors(self.network_)
        self.network_.head.requires_grad_(False)
        half = self.context_.dtype == "bfloat16"
        with shortened(self.encoder_.model, rows.ids, self._pad, self.frozen_share, autocast=half) as short:
            tuned = tune(
                network,
                self._few_rows_plan(len(train)),
                short(train),
                short(held),
                objective=SupervisedContrastive(self.task.metric, len(self.task.labels), self.temperature),
                pad=self._pad,
                context=self.context_,
            )
        details = tuned.details(network, held)
        vectors = predict_logits(network, rows.ids, self._pad, autocast=half).astype(np.float32)
        head, choice = fit_probe_head(vectors, labels, self.outputs_, self.seed)
        self._start_from(head)
        self._report(tuned, details | {"strength": choice.to_json()}, texts, before)

    def _few_rows_plan(self, rows: int) -> TuningPlan:
        """Give the settings of training, with fewer steps for few rows."""
        steps = min(self.least_steps, steps_for(rows, len(self.task.labels), self.rows_a_step))
        return replace(self._plan(self.learning_rate), least_steps=steps)
