"""LoRA on an encoder: low-rank adapters and a new head, all pre-trained weights as they came."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.methods import loaded
from bakeoff.methods.finetune.adapters import (
    COMPARED_ROWS,
    add_adapters,
    check_base,
    compare_merged,
    merge_adapters,
    read_about,
    read_adapters,
    refuse_to_divide,
    weight_sharing_copy,
    write_about,
    write_adapters,
)
from bakeoff.methods.finetune.encoder_files import ABOUT_ENCODER, read_encoder
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.token_rows import predict_logits
from bakeoff.methods.finetune.tuned_encoder import EncoderClassifier
from bakeoff.methods.finetune.tuning_plan import Tuned
from bakeoff.methods.heads import head_of, read_head, softmax, write_head
from bakeoff.methods.outputs import outputs_of
from bakeoff.models.encoder import Encoder
from bakeoff.tasks import Task

__all__ = ["LoraEncoder"]

#: Says which encoder adapters belong to, where they are kept apart.
_ABOUT = "adapters.json"


class LoraEncoder(FullFineTuning):
    """Tune low-rank adapters of an encoder, and a head that starts from the linear probe's.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Of the adapters, the held-out part and the batches.
    learning_rate : float
        Highest rate of the adapters.
    max_epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    rank : int
        Of the adapters.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    class_weights : bool
        Whether rare labels count more in the loss, each label alike in sum.
    merge : bool
        Whether the adapters are added to the weights at the end of the fit: what is saved is whole then, and loads
        without peft and without the model that it came from.
    """

    #: All layers have adapters; rows come as they are, and long texts are cut.
    frozen_share, sampling, long_texts, double_from = 0.0, "natural", "cut", 0

    #: peft's model; None where adapters were merged.
    adapters_: Any

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 5e-4,
        max_epochs: int = 4,
        rank: int = 16,
        batch_rows: int = 16,
        least_steps: int = 60,
        class_weights: bool = False,
        merge: bool = False,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.rank = rank
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.class_weights = class_weights
        self.merge = merge

    def _copy_encoder(self, labels: Sequence[str]) -> Encoder:
        """Put adapters into a copy whose weights are the shared encoder's, or go on from those of an earlier fit."""
        self.outputs_ = outputs_of(self.task, labels)
        base = loaded.encoder(str(self.model), self.context_.device)
        self.base_sha256_ = base.sha256
        folder = None if self.continued is None else self.continued[0]
        if folder is not None and (folder / ABOUT_ENCODER).is_file():
            refuse_to_divide(self.merge)
            self.encoder_, folder = read_encoder(folder, self.context_.device), None
        else:
            if folder is not None:
                check_base(read_about(folder / _ABOUT), base.name, base.sha256)
            self.encoder_ = replace(base, model=weight_sharing_copy(base.model))
        self.adapters_ = add_adapters(
            self.encoder_.model, rank=self.rank, seed=self.seed, name=base.name, folder=folder
        )
        self.network_ = self._network()
        return base

    def _shortened(self, ids: Sequence[list[int]]) -> AbstractContextManager[Callable[[Any], Any]]:  # noqa: ARG002
        # Token vectors are not trained, so that a smaller table would save nothing.
        return nullcontext(lambda rows: rows)

    def _report(self, tuned: Tuned, details: dict[str, Any], texts: list[str], before: str) -> None:
        super()._report(tuned, details, texts, before)
        self.details_ |= {"base_weights_changed": self.merge, "base_sha256": self.base_sha256_}
        if self.merge:
            asked = self._token_ids(texts[:COMPARED_ROWS])
            apart = softmax(predict_logits(self.network_, asked, self._pad))
            self.encoder_ = replace(self.encoder_, model=merge_adapters(self.adapters_))
            self.network_.model, self.adapters_ = self.encoder_.model, None
            merged = softmax(predict_logits(self.network_, asked, self._pad))
            self.details_["merged"] = compare_merged(apart, merged, "float32")
        self._measure()

    def _whole_network(self) -> EncoderClassifier:
        if self.adapters_ is None:
            return super()._whole_network()
        own = self.network_
        with torch.random.fork_rng(devices=[]):  # of a new head's numbers, which are not used
            found = EncoderClassifier(
                merge_adapters(copy.deepcopy(self.adapters_)), own.pooling, own.normalise, own.head.out_features
            )
        found.head = own.head
        return found

    def _save(self, folder: Path) -> None:
        if self.adapters_ is None:
            super()._save(folder)
            return
        write_adapters(self.adapters_, folder)
        write_about(folder / _ABOUT, self.encoder_.name, self.encoder_.sha256)
        write_head(head_of(self.network_.head), folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        self.adapters_ = None
        if (folder / ABOUT_ENCODER).is_file():
            super()._load(folder)
            return
        base = loaded.encoder(str(self.model), self.context_.device)
        check_base(read_about(folder / _ABOUT), base.name, base.sha256)
        self.encoder_ = replace(base, model=weight_sharing_copy(base.model))
        self.adapters_ = read_adapters(self.encoder_.model, folder)
        self.outputs_ = outputs_of(self.task)
        self.network_ = self._network()
        self._set_head(read_head(folder / "head.safetensors"))
        self.network_.eval()
        self._measure()
