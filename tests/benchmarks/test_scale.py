"""The benchmark of make-spans: list scheduling by hand, and a study's table."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import scale

from bakeoff.records import Answer, Trial, Usage
from bakeoff.study.plan import PlannedTrial
from bakeoff.study.store import StudyStore
from made_study import ROWS, TASK, TUNED, make_study


def test_free_workers_take_the_next_trial_that_waits_for_none() -> None:
    a, b, c, late = (("x", 1, seed) for seed in range(4))
    seconds = {a: 3.0, b: 2.0, c: 2.0, late: 1.0}

    def course(ended):  # type: ignore[no-untyped-def]
        waits = {a, b, c} - set(ended)
        return [place for place in (a, b, c, *(() if waits else (late,))) if place not in ended]

    assert [scale.make_span(course, seconds, count)[0] for count in (1, 2, 3, 9)] == [8.0, 5.0, 4.0, 4.0]
    assert scale.make_span(course, seconds, 2)[1] == [b, a, c, late]
    assert scale.longest_first([c, b, a], seconds, 2) == 4.0


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a study whose three seeds take 3 s each, a further one 5 s, and half the labels 2 s each."""
    folder = make_study(tmp_path / "s")
    trials = [PlannedTrial(TUNED.name, 64, seed, 1.0, True) for seed in range(4)]
    trials += [PlannedTrial(TUNED.name, 32, seed, 1.0, False) for seed in range(3)]
    given = tuple(tuple(TASK.labels[:1] * ROWS[part]) for part in ("validation", "test"))
    with StudyStore(folder) as store:
        store.set_fact("plan", {**store.fact("plan"), "trials": [asdict(trial) for trial in trials]})
        for n, seed, seconds in ((64, 3, 5.0), (32, 0, 2.0), (32, 1, 2.0), (32, 2, 2.0)):
            trial = Trial(
                f"{n}-{seed}", TUNED.name, n, seed, "done", None, *given, 1.0, 4.0, 6.0, 200.0, 90.0,
                Usage(seconds=seconds), {},
            )  # fmt: skip
            store.add(trial, *([Answer(value) for value in part] for part in given))
    return folder


def test_a_studys_table_ends_in_its_figures(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (study / "study.sqlite").read_bytes()
    monkeypatch.setattr(sys, "argv", ["scale.py", "--study", str(study), "--workers", "1,2,8"])
    scale.main()
    told = capsys.readouterr().out
    found = json.loads(told.splitlines()[-1])["measured"]
    assert (found["trials"], found["seconds"], found["longest"]) == (7, 20.0, 5.0)
    # With two, seed 2 and a trial of half the labels run beside each other; then the further seed, beside the rest.
    assert found["make_span"] == {"1": 20.0, "2": 11.0, "8": 8.0}
    assert (found["least_make_span"], found["workers_at_which_it_stops"]) == (8.0, 3)
    assert "From 3 workers on it falls no further" in told
    assert (study / "study.sqlite").read_bytes() == before

    monkeypatch.setattr(sys, "argv", [*sys.argv, "--faster", "full=2"])
    scale.main()
    told = capsys.readouterr().out
    assert told.startswith("An estimate, not measured: full=2 times as fast.")
    assert json.loads(told.splitlines()[-1])["measured"]["make_span"] == {"1": 10.0, "2": 5.5, "8": 4.0}
