"""Prompt files by hand with a real llama.cpp server: tried, limited, compared, and as contenders of a study."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.study.store import StudyStore
from bakeoff.testing import text_rows
from in_process import Ended, Program

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]

PRICES = "models: {smollm2: {in: 10, cached_in: 1, out: 30, date: 2026-11-01, source: made for a test}}"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Write 50 rows."""
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["review", "sentiment"])
        pairs = zip(*text_rows(50), strict=True)
        table.writerows((f"{text} Order {row}.", label) for row, (text, label) in enumerate(pairs))
    return path


def said(done: Ended, code: int = 0) -> str:
    """Give what was printed, in one line."""
    assert done.code == code, done.out + done.err
    assert max(map(len, done.out.splitlines()), default=0) <= 80
    return " ".join((done.out if code == 0 else done.err).split())


@pytest.mark.models
def test_versions_are_tried_with_a_server(
    bakeoff: Bakeoff, program: Program, rows: Path, tmp_path: Path, chat_server, relay_to
):
    relay = relay_to(chat_server.partition("/v1")[0], lambda number: ("429", None, "half", None, None)[number % 5])
    server = f"{relay.url}#smollm2"
    (tmp_path / "prices.yaml").write_text(PRICES, "utf-8")
    said(program("prompt", "new", rows, "--n", 8, "--shots", 2))
    told = ("prompt", "try", "prompt.yaml", rows, "--n", 8, "--model", server, "--prices", "prices.yaml")
    history = tmp_path / "prompt.history"

    # A limit that is passed leaves no version; what was answered is not asked for again.
    alone = bakeoff(*told, "--limit", "calls=4")
    stopped = said(Ended(alone.returncode, alone.stdout, alone.stderr), 2)
    assert "of 6 rows were answered, too few to keep this try: not asked: --limit calls=4 is used up." in stopped
    assert relay.seen == 4
    assert not history.exists()

    first = said(program(*told))
    assert re.search(
        r"asked on this machine: 6 rows in 6 calls to 127\.0\.0\.1 \(smollm2\): .* about 0\.\d+ USD", first
    )
    assert "version 1 prompt.yaml, smollm2 at 127.0.0.1, as served" in first
    assert "6 of the n = 8 labelled rows of seed 0; 2 that the prompt shows are left out" in first
    kept = re.search(r"servers: (\d+) answers asked for, (\d+) kept from before.*; worth 0\.\d+ USD", first)
    assert int(kept[1]) + int(kept[2]) == 6
    assert int(kept[2]) >= 2
    (file,) = history.glob("*.json")
    plain = json.loads(file.read_text("utf-8"))
    assert (plain["model"], plain["model_sha256"]) == (server, None)
    assert plain["model_reported"]
    assert all(row["answer"] in ("negative", "positive") for row in plain["rows"])
    assert all(body["messages"][0]["content"].startswith("Classify the sentiment") for body in relay.bodies)

    path = tmp_path / "prompt.yaml"
    path.write_text(path.read_text("utf-8").replace("Classify the", "Tell me the"), "utf-8")
    second = said(program(*told))
    assert "changed instruction, since version 1" in second
    assert "on 6 rows that both answered; gained" in second
    assert "another model" not in second
    assert said(program("prompt", "history", "prompt.yaml")).count("smollm2 at") == 2
    assert "gained" in said(program("prompt", "diff", "prompt.yaml@1", "prompt.yaml@2"))


@pytest.mark.models
def test_a_given_prompt_is_a_contender_with_a_server(
    program: Program, rows: Path, tmp_path: Path, chat_server, relay_to, catalogue_cache
):
    relay = relay_to(chat_server.partition("/v1")[0])
    said(program("prompt", "new", rows, "--n", 12, "--shots", 1, "-o", "mine.yaml"))
    path = tmp_path / "mine.yaml"
    control = "control:\n  by: generated\n  kind: free\n  most_tokens: 4\n  retries: 1"
    path.write_text(path.read_text("utf-8").replace("control: label-scores", control), "utf-8")
    done = program(
        "run", rows, "--prompt", "mine.yaml", "--prompt-model", f"{relay.url}#smollm2", "--method", "server-zero-shot",
        "--split", "one", "--budgets", "0,16", "--seeds", "1", "--test-rows", "20", "--no-ship", "-o", "study",
    )  # fmt: skip
    assert done.code in (0, 3), done.out + done.err
    with StudyStore(tmp_path / "study") as store:
        (trial,) = [trial for trial in store.trials() if trial.contender == "mine.yaml smollm2"]
        (known,) = store.fact("given_prompts")
    assert (known["name"], known["tries"], len(known["digest"])) == ("mine.yaml", [], 64)
    assert (trial.status, trial.n) == ("done", 0)
    assert trial.details["control"]["kind"] == "free"
    assert trial.details["control"]["retries"] == 1
    assert trial.usage.calls >= len(trial.test_answers) + len(trial.validation_answers)
    given = [body for body in relay.bodies if "Text:" in body["messages"][0]["content"] and len(body["messages"]) == 1]
    assert {body["max_tokens"] for body in given} == {4}
    assert {body["temperature"] for body in given} <= {0.0, 0.7}
