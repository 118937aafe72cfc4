"""A study that asks a server: what is told before it sends, what it pays, where it stops, what a kill leaves."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.catalog.prices import FREE, ModelPrice, PriceTable
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import OptionError
from bakeoff.records import Assumptions
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import JOURNAL
from bakeoff.testing import text_rows
from bakeoff.workbench.options import StudyOptions
from bakeoff.workbench.sending import terms_of_study, with_limits
from in_process import Ended, Program

PRICES = "models: {smollm2: {in: 10, cached_in: 1, out: 30, date: 2026-11-01, source: made for a test}}"


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    texts, labels = text_rows(50)
    with (tmp_path / "reviews.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["review", "sentiment"])
        table.writerows(
            (f"{text} Order {row}.", label) for row, (text, label) in enumerate(zip(texts, labels, strict=True))
        )
    (tmp_path / "prices.yaml").write_text(PRICES, "utf-8")
    return tmp_path


def arguments(folder: Path, server: str, *more: str) -> list[str]:
    told = ["run", str(folder / "reviews.csv"), "--text", "review", "--label", "sentiment", "--prompt-model", server]
    return [*told, "--method", "server-zero-shot", "--split", "one", "--budgets", "0,16", "--seeds", "1", *more,
            "--test-rows", "20", "--no-ship", "--output", str(folder / "study")]  # fmt: skip


@pytest.fixture
def run(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Give the program with a key and a wide screen."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    monkeypatch.setenv("COLUMNS", "200")
    return program


def run_alone(folder: Path, *told: str) -> Ended:
    """Run the program in a process of its own, which leaves to the next one what stands on disk alone."""
    done = subprocess.run(
        [sys.executable, "-m", "bakeoff", *told], capture_output=True, text=True, cwd=folder, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def server_trials(folder: Path):
    with StudyStore(folder / "study") as store:
        return [trial for trial in store.trials() if "server" in trial.contender]


@pytest.mark.parametrize("priced", [False, True])
def test_nothing_is_sent_before_rows_tokens_and_price_were_shown_and_the_host_allowed(
    reviews: Path, run: Program, priced: bool
):
    server = "https://api.example.org/v1#smollm2"
    done = run(*arguments(reviews, server, *(["--prices", "prices.yaml"] if priced else [])))
    assert done.code == 2
    found = re.search(
        r"would be sent to api\.example\.org, which is not this machine and was not allowed: ([\d,]+) rows in "
        r"([\d,]+) calls to api\.example\.org \(smollm2\): about ([\d,]+) tokens in, ([\d,]+) out; (.*)\.\n",
        done.err,
    )
    assert found, done.err
    rows, calls, tokens_in, tokens_out = (int(found[place].replace(",", "")) for place in range(1, 5))
    assert rows == calls
    assert 60 * calls < tokens_in < 200 * calls
    assert calls < tokens_out < 20 * calls
    if priced:
        assert float(found[5].split()[1]) == pytest.approx((10 * tokens_in + 30 * tokens_out) / 1e6, rel=0.1)
    else:
        assert found[5].startswith("price unknown: it is not in /")
    assert "add: --allow-send api.example.org" in done.err
    assert not (reviews / "study").exists()


def test_a_limit_on_money_is_refused_where_the_price_is_not_known(reviews: Path, run: Program):
    told = arguments(reviews, "https://api.example.org/v1#other", "--prices", "prices.yaml", "--limit", "money=1")
    done = run(*told, "--allow-send", "api.example.org")
    assert done.code == 2
    assert "The price of other at api.example.org is not known, so --limit money cannot be kept." in done.err
    assert not (reviews / "study").exists()


@pytest.mark.parametrize(
    "limit", ["money", "money=-1", "money=inf", "tokens=1.5", "rows=3", "calls-at-a-time=0", "calls-at-a-time=1000", ""]
)
def test_what_is_no_limit_is_refused(limit: str):
    with pytest.raises(OptionError, match="A limit is money=, tokens=, calls= or calls-at-a-time="):
        with_limits(ServerTerms(), (limit,))


def test_limits_are_read_and_replace_those_of_before():
    terms = with_limits(ServerTerms(), ("money=2.50", "calls=7", "calls-at-a-time=3"))
    assert terms == ServerTerms(limits=SpendingLimits(2.5, None, 7), most_at_a_time=3)
    assert with_limits(terms, (" tokens = 10", "calls=8")).limits == SpendingLimits(2.5, 10, 8)


def test_assumed_prices_stand_in_for_a_table_and_currencies_must_agree():
    models = ("https://a.org/v1#big", "https://a.org/v1#listed", "http://localhost:1/v1#big", "smollm2-135m")
    table = PriceTable((("listed", ModelPrice(1.0, 2.0)),))
    options = StudyOptions(
        prompt_models=models, terms=ServerTerms(prices=table), assumptions=Assumptions(price_in=5.0, price_out=6.0)
    )
    prices = terms_of_study(options).prices
    assert prices.price_of("https://a.org/v1", "big") == ModelPrice(5.0, 6.0, source="assumed")
    assert prices.price_of("https://a.org/v1", "listed") == ModelPrice(1.0, 2.0)
    assert prices.price_of("http://localhost:1/v1", "big") == FREE
    assert prices.price_of("https://b.org/v1", "big") is None
    with pytest.raises(OptionError, match="is in USD, the study's costs are in EUR"):
        terms_of_study(replace(options, assumptions=Assumptions(currency="EUR")))


@pytest.mark.models
def test_a_study_pays_by_the_table_stops_at_its_limit_and_goes_on_with_another(
    reviews: Path, run: Program, chat_server, relay_to
):
    relay = relay_to(chat_server, lambda number: ("429", "half", None, None, None)[number % 5])
    server = f"{relay.url}#smollm2"
    done = run_alone(reviews, *arguments(reviews, server, "--prices", "prices.yaml", "--limit", "calls=14"))
    assert done.code == 3, done.err
    assert re.search(
        r"asked on this machine: 2\d rows in 2\d calls to 127\.0\.0\.1 \(smollm2\): .* about [\d.]+ USD", done.out
    )
    assert relay.seen == 14
    (trial,) = server_trials(reviews)
    assert (trial.status, trial.reason) == ("cut", "not asked: --limit calls=14 is used up")
    assert trial.test_answers.count(None) >= 12 - 8  # of 14 calls six came to nothing

    done = run("resume", str(reviews / "study"), "--limit", "calls=500")
    assert done.code in (0, 3), done.err
    (trial,) = server_trials(reviews)
    assert trial.status == "done"
    calls = trial.details["calls"]
    rows = len(trial.test_answers) + len(trial.validation_answers)
    assert calls["asked"] + calls["from_disk"] == rows
    assert calls["from_disk"] >= 5
    usage = trial.usage
    fresh = usage.tokens_in - usage.tokens_cached
    assert usage.calls == rows
    assert usage.money == pytest.approx((10 * fresh + usage.tokens_cached + 30 * usage.tokens_out) / 1e6)
    verdict = json.loads((reviews / "study" / "verdict.json").read_text("utf-8"))
    assert verdict["spent"]["money"] == pytest.approx(usage.money)
    assert re.search(r"servers: \d+ answers asked for, \d+ kept from before.*; worth [\d.]+ USD", done.out)
    # Rows were charged once, but for those whose answer came in half.
    halves = sum(number % 5 == 1 for number in range(relay.seen))
    assert len(relay.charged) - len(set(relay.charged)) <= halves
    kept = [path for path in reviews.rglob("*") if path.is_file()]
    assert reviews / "study" / JOURNAL in kept
    assert not [path for path in kept if b"sk-secret" in path.read_bytes()]
    assert "sk-secret" not in done.out + done.err

    # A bundle of it tells, too, what it will send, and keeps to the limit that it is given.
    name = trial.contender
    shipped = run("ship", str(reviews / "study"), "--contender", name, "--output", str(reviews / "bundle"))
    assert shipped.code == 0, shipped.err
    (reviews / "new.csv").write_text("review\nIt is excellent.\nIt broke.\nGreat and lovely.\n", "utf-8")
    relay.fault = lambda _number: None
    before = relay.seen
    told = ("predict", str(reviews / "bundle"), str(reviews / "new.csv"), "--prices", "prices.yaml")
    done = run(*told, "--limit", "calls=2")
    assert done.code == 0, done.err
    assert re.search(r"to be asked: 3 rows in 3 calls to 127\.0\.0\.1 \(smollm2\): .* about 0\.\d+ USD", done.out)
    answers = (reviews / "new.predictions.csv").read_text("utf-8")
    assert answers.count("not asked: --limit calls=2 is used up") == 1
    assert relay.seen == before + 2
    assert run(*told).code == 0
    assert "not asked" not in (reviews / "new.predictions.csv").read_text("utf-8")
    assert relay.seen == before + 3


@pytest.mark.models
def test_a_killed_study_asks_only_for_what_is_missing(reviews: Path, run: Program, chat_server, relay_to):
    relay = relay_to(chat_server)
    relay.seconds = 0.4
    told = arguments(reviews, f"{relay.url}#smollm2", "--limit", "calls-at-a-time=2")
    process = subprocess.Popen(
        [sys.executable, "-m", "bakeoff", *told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=reviews,
        start_new_session=True,
    )  # fmt: skip
    for _ in range(2400):
        if relay.delivered >= 8 or process.poll() is not None:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1.5)
    relay.seconds = 0.0
    before = len(relay.charged)
    assert relay.most_at_once <= 2
    assert run("resume", str(reviews / "study")).code in (0, 3)
    (trial,) = server_trials(reviews)
    assert trial.status == "done"
    assert trial.details["calls"]["from_disk"] >= 8 - 2 - 2  # two calls measured the server, two were under way
    texts = [text for text in relay.charged if text.startswith("Text:")]
    assert len(texts) - len(set(texts)) <= 2 + 21  # under way at the kill; readings of latency on this machine
    assert len(relay.charged) > before
