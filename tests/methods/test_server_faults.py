"""The server prompt through a relay that fails as real servers do, in front of a real llama.cpp server.

No row may be lost, charged twice, or given an answer that the model did not give.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bakeoff.catalog.prices import ModelPrice, PriceTable
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import TrialError
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.prompt import server_answers
from bakeoff.methods.prompt.server_answers import ServerPrompt
from bakeoff.models.response_cache import ResponseCache
from bakeoff.models.server_pace import _PACES, RetryPolicy
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows

pytestmark = pytest.mark.models

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
TEXTS = [f"{text} Number {number}." for number, text in enumerate(text_rows(12)[0])]
PRICES = PriceTable((("smollm2", ModelPrice(1.0, 3.0, 0.1)),))


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    """Wait hundredths of seconds instead of seconds before another try, and begin with what no test has learned."""
    wait = RetryPolicy.wait

    def soon(policy, failures, asked, chance):
        waited = wait(policy, failures, asked, chance)
        return None if waited is None else max(asked or 0.0, 0.01)

    monkeypatch.setattr(RetryPolicy, "wait", soon)
    _PACES.clear()


@pytest.fixture(scope="module")
def true_answers(chat_server, tmp_path_factory):
    """What the model itself answers, asked without a relay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(tmp_path_factory.mktemp("apart")))
        return [answer.value for answer in ServerPrompt(TASK, chat_server).fit([], []).answer(TEXTS)]


def prompt(relay, terms=None, deadline=None):
    context = RunContext(terms=terms or ServerTerms(), deadline=deadline or Deadline())
    return ServerPrompt(TASK, f"{relay.url}#smollm2").within(context).fit([], [])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("seed", [0, 1])
def test_no_row_is_lost_charged_twice_or_given_a_made_up_answer(chat_server, relay_to, true_answers, seed, tmp_path):
    chance = random.Random(seed)
    plan = [chance.choice(("429", "500", "nothing", "half", "empty", None, None)) for _ in range(400)]
    relay = relay_to(chat_server, lambda number: plan[number])
    terms = ServerTerms(PRICES, journal=str(tmp_path / "calls.jsonl"))
    fitted = prompt(relay, terms)
    answers = fitted.answer(TEXTS)
    calls = fitted.details_["calls"]
    failed = [answer for answer in answers if (answer.abstention or "").startswith("the call failed: ")]
    for answer, true in zip(answers, true_answers, strict=True):
        assert answer in failed or answer.value == true
    assert all(answer.value is None for answer in failed)
    assert calls["failed"] == len(failed) <= 2
    assert calls["asked"] == len(TEXTS) - len(failed) == relay.delivered
    # Every charge is known: one an answer, and those that may have been made for answers that did not arrive.
    assert len(relay.charged) - relay.delivered <= sum(fault in ("half", "empty") for fault in plan[: relay.seen])
    uncertain = len(relay.charged) - relay.delivered
    lost = sum(fault in ("half", "empty", "nothing") for fault in plan[: relay.seen])
    assert uncertain <= calls["perhaps_billed"] + 6 * len(failed) <= lost + 6 * len(failed)
    ledger = fitted._server.spent()
    assert ledger.calls == relay.seen
    assert ledger.money >= fitted.usage_.money > 0
    # Asked again, nothing is sent and nothing is paid, and the answers are those of before.
    before = relay.seen
    again = prompt(relay, terms)
    kept = [text for text, answer in zip(TEXTS, answers, strict=True) if answer not in failed]
    assert [a.value for a in again.answer(kept)] == [a.value for a in answers if a not in failed]
    assert relay.seen == before
    assert again.details_["calls"] == {"asked": 0, "from_disk": len(kept), "failed": 0, "perhaps_billed": 0}
    assert again.usage_.money == pytest.approx(fitted.usage_.money)
    assert again._server.spent() == ledger


def test_an_answer_that_is_no_label_is_an_abstention_with_its_words(chat_server, relay_to):
    relay = relay_to(chat_server, lambda number: "wrong label" if number % 2 else None)
    answers = prompt(relay).answer(TEXTS[:6])
    wrong = [answer for answer in answers if answer.raw == "banana"]
    assert len(wrong) == 3
    assert {(answer.value, answer.abstention, answer.probabilities) for answer in wrong} == {
        (None, "answer is no label: 'banana'", None)
    }


def test_rows_with_one_text_are_asked_once(chat_server, relay_to):
    relay = relay_to(chat_server)
    answers = prompt(relay).answer([TEXTS[0]] * 5)
    assert len({answer.value for answer in answers}) == 1
    assert len(relay.charged) == 1


def test_a_server_that_stays_broken_costs_its_rows_and_marks_the_trial(chat_server, relay_to):
    relay = relay_to(chat_server, lambda _number: "500")
    fitted = prompt(relay)
    answers = fitted.answer(TEXTS[:3])
    assert {answer.abstention for answer in answers} == {"the call failed: server-error: it broke"}
    assert relay.seen == 3 * 6
    assert fitted.cut_
    assert fitted.details_["cut_because"].startswith("more than 5% of its calls failed, such as: the call failed")
    assert relay.charged == []
    assert not files(ResponseCache().folder)


@contextlib.contextmanager
def server_process(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], SimpleNamespace]]:
    """Run a server in a process of its own."""
    script = Path(__file__).parents[1] / "fault_relay.py"
    with subprocess.Popen([sys.executable, str(script), str(port)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield process, SimpleNamespace(url=f"http://127.0.0.1:{port}/v1", port=port)
        finally:
            process.kill()


def test_a_server_that_is_killed_costs_what_it_had_not_answered_and_that_is_asked_when_it_is_back():
    folder = ResponseCache().folder
    terms = ServerTerms(most_at_a_time=2)
    with server_process() as (process, server):

        def kill_after_three() -> None:
            while len(files(folder)) < 3 and process.poll() is None:
                time.sleep(0.01)
            process.kill()

        killing = threading.Thread(target=kill_after_three)
        killing.start()
        fitted = prompt(server, terms)
        answers = fitted.answer(TEXTS)
        killing.join()
    kept = sum(answer.value == "positive" for answer in answers)
    assert 3 <= kept < len(TEXTS)
    assert all(str(answer.abstention).startswith("the call failed: ") for answer in answers if answer.value is None)
    assert fitted.cut_
    with server_process(server.port):
        again = prompt(server, terms)
        assert [answer.value for answer in again.answer(TEXTS)] == ["positive"] * len(TEXTS)
    assert not again.cut_
    calls = again.details_["calls"]
    assert (calls["from_disk"], calls["asked"]) == (kept, len(TEXTS) - kept)


def test_calls_at_a_time_follow_the_server_and_stay_below_the_stated_most(chat_server, relay_to):
    relay = relay_to(chat_server, lambda number: "429" if 4 <= number < 8 else None)
    prompt(relay, ServerTerms(most_at_a_time=6)).answer(TEXTS)
    assert 2 <= relay.most_at_once <= 6
    # Four refusals of one moment, or of several, have halved it at least once since; it has grown again after.
    assert 2 <= _PACES[relay.url, 6].allowed <= 6


def test_retry_after_is_waited_for(chat_server, relay_to):
    relay = relay_to(chat_server, lambda number: "429" if number == 0 else None)
    relay.retry_after = {"Retry-After": "1"}
    began = time.monotonic()
    assert prompt(relay).answer(TEXTS[:1])[0].raw
    assert 1.0 <= time.monotonic() - began < 5.0


def test_a_late_answer_ends_with_the_deadline(chat_server, relay_to):
    relay = relay_to(chat_server, lambda number: "late" if number == 2 else None)
    fitted = prompt(relay, deadline=Deadline.after(5.0))
    began = time.monotonic()
    answers = fitted.answer(TEXTS[:4])
    assert time.monotonic() - began < 15.0
    assert [answer.abstention for answer in answers].count("time was up") == 1
    assert sum(answer.raw is not None for answer in answers) == 3
    assert fitted.cut_


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (SpendingLimits(calls=5), "not asked: --limit calls=5 is used up"),
        (SpendingLimits(tokens=900), "not asked: --limit tokens=900 could be passed by another call"),
        (SpendingLimits(money=0.0009), "not asked: --limit money=0.0009 (USD) could be passed by another call"),
    ],
)
def test_limits_stop_before_they_are_passed(chat_server, relay_to, true_answers, limits, reason, tmp_path):
    relay = relay_to(chat_server)
    terms = ServerTerms(PRICES, limits, str(tmp_path / "calls.jsonl"))
    fitted = prompt(relay, terms)
    answers = fitted.answer(TEXTS)
    asked = [answer for answer in answers if answer.abstention is None or answer.abstention.startswith("answer is")]
    assert {answer.abstention for answer in answers if answer not in asked} == {reason}
    assert 0 < len(asked) == len(relay.charged) < len(TEXTS)
    assert fitted.cut_
    assert fitted.details_["cut_because"] == reason
    spent = fitted._server.spent()
    assert spent.calls <= (limits.calls or 10**9)
    assert sum(answer.tokens_in + answer.tokens_out for answer in answers) == spent.tokens <= (limits.tokens or 10**9)
    assert spent.money == pytest.approx(fitted.usage_.money)
    assert spent.money <= (limits.money or 10**9)
    # With more allowed, only what is missing is asked.
    before = len(relay.charged)
    more = prompt(relay, ServerTerms(PRICES, SpendingLimits(), terms.journal))
    assert [answer.value for answer in more.answer(TEXTS)] == true_answers
    assert len(relay.charged) == len(set(relay.charged)) == len(TEXTS)
    assert more.details_["calls"]["from_disk"] == before


def test_a_limit_on_money_needs_a_price(chat_server, relay_to):
    relay = relay_to(chat_server)
    free = prompt(relay, ServerTerms(limits=SpendingLimits(money=0.0)))
    assert free.answer(TEXTS[:1])[0].raw  # this machine costs nothing
    assert free.usage_.money == 0.0


def test_the_key_is_in_no_file_and_no_message(chat_server, relay_to, own_home, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    faults = ("429", "500", "nothing", "half", "wrong label", None, None, None)
    relay = relay_to(chat_server, lambda number: faults[number % len(faults)])
    fitted = prompt(relay, ServerTerms(PRICES, journal=str(tmp_path / "calls.jsonl")))
    answers = fitted.answer(TEXTS[:10])
    fitted.save(tmp_path)
    assert {headers["Authorization"] for headers in relay.headers} == {"Bearer sk-secret-of-mine"}
    told = f"{answers} {fitted.details_} {fitted.history_} {fitted!r}"
    kept = [*files(own_home), *files(tmp_path)]
    assert len(kept) > 10
    assert not [path for path in kept if b"sk-secret" in path.read_bytes()]
    assert "sk-secret" not in told
    relay.stop()
    with pytest.raises(TrialError) as caught:
        prompt(relay).answer(TEXTS[10:])
    assert "sk-secret" not in str(caught.value)


KILLED = """
import sys
from bakeoff.catalog.terms import ServerTerms
from bakeoff.methods.contract import RunContext
from bakeoff.methods.prompt.server_answers import ServerPrompt
from bakeoff.tasks import classification_task
task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
address, journal, *texts = sys.argv[1:]
context = RunContext(terms=ServerTerms(journal=journal, most_at_a_time=3))
ServerPrompt(task, address).within(context).fit([], []).answer(texts)
"""


def test_what_was_answered_before_a_kill_is_not_asked_again(chat_server, relay_to, true_answers, tmp_path):
    relay = relay_to(chat_server)
    relay.seconds = 0.3
    journal = str(tmp_path / "calls.jsonl")
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), f"{relay.url}#smollm2", journal, *TEXTS]
    process = subprocess.Popen(arguments, env=dict(os.environ))
    for _ in range(1200):
        if relay.delivered >= 5 or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.5)  # what was under way ends in the relay
    relay.seconds = 0.0
    kept, charged = len(list(ResponseCache().folder.rglob("[0-9a-f]*.json"))), len(relay.charged)
    assert 5 - 3 <= kept < len(TEXTS)
    assert charged - kept <= 3
    fitted = prompt(relay, ServerTerms(journal=journal))
    assert [answer.value for answer in fitted.answer(TEXTS)] == true_answers
    calls = fitted.details_["calls"]
    assert (calls["from_disk"], calls["asked"]) == (kept, len(TEXTS) - kept)
    assert len(relay.charged) == charged + len(TEXTS) - kept
    # What the dead process had set aside and never settled is on the account, with the bound of what it could cost.
    lines = [json.loads(line) for line in Path(journal).read_text("utf-8").splitlines()]
    opened = {line["call"] for line in lines if "call" in line}
    assert charged - kept <= len(opened - {line.get("settled") for line in lines}) <= 3


def test_latency_of_a_model_that_costs_is_read_from_what_was_kept(chat_server, relay_to):
    relay = relay_to(chat_server)
    relay.seconds = 0.05
    fitted = prompt(relay, ServerTerms(PRICES))
    fitted.answer(TEXTS[:4])
    seconds = [fitted.answer([text])[0].seconds for text in TEXTS[:4]]
    assert relay.seen == 4
    assert all(0.05 <= each < 30 for each in seconds)


def test_why_the_first_call_missed_is_told(chat_server, relay_to, monkeypatch):
    relay = relay_to(chat_server)
    first = prompt(relay)
    first.answer(TEXTS[:2])
    assert first.details_["first_miss"] == "miss: no answer of a server was kept before"
    monkeypatch.setattr(server_answers, "TOP_TOKENS", 5)
    second = prompt(relay)
    second.answer(TEXTS[:2])
    assert second.details_["first_miss"] == "miss: top_logprobs was 20, is 5"
    third = prompt(relay)
    third.answer(TEXTS[:2])
    assert third.details_["first_miss"].startswith("hit: ")
