"""What all methods share that change an encoder: its copy, the head, how it is trained, answers, and is kept."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from bakeoff.data import split_fields
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.exportable import Exportable
from bakeoff.methods.finetune.embeddings import count_truncated
from bakeoff.methods.finetune.encoder_files import encoder_size_mb, read_encoder, write_encoder
from bakeoff.methods.finetune.hugging_face import check_one_vector, on_cpu, write_classifier
from bakeoff.methods.finetune.long_texts import LONG_TEXT_NOTES, Pieces, refuse_windows, whole_texts, windows
from bakeoff.methods.finetune.objectives import Objective
from bakeoff.methods.finetune.packing import can_pack, packed_states, plain_attention
from bakeoff.methods.finetune.pooled_head import NEVER
from bakeoff.methods.finetune.precision import settle_dtype
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.finetune.token_rows import TokenRows, answers_of, predict_logits
from bakeoff.methods.finetune.tuning_plan import Tuned, TuningPlan
from bakeoff.methods.heads import LinearHead, head_of, read_head, write_head
from bakeoff.methods.outputs import Outputs, outputs_of
from bakeoff.models.digest import weights_sha256
from bakeoff.models.encoder import Encoder, Pooling, pooled
from bakeoff.models.quick_encoder import QuickEncoder, answering_dtype, answering_model
from bakeoff.records import Answer, WrittenForm
from bakeoff.tasks import are_pairs, label_codes

__all__ = ["TOKENIZING", "EncoderClassifier", "TextVectors", "TunedEncoder", "compact_embeddings", "network_of"]

_DROPOUT = 0.1
#: Inside the encoder. None costs nothing in accuracy here, and a tenth less time.
_ENCODER_DROPOUT = 0.0
_NORMALISE = True
#: A head of a label that no row has starts here: its probability is near 0, and training can move it.
_UNSEEN_BIAS = -10.0
#: A tokenizer is set to what is asked of it before it is used, which one thread alone may do at a time.
TOKENIZING = threading.Lock()


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
        scores: torch.Tensor = self.head(self.dropout(self.vectors(ids, mask)))
        return scores

    def states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the last layer's states, shape (rows, tokens, dimensions); in training without work on padding."""
        if self.training and can_pack(self.model, mask):
            return packed_states(self.model, ids, mask)
        plain = plain_attention(self.model, ids.shape[1]) if self.training else nullcontext()
        with plain:
            states: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return states

    def vectors(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give one vector a row, shape (rows, dimensions), of token ids and mask, shape (rows, tokens)."""
        found = pooled(self.states(ids, mask).float(), mask, self.pooling)
        return torch.nn.functional.normalize(found, dim=-1) if self.normalise else found

    def laid_out(self, dtype: torch.dtype) -> Self:
        """Give a network for answering alone, whose encoder multiplies in a data type; the head is shared."""
        with torch.random.fork_rng(devices=[]):  # of the new head's numbers, which are not used
            found = type(self)(answering_model(self.model, dtype), self.pooling, self.normalise, self.head.out_features)
        found.head = self.head
        return found.eval()


class TextVectors(torch.nn.Module):
    """The vectors of a classifier's texts, as outputs of their own.

    Parameters
    ----------
    network : EncoderClassifier
    """

    def __init__(self, network: EncoderClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give one vector a row, shape (rows, dimensions)."""
        return self.network.vectors(ids, mask)


class TunedEncoder(Method):
    """A method that changes a copy of an encoder's weights and answers with a linear head; subclasses write `_fit`."""

    least_n = 8
    can_continue = True

    #: What is done with texts that are longer than the encoder reads; see `bakeoff.methods.finetune.long_texts`.
    long_texts: str = "cut"

    learning_rate: float
    max_epochs: int
    batch_rows: int
    least_steps: int

    encoder_: Encoder
    network_: EncoderClassifier
    answering_: EncoderClassifier
    outputs_: Outputs

    def _answer(self, texts: list[str]) -> list[Answer]:
        began = time.perf_counter()
        with TOKENIZING:
            pieces = self._pieces(texts)
            ids = self._token_ids(pieces.texts)
        return answers_of(self._answering(), ids, self._pad, self.outputs_, began, pieces.owners)

    @property
    def answers_in_parallel(self) -> bool:
        """Whether several threads may ask it at a time: where the encoder is known to change nothing in itself."""
        return isinstance(self._answering().model, QuickEncoder)

    def _answering(self) -> EncoderClassifier:
        """Give the network laid out for answering, in the data type of the surroundings; made when it is first asked.

        Scores are summed in float32 from the vectors on, and the head stays in float32.
        """
        if not hasattr(self, "answering_"):
            self.answering_ = self.network_.laid_out(answering_dtype(self.context_.dtype, self.context_.device))
        return self.answering_

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network laid out for answering: it cannot be pickled, and is made again when it is asked."""
        return {name: value for name, value in vars(self).items() if name != "answering_"}

    def exportable(self) -> Exportable:
        """Give the network that answers, in float32, with what goes with it.

        Raises
        ------
        OptionError
            If answers are made of more than one reading of a text.
        """
        refuse_windows(self.long_texts)
        encoder = self.encoder_
        return Exportable(
            self._whole_network(), encoder.tokenizer, encoder.max_tokens, self._pad, self.outputs_.reading()
        )

    def _whole_network(self) -> EncoderClassifier:
        """Give the network with all that was trained inside of its weights."""
        return self.network_

    def _save(self, folder: Path) -> None:
        write_encoder(self.encoder_, folder)
        head = self.network_.head
        found = LinearHead(head.weight.detach().cpu().numpy(), head.bias.detach().cpu().numpy())
        write_head(self.outputs_.on_head(found), folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        self.encoder_ = read_encoder(folder, self.context_.device)
        self.outputs_ = outputs_of(self.task)
        self.network_ = self._network()
        head = read_head(folder / "head.safetensors")
        self.outputs_.of_head(head)
        self._set_head(head)
        self.network_.eval()
        self._measure()

    def write_hugging_face(self, folder: Path) -> WrittenForm:
        """Write what was fitted as a sequence classifier of the transformers library; see `write_classifier`."""
        check_one_vector(self.task, paired=False)
        encoder = replace(on_cpu(self.encoder_, self._whole_network().model), normalise=_NORMALISE)
        return write_classifier(encoder, head_of(self.network_.head), self.outputs_, folder, notes=self._long_notes())

    def _long_notes(self) -> tuple[str, ...]:
        return LONG_TEXT_NOTES if self.long_texts == "windows" else ()

    @property
    def _pad(self) -> int:
        return int(self.encoder_.tokenizer.pad_token_id or 0)

    def _copy_encoder(self, labels: Sequence[str]) -> Encoder:
        """Copy the encoder that all methods share, so that its weights may be changed; give the shared one.

        Where an earlier fit is continued, its encoder comes in place of the copy.
        """
        self.outputs_ = outputs_of(self.task, labels)
        if self.continued is not None:
            self.outputs_.go_on_from(read_head(self.continued[0] / "head.safetensors"), self.continued[1])
        base = loaded.encoder(str(self.model), self.context_.device)
        if self.continued is None:
            self.encoder_ = replace(base, model=copy.deepcopy(base.model))
        else:
            self.encoder_ = read_encoder(self.continued[0], self.context_.device)
        self.encoder_.model.requires_grad_(True)
        self.network_ = self._network()
        return base

    def _pieces(self, texts: Sequence[str]) -> Pieces:
        """Give texts in the pieces that are read one by one: windows of long ones, where these are asked for."""
        # A window of a pair would hold a part of one text and nothing of the other.
        paired = are_pairs(self.task, texts)
        return windows(self.encoder_, texts) if self.long_texts == "windows" and not paired else whole_texts(texts)

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        settings = {"truncation": True, "max_length": self.encoder_.max_tokens, "return_attention_mask": False}
        given: tuple[list[str], ...] = (list(texts),)
        if are_pairs(self.task, texts):
            # A pair stands in one row, with the tokenizer's own separator, so that the model sees both at once.
            given = tuple(map(list, zip(*(split_fields(text, 2)[:2] for text in texts), strict=True)))
        found: list[list[int]] = self.encoder_.tokenizer(*given, verbose=False, **settings)["input_ids"]
        return found

    def _network(self) -> EncoderClassifier:
        return self._made(EncoderClassifier)

    def _made(self, kind: type[EncoderClassifier]) -> EncoderClassifier:
        encoder = self.encoder_
        for module in encoder.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = _ENCODER_DROPOUT
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = kind(encoder.model, encoder.pooling, _NORMALISE, self.outputs_.width)
        return network.to(encoder.device)

    def _plan(self, head_learning_rate: float) -> TuningPlan:
        return TuningPlan(
            learning_rate=self.learning_rate,
            head_learning_rate=head_learning_rate,
            epochs=self.max_epochs,
            least_steps=self.least_steps,
            batch_rows=self.batch_rows,
            seed=self.seed,
            autocast=self.context_.dtype == "bfloat16",
        )

    def _settle_dtype(self, train: TokenRows, plan: TuningPlan, objective: Objective) -> dict[str, Any]:
        """Choose the data type of training by what this machine showed, where that is left open; say why."""
        if not self.context_.measure_dtype:
            return {}
        model = {"model": self.encoder_.sha256, "trained": sum(w.requires_grad for w in self.network_.parameters())}
        told = settle_dtype(self.network_, train, plan, objective, self._pad, self.context_, model)
        self.context_ = replace(self.context_, dtype=told["dtype"])
        return {"precision": told}

    def _report(self, tuned: Tuned, details: dict[str, Any], texts: list[str], before: str) -> None:
        """Set what a fit tells of itself; `before` is the sha256 of the weights that it began with."""
        self.encoder_.model.requires_grad_(False)
        self.cut_, self.history_ = tuned.cut, tuned.history
        self.usage_ = replace(self.usage_, tokens_in=tuned.tokens)
        after = weights_sha256(self.encoder_.model)
        self.details_ = {
            "truncated_rows": count_truncated(self.encoder_, texts),
            "max_tokens": self.encoder_.max_tokens,
            "weights_sha256": {"before": before, "after": after},
            "weights_changed": before != after,
        } | details
        self._measure()

    def _start_from(self, head: LinearHead) -> None:
        """Set the head to one that was fitted, which training may go on from."""
        self._set_head(replace(head, bias=np.maximum(head.bias, _UNSEEN_BIAS)))

    def _continue_head(self, rows: TokenRows, own: Sequence[str]) -> None:
        """Set the head to that of the fit which is continued; a label that it did not have gets a probe's."""
        if self.continued is None:
            raise RuntimeError("there is no fit to be continued")
        folder, labels = self.continued
        known = read_head(folder / "head.safetensors")
        if self.task.kind == "regression":
            self._set_head(known)
            return
        weights, bias = (tensor.detach().cpu().numpy().copy() for tensor in self.network_.head.parameters())
        head = LinearHead(weights, bias)
        places = label_codes(labels, self.task.labels)
        fresh = np.setdiff1d(np.arange(len(self.task.labels)), places)
        if len(fresh):
            vectors = predict_logits(TextVectors(self.network_), rows.ids, self._pad).astype(np.float32)
            fitted, _ = fit_probe_head(vectors, own, outputs_of(self.task, own), self.seed)
            head.weights[fresh], head.bias[fresh] = fitted.weights[fresh], fitted.bias[fresh]
        head.weights[places], head.bias[places] = known.weights, known.bias
        self._start_from(head)

    def _set_head(self, head: LinearHead) -> None:
        with torch.no_grad():
            self.network_.head.weight.copy_(torch.from_numpy(head.weights))
            self.network_.head.bias.copy_(torch.from_numpy(head.bias))

    def _measure(self) -> None:
        head = sum(weight.numel() * 4 for weight in self.network_.head.parameters())
        self.size_mb_ = encoder_size_mb(self.encoder_) + head / 1e6


def network_of(encoder: Encoder, head: LinearHead) -> EncoderClassifier:
    """Give an encoder and a head that was fitted on its vectors as one network.

    Parameters
    ----------
    encoder : Encoder
    head : LinearHead
        Of logistic regression, ridge regression, or one head a label.

    Returns
    -------
    EncoderClassifier
        Ready to answer. A label that no row had gets a score that is very low, where the head has minus infinity.
    """
    with torch.random.fork_rng(devices=[]):
        network = EncoderClassifier(encoder.model, encoder.pooling, encoder.normalise, len(head.bias))
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weights))
        network.head.bias.copy_(torch.from_numpy(np.maximum(head.bias, NEVER)))
    return network.eval()


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
