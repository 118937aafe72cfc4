"""Public contract suites: what any method, from this package or another, must pass. Nothing imports this room."""

from __future__ import annotations

from bakeoff.testing.methods import MethodSuite, text_rows

__all__ = ["MethodSuite", "text_rows"]
