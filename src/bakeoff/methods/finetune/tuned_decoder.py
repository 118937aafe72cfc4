"""What all methods share that put adapters into a decoder: the question behind a text, what is kept, and merging."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
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
from bakeoff.methods.finetune.decoder_files import ABOUT_DECODER, read_decoder, write_decoder
from bakeoff.methods.finetune.token_rows import TokenRows, predict_logits
from bakeoff.methods.finetune.tuned_language_model import TunedLanguageModel
from bakeoff.methods.heads import softmax
from bakeoff.models.decoder import Decoder
from bakeoff.tasks import label_words

__all__ = ["TunedDecoder"]

#: A longer text is cut: the label of a text that is longer than this rarely hangs on its end.
_MOST_TOKENS = 512


class TunedDecoder(TunedLanguageModel):
    """A method that puts low-rank adapters into a decoder; subclasses say what is asked of it."""

    rank: int
    merge: bool

    #: A copy of its own, whose weights are those of the shared decoder until adapters are merged into them.
    decoder_: Decoder
    #: peft's model; None where adapters were merged.
    adapters_: Any

    @abstractmethod
    def _body(self) -> Any:
        """Give the part of the decoder that gets adapters."""

    @abstractmethod
    def _make_network(self, model: Any) -> torch.nn.Module:
        """Give the network that answers, around the part with adapters or, once they are merged, without."""

    def _open(self) -> None:
        folder = None if self.continued is None else self.continued[0]
        about = {} if folder is None else read_about(folder / ABOUT_DECODER)
        if folder is not None and about.get("merged"):
            refuse_to_divide(self.merge)
            self.decoder_, folder = read_decoder(folder, self.context_.device), None
        else:
            self._copy_base(self._training_dtype())
            if about:
                check_base(about, self.decoder_.name, self.decoder_.sha256)
        self.adapters_ = add_adapters(
            self._body(),
            rank=self.rank,
            seed=self.seed,
            name=self.decoder_.name,
            folder=folder,
            layers=self._adapted(),
        )
        self.network_ = self._make_network(self.adapters_)

    def _training_dtype(self) -> str:
        """Give the data type in which the weights beside the adapters are held in training."""
        return self.context_.dtype

    def _adapted(self) -> Sequence[str] | None:
        """Give the names of the linear layers that get adapters; None for all of them."""
        return None

    def _copy_base(self, dtype: str) -> None:
        base = loaded.decoder(str(self.model), dtype, self.context_.device)
        self.decoder_ = replace(base, model=weight_sharing_copy(base.model))

    def _close(self, rows: TokenRows) -> dict[str, Any]:
        told: dict[str, Any] = {
            "base_weights_changed": self.merge,
            "base_sha256": self.decoder_.sha256,
            "dtype": self.decoder_.dtype,
        }
        if not self.merge:
            return told
        asked = rows.ids[:COMPARED_ROWS]
        apart = softmax(predict_logits(self.network_, asked, self._pad))
        plain, self.adapters_ = merge_adapters(self.adapters_), None
        self._use_merged(plain)
        merged = softmax(predict_logits(self.network_, asked, self._pad))
        return told | {"merged": compare_merged(apart, merged, self.decoder_.dtype)}

    @abstractmethod
    def _use_merged(self, model: Any) -> None:
        """Let the network answer with merged weights."""

    def _save(self, folder: Path) -> None:
        decoder = self.decoder_
        if self.adapters_ is None:
            write_decoder(decoder, folder)
            return
        write_adapters(self.adapters_, folder)
        write_about(folder / ABOUT_DECODER, decoder.name, decoder.sha256, dtype=decoder.dtype)

    def _load(self, folder: Path) -> None:
        about = read_about(folder / ABOUT_DECODER)
        self.adapters_ = None
        if about.get("merged"):
            self.decoder_ = read_decoder(folder, self.context_.device)
        else:
            check_base(about, str(self.model), loaded.model_files(str(self.model)).sha256)
            self._copy_base(about["dtype"])
            self.adapters_ = read_adapters(self._body(), folder)
        self.network_ = self._make_network(self._body() if self.adapters_ is None else self.adapters_)
        self._load_rest(folder)
        self.network_.eval()
        self._measure()

    @abstractmethod
    def _load_rest(self, folder: Path) -> None:
        """Read what the network has beside the decoder."""

    @property
    def _pad(self) -> int:
        tokenizer = self.decoder_.tokenizer
        return int(next(found for found in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if found is not None))

    def _token_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Give each text's tokens with the question for the label behind it, and how many texts were cut."""
        tokenizer, opening = self.decoder_.tokenizer, self._opening()
        asked = f"\n{label_words(self.task.name).capitalize()}:"
        ending = tokenizer(asked, add_special_tokens=False)["input_ids"]
        most = min(_MOST_TOKENS, self.decoder_.context_length) - len(ending) - self._spare()
        whole = [opening + text for text in texts]
        found = tokenizer(whole, return_attention_mask=False, verbose=False)["input_ids"]
        return [ids[:most] + ending for ids in found], sum(len(ids) > most for ids in found)

    def _opening(self) -> str:
        """Give what stands before every text."""
        return ""

    def _spare(self) -> int:
        """Give how many tokens are to fit behind the question."""
        return 0
