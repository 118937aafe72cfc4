"""LoRA: low-rank adapters on a frozen decoder and a new head; the tuned side of the same-base pair.

Adapters on every linear layer follow Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1,
and Dettmers et al. 2023, "QLoRA", section 4. The head reads the last token's state and starts from the rows of the
model's own output layer for the labels' words, so that training begins where the model's zero-shot answer is.
"""

from __future__ import annotations

import copy
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.errors import BundleError
from bakeoff.extras import require
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.temperature import calibrate_head
from bakeoff.methods.finetune.token_rows import TokenRows, answers_of, divide
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuning_plan import TuningPlan
from bakeoff.methods.heads import LinearHead, read_head, write_head
from bakeoff.methods.outputs import outputs_of
from bakeoff.models.decoder import Decoder
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes, label_words

__all__ = ["DecoderClassifier", "LoraClassifier"]

#: A longer text is cut: the label of a text that is longer than this rarely hangs on its end.
_MOST_TOKENS = 512
_HEAD_RATE = 5e-4
_ABOUT = "decoder.json"


class DecoderClassifier(torch.nn.Module):
    """A decoder without its output layer, and a linear head on the last token's state.

    Parameters
    ----------
    model : transformers model
        Gives ``last_hidden_state``.
    labels : int
    """

    def __init__(self, model: Any, labels: int) -> None:
        super().__init__()
        self.model = model
        self.head = torch.nn.Linear(int(model.config.hidden_size), labels)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the labels' scores, shape (rows, labels), of token ids and mask, shape (rows, tokens)."""
        # Padding stands behind each row's tokens, where causal attention does not look: no mask is needed.
        states = self.model(input_ids=ids, use_cache=False).last_hidden_state
        last = states[torch.arange(len(ids), device=ids.device), mask.sum(dim=1) - 1]
        scores: torch.Tensor = self.head(last.float())
        return scores


class LoraClassifier(Method):
    """Tune low-rank adapters of a decoder and a linear head.

    Parameters
    ----------
    task : Task
    model : str
        Name of a decoder.
    seed : int
        Of the adapters, the held-out part and the batches.
    learning_rate : float
        Highest rate of the adapters.
    epochs : int
        Passes over the rows, unless `least_steps` asks for more.
    rank : int
        Of the adapters.
    batch_rows : int
        Rows of a step.
    least_steps : int
        Steps that are taken at least.
    """

    least_n = 8
    can_continue = True

    decoder_: Decoder
    network_: DecoderClassifier

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 5e-4,
        epochs: int = 4,
        rank: int = 16,
        batch_rows: int = 8,
        least_steps: int = 40,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.rank = rank
        self.batch_rows = batch_rows
        self.least_steps = least_steps

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        peft = require("peft", extra="finetune", purpose="LoRA adapters")
        self.decoder_ = loaded.decoder(str(self.model), self.context_.dtype, self.context_.device)
        with torch.random.fork_rng(devices=[]), _quiet():
            torch.manual_seed(self.seed)
            self.network_ = self._network(self._adapted(peft))
        self._start_head()
        ids, truncated = self._token_ids(texts)
        rows = TokenRows(ids, label_codes(labels, self.task.labels))
        train, held = (rows.part(part) for part in divide(rows.codes, self.seed))
        objective = CrossEntropy(self.task.metric)
        tuned = tune(
            self.network_, self._plan(), train, held, objective=objective, pad=self._pad, context=self.context_
        )
        self.cut_, self.history_ = tuned.cut, tuned.history
        self.usage_ = replace(self.usage_, tokens_in=tuned.tokens)
        self.details_ = tuned.details(self.network_, held) | {
            **calibrate_head(self.network_, held, self._pad),
            "truncated_rows": truncated,
            "weights_changed": True,
            "base_weights_changed": False,
            "base_sha256": self.decoder_.sha256,
            "dtype": self.decoder_.dtype,
        }
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        began = time.perf_counter()
        ids, _ = self._token_ids(texts)
        return answers_of(self.network_, ids, self._pad, outputs_of(self.task), began)

    def _save(self, folder: Path) -> None:
        with _quiet():
            self.network_.model.save_pretrained(folder, save_embedding_layers=False)
        # peft writes a model card of its own, which knows nothing of the task.
        (folder / "README.md").unlink(missing_ok=True)
        head = self.network_.head
        weights, bias = (tensor.detach().cpu().numpy() for tensor in (head.weight, head.bias))
        write_head(LinearHead(weights, bias), folder / "head.safetensors")
        about = {"model": self.decoder_.name, "sha256": self.decoder_.sha256, "dtype": self.decoder_.dtype}
        (folder / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        peft = require("peft", extra="finetune", purpose="LoRA adapters")
        about = _read_about(folder, str(self.model), loaded.model_files(str(self.model)).sha256)
        self.decoder_ = loaded.decoder(str(self.model), about["dtype"], self.context_.device)
        with torch.random.fork_rng(devices=[]), _quiet():
            self.network_ = self._network(peft.PeftModel.from_pretrained(self._base(), folder))
        head = read_head(folder / "head.safetensors")
        self._set_head(torch.from_numpy(head.weights), torch.from_numpy(head.bias))
        self.network_.eval()
        self._measure()

    @property
    def _pad(self) -> int:
        tokenizer = self.decoder_.tokenizer
        return int(next(found for found in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if found is not None))

    def _base(self) -> Any:
        """Give the decoder's body, its modules copied and its weights shared: adapters go into the copy alone."""
        shared = {id(weight): weight for weight in self.decoder_.model.parameters()}
        return copy.deepcopy(self.decoder_.model.base_model, shared)

    def _adapted(self, peft: Any) -> Any:
        """Give the body with adapters to be trained: new ones, or those of the fit that is continued."""
        if self.continued is not None:
            _read_about(self.continued[0], self.decoder_.name, self.decoder_.sha256)
            return peft.PeftModel.from_pretrained(self._base(), self.continued[0], is_trainable=True)
        config = peft.LoraConfig(r=self.rank, lora_alpha=2 * self.rank, lora_dropout=0.0, target_modules="all-linear")
        config.base_model_name_or_path = self.decoder_.name
        return peft.get_peft_model(self._base(), config)

    def _network(self, model: Any) -> DecoderClassifier:
        return DecoderClassifier(model, len(self.task.labels)).to(self.decoder_.device)

    def _token_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Give each text's tokens with the question for the label behind it, and how many texts were cut."""
        tokenizer = self.decoder_.tokenizer
        asked = f"\n{label_words(self.task.name).capitalize()}:"
        ending = tokenizer(asked, add_special_tokens=False)["input_ids"]
        most = min(_MOST_TOKENS, self.decoder_.context_length) - len(ending)
        found = tokenizer(list(texts), return_attention_mask=False, verbose=False)["input_ids"]
        return [ids[:most] + ending for ids in found], sum(len(ids) > most for ids in found)

    def _start_head(self) -> None:
        output = self.decoder_.model.get_output_embeddings()
        if output is None:
            return
        tokens = [
            self.decoder_.tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in self.task.words
        ]
        rows = torch.stack([output.weight[ids[0]].detach().float() for ids in tokens])
        # What all labels share moves no probability, and would only make the head larger.
        self._set_head(rows - rows.mean(dim=0), torch.zeros(len(tokens)))
        if self.continued is not None:
            folder, labels = self.continued
            known, places = read_head(folder / "head.safetensors"), label_codes(labels, self.task.labels)
            with torch.no_grad():
                self.network_.head.weight[places] = torch.from_numpy(known.weights)
                self.network_.head.bias[places] = torch.from_numpy(known.bias)

    def _set_head(self, weights: torch.Tensor, bias: torch.Tensor) -> None:
        with torch.no_grad():
            self.network_.head.weight.copy_(weights)
            self.network_.head.bias.copy_(bias)

    def _plan(self) -> TuningPlan:
        return TuningPlan(
            learning_rate=self.learning_rate,
            head_learning_rate=_HEAD_RATE,
            epochs=self.epochs,
            least_steps=self.least_steps,
            batch_rows=self.batch_rows,
            seed=self.seed,
        )

    def _measure(self) -> None:
        tensors = [*self.network_.parameters()]
        self.size_mb_ = sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def _read_about(folder: Path, model: str, sha256: str) -> dict[str, str]:
    """Read which decoder adapters belong to, and hold the one at hand to it."""
    about: dict[str, str] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if sha256 != about["sha256"]:
        raise BundleError(
            f"The adapters belong to {about['model']} with sha256 {about['sha256'][:12]}; {model} has {sha256[:12]}.",
            next_step="Give the model that the adapters were trained on.",
        )
    return about


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
