"""The linear probe: a frozen encoder and a logistic head."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import spaced, split_fields
from bakeoff.errors import OptionError, TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.exportable import Exportable
from bakeoff.methods.finetune.embeddings import LEAST_REUSED, Encoded, count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.finetune.hugging_face import check_one_vector, on_cpu, write_classifier
from bakeoff.methods.finetune.long_texts import (
    LONG_TEXT_NOTES,
    Pieces,
    check_long_texts,
    fitted_length,
    mean_of_pieces,
    refuse_windows,
    whole_texts,
    windows,
)
from bakeoff.methods.head_fits import fit_outputs
from bakeoff.methods.heads import (
    LinearHead,
    StrengthChoice,
    choose_strength,
    fit_logistic,
    read_head,
    write_head,
)
from bakeoff.methods.outputs import NOT_FINITE, Outputs, outputs_of
from bakeoff.records import Answer, WrittenForm
from bakeoff.tasks import ONE_LABEL, Task, are_pairs, label_codes

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["Probe", "fit_probe_head"]

_STRENGTHS = (3.0, 10.0, 30.0, 100.0)
#: Vectors have length 1, so that a strong penalty leaves little to tell labels apart by; with fewer rows than these, a
#: cross-validation chooses one too often.
_DEFAULT_STRENGTH = 30.0
_RIDGE_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
#: Above this many rows times labels of which a row may have several, the default strength stands.
_MOST_WORK = 60_000
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
        self.paired_ = are_pairs(self.task, texts)
        found, pieces = self._embedded(texts, use_deadline=True)
        rows = np.flatnonzero(found.reached)
        learned = [labels[row] for row in rows]
        self.cut_ = len(rows) < len(texts)
        if len(set(learned)) < 2:
            raise TrialError(f"Time was up with {len(rows)} of {len(texts)} rows encoded, too few to fit a head.")
        self.outputs_ = outputs_of(self.task, learned)
        self.head_, choice = fit_probe_head(found.vectors[rows], learned, self.outputs_, self.seed)
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
        told = self.outputs_.told_by(self.head_, found.vectors)
        share = (time.perf_counter() - began) / len(texts)
        tokens = self._tokens(pieces).tolist()
        return [
            Answer(value, shares, NOT_FINITE if value is None else None, tokens_in=read, seconds=took + share)
            for (value, shares), read, took in zip(told, tokens, found.seconds.tolist(), strict=True)
        ]

    def exportable(self) -> Exportable:
        """Give encoder and head as one network.

        Raises
        ------
        OptionError
            If answers are made of more than one reading of a text, or of two texts read apart.
        """
        from bakeoff.methods.finetune.tuned_encoder import network_of

        refuse_windows(self.long_texts)
        if self.paired_:
            raise OptionError(
                "A probe of pairs cannot be exported: it reads the two texts apart.",
                next_step="Export a bundle of full, or serve this one as it is: bakeoff serve.",
            )
        encoder = self.encoder_
        pad = int(encoder.tokenizer.pad_token_id or 0)
        network = network_of(encoder, self.head_)
        return Exportable(network, encoder.tokenizer, encoder.max_tokens, pad, self.outputs_.reading())

    def _embedded(self, texts: list[str], *, use_deadline: bool) -> tuple[Encoded, Pieces]:
        """Encode texts; of a pair both, and how they differ (Conneau et al. 2017, InferSent, section 3.1)."""
        if not self.paired_:
            return self._encoded(texts, use_deadline=use_deadline)
        sides = [list(side) for side in zip(*(split_fields(text, 2)[:2] for text in texts), strict=True)]
        (one, _), (other, _) = (self._encoded(side, use_deadline=use_deadline) for side in sides)
        u, v = one.vectors, other.vectors
        both = np.concatenate([u, v, np.abs(u - v), u * v], axis=1)
        seconds = one.seconds + other.seconds
        return Encoded(both, seconds, one.reused_seconds + other.reused_seconds), whole_texts(texts)

    def _encoded(self, texts: list[str], *, use_deadline: bool) -> tuple[Encoded, Pieces]:
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
        found = self.encoder_.tokenizer(spaced(pieces.texts), return_attention_mask=False, **limits)["input_ids"]
        return np.bincount(pieces.owners, weights=[len(ids) for ids in found]).astype(np.int64)

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

    def write_hugging_face(self, folder: Path) -> WrittenForm:
        """Write what was fitted as a sequence classifier of the transformers library; see `write_classifier`."""
        check_one_vector(self.task, paired=self.paired_)
        notes = LONG_TEXT_NOTES if self.long_texts == "windows" else ()
        encoder = on_cpu(self.encoder_, copy.deepcopy(self.encoder_.model))
        return write_classifier(encoder, self.head_, self.outputs_, folder, notes=notes)

    def _measure(self) -> None:
        self.size_mb_ = encoder_size_mb(self.encoder_) + (self.head_.weights.nbytes + self.head_.bias.nbytes) / 1e6


def fit_probe_head(
    vectors: NDArray[np.float32], labels: Sequence[str], outputs: Outputs, seed: int, *, to_start: bool = False
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
    to_start : bool
        Whether training goes on from the head, so that strength and thresholds of several labels, or of numbers, need
        not be chosen.

    Returns
    -------
    LinearHead
    StrengthChoice
    """
    task = outputs.task
    if task.kind not in ONE_LABEL:
        candidates: tuple[float, ...] = _RIDGE_STRENGTHS if task.kind == "regression" else _STRENGTHS
        if len(labels) * len(task.labels) > _MOST_WORK:
            candidates = (_DEFAULT_STRENGTH,)
        return fit_outputs(vectors, labels, outputs, candidates=candidates, seed=seed, choose=not to_start)

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
