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

import pytest

from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.report.verdict_file import check_verdict

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.models


def test_from_rows_to_answers(bakeoff: Bakeoff, reviews: Path, tmp_path: Path) -> None:
    # Every row is tested in three rounds of folds: half as many take half as long.
    _keep_first(reviews, 140)
    today = tmp_path / "today.csv"
    rows = _table(reviews)
    with today.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "prediction"])
        writer.writerows([row["review"], "positive"] for row in rows)
    done = bakeoff(
        "run", reviews, "--budgets", "0,48", "--test-rows", 40, "--method", "probe", "--method", "zero-shot",
        "--method", "zero-shot-calibrated", "--predictions", today, "--require", "p95_ms<=5000", "-o", "study",
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

    _adds_only_what_is_new(bakeoff, study)

    shipped = bakeoff("ship", "study", "--contender", "tfidf", "-o", "plain", "--json")
    assert shipped.returncode == 0, shipped.stderr
    assert set(json.loads(shipped.stdout)["result"]) == {"study", "contender", "bundle", "note"}
    summary = json.loads(bakeoff("predict", "plain", reviews, "-o", "plain.jsonl", "--json").stdout)["result"]
    assert summary["rows"] == summary["answered"] + summary["abstained"] == len(rows)
    unknown = bakeoff("ship", "study", "--contender", "tfdif")
    assert unknown.returncode == 2
    assert "tfidf" in unknown.stderr


def _adds_only_what_is_new(bakeoff: Bakeoff, study: Path) -> None:
    before = _records(study)
    again = bakeoff("add", "study", "--method", "probe")
    assert (again.returncode, "already" in again.stderr) == (2, True)
    prompt = study.parent / "mine.yaml"
    words = ("negative", "positive")
    design = PromptDesign("Is this review positive or negative?", words, words, ("", ""))
    write_prompt_file(prompt, PromptFile(replace(design, demonstrations=(_a_tested_row(study),))))
    knowing = bakeoff("add", "study", "--prompt", "mine.yaml")
    assert (knowing.returncode, "must not know the rows" in knowing.stderr) == (2, True)
    write_prompt_file(prompt, PromptFile(design))
    added = bakeoff("add", "study", "--prompt", "mine.yaml", "--json")
    assert added.returncode in (0, 3), added.stdout + added.stderr
    after = _records(study)
    document = json.loads(added.stdout)
    assert (document["command"], document["exit_code"]) == ("add", added.returncode)
    assert document["result"]["verdict_json"] == json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    told = [line for line in added.stderr.splitlines() if re.match(r"\[\d+/\d+\] mine.yaml smollm2-135m", line)]
    assert len(told) >= len(after - before), "a line a trial, beside what a program reads"
    assert before < after
    assert {record[0] for record in after - before} == {"mine.yaml smollm2-135m"}
    verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    assert "mine.yaml smollm2-135m" in {row["contender"] for row in verdict["leaderboard"]}
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


def test_a_killed_study_ends_as_an_unbroken_one(bakeoff: Bakeoff, reviews: Path, tmp_path: Path) -> None:
    whole = bakeoff("run", reviews, *PLAN, "-o", "whole")
    assert whole.returncode in (0, 3), whole.stderr
    chance = random.Random(11)
    command = [sys.executable, "-m", "bakeoff", "run", str(reviews), *PLAN, "-o", "broken"]
    for _ in range(2):
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            _wait_for_a_trial(tmp_path / "broken" / "study.sqlite", running)
            time.sleep(chance.uniform(0.0, 1.0))
            os.kill(running.pid, signal.SIGKILL)
        command = [sys.executable, "-m", "bakeoff", "resume", "broken"]
    resumed = bakeoff("resume", "broken")
    assert resumed.returncode == whole.returncode, resumed.stderr
    assert _records(tmp_path / "broken") == _records(tmp_path / "whole")


def _wait_for_a_trial(database: Path, running: subprocess.Popen[bytes]) -> None:
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


def test_an_interrupt_says_how_to_resume(reviews: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bakeoff", "run", str(reviews), *PLAN, "-o", "study"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        _wait_for_a_trial(tmp_path / "study" / "study.sqlite", running)  # type: ignore[arg-type]
        running.send_signal(signal.SIGINT)
        out, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "bakeoff resume study" in out.replace("\n", " ")
    assert "Traceback" not in errors
