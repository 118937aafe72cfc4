"""Importing the package and asking for help stay quick and load nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "polars",
    "httpx",
    "openai",
    "fastapi",
    "altair",
    "statsmodels",
    "gepa",
)


@pytest.mark.parametrize("statement", ["import bakeoff", "import bakeoff.cli"])
def test_nothing_heavy_is_loaded(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.alone
@pytest.mark.parametrize("arguments", [["-c", "import bakeoff"], ["-m", "bakeoff", "--help"]])
def test_start_takes_less_than_half_a_second(arguments: list[str]) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.5  # the quickest of five: other work on the machine is not ours


def test_facade_is_sorted_and_complete() -> None:
    import bakeoff

    assert list(bakeoff.__all__) == sorted(bakeoff.__all__)
    assert len(bakeoff.__all__) <= 20
    for name in bakeoff.__all__:
        assert hasattr(bakeoff, name)


def test_the_changelog_names_this_version() -> None:
    from pathlib import Path

    import bakeoff

    assert f"## {bakeoff.__version__}" in (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
