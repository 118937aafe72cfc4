"""Where what was computed on this machine is kept, and how the machine is named in it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any

from bakeoff.catalog.cache import cache_folder

__all__ = ["kept_folder", "machine_facts"]

#: Names a folder in place of the cache's, or ``off``.
_PLACE = "BAKEOFF_COMPUTED"


def kept_folder(kind: str) -> Path | None:
    """Give the folder for one kind of what is computed here.

    Parameters
    ----------
    kind : str
        Such as ``"embeddings"``.

    Returns
    -------
    Path or None
        In ``$BAKEOFF_COMPUTED`` if it is set, else in the cache; None where that is ``off``. It may not exist yet.
    """
    named = os.environ.get(_PLACE)
    if named == "off":
        return None
    return (Path(named).expanduser().absolute() if named else cache_folder()) / kind


def machine_facts() -> dict[str, Any]:
    """Give what seconds, and the last bits of results, hang on beside model and rows; plain JSON values.

    Returns
    -------
    dict
    """
    import torch

    return {"machine": _processor(), "threads": torch.get_num_threads(), "versions": _versions()}


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers")}


@lru_cache(maxsize=1)
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{platform.system()} {platform.machine()} {model or platform.processor()}".strip()
