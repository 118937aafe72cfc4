"""Linear layers by oneDNN where PyTorch would take MKL, which is slower on processors of another maker.

MKL chooses its kernels by the maker of the processor; oneDNN by what the processor can do. Sums are in float32 either
way, in another order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["quick_linear_layers"]

_MAKER = "AuthenticAMD"


class _OneDnnLinear(TorchFunctionMode):
    """Take oneDNN for linear layers of float32 on the processor, and leave all else as it is."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.nn.functional.linear and not kwargs and len(args) == 3 and _fits(*args):
            return torch.ops.mkldnn._linear_pointwise(*args, "none", [], "")
        return func(*args, **(kwargs or {}))


def quick_linear_layers() -> AbstractContextManager[Any]:
    """Make linear layers quicker inside a ``with`` block that computes no gradients, where this machine allows.

    Returns
    -------
    context manager
        Of this thread. Without effect elsewhere than on AMD's processors, under autocast, and in other data types.
    """
    return _OneDnnLinear() if _serves() else nullcontext()


def _fits(rows: Any, weights: Any, bias: Any) -> bool:
    return (
        bias is not None
        and rows.dtype is weights.dtype is torch.float32
        and rows.device.type == weights.device.type == "cpu"
        and rows.numel() > 0
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


@lru_cache(maxsize=1)
def _serves() -> bool:
    """Say whether PyTorch would take MKL here, has oneDNN's operator as well, and the processor is AMD's."""
    both = (torch.backends.mkl.is_available(), torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return all(both) and _maker_is_amd() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _maker_is_amd() -> bool:
    if sys.platform != "linux":
        return _MAKER in os.environ.get("PROCESSOR_IDENTIFIER", "")
    try:
        return _MAKER in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return False
