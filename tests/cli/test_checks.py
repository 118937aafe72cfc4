"""``--checks``: right texts are held to them before anything runs, and what cannot be is refused by name."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest


@pytest.fixture
def couplets(tmp_path: Path) -> Path:
    """Write 40 couplets, of which every fourth has a line too many."""
    chance = random.Random(0)
    ends = (("night", "light"), ("day", "way"), ("sea", "free"), ("stone", "alone"))
    rows = [
        {
            # Sources that are nearly the same would stay on one side of the split.
            "source": f"lines: 2\n{' '.join(''.join(chance.choices('abdeiklmnoprstu', k=7)) for _ in range(6))}",
            "target": f"The {number} of us came by {one}\nand went again by {other}"
            + "\nand so on" * (number % 4 == 0),
        }
        for number in range(40)
        for one, other in (ends[number % 4],)
    ]
    path = tmp_path / "couplets.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_the_right_texts_of_rows_are_held_to_the_checks(program, couplets: Path, tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(
        "lines: {kind: line-count, lines: 'lines: (\\d+)'}\nrhyme: {kind: rhyme-scheme, scheme: a a}\n"
        "long: {kind: length, least_words: 50}\n"
    )
    result = program("check", couplets, "--checks", "checks.yaml", "--json").document["result"]
    found = next(check for check in result["checks"] if check["name"] == "text checks")
    assert found["status"] == "WARN"
    lines, rhyme = (int(found["detail"].partition(f"{name} ")[2].partition("%")[0]) for name in ("lines", "rhyme"))
    assert 60 <= lines < 90
    assert rhyme == 100
    assert "long asks for something else" in found["detail"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "form"), "--checks FILE"),
        (("--require", "form:rime>=0.5", "--checks", "checks.yaml"), "Did you mean 'form:rhyme'?"),
        (("--metric", "slot-accuracy", "--checks", "checks.yaml"), "chrf, bleu"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_runs(
    program, couplets: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "checks.yaml").write_text("rhyme: {kind: rhyme-scheme, scheme: a a}\n")
    told = program("run", couplets, "--method", "lead", *arguments)
    assert told.code == 2
    assert message in " ".join(told.err.split())
    assert not (tmp_path / "bakeoff-studies").exists()


def test_checks_that_no_row_asks_for_and_rows_without_texts_are_refused(
    program, couplets: Path, small_rows: Path, tmp_path: Path
) -> None:
    (tmp_path / "checks.yaml").write_text("lines: {kind: line-count, lines: 'Zeilen: (\\d+)'}\n")
    told = program("check", couplets, "--checks", "checks.yaml")
    assert told.code == 2
    assert "'lines' reads from the source what none of" in " ".join(told.err.split())
    told = program("check", small_rows, "--checks", "checks.yaml")
    assert told.code == 2
    assert "the kind of these rows is classification" in " ".join(told.err.split())
