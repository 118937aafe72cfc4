"""Quicker steps come out as plain ones: rows laid end to end as padded rows, parts of a step as the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from bakeoff.methods.finetune import packing
from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.packing import can_pack, packed_states
from bakeoff.methods.finetune.token_rows import TokenRows

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 60}


def _rows(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    return torch.randint(1, 60, mask.shape) * mask, mask


@pytest.mark.parametrize("size", [1, 12, 256])
def test_packed_rows_are_those_of_padded_ones(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_TOKENS", size)
    torch.manual_seed(0)
    model = BertModel(BertConfig(**SMALL)).eval()
    ids, mask = _rows([5, 9, 1, 3, 9, 2])
    assert can_pack(model, mask)
    assert not can_pack(model, torch.ones(3, 4))
    weights = torch.randn(*ids.shape, 16) * mask[:, :, None]
    found = []
    for states in (
        packed_states(model, ids, mask),
        model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[:, :, None],
    ):
        model.zero_grad()
        (states * weights).sum().backward()
        gradient = model.embeddings.position_embeddings.weight.grad.clone()
        found.append((states.detach(), gradient, model.encoder.layer[0].output.dense.weight.grad.clone()))
    for packed, padded in zip(*found, strict=True):
        torch.testing.assert_close(packed, padded, rtol=0, atol=2e-5)


def test_models_that_know_of_positions_in_other_ways_are_not_packed() -> None:
    _, mask = _rows([1, 9])
    assert not can_pack(MPNetModel(MPNetConfig(**SMALL)), mask)


def test_the_parts_of_a_step_have_its_loss_and_no_more_tokens_than_allowed() -> None:
    lengths = [9, 700, 3, 700, 700, 40, 5]
    rows = TokenRows([[1] * length for length in lengths], np.arange(7) % 3)
    weights = np.array([0.5, 1.0, 3.0], dtype=np.float32)
    objective, outputs = CrossEntropy("accuracy", weights), torch.randn(7, 3)
    parts = objective.parts(rows)
    assert len(parts) > 1
    assert all(len(part) * max(lengths[row] for row in part) <= 1024 for part in parts)
    codes = torch.from_numpy(rows.codes)
    found = sum(objective.loss(outputs[part], codes[part]) * len(part) / 7 for part in parts)
    torch.testing.assert_close(found, objective.loss(outputs, codes))
