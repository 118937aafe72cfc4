"""Modules stay within 400 lines (600 at the very most) and functions within 50."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "bakeoff"
FILES = sorted(ROOT.rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 400, 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_and_its_functions_are_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MODULE_LINES
    long = [
        f"{node.name}: {length} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, ", ".join(long)


def test_there_is_no_utils() -> None:
    assert not [path for path in ROOT.rglob("*") if path.stem.lower() in ("utils", "util", "helpers", "misc", "common")]
