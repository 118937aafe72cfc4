"""Rewriting an instruction: what is told before anything is sent, what is sent, what is kept, and where it stops."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.catalog.prices import ModelPrice, PriceTable
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import ModelError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.score_store import clear_store
from bakeoff.methods.prompt.template import design_for
from bakeoff.tasks import classification_task
from bakeoff.workbench.options import DataOptions, Watcher
from bakeoff.workbench.prompt_history import history_folder, read_history
from bakeoff.workbench.prompt_improve import ImproveOptions, improve_prompt
from bakeoff.workbench.prompt_new import budget_rows
from bakeoff.workbench.rows import divide, read_source
from fault_relay import SAYS
from in_process import Program

pytestmark = pytest.mark.models

N = 32
#: It misleads the small model: 13 of the 32 rows are right with it, 25 with the good one.
MISLEADING = "\n\n".join(f"Text: {text}\nSentiment: positive" for text in ("I hate it.", "It broke.", "Terrible."))
GOOD = "Judge whether the customer praises the product or complains about it."
TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")


def say(instruction: str) -> str:
    return SAYS + json.dumps({"fault": "f", "instruction": instruction})


@pytest.fixture
def folder(tmp_path: Path, catalogue_cache: Path) -> Path:
    """Write 300 real reviews, short ones, and a prompt that misleads."""
    (source,) = catalogue_cache.rglob("amazon-reviews.jsonl")
    with (tmp_path / "reviews.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["review", "sentiment"])
        rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
        short = [row for row in rows if len(row["text"]) <= 90]  # a quick server would not mind others
        table.writerows((row["text"], row["label"]) for row in short[:300])
    write_prompt_file(tmp_path / "p.yaml", PromptFile(replace(design_for(TASK), instruction=MISLEADING)))
    return tmp_path


def improve(folder: Path, server: str, watcher: Watcher | None = None, **options):
    told = {"n": N, "reply_tokens": 60, "rewrites": 2} | options
    return improve_prompt(
        folder / "p.yaml",
        str(folder / "reviews.csv"),
        DataOptions(),
        ImproveOptions(server, **told),
        output=folder / "q.yaml",
        watcher=watcher,
    )


def budget(folder: Path):
    split = divide(read_source(str(folder / "reviews.csv"), DataOptions()), seed=0, seeds=3, division="auto")
    return budget_rows(split.train, N, 0)


class Told(Watcher):
    """Notes what was told, and how many requests the relay had seen by then."""

    def __init__(self, relay) -> None:
        self.relay = relay
        self.sendings: list[tuple[object, int]] = []
        self.steps: list[tuple[str, int]] = []

    def sending(self, sendings) -> None:
        self.sendings += [(sending, self.relay.seen) for sending in sendings]

    def step(self, text: str) -> None:
        self.steps.append((text, self.relay.seen))


def test_a_real_server_rewrites_and_sees_rows_of_one_half_of_the_budget_alone(folder, chat_server, relay_to) -> None:
    relay = relay_to(chat_server)
    watcher = Told(relay)
    done = improve(folder, f"{relay.url}#smollm2", watcher, reply_tokens=60)
    assert done.rewrites.asked == 2 == relay.seen
    assert done.kept - 1 + sum(done.rewrites.refused.values()) <= 2
    assert done.spent.calls == 2
    assert done.why == "all 2 rewrites were asked for"

    ((sending, before),) = watcher.sendings
    assert before == 0  # the forecast was told before the first call
    assert (sending.rows, sending.calls, sending.money) == (16, 2, 0.0)
    assert 0.5 < (sending.tokens_in + 2 * 60) / done.spent.tokens < 2
    forecast = next(text for text, seen in watcher.steps if text.startswith("at most") and seen == 0)
    assert f"at most {32 + 2 * (8 + 32)} rows answered here" in forecast
    assert done.rows_answered <= 32 + 2 * (8 + 32)

    sample = budget(folder)
    sent = [str(body["messages"]) for body in relay.bodies]
    with (folder / "reviews.csv").open(newline="", encoding="utf-8") as stream:
        every = [row["review"] for row in csv.DictReader(stream)]
    leaked = [text for text in every if any(repr(json.dumps(text))[1:-1] in body for body in sent)]
    assert leaked
    assert set(leaked) <= set(sample.texts[::2])
    assert not set(leaked) & set(sample.texts[1::2])

    # What was scored is kept with its answers to all rows, the start first.
    history = read_history(history_folder(folder / "q.yaml"))
    assert len(history) == done.kept
    assert history[0].prompt == read_prompt_file(folder / "p.yaml")
    assert all([row.id for row in tried.rows] == list(sample.ids) for tried in history)
    chosen = {sample.ids[place] for place in range(1, N, 2)}
    assert {row.id for row in done.change.before.rows} == {row.id for row in done.change.after.rows} == chosen
    assert (folder / "q.yaml").exists() == (done.written is not None) == (done.best.version != 1)


def test_the_better_version_is_written_with_its_scores_and_compared_with_the_start(folder, chat_server, relay_to):
    told = (say("Sort."), say(GOOD))
    relay = relay_to(chat_server, lambda number: told[number])
    done = improve(folder, f"{relay.url}#smollm2")
    assert done.written == folder / "q.yaml"
    written = read_prompt_file(folder / "q.yaml")
    assert written.design == replace(done.start.prompt.design, instruction=GOOD)
    assert (written.model, written.model_sha256) == (done.best.model, done.best.model_sha256)
    change = done.change
    assert written.scores == {"accuracy_on_choosing_rows": change.right_after / 16, "choosing_rows": 16.0}
    assert change.right_after - change.right_before == len(change.gained) - len(change.lost) > 0
    assert done.best.version > done.start.version == 1
    assert read_prompt_file(folder / "p.yaml").design.instruction == MISLEADING
    assert not list(folder.glob(".*"))  # written aside, and renamed


def test_where_nothing_is_better_the_file_stays(folder, program: Program, chat_server, relay_to) -> None:
    write_prompt_file(folder / "p.yaml", PromptFile(replace(design_for(TASK), instruction=GOOD)))
    before = (folder / "p.yaml").read_bytes()
    copied = f"Say negative if: {max(budget(folder).texts, key=lambda text: len(text.split()))}"
    relay = relay_to(chat_server, lambda number: (say(MISLEADING), say(copied))[number])
    (folder / "prices.yaml").write_text("models: {smollm2: {in: 10, out: 30}}")
    done = program(*words(f"{relay.url}#smollm2"), "--prices", "prices.yaml", "-o", "p.yaml")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "asked on this machine: 16 rows in 2 calls to 127.0.0.1 (smollm2): about" in said
    assert "nothing is better: p.yaml is left as it was" in said
    assert "1 copied a labelled text" in said
    assert "USD" in said.partition("spent")[2]
    assert (folder / "p.yaml").read_bytes() == before
    assert max(map(len, done.out.splitlines())) <= 80


def words(server: str) -> list[str]:
    """Give the words of the command."""
    told = ["prompt", "improve", "p.yaml", "reviews.csv", "--rewriter", server]
    return [*told, "--n", str(N), "--rewrites", "2", "--reply-tokens", "60"]


def test_a_killed_run_asks_again_only_for_what_did_not_come(folder, program: Program, chat_server, relay_to) -> None:
    replies = (say("Sort."), say(GOOD), say(GOOD))
    relay = relay_to(chat_server, lambda number: replies[number])
    relay.seconds = 1.5
    command = [sys.executable, "-m", "bakeoff", *words(f"{relay.url}#smollm2")]
    running = subprocess.Popen(command, cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL)
    for _ in range(6000):  # a busy machine takes minutes to start
        if relay.seen >= 2 or running.poll() is not None:
            break
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert relay.seen == 2
    assert read_prompt_file(folder / "p.yaml").design.instruction == MISLEADING
    kept = {tried.prompt.design.instruction for tried in read_history(history_folder(folder / "p.yaml"))}
    assert kept >= {MISLEADING}
    # As in a process of its own: rows that other tests had scored would make another request.
    clear_store()
    loaded.scorer.cache_clear()
    done = program(*words(f"{relay.url}#smollm2"))
    assert done.code == 0, done.err
    assert relay.seen == 3  # the first reply came from disk
    assert "1 replies kept from before" in " ".join(done.out.split())
    assert read_prompt_file(folder / "p.yaml").design.instruction == GOOD


@pytest.mark.parametrize(
    ("options", "calls", "why"),
    [
        ({"terms": ServerTerms(limits=SpendingLimits(calls=1))}, 1, "--limit calls=1 is used up"),
        (
            {"terms": ServerTerms(PriceTable((("smollm2", ModelPrice(10.0, 30.0)),)), SpendingLimits(money=0.02))},
            0,
            "--limit money=0.02 (USD) could be passed by another call",
        ),
        ({"calls": 32 + 8 + 32}, 1, "--calls 72 could be passed by another rewrite"),
    ],
)
def test_limits_end_the_search_before_they_are_passed(folder, chat_server, relay_to, options, calls, why) -> None:
    relay = relay_to(chat_server, lambda _number: say("Sort."))
    done = improve(folder, f"{relay.url}#smollm2", rewrites=6, **options)
    assert done.why == why
    assert relay.seen == done.spent.calls == calls
    assert done.spent.money <= 0.02
    assert done.rows_answered <= 72


def test_the_time_limit_ends_a_call_that_does_not_answer(folder, chat_server, relay_to) -> None:
    relay = relay_to(chat_server)
    relay.seconds = 30.0
    other = relay_to(chat_server, lambda _number: say(MISLEADING))
    assert improve(folder, f"{other.url}#smollm2", rewrites=1).rewrites.refused == {"repeated": 1}  # loads the model
    began = time.monotonic()
    done = improve(folder, f"{relay.url}#smollm2", time_limit=5.0)
    assert time.monotonic() - began < 8
    assert done.why == "--time-limit is up"
    assert done.written is None


def test_broken_answers_are_tried_again_and_cost_no_rewrite(folder, chat_server, relay_to) -> None:
    told = ("429", "half", say(GOOD), "nothing", SAYS + "banana")
    relay = relay_to(chat_server, lambda number: told[number])
    done = improve(folder, f"{relay.url}#smollm2")
    assert relay.seen == 5
    assert done.rewrites.refused == {"unusable": 1}
    assert done.rewrites.reasons == ["it holds no instruction: 'banana'"]
    assert done.best.prompt.design.instruction == GOOD


def test_what_cannot_be_used_is_refused_before_anything_is_sent(folder, chat_server, relay_to) -> None:
    relay = relay_to(chat_server, lambda _number: "401")
    server = f"{relay.url}#smollm2"
    remote = "https://api.example.org/v1#big"
    priced = ServerTerms(PriceTable((("big", ModelPrice(1.0, 4.0)),)))
    with pytest.raises(
        OptionError, match=r"16 rows in 2 calls to api\.example\.org \(big\): about .* about 0\.\d+ USD"
    ):
        improve(folder, remote, terms=priced)
    limited = ServerTerms(limits=SpendingLimits(money=1.0))
    with pytest.raises(OptionError, match=r"price of big at api\.example\.org is not known, so --limit money"):
        improve(folder, remote, terms=limited, allow_send=frozenset({"api.example.org"}))
    with pytest.raises(OptionError, match="--calls must let 72 rows be answered"):
        improve(folder, server, calls=71)
    with pytest.raises(OptionError, match="At least 16 rows"):
        improve(folder, server, n=12)
    with pytest.raises(OptionError, match="for a model in process"):
        improve(folder, server, model=server)
    clear_store()
    with pytest.raises(OptionError, match="--time-limit was up before 32 rows"):
        improve(folder, server, time_limit=1e-3)
    assert relay.seen == 0
    with pytest.raises(ModelError, match="refuses the key"):
        improve(folder, server)
    with pytest.raises(ModelError, match="cannot be reached"):
        improve(folder, "http://127.0.0.1:9/v1#m")
    (folder / "q.yaml").write_text("mine")
    with pytest.raises(OptionError, match="is there already"):
        improve(folder, server)
    assert (folder / "q.yaml").read_text() == "mine"


def test_a_missing_extra_is_named(folder, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gepa"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gepa", None)
    done = program(*words("http://127.0.0.1:9/v1#m"))
    assert done.code == 2
    assert "pip install 'bakeoff[improve]'" in done.err
    assert "Traceback" not in done.err
