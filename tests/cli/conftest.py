"""The program as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
    """Write 400 real customer reviews to a CSV file, and point the catalogue at the pulled models."""
    import csv
    import json

    (source,) = catalogue_cache.rglob("amazon-reviews.jsonl")
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "review", "sentiment"])
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines()[:400]):
            row = json.loads(line)
            writer.writerow([number, row["text"], row["label"]])
    return path
