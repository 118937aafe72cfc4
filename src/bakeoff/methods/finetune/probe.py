"""The linear probe: a frozen encoder and a logistic head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import FIELD_SEPARATOR, split_fields
from bakeoff.errors import TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.embeddings import Encoded, count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.head_fits import fit_outputs
from bakeoff.methods.heads import (
    LinearHead,
    StrengthChoice,
    choose_strength,
    fit_logistic,
    read_head,
    write_head,
)
from bakeoff.methods.outputs import Outputs, outputs_of
from bakeoff.records import Answer
from bakeoff.tasks import ONE_LABEL, Task, label_codes

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["Probe", "fit_probe_head"]

_STRENGTHS = (3.0, 10.0, 30.0, 100.0)
#: Vectors have length 1, so that a strong penalty leaves little to tell labels apart by; with fewer rows than these, a
#: cross-validation chooses one too often.
_DEFAULT_STRENGTH = 30.0
_RIDGE_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
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
        self.paired_ = any(FIELD_SEPARATOR in text for text in texts)
        found = self._embed(texts, use_deadline=True)
        rows = np.flatnonzero(found.reached)
        learned = [labels[row] for row in rows]
        self.cut_ = len(rows) < len(texts)
        if len(set(learned)) < 2:
            raise TrialError(f"Time was up with {len(rows)} of {len(texts)} rows encoded, too few to fit a head.")
        self.outputs_ = outputs_of(self.task, learned)
        self.head_, choice = fit_probe_head(found.vectors[rows], learned, self.outputs_, self.seed)
        self.reused_seconds_ = found.reused_seconds
        self.usage_ = replace(self.usage_, tokens_in=sum(self._tokens(texts)))
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
        found = self._embed(texts, use_deadline=False)
        began = time.perf_counter()
        told = self.outputs_.told_by(self.head_, found.vectors)
        share = (time.perf_counter() - began) / len(texts)
        return [
            Answer(value, shares, tokens_in=tokens, seconds=took + share)
            for (value, shares), tokens, took in zip(told, self._tokens(texts), found.seconds.tolist(), strict=True)
        ]

    def _embed(self, texts: list[str], *, use_deadline: bool) -> Encoded:
        """Encode texts; of a pair both, and how they differ (Conneau et al. 2017, InferSent, section 3.1)."""
        if not self.paired_:
            return embed(self.encoder_, texts, self.context_, use_deadline=use_deadline, fresh=self.fresh_scores)
        sides = [list(side) for side in zip(*(split_fields(text, 2)[:2] for text in texts), strict=True)]
        one, other = (
            embed(self.encoder_, side, self.context_, use_deadline=use_deadline, fresh=self.fresh_scores)
            for side in sides
        )
        u, v = one.vectors, other.vectors
        return Encoded(
            np.concatenate([u, v, np.abs(u - v), u * v], axis=1),
            one.seconds + other.seconds,
            one.reused_seconds + other.reused_seconds,
        )

    def _tokens(self, texts: list[str]) -> list[int]:
        """Count the tokens that are read of each text."""
        limits = {"truncation": True, "max_length": self.encoder_.max_tokens, "verbose": False}
        found = self.encoder_.tokenizer(texts, return_attention_mask=False, **limits)["input_ids"]
        return [len(ids) for ids in found]

    def _save(self, folder: Path) -> None:
        write_encoder(self.encoder_, folder)
        write_head(self.head_, folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        self.encoder_ = read_encoder(folder, self.context_.device)
        self.head_ = read_head(folder / "head.safetensors")
        self.outputs_ = outputs_of(self.task)
        self.outputs_.of_head(self.head_)
        self.paired_ = self.head_.weights.shape[1] > int(self.encoder_.model.config.hidden_size)
        # A reloaded method is compared with the trained one, which kept vectors would make an empty test.
        self.fresh_scores = True
        self._measure()

    def _measure(self) -> None:
        self.size_mb_ = encoder_size_mb(self.encoder_) + (self.head_.weights.nbytes + self.head_.bias.nbytes) / 1e6


def fit_probe_head(
    vectors: NDArray[np.float32], labels: Sequence[str], outputs: Outputs, seed: int
) -> tuple[LinearHead, StrengthChoice]:
    """Fit the linear head of a probe, its strength chosen inside the rows.

    Parameters
    ----------
    vectors : ndarray of float32, shape (rows, dimensions)
    labels : sequence of str
        Written labels, of which at least two differ.
    outputs : Outputs
        What the head's scores say; thresholds are chosen with it.
    seed : int
        Of the folds.

    Returns
    -------
    LinearHead
    StrengthChoice
    """
    task = outputs.task
    if task.kind not in ONE_LABEL:
        candidates = _RIDGE_STRENGTHS if task.kind == "regression" else _STRENGTHS
        return fit_outputs(vectors, labels, outputs, candidates=candidates, seed=seed)

    def fit(rows: Any, targets: NDArray[np.int64], count: int, C: float) -> LinearHead:
        return fit_logistic(rows, targets, count, C=C)

    codes, count = label_codes(labels, task.labels), len(task.labels)
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
