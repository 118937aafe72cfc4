"""Public contract suites: what methods and executors, from here or elsewhere, must pass. Nothing imports this room."""

from __future__ import annotations

from bakeoff.testing.executors import ExecutorSuite
from bakeoff.testing.methods import MethodSuite
from bakeoff.testing.rows import rows_of_kind, task_for_kind, text_rows

__all__ = ["ExecutorSuite", "MethodSuite", "rows_of_kind", "task_for_kind", "text_rows"]
