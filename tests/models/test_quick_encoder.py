"""An encoder laid out for answering gives the states of the model that it was made from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from bakeoff.models import quick_encoder
from bakeoff.models.quick_encoder import QuickEncoder, answering_dtype, answering_model

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "vocab_size": 60}


def _model() -> BertModel:
    torch.manual_seed(0)
    return BertModel(BertConfig(**SMALL, initializer_range=0.2)).eval()


def _rows(lengths: list[int]) -> dict[str, torch.Tensor]:
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": torch.randint(1, 60, mask.shape) * mask, "attention_mask": mask}


@pytest.mark.parametrize("lengths", [[5, 9, 1, 3], [7, 7, 7], [4]], ids=["padded", "of one length", "alone"])
@pytest.mark.parametrize(("name", "off"), [(torch.float32, 1e-5), (torch.bfloat16, 0.08)], ids=["float32", "bfloat16"])
def test_states_are_those_of_the_model(lengths: list[int], name: torch.dtype, off: float) -> None:
    model, rows = _model(), _rows(lengths)
    quick = answering_model(model, name)
    assert isinstance(quick, QuickEncoder)
    with torch.inference_mode():
        wanted = model(**rows).last_hidden_state * rows["attention_mask"][..., None]
        found = quick(**rows).last_hidden_state
    assert found.dtype is name
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=off)


def test_rows_of_many_lengths_and_threads_at_once_get_the_states_of_rows_alone() -> None:
    quick, rows = answering_model(_model(), torch.float32), _rows([3, 40, 39, 38, 17, 17, 16, 1, 5, 4])
    alone = []
    with torch.inference_mode():
        for row, length in enumerate([3, 40, 39, 38, 17, 17, 16, 1, 5, 4]):
            own = {name: tensor[row : row + 1, :length] for name, tensor in rows.items()}
            alone.append(torch.nn.functional.pad(quick(**own).last_hidden_state, (0, 0, 0, 40 - length)))

    def states(first: int) -> torch.Tensor:
        own = {name: tensor[first % 10 :] for name, tensor in rows.items()}
        with torch.inference_mode():
            found: torch.Tensor = quick(**own).last_hidden_state
        return found

    with ThreadPoolExecutor(4) as pool:
        for first, found in enumerate(pool.map(states, range(40))):
            torch.testing.assert_close(found, torch.cat(alone[first % 10 :]), rtol=0, atol=1e-5)


def test_texts_of_two_sorts_are_told_apart() -> None:
    model, rows = _model(), _rows([6, 4])
    rows["token_type_ids"] = (torch.arange(6)[None] > 2).long().expand(2, 6)
    with torch.inference_mode():
        wanted = model(**rows).last_hidden_state * rows["attention_mask"][..., None]
        torch.testing.assert_close(
            answering_model(model, torch.float32)(**rows).last_hidden_state, wanted, rtol=0, atol=1e-5
        )


def test_what_is_built_otherwise_answers_as_it_is() -> None:
    other = MPNetModel(MPNetConfig(**SMALL)).eval()
    assert answering_model(other, torch.float32) is other
    cast = answering_model(other, torch.bfloat16)
    assert cast is not other
    assert {weight.dtype for weight in cast.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in other.parameters()} == {torch.float32}
    adapted = _model()
    adapted.encoder.layer[0].attention.self.query = torch.nn.Sequential(torch.nn.Linear(32, 32))
    adapted.encoder.layer[1].output.dense.bias = None
    assert answering_model(adapted, torch.float32) is adapted


def test_bfloat16_is_for_hardware_that_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, wanted in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        monkeypatch.setattr("bakeoff.models.facts.choose_dtype", lambda _device="cpu", there=there: there)
        assert answering_dtype("bfloat16", "cpu") is wanted
        assert answering_dtype("float32", "cpu") is torch.float32
    monkeypatch.setattr(quick_encoder, "_has_one_dnn", lambda _weight: False)
    rows = _rows([5, 2])
    with torch.inference_mode():
        plain = answering_model(_model(), torch.bfloat16)(**rows).last_hidden_state.float()
        wanted = _model()(**rows).last_hidden_state * rows["attention_mask"][..., None]
    torch.testing.assert_close(plain, wanted, rtol=0, atol=0.08)
