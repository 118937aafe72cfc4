"""Full fine-tuning: all weights of an encoder and a new head.

The head starts from the linear probe's logistic regression, and all weights are tuned from there (LP-FT: Kumar et al.
2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", section 3).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.embeddings import count_truncated, embed
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.finetune.token_rows import TokenRows, divide, predict_logits
from bakeoff.methods.finetune.training import TuningPlan, tune
from bakeoff.methods.heads import LinearHead, read_head, softmax, write_head
from bakeoff.models.digest import weights_sha256
from bakeoff.models.encoder import Encoder, Pooling, pooled
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes

__all__ = ["EncoderClassifier", "FullFineTuning", "balanced_weights", "compact_embeddings"]

_DROPOUT = 0.1
#: Inside the encoder. None costs nothing in accuracy here, and a tenth less time.
_ENCODER_DROPOUT = 0.0
_HEAD_RATE = 1e-3
_NORMALISE = True
#: A head of a label that no row has starts here: its probability is near 0, and training can move it.
_UNSEEN_BIAS = -10.0


class EncoderClassifier(torch.nn.Module):
    """An encoder, its own pooling, dropout, and a linear head.

    Parameters
    ----------
    model : transformers model
    pooling : {"mean", "cls", "max"}
    normalise : bool
    labels : int
    """

    def __init__(self, model: Any, pooling: Pooling, normalise: bool, labels: int) -> None:
        super().__init__()
        self.model = model
        self.pooling: Pooling = pooling
        self.normalise = normalise
        self.dropout = torch.nn.Dropout(_DROPOUT)
        self.head = torch.nn.Linear(int(model.config.hidden_size), labels)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the labels' scores, shape (rows, labels), of token ids and mask, shape (rows, tokens)."""
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        vectors = pooled(states.float(), mask, self.pooling)
        if self.normalise:
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
        scores: torch.Tensor = self.head(self.dropout(vectors))
        return scores


class FullFineTuning(Method):
    """Tune all weights of an encoder, and a head that starts from the linear probe's.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder.
    seed : int
        Of the held-out part, the batches and dropout.
    learning_rate : float
        Highest rate of the encoder's weights.
    max_epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    class_weights : bool
        Whether rare labels count more in the loss, each label alike in sum.
    """

    least_n = 8

    encoder_: Encoder
    network_: EncoderClassifier

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 1e-4,
        max_epochs: int = 3,
        batch_rows: int = 16,
        least_steps: int = 60,
        class_weights: bool = False,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.class_weights = class_weights

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        base = loaded.encoder(str(self.model), self.context_.device)
        codes = label_codes(labels, self.task.labels)
        self.encoder_ = replace(base, model=copy.deepcopy(base.model).requires_grad_(True))
        rows = TokenRows(self._token_ids(texts), codes)
        kept, out = divide(codes, self.seed)
        train, held = rows.part(kept), rows.part(out)
        self.network_ = self._network()
        head_start = self._start_head(base, [texts[row] for row in kept], train.codes)
        before = weights_sha256(self.encoder_.model)
        with compact_embeddings(self.encoder_.model, rows.ids, self._pad) as short:
            tuned = tune(
                self.network_,
                self._plan(),
                short(train),
                short(held),
                pad=self._pad,
                context=self.context_,
                class_weights=balanced_weights(train.codes, len(self.task.labels)) if self.class_weights else None,
            )
        details = tuned.details(self.network_, held)
        self.encoder_.model.requires_grad_(False)
        self.cut_, self.history_ = tuned.cut, tuned.history
        self.usage_ = replace(self.usage_, tokens_in=tuned.tokens)
        after = weights_sha256(self.encoder_.model)
        self.details_ = details | {
            "head_start": head_start,
            "truncated_rows": count_truncated(base, texts),
            "weights_sha256": {"before": before, "after": after},
            "weights_changed": before != after,
        }
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        began = time.perf_counter()
        ids = self._token_ids(texts)
        rows = softmax(predict_logits(self.network_, ids, self._pad))
        seconds = (time.perf_counter() - began) / len(texts)
        return [
            Answer(self.task.labels[int(row.argmax())], tuple(row.tolist()), tokens_in=len(own), seconds=seconds)
            for row, own in zip(rows, ids, strict=True)
        ]

    def _save(self, folder: Path) -> None:
        write_encoder(self.encoder_, folder)
        head = self.network_.head
        write_head(
            LinearHead(head.weight.detach().cpu().numpy(), head.bias.detach().cpu().numpy()),
            folder / "head.safetensors",
        )

    def _load(self, folder: Path) -> None:
        self.encoder_ = read_encoder(folder, self.context_.device)
        self.network_ = self._network()
        self._set_head(read_head(folder / "head.safetensors"))
        self.network_.eval()
        self._measure()

    @property
    def _pad(self) -> int:
        return int(self.encoder_.tokenizer.pad_token_id or 0)

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        settings = {"truncation": True, "max_length": self.encoder_.max_tokens, "return_attention_mask": False}
        found: list[list[int]] = self.encoder_.tokenizer(list(texts), verbose=False, **settings)["input_ids"]
        return found

    def _network(self) -> EncoderClassifier:
        encoder = self.encoder_
        for module in encoder.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = _ENCODER_DROPOUT
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = EncoderClassifier(encoder.model, encoder.pooling, _NORMALISE, len(self.task.labels))
        return network.to(encoder.device)

    def _plan(self) -> TuningPlan:
        return TuningPlan(
            learning_rate=self.learning_rate,
            head_learning_rate=_HEAD_RATE,
            epochs=self.max_epochs,
            least_steps=self.least_steps,
            batch_rows=self.batch_rows,
            metric=self.task.metric,
            seed=self.seed,
            autocast=self.context_.dtype == "bfloat16",
        )

    def _start_head(self, base: Encoder, texts: list[str], codes: NDArray[np.int64]) -> str:
        """Start the head from the probe's, where the time allows and it can be fitted; say which start it was."""
        found = embed(base, texts, self.context_, use_deadline=True)
        self.reused_seconds_ = found.reused_seconds
        if not found.reached.all():
            return "random"
        head, _ = fit_probe_head(found.vectors, codes, self.task, self.seed)
        self._set_head(replace(head, bias=np.maximum(head.bias, _UNSEEN_BIAS)))
        return "probe"

    def _set_head(self, head: LinearHead) -> None:
        with torch.no_grad():
            self.network_.head.weight.copy_(torch.from_numpy(head.weights))
            self.network_.head.bias.copy_(torch.from_numpy(head.bias))

    def _measure(self) -> None:
        head = sum(weight.numel() * 4 for weight in self.network_.head.parameters())
        self.size_mb_ = encoder_size_mb(self.encoder_) + head / 1e6


def balanced_weights(codes: NDArray[np.int64], n_labels: int) -> NDArray[np.float32]:
    """Give weights under which every label counts alike in the sum over rows.

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
    n_labels : int

    Returns
    -------
    ndarray of float32, shape (labels,)
        ``rows / (labels with rows x rows of the label)``; 1 for a label without rows.
    """
    counts = np.bincount(codes, minlength=n_labels)
    weights = np.ones(n_labels, dtype=np.float32)
    weights[counts > 0] = len(codes) / ((counts > 0).sum() * counts[counts > 0])
    return weights


@contextmanager
def compact_embeddings(
    model: Any, ids: Sequence[Sequence[int]], pad: int
) -> Iterator[Callable[[TokenRows], TokenRows]]:
    """Train with a table of the rows' own tokens instead of the whole vocabulary's.

    Tokens that no row has get no gradient and no decay, so the weights come out the same; the optimizer has half as
    many to go through for a small encoder.

    Parameters
    ----------
    model : transformers model
        Changed inside the block; whole again after it.
    ids : sequence of sequence of int
        Token ids of every row that is used inside the block.
    pad : int
        Id of padding.

    Yields
    ------
    callable
        Turns `TokenRows` with the vocabulary's ids into rows with ids of the small table. Padding keeps its id.
    """
    table = model.get_input_embeddings()
    # Ids up to that of padding stay as they are: some encoders count positions by comparing with it.
    least = 1 + max(pad, table.padding_idx or 0)
    used = np.unique(np.concatenate([np.arange(least), *(np.asarray(row) for row in ids)]))
    with torch.no_grad():
        rows = table.weight[used].clone()
    # A table made from its rows draws no random numbers, which a new one would.
    small: torch.nn.Embedding = torch.nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
        rows, freeze=False, padding_idx=table.padding_idx
    )
    model.set_input_embeddings(small)
    try:
        yield lambda rows: replace(rows, ids=[np.searchsorted(used, row).tolist() for row in rows.ids])
    finally:
        with torch.no_grad():
            table.weight[used] = small.weight
        model.set_input_embeddings(table)
