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
from bakeoff.methods.finetune.embeddings import LEAST_REUSED, Encoded, count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.finetune.long_texts import (
    Pieces,
    check_long_texts,
    fitted_length,
    mean_of_pieces,
    whole_texts,
    windows,
)
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
    long_texts : {"cut", "cut-short", "windows"}
        What is done with texts that are longer than the encoder reads: cut at its limit; cut at the length that holds
        99.5% of the labelled texts; or read in windows, whose vectors are averaged.
    """

    encoder_: Encoder
    head_: LinearHead

    def __init__(self, task: Task, model: str | None = None, seed: int = 0, long_texts: str = "cut") -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.long_texts = long_texts

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        check_long_texts(self.long_texts)
        self.encoder_ = loaded.encoder(str(self.model), self.context_.device)
        if self.long_texts == "cut-short":
            self.encoder_ = fitted_length(self.encoder_, texts)
        found, pieces = self._embedded(texts, use_deadline=True)
        codes = label_codes(labels, self.task.labels)
        rows = np.flatnonzero(found.reached)
        self.cut_ = len(rows) < len(texts)
        if len(np.unique(codes[rows])) < 2:
            raise TrialError(f"Time was up with {len(rows)} of {len(texts)} rows encoded, too few to fit a head.")
        self.head_, choice = fit_probe_head(found.vectors[rows], codes[rows], self.task, self.seed)
        self.reused_seconds_ = found.reused_seconds
        self.usage_ = replace(self.usage_, tokens_in=int(self._tokens(pieces).sum()))
        self.details_ = {
            "strength": choice.to_json(),
            "encode_seconds_charged": float(found.seconds.sum()),
            "encoded_rows": len(rows),
            "trainable_parameters": int(self.head_.weights.size + self.head_.bias.size),
            "truncated_rows": count_truncated(self.encoder_, texts),
            "max_tokens": self.encoder_.max_tokens,
            "weights_changed": False,
        }
        if self.long_texts == "windows":
            told = {"windows": len(pieces.texts), "windowed_rows": pieces.split, "truncated_rows": pieces.cut}
            self.details_ |= told
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        found, pieces = self._embedded(texts, use_deadline=False)
        began = time.perf_counter()
        rows = self.head_.probabilities(found.vectors)
        share = (time.perf_counter() - began) / len(texts)
        tokens = self._tokens(pieces).tolist()
        return [
            Answer(self.task.labels[int(row.argmax())], tuple(row.tolist()), tokens_in=read, seconds=took + share)
            for row, read, took in zip(rows, tokens, found.seconds.tolist(), strict=True)
        ]

    def _embedded(self, texts: list[str], *, use_deadline: bool) -> tuple[Encoded, Pieces]:
        """Encode texts, long ones in windows where these are asked for: a text's vector is their mean."""
        encoder, context = self.encoder_, self.context_
        pieces = windows(encoder, texts) if self.long_texts == "windows" else whole_texts(texts)
        # A row asked alone is encoded afresh, however many windows it has.
        fresh = self.fresh_scores or len(texts) < LEAST_REUSED
        found = embed(encoder, pieces.texts, context, use_deadline=use_deadline, fresh=fresh)
        if not pieces.split:
            return found, pieces
        vectors = mean_of_pieces(found.vectors, pieces.owners)
        if encoder.normalise:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        seconds = np.bincount(pieces.owners, weights=found.seconds).astype(np.float64)
        return replace(found, vectors=vectors, seconds=seconds), pieces

    def _tokens(self, pieces: Pieces) -> NDArray[np.int64]:
        """Count the tokens that are read of each text, shape (texts,)."""
        limits = {"truncation": True, "max_length": self.encoder_.max_tokens, "verbose": False}
        found = self.encoder_.tokenizer(pieces.texts, return_attention_mask=False, **limits)["input_ids"]
        return np.bincount(pieces.owners, weights=[len(ids) for ids in found]).astype(np.int64)

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
