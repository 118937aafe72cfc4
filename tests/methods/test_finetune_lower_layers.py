"""Upper layers trained on what the lower ones said once come out as if the lower ones had been run in every step."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_suites import SmallEncoderSuite
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
)

from bakeoff.errors import ModelError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.lower_layers import cached_lower_layers, freeze_lower_layers, shortened
from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.token_rows import TokenRows, padded
from bakeoff.methods.finetune.training import tune
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows

SMALL = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 60}
FAMILIES = {
    "bert": lambda: BertModel(BertConfig(**SMALL)),
    "roberta": lambda: RobertaModel(RobertaConfig(**SMALL, pad_token_id=1, max_position_embeddings=64)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SMALL, pad_token_id=1, max_position_embeddings=64)),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(dim=16, n_layers=4, n_heads=2, hidden_dim=24, vocab_size=60)
    ),
}


def _rows(count: int) -> TokenRows:
    generator = np.random.default_rng(0)
    ids = [generator.integers(3, 60, generator.integers(2, 9)).tolist() for _ in range(count)]
    return TokenRows(ids, np.arange(count) % 2)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_short_model_gives_the_states_of_the_whole_one(family: str) -> None:
    torch.manual_seed(0)
    model = FAMILIES[family]().eval()
    pad, rows = int(model.config.pad_token_id or 0), _rows(7)
    whole, mask = padded(rows.ids, pad, torch.device("cpu"))
    with torch.no_grad():
        expected = model(input_ids=whole, attention_mask=mask).last_hidden_state
        with cached_lower_layers(model, rows.ids, pad, 0.5) as short:
            places, _ = padded(short(rows).ids, pad, torch.device("cpu"))
            assert not torch.equal(places, whole)
            found = model(input_ids=places, attention_mask=mask).last_hidden_state
        again = model(input_ids=whole, attention_mask=mask).last_hidden_state
    kept = mask.bool()
    torch.testing.assert_close(found[kept], expected[kept], rtol=0, atol=1e-5)
    torch.testing.assert_close(again[kept], expected[kept], rtol=0, atol=0)


def test_a_model_without_a_list_of_layers_is_refused() -> None:
    model = torch.nn.Linear(2, 2)
    model.config = BertConfig(**SMALL)
    with pytest.raises(ModelError, match="layers of a Linear cannot be told apart"):
        freeze_lower_layers(model, 0.5)


@pytest.fixture
def task(catalogue_cache: Path) -> Task:
    return classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")


class TestUpperLayers(SmallEncoderSuite):
    __test__ = True
    answer_rows = 4

    def make(self, task: Task, seed: int) -> Method:
        settings = {"max_epochs": 1, "least_steps": 3, "frozen_share": 0.5}
        return FullFineTuning(task=task, model=self.encoder, seed=seed, **settings)


@pytest.mark.models
def test_training_comes_out_as_with_all_layers_run(task: Task) -> None:
    texts, labels = text_rows(12)
    found = []
    for cached in (True, False):
        method = FullFineTuning(task=task, model="minilm-l6", frozen_share=0.5)
        method._prepare(RunContext())
        method._copy_encoder(())
        codes = np.array([label == "positive" for label in labels]).astype(np.int64)
        rows = TokenRows(method._token_ids(texts), codes)
        plan = replace(method._plan(1e-3), epochs=1, least_steps=3)
        nothing = rows.part(np.arange(0))
        settings = {"objective": CrossEntropy("accuracy"), "pad": method._pad, "context": RunContext()}
        if cached:
            with shortened(method.encoder_.model, rows.ids, method._pad, 0.5, autocast=False) as short:
                tune(method.network_, plan, short(rows), nothing, **settings)
        else:
            assert freeze_lower_layers(method.encoder_.model, 0.5) == 3
            tune(method.network_, plan, rows, nothing, **settings)
        found.append(copy.deepcopy(method.network_.state_dict()))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-4)
    before = loaded.encoder("minilm-l6", "cpu").model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], found[0][f"model.{name}"])}
    assert {name.split(".")[2] for name in changed if name.startswith("encoder.layer.")} == {"3", "4", "5"}
    assert not any(name.startswith("embeddings.") for name in changed)


@pytest.mark.models
def test_wrong_share(task: Task) -> None:
    with pytest.raises(OptionError, match=r"frozen_share must be in \[0, 1\); 1 came"):
        FullFineTuning(task=task, model="minilm-l6", frozen_share=1.0).fit(*text_rows(8))
