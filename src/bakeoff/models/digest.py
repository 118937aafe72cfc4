"""The sha256 of weights in memory, which says whether a model was changed."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["weights_sha256"]


def weights_sha256(model: Any) -> str:
    """Give the sha256 over a model's weights as they are in memory.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    str
        64 hexadecimal digits, over the names and the bytes of all parameters in the order of their names. It differs
        from that of the file, and between data types.
    """
    import torch

    found = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        found.update(name.encode())
        found.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy())
    return found.hexdigest()
