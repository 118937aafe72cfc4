"""Importing the package and asking for help stay quick and load nothing heavy."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

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
    "gepa",
)


@pytest.mark.parametrize("statement", ["import bakeoff", "import bakeoff.cli"])
def test_nothing_heavy_is_loaded(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def processor_seconds(arguments: list[str], environment: dict[str, str]) -> tuple[float, bytes]:
    """Give the least of five, in seconds of the processor: other work on the machine is not ours."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent), done.stdout


@pytest.mark.alone
@pytest.mark.parametrize("arguments", [["-c", "import bakeoff"], ["-m", "bakeoff", "--help"]])
def test_start_takes_less_than_400_milliseconds(arguments: list[str]) -> None:
    assert processor_seconds(arguments, dict(os.environ))[0] < 0.4


LINE = "bakeoff run x --method few"


def completing(line: str) -> dict[str, str]:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return {**os.environ, "_BAKEOFF_COMPLETE": "complete_bash", **words}


def test_a_completion_loads_nothing_heavy() -> None:
    code = (
        f"import sys, bakeoff.cli\ntry:\n    bakeoff.cli.main()\nfinally:\n"
        f"    print([name for name in {(*HEAVY, 'pydantic', 'numpy')!r} if name in sys.modules])"
    )
    for line in (LINE, "bakeoff run ama", "bakeoff resume s", "bakeoff models pull m"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=completing(line), capture_output=True, text=True, check=False
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


@pytest.mark.alone
def test_a_completion_takes_less_than_300_milliseconds() -> None:
    spent, offered = processor_seconds(["-m", "bakeoff"], completing(LINE))
    assert b"few-shot-retrieved" in offered
    assert spent < 0.3


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
