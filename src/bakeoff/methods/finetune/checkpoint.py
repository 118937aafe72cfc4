"""What a training keeps of itself while it runs, so that one that was killed goes on where it was.

One file, written aside and renamed: tensors as safetensors, the rest as JSON in its header. A state is taken up by the
same training alone: the same rows, plan, first weights and objective.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import torch

__all__ = ["Checkpoint"]

#: Seconds between two states.
EVERY_SECONDS = 30.0
_KEY, _FACTS = "key", "facts"


class Checkpoint:
    """The kept state of one training.

    Parameters
    ----------
    path : Path or None
        File of the state; where None, nothing is kept.
    key : str
        Says which training it is.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self._path, self._key = path, key
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for the next state."""
        return self._path is not None and time.monotonic() - self._last >= EVERY_SECONDS

    def read(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Give the tensors and facts of this training's state; None where there is none, or another training's.

        Returns
        -------
        (dict of tensor, dict) or None
        """
        from safetensors import SafetensorError, safe_open

        if self._path is None or not self._path.is_file():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                about = file.metadata() or {}
                if about.get(_KEY) != self._key:
                    return None
                return {name: file.get_tensor(name) for name in file.keys()}, json.loads(about[_FACTS])  # noqa: SIM118
        except (SafetensorError, ValueError, KeyError, OSError):
            # A state that cannot be read costs the steps that it held, and nothing else.
            return None

    def write(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Keep a state in place of the last one.

        Parameters
        ----------
        tensors : dict of tensor
        facts : dict
            Plain JSON values.
        """
        from safetensors.torch import save_file

        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_name(f"{self._path.name}.partial-{secrets.token_hex(6)}")
        try:
            save_file(
                {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
                aside,
                metadata={_KEY: self._key, _FACTS: json.dumps(facts)},
            )
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)
        self._last = time.monotonic()

    def remove(self) -> None:
        """Forget the state: the training is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
