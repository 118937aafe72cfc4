"""A decoder tuned as a generator of labels: under a short prompt it learns to write the label's words.

The loss is on the label's tokens alone (the text-to-text form of Raffel et al. 2020, section 2.4, for a decoder).
Answers are not generated: every label's words are scored exactly (Brown et al. 2020, "Language Models are Few-Shot
Learners", section 2.4), so that an answer is always a label and has honest probabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.methods.finetune.label_writer import (
    DecoderWriter,
    LabelLikelihood,
    calibrate_writer,
    read_temperature,
    with_labels,
    write_temperature,
)
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.tuned_decoder import TunedDecoder
from bakeoff.models.label_trie import has_prefix_clash
from bakeoff.tasks import Task

__all__ = ["LabelGenerator"]


class LabelGenerator(TunedDecoder):
    """Tune low-rank adapters of a decoder until it writes each text's label.

    Parameters
    ----------
    task : Task
        Its instruction stands before each text, its words for the labels are what is written.
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
    """

    network_: DecoderWriter

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 5e-4,
        epochs: int = 4,
        rank: int = 16,
        batch_rows: int = 8,
        least_steps: int = 40,
        merge: bool = False,
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

    def _body(self) -> Any:
        return self.decoder_.model

    def _make_network(self, model: Any) -> DecoderWriter:  # noqa: ARG002  # adapters are inside the decoder's model
        prefix = self.decoder_.tokenizer(self._opening(), verbose=False)["input_ids"]
        network = DecoderWriter(self.decoder_, self._targets(), np.array(prefix, dtype=np.int64))
        return network.to(self.decoder_.device)

    def _opening(self) -> str:
        return f"{self.task.instruction}\n\n"

    def _spare(self) -> int:
        return max(map(len, self._targets()))

    def _targets(self) -> list[tuple[int, ...]]:
        """Give each label's tokens; the end of the text behind them where one is the beginning of another."""
        tokenizer = self.decoder_.tokenizer
        words = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in self.task.words]
        found = [tuple(map(int, ids)) for ids in words]
        end = tokenizer.eos_token_id
        return [(*ids, int(end)) for ids in found] if end is not None and has_prefix_clash(found) else found

    def _to_learn(self, rows: TokenRows) -> TokenRows:
        return with_labels(rows, self.network_.targets)

    def _objective(self) -> Objective:
        return LabelLikelihood(self.task.metric)

    def _calibrated(self, held: TokenRows) -> dict[str, Any]:
        return calibrate_writer(self.network_, held, self._pad)

    def _use_merged(self, model: Any) -> None:  # noqa: ARG002  # merged inside the decoder's model
        self.network_.forget()

    def _save(self, folder: Path) -> None:
        super()._save(folder)
        write_temperature(self.network_, folder)

    def _load_rest(self, folder: Path) -> None:
        read_temperature(self.network_, folder)
