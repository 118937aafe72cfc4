"""What all methods share that tune a language model: rows to tokens, how it is trained, and how it answers."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.objectives import CrossEntropy, Objective
from bakeoff.methods.finetune.token_rows import TokenRows, answers_of, divide
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.outputs import outputs_of
from bakeoff.records import Answer
from bakeoff.tasks import label_codes

__all__ = ["HEAD_RATE", "TunedLanguageModel"]

#: Highest rate of a head, where there is one.
HEAD_RATE = 5e-4


class TunedLanguageModel(Method):
    """A method that tunes a decoder or an encoder-decoder; subclasses write what is loaded, trained and kept."""

    least_n = 8
    can_continue = True

    learning_rate: float
    epochs: int
    batch_rows: int
    least_steps: int

    #: Gives the labels' scores of token ids and mask when it answers.
    network_: torch.nn.Module

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._open()
        ids, truncated = self._token_ids(texts)
        rows = TokenRows(ids, label_codes(labels, self.task.labels))
        train, held = (rows.part(part) for part in divide(rows.codes, self.seed))
        tuned = tune(
            self.network_,
            self._plan(),
            self._to_learn(train),
            held,
            objective=self._objective(),
            pad=self._pad,
            context=self.context_,
        )
        self.cut_, self.history_ = tuned.cut, tuned.history
        self.usage_ = replace(self.usage_, tokens_in=tuned.tokens)
        self.details_ = tuned.details(self.network_, held) | {
            **self._calibrated(held),
            "truncated_rows": truncated,
            "weights_changed": True,
        }
        self.details_ |= self._close(held if len(held) else train)
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        began = time.perf_counter()
        ids, _ = self._token_ids(texts)
        return answers_of(self.network_, ids, self._pad, outputs_of(self.task), began)

    @property
    @abstractmethod
    def _pad(self) -> int:
        """Id of padding."""

    @abstractmethod
    def _open(self) -> None:
        """Load what is to be trained, or what an earlier fit left, and set `network_`."""

    @abstractmethod
    def _token_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Give each text's tokens as the network reads them, and how many texts were cut."""

    @abstractmethod
    def _calibrated(self, held: TokenRows) -> dict[str, Any]:
        """Divide the network's scores by the temperature of held-out rows, and say what that did."""

    @abstractmethod
    def _close(self, rows: TokenRows) -> dict[str, Any]:
        """End the fit, with rows to answer where that needs a comparison; give what is to be told of it."""

    def _to_learn(self, rows: TokenRows) -> TokenRows:
        """Give the rows as the network reads them in training."""
        return rows

    def _objective(self) -> Objective:
        return CrossEntropy(self.task.metric)

    def _plan(self) -> TuningPlan:
        return TuningPlan(
            learning_rate=self.learning_rate,
            head_learning_rate=HEAD_RATE,
            epochs=self.epochs,
            least_steps=self.least_steps,
            batch_rows=self.batch_rows,
            seed=self.seed,
        )

    def _measure(self) -> None:
        tensors = [*self.network_.parameters()]
        self.size_mb_ = sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6
