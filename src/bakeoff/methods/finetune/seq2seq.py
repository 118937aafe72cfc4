"""An encoder-decoder tuned to write each text's label: the text-to-text form of T5.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 2.4:
the task's name stands before the text, and the loss is on the label's tokens alone. Answers are not generated: every
label's words are scored in the decoder. Tested with random weights; it was not verified with pre-trained weights.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.catalog import ModelFiles
from bakeoff.methods import loaded
from bakeoff.methods.finetune.adapters import read_about, write_about
from bakeoff.methods.finetune.label_writer import (
    LabelLikelihood,
    Seq2SeqWriter,
    calibrate_writer,
    read_temperature,
    with_labels,
    write_temperature,
)
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.tuned_language_model import TunedLanguageModel
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.models.digest import weights_sha256
from bakeoff.models.loading import loading
from bakeoff.models.seq2seq import Seq2Seq, Seq2SeqScorer, load_seq2seq
from bakeoff.tasks import Task, label_words

__all__ = ["Seq2SeqFineTuning"]

#: Says which encoder-decoder tuned weights came from.
_ABOUT = "seq2seq.json"
#: A longer text is cut.
_MOST_TOKENS = 512


class Seq2SeqFineTuning(TunedLanguageModel):
    """Tune all weights of an encoder-decoder until it writes each text's label.

    Parameters
    ----------
    task : Task
        Its name stands before each text, its words for the labels are what is written.
    model : str
        Folder or name of an encoder-decoder.
    seed : int
        Of the held-out part, the batches and dropout.
    learning_rate : float
        Highest rate.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    """

    network_: Seq2SeqWriter
    seq2seq_: Seq2Seq

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 3e-4,
        epochs: int = 4,
        batch_rows: int = 8,
        least_steps: int = 60,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps

    def _open(self) -> None:
        if self.continued is None:
            base = loaded.seq2seq(str(self.model), self.context_.device)
            self.seq2seq_ = replace(base, model=copy.deepcopy(base.model))
        else:
            self.seq2seq_ = _read(self.continued[0], self.context_.device)
        self._use_own()
        self.seq2seq_.model.requires_grad_(True)
        self._before = weights_sha256(self.seq2seq_.model)

    def _use_own(self) -> None:
        targets = Seq2SeqScorer(self.seq2seq_).targets(self.task.words)
        self.network_ = Seq2SeqWriter(self.seq2seq_, targets).to(self.seq2seq_.device)

    @property
    def _pad(self) -> int:
        return int(self.seq2seq_.tokenizer.pad_token_id or 0)

    def _token_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Give the tokens of each text behind the task's name, and how many texts were cut."""
        tokenizer = self.seq2seq_.tokenizer
        asked = [f"{label_words(self.task.name)}: {text}" for text in texts]
        most = min(_MOST_TOKENS, self.seq2seq_.context_length)
        whole = tokenizer(asked, return_attention_mask=False, verbose=False)["input_ids"]
        settings = {"truncation": True, "max_length": most, "return_attention_mask": False, "verbose": False}
        return tokenizer(asked, **settings)["input_ids"], sum(len(ids) > most for ids in whole)

    def _to_learn(self, rows: TokenRows) -> TokenRows:
        return with_labels(rows, self.network_.targets)

    def _objective(self) -> Objective:
        return LabelLikelihood(self.task.metric)

    def _plan(self) -> TuningPlan:
        return replace(super()._plan(), autocast=self.context_.dtype == "bfloat16")

    def _calibrated(self, held: TokenRows) -> dict[str, Any]:
        return calibrate_writer(self.network_, held, self._pad)

    def _close(self, rows: TokenRows) -> dict[str, Any]:  # noqa: ARG002  # nothing is merged
        self.seq2seq_.model.requires_grad_(False)
        after = weights_sha256(self.seq2seq_.model)
        return {
            "base_sha256": self.seq2seq_.sha256,
            "weights_sha256": {"before": self._before, "after": after},
            "weights_changed": self._before != after,
        }

    def _save(self, folder: Path) -> None:
        own = self.seq2seq_
        with loading(own.name):
            own.model.save_pretrained(folder)
            own.tokenizer.save_pretrained(folder)
        write_about(folder / _ABOUT, own.name, own.sha256)
        write_temperature(self.network_, folder)

    def _load(self, folder: Path) -> None:
        self.seq2seq_ = _read(folder, self.context_.device)
        self._use_own()
        read_temperature(self.network_, folder)
        self.network_.eval()
        self._measure()


def _read(folder: Path, device: str) -> Seq2Seq:
    about = read_about(folder / _ABOUT)
    return load_seq2seq(ModelFiles(about["model"], folder, "folder", about["sha256"]), device=device)
