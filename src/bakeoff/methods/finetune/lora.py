"""LoRA: low-rank adapters on a frozen decoder and a new head; the tuned side of the same-base pair.

The head reads the last token's state and starts from the rows of the model's own output layer for the labels' words, so
that training begins where the model's zero-shot answer is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bakeoff.methods.finetune.temperature import calibrate_head
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.tuned_decoder import TunedDecoder
from bakeoff.methods.heads import head_of, read_head, write_head
from bakeoff.tasks import Task, label_codes

__all__ = ["DecoderClassifier", "LoraClassifier"]


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


class LoraClassifier(TunedDecoder):
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
    merge : bool
        Whether the adapters are added to the weights at the end of the fit: what is saved is whole then, and loads
        without peft and without the model that it came from.
    """

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
        merge: bool = False,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.rank = rank
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.merge = merge

    def _body(self) -> Any:
        return self.decoder_.model.base_model

    def _make_network(self, model: Any) -> DecoderClassifier:
        with torch.random.fork_rng(devices=[]):
            return DecoderClassifier(model, len(self.task.labels)).to(self.decoder_.device)

    def _open(self) -> None:
        super()._open()
        self._start_head()

    def _calibrated(self, held: TokenRows) -> dict[str, Any]:
        return calibrate_head(self.network_, held, self._pad)

    def _use_merged(self, model: Any) -> None:
        self.network_.model = model

    def _save(self, folder: Path) -> None:
        super()._save(folder)
        write_head(head_of(self.network_.head), folder / "head.safetensors")

    def _load_rest(self, folder: Path) -> None:
        head = read_head(folder / "head.safetensors")
        self._set_head(torch.from_numpy(head.weights), torch.from_numpy(head.bias))

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
