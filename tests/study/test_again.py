"""What is asked beside the trials is forecast: rows with typing errors, instructions inside, or other phrasings."""

from __future__ import annotations

import pytest
from study_builders import make_study

from bakeoff.methods.forecast import ModelSpeed
from bakeoff.study.again import forecast_again, gets_instructions, gets_typos
from bakeoff.study.contenders import CandidateModel, build_contenders
from bakeoff.study.evidence import read_plan
from bakeoff.study.grid import Grid, forecast_trial
from bakeoff.study.measure import again_told
from bakeoff.study.plan import make_plan

ENCODER = CandidateModel("minilm-l6", "encoder", "e" * 64, 22_700_000, "minilm-l6")
DECODER = CandidateModel("smollm2-135m", "decoder", "d" * 64, 134_500_000, "smollm2-135m")
SERVER = CandidateModel("http://localhost:1/v1#m", "server", None, 0, "m")


def planned(models, methods, validation: int = 200, seconds: float | None = None):
    contenders, _ = build_contenders(models, kind="classification", methods=methods, train_rows=256)
    speeds = {model.name: ModelSpeed(1000.0, 300.0, 0.1, 20.0) for model in models}
    rows = {"train": 256, "validation": validation, "test": 300}
    grid = Grid(contenders, speeds, (0, 64, 256), 3, rows, 2, 0.0, 1.0)
    plan = make_plan(grid, time_left=seconds, time_limit=seconds, dtype="float32", device="cpu", threads=1)
    return grid, plan, {one.method: one for one in contenders}


def test_every_row_that_is_asked_again_is_counted_and_a_server_gets_none() -> None:
    grid, plan, by_method = planned((ENCODER, DECODER, SERVER), ("probe", "zero-shot", "server-zero-shot"))
    floors, probe, zero = 2 * 100, 100 + 64, 50 + 64 + 8 * 60
    found = forecast_again(grid, plan)
    assert found.rows == floors + probe + zero
    assert forecast_again(*planned((SERVER,), ("server-zero-shot",))[:2]).rows == floors
    answered = sum(plan.answered.values())
    expected = [
        ("probe", 256, 100),
        ("probe", 256, 64),
        ("zero-shot", 0, 50),
        ("zero-shot", 0, 64),
        ("zero-shot", 0, 480),
    ]
    expected += [("majority", 256, 100), ("tfidf", 256, 100)]
    more = sum(
        forecast_trial(grid, by_method[name], n, answered + rows) - forecast_trial(grid, by_method[name], n, answered)
        for name, n, rows in expected
    )
    assert found.seconds == pytest.approx(more)
    assert found.seconds > 0.9 * (164 * 20 + 594 * 26) / 1000
    assert f"for {found.rows:,} answers" in found.sentence()


def test_few_validation_rows_are_asked_again_once_each() -> None:
    grid, plan, _ = planned((DECODER,), ("zero-shot",), validation=20)
    assert forecast_again(grid, plan).rows == 2 * 2 * 20 + 20 + 2 * 20 + 8 * 20


def test_what_is_forecast_is_what_the_run_asks() -> None:
    _, plan, by_method = planned((ENCODER, DECODER, SERVER), ("probe", "zero-shot", "server-zero-shot"))
    by_name = {one.name: one for one in by_method.values()}
    typos = [one for one in plan.trials if gets_typos(plan, by_name[one.contender], one)]
    inside = [one for one in plan.trials if gets_instructions(plan, by_name[one.contender], one)]
    assert sorted(by_name[one.contender].method for one in typos) == ["majority", "probe", "tfidf", "zero-shot"]
    assert sorted(by_name[one.contender].method for one in inside) == ["probe", "zero-shot"]
    assert {one.seed for one in (*typos, *inside)} == {0}


def test_a_study_tells_it_from_its_own_records(tmp_path) -> None:
    with make_study(tmp_path / "study") as store:
        store.set_fact("wanted", {"budgets": None, "seeds": 3, "time_limit": None})
        told = again_told(store, read_plan(store))
    assert told is not None
    assert "80 answers to rows asked again" in told
