"""The command line: one file per command."""

from __future__ import annotations

from bakeoff.cli.app import main

__all__ = ["main"]
