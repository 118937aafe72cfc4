"""An encoder-decoder tuned to write: the text-to-text form of T5.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 2.4:
the task's name stands before the source, and the loss is on the target's tokens. Tested with random weights; it was not
verified with pre-trained weights.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.catalog import ModelFiles
from bakeoff.methods import loaded
from bakeoff.methods.finetune.adapters import read_about, write_about
from bakeoff.methods.finetune.label_writer import marked_in_decoder
from bakeoff.methods.finetune.text_writer import ABOUT_WRITER, NOTHING_WRITTEN, TIME_WAS_UP, TextWriter
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.models.batching import length_sorted_batches
from bakeoff.models.digest import weights_sha256
from bakeoff.models.loading import loading
from bakeoff.models.seq2seq import Seq2Seq, load_seq2seq
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_words

__all__ = ["Seq2SeqTextWriter"]

_MOST_READ, _BATCH_TOKENS = 512, 4096


class _Network(torch.nn.Module):
    """An encoder-decoder whose output is the log-likelihood of what stands marked in a row."""

    def __init__(self, model: Any, end: int) -> None:
        super().__init__()
        self.model, self._end = model, end

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give each row's sum of log-probabilities and its number of marked tokens, shape (rows, 2)."""
        logits, said, rows = marked_in_decoder(self.model, ids, mask, self._end)
        logs = -torch.nn.functional.cross_entropy(logits.float(), said, reduction="none")
        sums = torch.zeros(len(ids), device=logs.device).index_add(0, rows, logs)
        return torch.stack([sums, (ids < 0).sum(dim=1).to(sums.dtype)], dim=1)


class Seq2SeqTextWriter(TextWriter):
    """Tune all weights of an encoder-decoder until it writes each source's target.

    Parameters
    ----------
    task : Task
        Its name stands before each source.
    model : str
        Folder or name of an encoder-decoder.
    seed : int
        Of the held-out part, the batches and dropout.
    learning_rate : float
        Highest rate.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 3e-4,
        epochs: int = 4,
        batch_rows: int = 8,
        least_steps: int = 60,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps

    def _open(self) -> None:
        if self.continued is None:
            base = loaded.seq2seq(str(self.model), self.context_.device)
            self.seq2seq_ = replace(base, model=copy.deepcopy(base.model))
        else:
            self.seq2seq_ = _read(self.continued[0], self.context_.device)
        self.seq2seq_.model.requires_grad_(True)
        self._before = weights_sha256(self.seq2seq_.model)
        self._use_own()

    def _use_own(self) -> None:
        self.network_ = _Network(self.seq2seq_.model, self._end)

    @property
    def _end(self) -> int:
        return int(self.seq2seq_.tokenizer.eos_token_id)

    @property
    def _pad_id(self) -> int:
        return int(self.seq2seq_.tokenizer.pad_token_id or 0)

    def _targets(self, targets: Sequence[str]) -> list[list[int]]:
        most = self.seq2seq_.context_length - 1
        given = self.seq2seq_.tokenizer(list(targets), add_special_tokens=False, verbose=False)["input_ids"]
        return [[*map(int, ids[:most]), self._end] for ids in given]

    def _read(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        asked = [f"{label_words(self.task.name)}: {text}" for text in texts]
        most = min(_MOST_READ, self.seq2seq_.context_length)
        tokenizer = self.seq2seq_.tokenizer
        whole = tokenizer(asked, return_attention_mask=False, verbose=False)["input_ids"]
        cut = tokenizer(asked, truncation=True, max_length=most, return_attention_mask=False, verbose=False)
        return [list(map(int, ids)) for ids in cut["input_ids"]], sum(len(ids) > most for ids in whole)

    def _written(self, texts: Sequence[str]) -> list[Answer]:
        self.network_.eval()
        began = time.perf_counter()
        ids, _ = self._read(texts)
        found: dict[int, list[int] | None] = {}
        for places in length_sorted_batches([len(own) for own in ids], max_tokens=_BATCH_TOKENS):
            late = self.context_.deadline.passed
            said = [None] * len(places) if late else self._batch([ids[at] for at in places])
            found |= dict(zip(places.tolist(), said, strict=True))
        self.cut_ = self.cut_ or None in found.values()
        seconds = (time.perf_counter() - began) / len(texts)
        decode = self.seq2seq_.tokenizer.decode
        answers = []
        for at, own in enumerate(ids):
            tokens = found[at]
            text = "" if tokens is None else str(decode(tokens, skip_special_tokens=True)).strip()
            reason = TIME_WAS_UP if tokens is None else None if text else NOTHING_WRITTEN
            sizes = {"tokens_in": len(own), "tokens_out": len(tokens or ()), "seconds": seconds}
            answers.append(Answer(text or None, abstention=reason, **sizes))  # type: ignore[arg-type]  # as named
        return answers

    def _batch(self, ids: Sequence[list[int]]) -> list[list[int]]:
        from bakeoff.methods.finetune.token_rows import padded

        tokens, mask = padded(ids, self._pad_id, self.seq2seq_.model.device)
        with torch.inference_mode():
            found = self.seq2seq_.model.generate(
                input_ids=tokens, attention_mask=mask, max_new_tokens=self.most_tokens_, do_sample=False, num_beams=1
            )
        rows: list[list[int]] = found[:, 1:].tolist()
        # What stands behind a row's end fills the batch.
        return [row[: row.index(self._end) + 1] if self._end in row else row for row in rows]

    def _plan(self) -> TuningPlan:
        return replace(super()._plan(), autocast=self.context_.dtype == "bfloat16")

    def _finish(self, rows: TokenRows) -> dict[str, Any]:  # noqa: ARG002  # nothing is merged
        self.seq2seq_.model.requires_grad_(False)
        after = weights_sha256(self.seq2seq_.model)
        return {"base_sha256": self.seq2seq_.sha256, "weights_sha256": {"before": self._before, "after": after}}

    def _save(self, folder: Path) -> None:
        own = self.seq2seq_
        with loading(own.name):
            own.model.save_pretrained(folder)
            own.tokenizer.save_pretrained(folder)
        write_about(folder / ABOUT_WRITER, own.name, own.sha256, most_tokens=self.most_tokens_)

    def _load(self, folder: Path) -> None:
        self.most_tokens_ = int(read_about(folder / ABOUT_WRITER)["most_tokens"])
        self.seq2seq_ = _read(folder, self.context_.device)
        self._use_own()
        self._measure()


def _read(folder: Path, device: str) -> Seq2Seq:
    about = read_about(folder / ABOUT_WRITER)
    return load_seq2seq(ModelFiles(about["model"], folder, "folder", about["sha256"]), device=device)
