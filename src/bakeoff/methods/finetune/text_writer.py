"""Decoders tuned to write: what all share, and tuning their own weights.

The model's own chat form stands around each source, and the loss is on the target's tokens alone (Ouyang et al. 2022,
"Training language models to follow instructions", section 3.4, the supervised step). Training stops by the task's
metric of what is written for held-out rows, not by their likelihood, which falls behind it.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import target_of
from bakeoff.errors import OptionError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.finetune.adapters import read_about, write_about
from bakeoff.methods.finetune.decoder_files import read_decoder, write_decoder
from bakeoff.methods.finetune.hugging_face import write_language_model
from bakeoff.methods.finetune.lower_layers import freeze_lower_layers
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.finetune.written_rows import (
    TargetLikelihood,
    WriterNetwork,
    divide_rows,
    prompted,
    to_learn,
)
from bakeoff.models.decoder import Decoder
from bakeoff.models.digest import weights_sha256
from bakeoff.models.generate import Generator, WriteSettings
from bakeoff.models.loading import DTypeName, cast_weights
from bakeoff.records import Answer, WrittenForm
from bakeoff.tasks import Task, scoring_of, truths

__all__ = ["ABOUT_WRITER", "NOTHING_WRITTEN", "TIME_WAS_UP", "FullTextWriter", "TextWriter"]

#: Says how much a tuned model writes at most.
ABOUT_WRITER = "writer.json"
#: Rows that are written for at each look, and the most that is read of a source.
_MOST_HELD, _MOST_READ = 32, 768
#: Room for a target, of the longest that was learned from.
_ROOM = 1.25
#: Of the time that is left, what training takes where it is shortened to end in time.
_TRAINING_SHARE = 0.65
#: Why a row has no answer, by how its text ended.
TIME_WAS_UP, NOTHING_WRITTEN = "time was up", "the model wrote nothing"
_REASONS = {"too-long": "the text is longer than the model reads", "time": TIME_WAS_UP}


class TextWriter(Method):
    """What decoders that are tuned to write share; subclasses load, keep and close them."""

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 8
    needs_two_labels: ClassVar[bool] = False
    can_continue: ClassVar[bool] = True

    learning_rate: float
    epochs: int
    batch_rows: int
    least_steps: int
    frozen_share: float = 0.0

    decoder_: Decoder
    network_: Any
    #: Most tokens that are written for a row.
    most_tokens_: int

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._open()
        targets = self._targets([target_of(label) for label in labels])
        self.most_tokens_ = max(8, round(_ROOM * max(map(len, targets))))
        read, cut = self._read(texts)
        train, held = divide_rows(len(texts), self.seed, _MOST_HELD)

        def judge(places: NDArray[Any]) -> float:
            asked = [texts[at] for at in places]
            truth = truths(self.task, asked, [labels[at] for at in places])
            return scoring_of(self.task).score_values(truth, [answer.value for answer in self._written(asked)])

        tuned = tune(
            self.network_,
            self._plan(),
            to_learn(read, targets, train),
            to_learn(read, targets, held),
            objective=TargetLikelihood(float(np.mean([len(own) for own in targets])), judge),
            pad=self._pad_id,
            context=self._training_context(),
        )
        self.cut_, self.history_ = tuned.cut, tuned.history
        self.usage_ = replace(self.usage_, tokens_in=tuned.tokens)
        looked = to_learn(read, targets, held if len(held) else train[:_MOST_HELD])
        self.details_ = tuned.details(self.network_, looked) | {
            "held_out_rows": len(held),
            "truncated_rows": cut,
            "most_tokens": self.most_tokens_,
            "weights_changed": True,
            **self._finish(looked),
        }
        self._measure()

    def _training_context(self) -> RunContext:
        """Leave time to write where training is shortened to end in time: what follows it writes texts, too."""
        left = self.context_.deadline.left
        if not self.context_.may_shorten or not math.isfinite(left):
            return self.context_
        return replace(self.context_, deadline=Deadline.after(_TRAINING_SHARE * left))

    def _answer(self, texts: list[str]) -> list[Answer]:
        return self._written(texts)

    def _written(self, texts: Sequence[str]) -> list[Answer]:
        """Write for each text, with the weights as they are."""
        self.network_.eval()
        began = time.perf_counter()
        shown = prompted(self.decoder_.tokenizer, self.task.instruction, self._shortened(texts))
        # Weights change between two calls of a fit, so that no prefix may be kept.
        found = Generator(self.decoder_).generate(
            shown.prefix, shown.queries, WriteSettings(self.most_tokens_), deadline=self.context_.deadline.at
        )
        seconds = (time.perf_counter() - began) / len(texts)
        answers = []
        for row in found.rows:
            text = row.text.strip()
            reason = _REASONS.get(row.ended) or (None if text else NOTHING_WRITTEN)
            answers.append(
                Answer(
                    None if reason else text,
                    abstention=reason,
                    tokens_in=row.tokens_in,
                    tokens_out=row.tokens_out,
                    seconds=seconds,
                )
            )
        self.cut_ = self.cut_ or any(row.ended == "time" for row in found.rows)
        return answers

    def _targets(self, targets: Sequence[str]) -> list[list[int]]:
        """Give each target's tokens, and the token that ends a text behind them."""
        tokenizer = self.decoder_.tokenizer
        gap = prompted(tokenizer, "", ()).gap
        end = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
        most = self.decoder_.context_length // 2
        given = tokenizer([gap + target for target in targets], add_special_tokens=False, verbose=False)["input_ids"]
        return [[*map(int, ids[:most]), *end] for ids in given]

    def _read(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Give the tokens of each row's prompt, and how many texts were shortened."""
        short = self._shortened(texts)
        shown = prompted(self.decoder_.tokenizer, self.task.instruction, short)
        whole = [shown.prefix + query for query in shown.queries]
        found = self.decoder_.tokenizer(whole, verbose=False, return_attention_mask=False)["input_ids"]
        return [list(map(int, ids)) for ids in found], sum(a != b for a, b in zip(short, texts, strict=True))

    def _shortened(self, texts: Sequence[str]) -> list[str]:
        """Cut the ends of texts that are longer than is read; their prompts stay whole."""
        most = min(_MOST_READ, max(16, self.decoder_.context_length // 2 - 64))
        tokenizer = self.decoder_.tokenizer
        if not texts:
            return []
        offsets = tokenizer(list(texts), add_special_tokens=False, verbose=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        return [
            text if len(own) <= most else text[: own[most - 1][1]] for text, own in zip(texts, offsets, strict=True)
        ]

    def write_hugging_face(self, folder: Path) -> WrittenForm:
        """Write what was tuned as a language model of the transformers library; see `write_language_model`."""
        return write_language_model(
            self.decoder_, self._whole_model(), folder, self.task.instruction, self.most_tokens_
        )

    def _whole_model(self) -> Any:
        """Give the model without adapters."""
        return self.decoder_.model

    @property
    def _pad_id(self) -> int:
        tokenizer = self.decoder_.tokenizer
        return int(next(found for found in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if found is not None))

    def _plan(self) -> TuningPlan:
        return TuningPlan(
            learning_rate=self.learning_rate,
            head_learning_rate=self.learning_rate,
            epochs=self.epochs,
            least_steps=self.least_steps,
            batch_rows=self.batch_rows,
            seed=self.seed,
            patience=2,
        )

    def _open(self) -> None:
        """Load what is to be trained, or what an earlier fit left, and set `decoder_` and `network_`."""
        raise NotImplementedError

    def _finish(self, rows: TokenRows) -> dict[str, Any]:
        """End the fit; give what is to be told of it."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Refuse settings that mean nothing."""
        share = self.frozen_share
        if not 0.0 <= share < 1.0:
            raise OptionError(f"frozen_share must be in [0, 1); {share} came.", next_step="Leave it at its default.")

    def _measure(self) -> None:
        self.size_mb_ = sum(own.numel() * own.element_size() for own in self.network_.parameters()) / 1e6
        self.details_["model_parameters"] = sum(own.numel() for own in self.network_.parameters())


class FullTextWriter(TextWriter):
    """Tune a decoder's own weights, by default those of its upper half, until it writes each source's target.

    Parameters
    ----------
    task : Task
        Its instruction stands before each source.
    model : str
        Name of a decoder.
    seed : int
        Of the held-out part and the batches.
    learning_rate : float
        Highest rate.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    frozen_share : float
        Of the layers, from the lowest, that keep their weights, in [0, 1); with 0 the token vectors are tuned, too.
    """

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 2e-4,
        epochs: int = 3,
        batch_rows: int = 8,
        least_steps: int = 30,
        frozen_share: float = 0.5,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.frozen_share = frozen_share

    def _open(self) -> None:
        self._begin()
        if self.continued is None:
            base = loaded.decoder(str(self.model), "float32", self.context_.device)
            self.decoder_ = replace(base, model=copy.deepcopy(base.model))
        else:
            base = read_decoder(self.continued[0], self.context_.device)
            self.decoder_ = replace(base, model=base.model.float(), dtype="float32")
        self._before = weights_sha256(self.decoder_.model)
        if self.frozen_share:
            freeze_lower_layers(self.decoder_.model, self.frozen_share)
        else:
            self.decoder_.model.requires_grad_(True)
        self.network_ = WriterNetwork(self.decoder_.model)

    def _plan(self) -> TuningPlan:
        return replace(super()._plan(), autocast=self.context_.dtype == "bfloat16")

    def _finish(self, rows: TokenRows) -> dict[str, Any]:  # noqa: ARG002  # nothing is merged
        after = weights_sha256(self.decoder_.model)
        dtype = cast("DTypeName", self.context_.dtype)
        cast_weights(self.decoder_.model.requires_grad_(False), dtype)
        self.decoder_ = replace(self.decoder_, dtype=dtype)
        return {
            "base_sha256": self.decoder_.sha256,
            "dtype": dtype,
            "weights_sha256": {"before": self._before, "after": after},
        }

    def _save(self, folder: Path) -> None:
        write_decoder(self.decoder_, folder)
        write_about(folder / ABOUT_WRITER, self.decoder_.name, self.decoder_.sha256, most_tokens=self.most_tokens_)

    def _load(self, folder: Path) -> None:
        self.most_tokens_ = int(read_about(folder / ABOUT_WRITER)["most_tokens"])
        self.decoder_ = read_decoder(folder, self.context_.device)
        self.network_ = WriterNetwork(self.decoder_.model)
        self._measure()
