"""The main job from a file of rows to answers in a fresh process, with the small real models."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.report.verdict_file import check_verdict
from in_process import Program
from small_models import write_decoder_folder

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.models


def test_from_rows_to_answers(bakeoff: Bakeoff, program: Program, reviews: Path, tmp_path: Path) -> None:
    # Every row is tested in three rounds of folds: fewer take less long.
    _keep_first(reviews, 66)
    today = tmp_path / "today.csv"
    rows = _table(reviews)
    with today.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "prediction"])
        writer.writerows([row["review"], "positive"] for row in rows)
    done = bakeoff(
        "run", reviews, "--budgets", "0,24", "--test-rows", 40, "--method", "probe", "--method", "zero-shot",
        "--predictions", today, "--require", "p95_ms<=5000", "-o", "study",
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    study = tmp_path / "study"
    verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    check_verdict(verdict)
    assert (done.returncode == 3) == (verdict["verdict"]["choice"] == "unresolved")
    board = {row["contender"] for row in verdict["leaderboard"]}
    assert {"majority", "tfidf", "probe minilm-l6", "zero-shot smollm2-135m", "today.csv"} <= board
    assert (study / "report.html").stat().st_size > 10_000
    assert (study / "leaderboard.csv").is_file()

    with (study / "bundle" / "bundle.json").open(encoding="utf-8") as file:
        assert json.load(file)["rows"] == verdict["task"]["rows"]["train"] + sum(
            verdict["task"]["rows"][part] for part in ("validation", "test")
        )
    answered = bakeoff("predict", "study/bundle", reviews, "-o", "out.csv")
    assert answered.returncode == 0, answered.stderr
    answers = _table(tmp_path / "out.csv")
    assert [row["review"] for row in answers] == [row["review"] for row in rows]
    right = sum(row["prediction"] == row["sentiment"] for row in answers)
    assert right / len(rows) > 0.6

    shipped = program("ship", "study", "--contender", "tfidf", "-o", "plain", "--json")
    assert shipped.code == 0, shipped.err
    assert set(json.loads(shipped.out)["result"]) == {"study", "contender", "bundle", "note"}
    summary = json.loads(program("predict", "plain", reviews, "-o", "plain.jsonl", "--json").out)["result"]
    assert summary["rows"] == summary["answered"] + summary["abstained"] == len(rows)
    unknown = program("ship", "study", "--contender", "tfdif")
    assert unknown.code == 2
    assert "tfidf" in unknown.err


def test_what_is_added_to_a_cross_fitted_study_is_all_that_runs(
    program: Program, reviews: Path, tmp_path: Path
) -> None:
    _keep_first(reviews, 66)
    # What is added is asked of the study's own model, whatever its weights.
    model, study = write_decoder_folder(tmp_path / "small"), tmp_path / "study"
    plan = ("--budgets", "0,16", "--test-rows", 40, "--method", "zero-shot", "--prompt-model", model, "--no-ship")
    done = program("run", reviews, *plan, "-o", "study")
    assert done.code in (0, 3), done.err
    before = _records(study)
    again = program("add", "study", "--method", "zero-shot")
    assert (again.code, "already" in again.err) == (2, True)
    prompt = study.parent / "mine.yaml"
    words = ("negative", "positive")
    design = PromptDesign("Is this review positive or negative?", words, words, ("", ""))
    write_prompt_file(prompt, PromptFile(replace(design, demonstrations=(_a_tested_row(study),))))
    knowing = program("add", "study", "--prompt", "mine.yaml")
    assert (knowing.code, "must not know the rows" in knowing.err) == (2, True)
    write_prompt_file(prompt, PromptFile(design))
    added = program("add", "study", "--prompt", "mine.yaml", "--json")
    assert added.code in (0, 3), added.out + added.err
    after = _records(study)
    document = json.loads(added.out)
    assert (document["command"], document["exit_code"]) == ("add", added.code)
    assert document["result"]["verdict_json"] == json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    told = [line for line in added.err.splitlines() if re.match(r"\[\d+/\d+\] mine.yaml small", line)]
    assert len(told) >= len(after - before), "a line a trial, beside what a program reads"
    assert before < after
    assert {record[0] for record in after - before} == {"mine.yaml small"}
    verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    assert "mine.yaml small" in {row["contender"] for row in verdict["leaderboard"]}
    assert any("test seen" in reason for reason in verdict["verdict"]["reasons"])


def _a_tested_row(study: Path) -> Demonstration:
    with sqlite3.connect(study / "study.sqlite") as db:
        text, label = db.execute("SELECT text, label FROM rows WHERE part = 'test'").fetchone()
    return Demonstration(0, text, label)


def _keep_first(path: Path, rows: int) -> None:
    kept = _table(path)[:rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PLAN = (
    "--budgets", "16,32", "--method", "probe", "--test-rows", "30", "--finalist-seeds", "3",
    "--split", "one", "--no-ship",
)  # fmt: skip


def test_an_interrupted_and_then_killed_study_ends_as_an_unbroken_one(
    program: Program, reviews: Path, tmp_path: Path
) -> None:
    whole = program("run", reviews, *PLAN, "-o", "whole")
    assert whole.code in (0, 3), whole.err
    bakeoff = [sys.executable, "-m", "bakeoff"]
    run = [*bakeoff, "run", str(reviews), *PLAN, "-o", "broken"]
    with subprocess.Popen(run, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        _wait_for_a_trial(tmp_path / "broken" / "study.sqlite", running)
        running.send_signal(signal.SIGINT)
        out, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "bakeoff resume broken" in out.replace("\n", " ")
    assert "Traceback" not in errors
    with subprocess.Popen([*bakeoff, "resume", "broken"], cwd=tmp_path, stdout=subprocess.DEVNULL) as resumed:
        _wait_for_a_trial(tmp_path / "broken" / "study.sqlite", resumed)
        time.sleep(random.Random(11).uniform(0.0, 1.0))
        os.kill(resumed.pid, signal.SIGKILL)
    assert resumed.returncode == -signal.SIGKILL, "it was through before it could be killed"
    ended = program("resume", "broken")
    assert ended.code == whole.code, ended.err
    assert _records(tmp_path / "broken") == _records(tmp_path / "whole")


def _wait_for_a_trial(database: Path, running: subprocess.Popen[Any]) -> None:
    """Wait until one more trial was committed than when the process started, or it ended by itself."""
    before = _count(database)
    for _ in range(1200):
        if running.poll() is not None or _count(database) > before:
            return
        time.sleep(0.1)
    raise AssertionError("no trial was committed in two minutes")


def _count(database: Path) -> int:
    if not database.exists():
        return 0
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        count: int = db.execute("SELECT count(*) FROM trials").fetchone()[0]
        return count


def _records(study: Path) -> set[tuple[object, ...]]:
    """Give contender, n, seed, status and all answers of every trial."""
    with sqlite3.connect(study / "study.sqlite") as db:
        answers: dict[str, list[str | None]] = {}
        for trial, value in db.execute("SELECT trial, value FROM answers ORDER BY trial, part, position"):
            answers.setdefault(trial, []).append(value)
        return {
            (contender, n, seed, status, tuple(answers.get(key, ())))
            for key, contender, n, seed, status in db.execute("SELECT key, contender, n, seed, status FROM trials")
        }
