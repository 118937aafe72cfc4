"""Token classification: all weights of an encoder and a tag for the first piece of each word."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.data import split_fields, write_tags
from bakeoff.errors import OptionError
from bakeoff.methods.exportable import Exportable
from bakeoff.methods.finetune.kind_objectives import NO_TAG, TagEntropy
from bakeoff.methods.finetune.objectives import balanced_weights
from bakeoff.methods.finetune.token_rows import TokenRows, divide, predict_logits
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuned_encoder import TOKENIZING, EncoderClassifier, TunedEncoder, compact_embeddings
from bakeoff.methods.finetune.word_pieces import word_pieces
from bakeoff.methods.heads import LinearHead, read_head
from bakeoff.methods.outputs import OneLabel
from bakeoff.models.digest import weights_sha256
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes, likeliest_tags, with_beginnings

__all__ = ["TokenClassifier"]

_HEAD_RATE = 1e-3


class _TokenScores(EncoderClassifier):
    """An encoder, dropout, and a linear head on each token's state."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the tags' scores, shape (rows, tokens, tags), of token ids and mask, shape (rows, tokens)."""
        scores: torch.Tensor = self.head(self.dropout(self.states(ids, mask).float()))
        return scores


class TokenClassifier(TunedEncoder):
    """Tune all weights of an encoder and a head that tags each token.

    A word is tagged by its first piece, and a row gets the likeliest tags in which no entity begins with an inside tag.
    An encoder that drops capital letters gets a mark before the words that have some (see `word_pieces`). Words behind
    the longest text that the encoder reads get no entity, and are counted.

    Parameters
    ----------
    task : Task
        Of kind tagging.
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
        Whether rare tags count more in the loss, each tag alike in sum.
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 3e-4,
        max_epochs: int = 10,
        batch_rows: int = 16,
        least_steps: int = 200,
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
        self._copy_encoder(())
        names = self.task.labels
        tags = [label_codes(with_beginnings(label.split(" "), names), names) for label in labels]
        ids, firsts = self._word_pieces(texts)
        rows = TokenRows(ids, _codes_of(ids, firsts, tags))
        kept, out = divide(OneLabel(self.task).strata(labels), self.seed)
        train, held = rows.part(kept), rows.part(out)
        if self.continued is not None:
            self._take_up_head()
        before = weights_sha256(self.encoder_.model)
        own = train.codes[train.codes != NO_TAG]
        weights = balanced_weights(own, len(self.task.labels)) if self.class_weights else None
        objective = TagEntropy(self.task, weights)
        with compact_embeddings(self.encoder_.model, rows.ids, self._pad) as short:
            precision = self._settle_dtype(short(train), self._plan(_HEAD_RATE), objective)
            tuned = tune(
                self.network_,
                self._plan(_HEAD_RATE),
                short(train),
                short(held),
                objective=objective,
                pad=self._pad,
                context=self.context_,
            )
        unread = sum(len(split_fields(text)) - len(first) for text, first in zip(texts, firsts, strict=True))
        details = tuned.details(self.network_, held) | {"unread_tokens": unread} | precision
        self._report(tuned, details, texts, before)

    def _answer(self, texts: list[str]) -> list[Answer]:
        began = time.perf_counter()
        with TOKENIZING:
            ids, firsts = self._word_pieces(texts)
        scores = predict_logits(self._answering(), ids, self._pad)
        commonest = "O" if "O" in self.task.labels else self.task.labels[0]
        found = []
        for text, first, row in zip(texts, firsts, scores, strict=True):
            tags = [commonest] * len(split_fields(text))
            read = likeliest_tags(row[list(first.values())], self.task.labels)
            for place, tag in zip(first, read, strict=True):
                tags[place] = tag
            found.append(write_tags(tags))
        seconds = (time.perf_counter() - began) / len(texts)
        return [Answer(value, tokens_in=len(own), seconds=seconds) for value, own in zip(found, ids, strict=True)]

    def exportable(self) -> Exportable:
        """Refuse: tags are chosen together, and words are cut into pieces in a way of this package's own."""
        raise OptionError(
            "A bundle that tags tokens cannot be exported: its network gives scores of pieces of words, and not tags.",
            next_step="Serve the bundle as it is: bakeoff serve.",
        )

    def _word_pieces(self, texts: Sequence[str]) -> tuple[list[list[int]], list[dict[int, int]]]:
        """Give each row's token ids, and for each of its words that was read the place of its first piece."""
        # A word of blanks has no piece; a stroke stands for it.
        words = [[field if field.strip() else "-" for field in split_fields(text)] for text in texts]
        return word_pieces(self.encoder_.tokenizer, words, self.encoder_.max_tokens)

    def _network(self) -> EncoderClassifier:
        return self._made(_TokenScores)

    def _take_up_head(self) -> None:
        """Set the head to that of the fit which is continued; a tag that it did not have keeps its random start."""
        if self.continued is None:
            raise RuntimeError("there is no fit to be continued")
        folder, tags = self.continued
        known = read_head(folder / "head.safetensors")
        weights, bias = (tensor.detach().cpu().numpy().copy() for tensor in self.network_.head.parameters())
        places = label_codes(tags, self.task.labels)
        weights[places], bias[places] = known.weights, known.bias
        self._set_head(LinearHead(weights, bias))


def _codes_of(
    ids: Sequence[list[int]], firsts: Sequence[dict[int, int]], tags: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Give each first piece the code of its word's tag, shape (rows, longest row)."""
    codes = np.full((len(ids), max(map(len, ids))), NO_TAG, dtype=np.int64)
    for row, (first, own) in enumerate(zip(firsts, tags, strict=True)):
        for word, place in first.items():
            codes[row, place] = own[word]
    return codes
