"""``bakeoff finetune`` as a person runs it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from in_process import Program


@pytest.mark.models
def test_a_bundle_is_fitted_and_gone_on_from_and_answers(program: Program, reviews: Path, tmp_path: Path) -> None:
    short = ("--set", "max_epochs=1", "--set", "least_steps=12")
    first = program("finetune", reviews, "--method", "lp-ft", "-n", 64, *short, "-o", "first")
    assert first.code == 0, first.out + first.err
    assert max(map(len, first.out.splitlines())) <= 80, first.out
    for said in (
        "epoch   1   loss",
        "test         accuracy .",
        "floor        accuracy .",
        "calibration error",
        "bakeoff predict",
    ):
        assert said in first.out
    more = program("finetune", reviews, "--continue", "first", *short, "-o", "second")
    assert more.code == 0, more.out + more.err
    for said in ("earlier validation rows, accuracy", "before", "after", "McNemar's p"):
        assert said in more.out
    answered = program("predict", "second", reviews, "-o", "out.csv")
    assert answered.code == 0, answered.err
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
    program: Program, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "rows.csv").write_text("text,label\ngood,a\nbad,b\n", encoding="utf-8")
    done = program("finetune", "rows.csv", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "bundle").exists()
