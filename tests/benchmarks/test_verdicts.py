"""The benchmark of what a verdict costs, on a small grid that is measured here."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1] / "study"))
from study_builders import FLOORS, make_study

from bakeoff.decision.prior import OpenSet
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.run import run_study

TUNED = replace(FLOORS[1], name="tuned", arm="finetune", version="2")
ASKED = replace(FLOORS[0], name="asked", arm="prompt", version="3")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verdicts") / "made"
    contenders = (*FLOORS, TUNED, ASKED)
    with (
        LocalExecutor(threads=1) as executor,
        make_study(folder, contenders, budgets=(16, 40, 80), finalist_seeds=4) as store,
    ):
        run_study(store, executor)
    (folder / "verdict.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_grid_is_replayed_with_its_measured_seconds(grid: Path) -> None:
    import verdicts

    found = verdicts.compared("made", grid)
    assert found["found"]
    assert (found["choice"], found["names"]) == (found["grid_choice"], found["grid_names"])
    assert found["trials"] < found["grid_trials"] / 2
    assert 0 < found["share"] < 1
    assert [(one.n, one.difference > 0) for one in found["ahead"]] == [(16, True), (40, True), (80, True)]


def test_what_was_measured_is_printed(grid: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import verdicts

    monkeypatch.setattr(verdicts, "SETS", ("made", "other"))
    monkeypatch.setattr(sys, "argv", ["verdicts.py", "--output", str(grid.parent), "--replay-only"])
    verdicts.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["sets"], figures["within_1_point_rate"]) == (1, 1.0)
    assert "advice_agrees" not in figures, "one set says nothing of another"


def test_advice_is_held_to_sets_that_it_was_not_counted_on() -> None:
    import verdicts

    measured = [OpenSet(name, 2, 400, by) for name, by in (("a", 0.1), ("b", 0.1), ("c", 0.2), ("d", -0.1))]
    figures = verdicts.advised(measured, least=1)
    assert verdicts.advised(measured) == {}, "too few sets for any advice"
    # Each of a, b and c sees two for tuning and one against; d sees three for it, and is none.
    assert figures["advice_agrees"] == pytest.approx(3 / 4)
    assert figures["advice_says"] == pytest.approx((3 * 3 / 5 + 4 / 5) / 4)


def test_fewer_rows_are_drawn_once(tmp_path: Path) -> None:
    import verdicts

    source = tmp_path / "source"
    source.mkdir()
    for part in ("train", "validation", "test"):
        (source / f"{part}.jsonl").write_text("".join(f'{{"row": {i}}}\n' for i in range(400)), encoding="utf-8")
    verdicts.smaller(source, tmp_path / "fewer", 50)
    counts = {part: len((tmp_path / "fewer" / f"{part}.jsonl").read_text().splitlines()) for part in ("train", "test")}
    assert counts == {"train": 50, "test": verdicts.TEST_ROWS}
    before = (tmp_path / "fewer" / "train.jsonl").read_text()
    verdicts.smaller(source, tmp_path / "fewer", 60)
    assert (tmp_path / "fewer" / "train.jsonl").read_text() == before
