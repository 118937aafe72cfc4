from __future__ import annotations

import pytest
import torch

from bakeoff.models import linear_layers
from bakeoff.models.linear_layers import quick_linear_layers


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Count the calls of oneDNN's operator, whoever made the processor."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        pytest.skip("PyTorch was built without oneDNN")
    monkeypatch.setattr(linear_layers, "_serves", lambda: True)
    calls: list[tuple[int, ...]] = []
    fits = linear_layers._fits

    def counted(rows: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor | None) -> bool:
        found = fits(rows, weights, bias)
        calls.extend([tuple(rows.shape)] * found)
        return found

    monkeypatch.setattr(linear_layers, "_fits", counted)
    return calls


@pytest.mark.parametrize("shape", [(5, 24), (3, 7, 24), (1, 24)])
def test_linear_layers_give_the_same_by_either_library(operator, shape: tuple[int, ...]) -> None:
    layer, rows = torch.nn.Linear(24, 9), torch.randn(shape)
    with torch.inference_mode():
        expected = layer(rows)
        with quick_linear_layers():
            found = layer(rows)
            strided = layer(rows.transpose(0, -1).contiguous().transpose(0, -1))
    assert operator == [shape, shape]
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(strided, expected, atol=1e-5)


def test_gradients_autocast_other_types_and_layers_without_bias_are_left_alone(operator) -> None:
    layer, rows = torch.nn.Linear(8, 4), torch.randn(2, 8)
    with quick_linear_layers():
        layer(rows).sum().backward()
        with torch.inference_mode():
            torch.nn.Linear(8, 4, bias=False)(rows)
            layer(rows[:0])
            torch.nn.Linear(8, 4, dtype=torch.float64)(rows.double())
            with torch.autocast("cpu", dtype=torch.bfloat16):
                assert layer(rows).dtype == torch.bfloat16
    assert layer.weight.grad is not None
    assert operator == []


def test_another_makers_processor_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_layers, "_maker_is_amd", lambda: False)
    linear_layers._serves.cache_clear()
    with quick_linear_layers() as mode:
        assert mode is None
    linear_layers._serves.cache_clear()
