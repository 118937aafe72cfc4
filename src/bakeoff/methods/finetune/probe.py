"""The linear probe: a frozen encoder and a logistic head."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.embeddings import count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.heads import (
    LinearHead,
    StrengthChoice,
    choose_strength,
    fit_logistic,
    read_head,
    write_head,
)
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["Probe", "fit_probe_head"]

_STRENGTHS = (3.0, 10.0, 30.0, 100.0)
#: Vectors have length 1, so that a strong penalty leaves little to tell labels apart by; with fewer rows than these, a
#: cross-validation chooses one too often.
_DEFAULT_STRENGTH = 30.0
_LEAST_TO_CHOOSE = 100


class Probe(Method):
    """Logistic regression on the vectors of a frozen encoder, C chosen by cross-validation inside the rows.

    With fewer than 100 rows C is 30. A process encodes each text once for all its trials. A trial is still charged the
    seconds of every row that it would have had to encode: in ``usage_``, in its answers, and in
    ``details_["encode_seconds_charged"]``.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Of the cross-validation's folds.
    """

    encoder_: Encoder
    head_: LinearHead

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self.encoder_ = loaded.encoder(str(self.model), self.context_.device)
        found = embed(self.encoder_, texts, self.context_, use_deadline=True)
        codes = label_codes(labels, self.task.labels)
        rows = np.flatnonzero(found.reached)
        self.cut_ = len(rows) < len(texts)
        if len(np.unique(codes[rows])) < 2:
            raise TrialError(f"Time was up with {len(rows)} of {len(texts)} rows encoded, too few to fit a head.")
        self.head_, choice = fit_probe_head(found.vectors[rows], codes[rows], self.task, self.seed)
        self.reused_seconds_ = found.reused_seconds
        tokens = self.encoder_.tokenizer(texts, truncation=True, max_length=self.encoder_.max_tokens)["input_ids"]
        self.usage_ = replace(self.usage_, tokens_in=sum(len(ids) for ids in tokens))
        self.details_ = {
            "strength": choice.to_json(),
            "encode_seconds_charged": float(found.seconds.sum()),
            "encoded_rows": len(rows),
            "trainable_parameters": int(self.head_.weights.size + self.head_.bias.size),
            "truncated_rows": count_truncated(self.encoder_, texts),
            "weights_changed": False,
        }
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        found = embed(self.encoder_, texts, self.context_, use_deadline=False, fresh=self.fresh_scores)
        began = time.perf_counter()
        rows = self.head_.probabilities(found.vectors)
        share = (time.perf_counter() - began) / len(texts)
        limits = {"truncation": True, "max_length": self.encoder_.max_tokens, "verbose": False}
        tokens = self.encoder_.tokenizer(texts, return_attention_mask=False, **limits)["input_ids"]
        return [
            Answer(self.task.labels[int(row.argmax())], tuple(row.tolist()), tokens_in=len(ids), seconds=took + share)
            for row, ids, took in zip(rows, tokens, found.seconds.tolist(), strict=True)
        ]

    def _save(self, folder: Path) -> None:
        write_encoder(self.encoder_, folder)
        write_head(self.head_, folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        self.encoder_ = read_encoder(folder, self.context_.device)
        self.head_ = read_head(folder / "head.safetensors")
        # A reloaded method is compared with the trained one, which kept vectors would make an empty test.
        self.fresh_scores = True
        self._measure()

    def _measure(self) -> None:
        self.size_mb_ = encoder_size_mb(self.encoder_) + (self.head_.weights.nbytes + self.head_.bias.nbytes) / 1e6


def fit_probe_head(
    vectors: NDArray[np.float32], codes: NDArray[np.int64], task: Task, seed: int
) -> tuple[LinearHead, StrengthChoice]:
    """Fit the logistic head of a probe, its strength chosen inside the rows.

    Parameters
    ----------
    vectors : ndarray of float32, shape (rows, dimensions)
    codes : ndarray of int64, shape (rows,)
        Of at least two labels.
    task : Task
    seed : int
        Of the folds.

    Returns
    -------
    LinearHead
    StrengthChoice
    """

    def fit(rows: Any, targets: NDArray[np.int64], labels: int, C: float) -> LinearHead:
        return fit_logistic(rows, targets, labels, C=C)

    count = len(task.labels)
    choice = choose_strength(
        vectors,
        codes,
        count,
        fit,
        metric=task.metric,
        candidates=_STRENGTHS,
        default=_DEFAULT_STRENGTH,
        seed=seed,
        least_rows=_LEAST_TO_CHOOSE,
    )
    return fit_logistic(vectors, codes, count, C=choice.C), choice
