"""Low-rank adapters on a decoder that learns to write; see `bakeoff.methods.finetune.text_writer`."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.finetune.adapters import (
    compare_merged,
    merge_adapters,
    read_about,
    read_adapters,
    write_about,
    write_adapters,
)
from bakeoff.methods.finetune.lower_layers import upper_linear_names
from bakeoff.methods.finetune.text_writer import ABOUT_WRITER, TextWriter
from bakeoff.methods.finetune.token_rows import TokenRows, predict_logits
from bakeoff.methods.finetune.tuned_decoder import TunedDecoder
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.finetune.written_rows import WriterNetwork
from bakeoff.tasks import Task

__all__ = ["LoraTextWriter"]


class LoraTextWriter(TextWriter, TunedDecoder):
    """Tune low-rank adapters of a decoder until it writes each source's target.

    Parameters
    ----------
    task : Task
        Its instruction stands before each source.
    model : str
        Name of a decoder.
    seed : int
        Of the adapters, the held-out part and the batches.
    learning_rate : float
        Highest rate of the adapters.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    rank : int
        Of the adapters.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    merge : bool
        Whether the adapters are added to the weights at the end of the fit: what is saved is whole then, and loads
        without peft and without the model that it came from.
    frozen_share : float
        Of the layers, from the lowest, that get no adapters, in [0, 1).
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 5e-4,
        epochs: int = 3,
        rank: int = 16,
        batch_rows: int = 8,
        least_steps: int = 30,
        merge: bool = False,
        frozen_share: float = 0.5,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.rank = rank
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.merge = merge
        self.frozen_share = frozen_share

    def _open(self) -> None:
        self._begin()
        TunedDecoder._open(self)

    def _plan(self) -> TuningPlan:
        return replace(TextWriter._plan(self), autocast=self.context_.dtype == "bfloat16")

    def _training_dtype(self) -> str:
        # Backward passes through weights held in bfloat16 take twice the time of products that are cast to it.
        return "float32"

    def _adapted(self) -> Sequence[str] | None:
        return upper_linear_names(self.decoder_.model, self.frozen_share)

    def _body(self) -> Any:
        return self.decoder_.model

    def _make_network(self, model: Any) -> WriterNetwork:  # noqa: ARG002  # adapters are inside the decoder's model
        return WriterNetwork(self.decoder_.model)

    def _finish(self, rows: TokenRows) -> dict[str, Any]:
        self._hold_in(self.context_.dtype)
        told: dict[str, Any] = {
            "base_weights_changed": self.merge,
            "base_sha256": self.decoder_.sha256,
            "dtype": self.decoder_.dtype,
        }
        if not self.merge:
            return told
        apart = self._likelihood(rows)
        merge_adapters(self.adapters_)
        self.adapters_ = None
        self._use_merged(None)
        return told | {"merged": compare_merged(apart, self._likelihood(rows), self.decoder_.dtype)}

    def _whole_model(self) -> Any:
        return self.decoder_.model if self.adapters_ is None else merge_adapters(copy.deepcopy(self.adapters_))

    def _hold_in(self, dtype: str) -> None:
        """Put the adapters beside weights of the data type in which rows are answered."""
        if dtype == self.decoder_.dtype:
            return
        with tempfile.TemporaryDirectory() as folder:
            write_adapters(self.adapters_, Path(folder))
            self._copy_base(dtype)
            self.adapters_ = read_adapters(self._body(), Path(folder))
        self.network_ = self._make_network(None)

    def _likelihood(self, rows: TokenRows) -> NDArray[np.float64]:
        """Give the geometric mean probability of each row's marked tokens, shape (rows, 1)."""
        found = predict_logits(self.network_, rows.ids, self._pad_id)
        return np.exp(found[:, :1] / found[:, 1:])

    def _use_merged(self, model: Any) -> None:  # noqa: ARG002  # merged inside the decoder's model
        self.network_ = WriterNetwork(self.decoder_.model)

    def _calibrated(self, held: TokenRows) -> dict[str, Any]:  # noqa: ARG002  # texts have no probabilities
        return {}

    def _save(self, folder: Path) -> None:
        TunedDecoder._save(self, folder)
        write_about(folder / ABOUT_WRITER, self.decoder_.name, self.decoder_.sha256, most_tokens=self.most_tokens_)

    def _load(self, folder: Path) -> None:
        TunedDecoder._load(self, folder)

    def _load_rest(self, folder: Path) -> None:
        self.most_tokens_ = int(read_about(folder / ABOUT_WRITER)["most_tokens"])
