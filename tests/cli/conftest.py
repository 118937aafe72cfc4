"""The program as a person runs it: a process of its own, in a folder of its own.

What a process of its own adds nothing to is asked of `program`, in this one: a start takes seconds of the processor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from made_study import make_study

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bakeoff(tmp_path: Path) -> Bakeoff:
    """Give a function that runs ``bakeoff`` with some arguments in `tmp_path`."""

    def call(*arguments: object, timeout: float = 550.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bakeoff", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "80"},
            timeout=timeout,
            check=False,
        )

    return call


@pytest.fixture
def reviews(tmp_path: Path, catalogue_cache: Path) -> Path:
    """Write 160 real customer reviews to a CSV file, short ones, and point the catalogue at the pulled models."""
    import csv
    import json

    (source,) = catalogue_cache.rglob("amazon-reviews.jsonl")
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "review", "sentiment"])
        rows = map(json.loads, source.read_text(encoding="utf-8").splitlines())
        short = [row for row in rows if len(row["text"]) <= 90]  # which a model reads in half the time
        writer.writerows([number, row["text"], row["label"]] for number, row in enumerate(short[:160]))
    return path


def rows_of(count: int = 60) -> str:
    """Give a CSV file of short texts with two labels."""
    lines = [f"text number {i} is {'good' if i % 2 else 'bad'},{'pn'[i % 2]}" for i in range(count)]
    return "\n".join(["review,sentiment", *lines]) + "\n"


@pytest.fixture
def small_rows(tmp_path: Path) -> Path:
    """Write 60 labelled rows to ``rows.csv`` of the working folder."""
    path = tmp_path / "rows.csv"
    path.write_text(rows_of(), "utf-8")
    return path


@pytest.fixture(scope="session")
def _decided_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bakeoff.workbench.report import report

    folder = make_study(tmp_path_factory.mktemp("made") / "study")
    report(folder)
    return folder


@pytest.fixture
def decided_study(_decided_study: Path, tmp_path: Path) -> Path:
    """Give a copy, ``study`` in the working folder, of a study that is decided."""
    return Path(shutil.copytree(_decided_study, tmp_path / "study"))
