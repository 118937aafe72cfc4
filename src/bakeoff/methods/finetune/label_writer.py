"""Networks that are tuned to write a label's words, and answer with the log-probabilities of every label's words.

In training a row's ids end with the label's own tokens, each written as ``-1 - token``: their log-probability, summed,
is the network's output, and the loss is on them alone. To answer, a row's ids are the text's alone, and the output is
the log-probability of every label; so no answer can be anything but a label.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.temperature import LEAST_ROWS, fit_temperature, held_out_calibration
from bakeoff.methods.finetune.token_rows import TokenRows, predict_logits
from bakeoff.models.decoder import Decoder
from bakeoff.models.forward import takes_argument
from bakeoff.models.label_tokens import RowTokens
from bakeoff.models.label_trie import build_trie
from bakeoff.models.scoring import LabelScorer
from bakeoff.models.seq2seq import Seq2Seq, Seq2SeqScorer

__all__ = [
    "DecoderWriter",
    "LabelLikelihood",
    "LabelWriter",
    "Seq2SeqWriter",
    "calibrate_writer",
    "marked_in_decoder",
    "read_temperature",
    "with_labels",
    "write_temperature",
]

_Tokens = tuple[int, ...]
_TEMPERATURE = "temperature.json"


class LabelLikelihood(CrossEntropy):
    """Minus the log-likelihood of a row's own label; held-out rows are judged by the scores of all labels.

    Parameters
    ----------
    metric : str
        The task's.
    """

    def __repr__(self) -> str:
        return f"LabelLikelihood({self._metric!r})"

    def loss(self, outputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # ids hold the labels
        """Give the mean over rows."""
        return -outputs.mean()


class LabelWriter(torch.nn.Module):
    """A language model that writes labels, with the temperature that its label scores are divided by.

    Parameters
    ----------
    model : transformers model
        With adapters or without.
    targets : sequence of tuple of int
        Tokens of each label.

    Raises
    ------
    OptionError
        If a label has no tokens, or those of another or the beginning of another.
    """

    temperature: torch.Tensor

    def __init__(self, model: Any, targets: Sequence[_Tokens]) -> None:
        super().__init__()
        self.model = model
        self.targets = tuple(targets)
        # What cannot be told apart is refused before anything is trained.
        build_trie(self.targets)
        self.register_buffer("temperature", torch.ones(()), persistent=False)
        self._scorer: Any = None

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give log-probabilities of rows' ids and mask, shape (rows, tokens).

        In training those of each row's own label, shape (rows, 1); to answer, those of all labels, divided by the
        temperature, shape (rows, labels).
        """
        if self.training:
            return self._of_own_label(ids, mask)
        if self._scorer is None:
            self._scorer = self._make_scorer()
        rows = [row[: int(length)] for row, length in zip(ids.cpu().numpy(), mask.sum(dim=1), strict=True)]
        return torch.from_numpy(self._of_all_labels(self._scorer, rows)) / self.temperature.double().cpu()

    def train(self, mode: bool = True) -> LabelWriter:
        """Set whether it is trained; what was kept of the weights before training is forgotten."""
        if mode:
            self.forget()
        super().train(mode)
        return self

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load weights, and forget what was kept of those before."""
        self.forget()
        return super().load_state_dict(state_dict, *args, **kwargs)

    def forget(self) -> None:
        """Forget the scorer, which keeps what the model said of beginnings that rows share."""
        self._scorer = None

    @abstractmethod
    def _of_own_label(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the log-probability of the label that stands behind each row's text."""

    @abstractmethod
    def _make_scorer(self) -> Any:
        """Give a scorer of the weights as they are."""

    @abstractmethod
    def _of_all_labels(self, scorer: Any, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Give the log-probabilities of all labels for each row's text."""


class DecoderWriter(LabelWriter):
    """A decoder that writes labels.

    Parameters
    ----------
    decoder : Decoder
        Its model has the adapters inside.
    targets : sequence of tuple of int
    prefix : ndarray of int64
        Tokens that rows begin with; read once for all rows.
    """

    def __init__(self, decoder: Decoder, targets: Sequence[_Tokens], prefix: NDArray[np.int64]) -> None:
        super().__init__(decoder.model, targets)
        self.decoder, self.prefix = decoder, prefix
        self._packed: bool | None = None

    def _of_own_label(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        written = ids < 0
        tokens = torch.where(written, -1 - ids, ids)
        rows, places = written.nonzero(as_tuple=True)
        # Padding stands behind each row's tokens, where causal attention does not look: no mask is needed. Only places
        # before a label's token say anything of it.
        kept, at = torch.unique(places - 1, return_inverse=True)
        if takes_argument(self.model, "logits_to_keep"):
            logits = self.model(input_ids=tokens, use_cache=False, logits_to_keep=kept).logits
        else:
            logits = self.model(input_ids=tokens, use_cache=False).logits[:, kept]
        return _summed(logits[rows, at], tokens[rows, places], rows, len(ids))

    def _make_scorer(self) -> LabelScorer:
        scorer = LabelScorer(self.decoder, packed=self._packed)
        self._packed = scorer.packed
        return scorer

    def _of_all_labels(self, scorer: LabelScorer, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        return scorer.score_tokens([RowTokens(row, self.targets) for row in rows], self.prefix)


class Seq2SeqWriter(LabelWriter):
    """An encoder-decoder whose decoder writes labels.

    Parameters
    ----------
    model : Seq2Seq
    targets : sequence of tuple of int
        Each ends with the end token.
    """

    def __init__(self, model: Seq2Seq, targets: Sequence[_Tokens]) -> None:
        super().__init__(model.model, targets)
        self.seq2seq = model

    def _of_own_label(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits, said, rows = marked_in_decoder(self.model, ids, mask, self.targets[0][-1])
        return _summed(logits, said, rows, len(ids))

    def _make_scorer(self) -> Seq2SeqScorer:
        return Seq2SeqScorer(self.seq2seq)

    def _of_all_labels(self, scorer: Seq2SeqScorer, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        return scorer.score_tokens(rows, self.targets)


def marked_in_decoder(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, end: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Let an encoder read rows, and its decoder what is marked in them as to be written.

    Parameters
    ----------
    model : transformers model
        An encoder-decoder.
    ids, mask : int64 tensor, shape (rows, tokens)
    end : int
        Id that fills up what is written in shorter rows.

    Returns
    -------
    logits : tensor, shape (marked tokens, vocabulary)
        Where each marked token is said.
    said, rows : int64 tensor, shape (marked tokens,)
        The tokens, and the row of each.
    """
    written = ids < 0
    texts = mask.bool() & ~written
    counts = written.sum(dim=1)
    # The decoder reads the start token and the target without its last token, and says the target.
    said = torch.full((len(ids), int(counts.max())), end, device=ids.device)
    rows, places = written.nonzero(as_tuple=True)
    steps = places - texts.sum(dim=1)[rows]
    said[rows, steps] = -1 - ids[rows, places]
    first = int(model.config.decoder_start_token_id)
    read = torch.cat([torch.full_like(said[:, :1], first), said[:, :-1]], dim=1)
    longest = int(texts.sum(dim=1).max())
    logits = model(
        input_ids=torch.where(written, 0, ids)[:, :longest],
        attention_mask=texts.long()[:, :longest],
        decoder_input_ids=read,
        use_cache=False,
    ).logits
    return logits[rows, steps], said[rows, steps], rows


def _summed(logits: torch.Tensor, tokens: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Sum the log-probabilities of tokens row by row, shape (rows, 1)."""
    logs = -torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="none")
    return torch.zeros(count, device=logs.device).index_add(0, rows, logs)[:, None]


def with_labels(rows: TokenRows, targets: Sequence[_Tokens]) -> TokenRows:
    """Put each row's own label behind it, marked as what is to be written.

    Parameters
    ----------
    rows : TokenRows
    targets : sequence of tuple of int
        Tokens of each label.

    Returns
    -------
    TokenRows
    """
    marked = [[-1 - token for token in target] for target in targets]
    return TokenRows([ids + marked[code] for ids, code in zip(rows.ids, rows.codes, strict=True)], rows.codes)


def calibrate_writer(network: LabelWriter, held: TokenRows, pad: int) -> dict[str, Any]:
    """Divide a writer's scores by the temperature of held-out rows, and say what that did to its calibration.

    Parameters
    ----------
    network : LabelWriter
    held : TokenRows
        Rows that it did not learn from; 1 where they are too few.
    pad : int

    Returns
    -------
    dict
        As of `calibrate_head`.
    """
    if len(held) < LEAST_ROWS:
        return {"temperature": float(network.temperature), "calibration_error": None}
    logits = predict_logits(network, held.ids, pad)
    network.temperature.fill_(fit_temperature(logits, held.codes))
    told = held_out_calibration(logits, held.codes)
    return {"temperature": float(network.temperature), "calibration_error": told}


def write_temperature(network: LabelWriter, folder: Path) -> None:
    """Write what a writer's scores are divided by.

    Parameters
    ----------
    network : LabelWriter
    folder : Path
    """
    told = json.dumps({"temperature": float(network.temperature)}, indent=2)
    (folder / _TEMPERATURE).write_text(told + "\n", encoding="utf-8")


def read_temperature(network: LabelWriter, folder: Path) -> None:
    """Set what `write_temperature` wrote.

    Parameters
    ----------
    network : LabelWriter
    folder : Path
    """
    told = json.loads((folder / _TEMPERATURE).read_text(encoding="utf-8"))
    network.temperature.fill_(told["temperature"])
