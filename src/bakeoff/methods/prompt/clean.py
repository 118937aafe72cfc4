"""A text made fit for its place in a prompt; see `bakeoff.methods.clean`."""

from __future__ import annotations

from bakeoff.methods.clean import MARK, clean_text

__all__ = ["MARK", "clean_text"]
