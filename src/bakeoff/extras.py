"""Optional dependencies: one helper, one wording."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from bakeoff.errors import MissingExtraError

__all__ = ["has_module", "require"]


def has_module(module: str) -> bool:
    """Say whether a module can be imported, without importing it.

    Parameters
    ----------
    module : str
        Top-level module name, such as ``"peft"``.

    Returns
    -------
    bool
    """
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import an optional dependency, or say which extra brings it.

    Parameters
    ----------
    module : str
        Module to import.
    extra : str
        The extra of this package that installs it, such as ``"finetune"``.
    purpose : str
        What needs it, as the beginning of a sentence: ``"LoRA adapters"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingExtraError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} need{'' if purpose.endswith('s') else 's'} the package {module!r}, which is not installed.",
            next_step=f"Install it with: pip install 'bakeoff[{extra}]'",
        ) from error
