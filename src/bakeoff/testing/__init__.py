"""Public contract suites: what any method, from this package or another, must pass. Nothing imports this room."""

from __future__ import annotations

from bakeoff.testing.methods import MethodSuite
from bakeoff.testing.rows import rows_of_kind, task_for_kind, text_rows

__all__ = ["MethodSuite", "rows_of_kind", "task_for_kind", "text_rows"]
