"""``bakeoff finetune`` as a person runs it."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.models
def test_a_bundle_is_fitted_and_gone_on_from_in_processes_of_their_own(
    bakeoff: Bakeoff, reviews: Path, tmp_path: Path
) -> None:
    short = ("--set", "max_epochs=1", "--set", "least_steps=12")
    first = bakeoff("finetune", reviews, "--method", "lp-ft", "-n", 64, *short, "-o", "first")
    assert first.returncode == 0, first.stdout + first.stderr
    assert max(map(len, first.stdout.splitlines())) <= 80, first.stdout
    for said in (
        "epoch   1   loss",
        "test         accuracy .",
        "floor        accuracy .",
        "calibration error",
        "bakeoff predict",
    ):
        assert said in first.stdout
    more = bakeoff("finetune", reviews, "--continue", "first", *short, "-o", "second")
    assert more.returncode == 0, more.stdout + more.stderr
    for said in ("earlier validation rows, accuracy", "before", "after", "McNemar's p"):
        assert said in more.stdout
    answered = bakeoff("predict", "second", reviews, "-o", "out.csv")
    assert answered.returncode == 0, answered.stderr
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["prediction"] == row["sentiment"] for row in rows) / len(rows) > 0.6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "zero-shot"), "--method names one that tunes a model"),
        (("--set", "rate=1"), "--set takes NAME=VALUE with one of learning_rate"),
        (("--earlier", "old.csv"), "--earlier belongs to --continue"),
        (("--continue", "nowhere"), "nowhere is no bundle"),
        (("--continue", "nowhere", "--method", "full"), "--method cannot change what the bundle"),
    ],
)
def test_wrong_options_end_with_2_and_write_nothing(
    bakeoff: Bakeoff, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "rows.csv").write_text("text,label\ngood,a\nbad,b\n", encoding="utf-8")
    done = bakeoff("finetune", "rows.csv", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "bundle").exists()
