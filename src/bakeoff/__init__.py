"""Bakeoff: fine-tune or prompt? Measured on your data, not guessed."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
