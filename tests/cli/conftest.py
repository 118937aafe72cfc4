"""The program as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Test folders are no packages: what stands beside this file is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))

from in_process import Program

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


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Give the program in this process, with `tmp_path` as its working folder."""
    monkeypatch.chdir(tmp_path)
    return Program(monkeypatch, capsys)


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
