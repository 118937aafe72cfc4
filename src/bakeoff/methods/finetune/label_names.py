"""Label names: no rows, no training; the label whose name or definition is nearest to the text in an encoder's space.

The baseline of Yin et al. 2019, "Benchmarking Zero-shot Text Classification", section 5.1 (there with word vectors):
what an encoder can do before it has seen a labelled row.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.embeddings import count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.records import Answer
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["LabelNames"]

_NAMES = "label_names.safetensors"


class LabelNames(Method):
    """Answer with the label whose name or definition is nearest to the text; labelled rows are not looked at.

    A label with several words has the mean of their vectors. There are no probabilities: a similarity is none.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Changes nothing.
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    encoder_: Encoder
    vectors_: NDArray[np.float32]

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:  # noqa: ARG002  # nothing is learned from rows
        self.encoder_ = loaded.encoder(str(self.model), self.context_.device)
        told = [label_texts(self.task, code) for code in range(len(self.task.labels))]
        found = embed(self.encoder_, [text for one in told for text in one], self.context_, use_deadline=False)
        ends = np.cumsum([len(one) for one in told])[:-1]
        self.vectors_ = np.stack([part.mean(axis=0) for part in np.split(found.vectors, ends)])
        self.vectors_ /= np.linalg.norm(self.vectors_, axis=1, keepdims=True)
        self.details_ = {"label_texts": [list(one) for one in told], "weights_changed": False}
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        found = embed(self.encoder_, texts, self.context_, use_deadline=False, fresh=self.fresh_scores)
        began = time.perf_counter()
        codes = (found.vectors @ self.vectors_.T).argmax(axis=1)
        share = (time.perf_counter() - began) / len(texts)
        limits = {"truncation": True, "max_length": self.encoder_.max_tokens, "verbose": False}
        tokens = self.encoder_.tokenizer(texts, return_attention_mask=False, **limits)["input_ids"]
        self.details_["truncated_rows"] = self.details_.get("truncated_rows", 0) + count_truncated(self.encoder_, texts)
        return [
            Answer(self.task.labels[int(code)], tokens_in=len(ids), seconds=took + share)
            for code, ids, took in zip(codes, tokens, found.seconds.tolist(), strict=True)
        ]

    def _save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        write_encoder(self.encoder_, folder)
        save_file({"vectors": self.vectors_}, folder / _NAMES)

    def _load(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        self.encoder_ = read_encoder(folder, self.context_.device)
        self.vectors_ = load_file(folder / _NAMES)["vectors"]
        # A reloaded method is compared with the trained one, which kept vectors would make an empty test.
        self.fresh_scores = True
        self._measure()

    def _measure(self) -> None:
        self.size_mb_ = encoder_size_mb(self.encoder_) + self.vectors_.nbytes / 1e6


def label_texts(task: Task, code: int) -> tuple[str, ...]:
    """Give what a label is compared by: each of its words, and its definition behind them.

    Parameters
    ----------
    task : Task
    code : int
        Position of the label.

    Returns
    -------
    tuple of str
        At least one.
    """
    others = task.other_words[code] if task.other_words else ()
    words = (task.words[code], *others)
    definition = task.definitions[code]
    return tuple(f"{word}: {definition}" if definition else word for word in words)
