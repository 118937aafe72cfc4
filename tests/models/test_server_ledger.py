from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bakeoff.catalog.terms import SpendingLimits
from bakeoff.models.server_faults import ServerFault
from bakeoff.models.server_ledger import Ledger, Spent, ledger_of


@pytest.mark.parametrize(
    ("limits", "message", "made"),
    [
        (SpendingLimits(calls=7), "--limit calls=7 is used up", 7),
        (SpendingLimits(tokens=1000), "--limit tokens=1000 could be passed by another call", 19),
        (SpendingLimits(money=0.02), r"--limit money=0.02 \(USD\) could be passed by another call", 11),
    ],
)
def test_a_limit_is_never_passed_and_nearly_reached(tmp_path: Path, limits, message, made):
    ledger = Ledger(limits, tmp_path / "calls.jsonl")

    def spend() -> None:
        while True:
            ledger.settle(ledger.reserve(Spent(1, 100, 0.01)), 50, 0.001)

    with pytest.raises(ServerFault, match=message) as caught:
        spend()
    assert caught.value.reason == "limit"
    assert not caught.value.passing
    # What is left when it ends is less than the most that one more call can take.
    spent = ledger.total()
    assert spent.calls == made
    assert spent.tokens <= 1000
    assert spent.money <= 0.02


def test_calls_at_the_same_time_do_not_pass_it_together_and_use_it_up(tmp_path: Path):
    ledger = Ledger(SpendingLimits(tokens=2000), tmp_path / "calls.jsonl")
    highest, guard, refused = [0], threading.Lock(), []

    def call():
        for _ in range(100):
            try:
                place = ledger.reserve(Spent(1, 300, 0.0))
            except ServerFault as fault:
                refused.append(fault)
                return
            with guard:
                highest[0] = max(highest[0], ledger.total().tokens)
            time.sleep(0.001)
            ledger.settle(place, 30, 0.0)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 16
    assert highest[0] <= 2000
    assert 2000 - 300 < ledger.total().tokens <= 2000


def test_it_goes_on_where_another_run_has_stopped(tmp_path: Path):
    file = tmp_path / "calls.jsonl"
    first = Ledger(SpendingLimits(), file)
    first.settle(first.reserve(Spent(1, 100, 0.5)), 40, 0.25)
    first.settle(first.reserve(Spent(1, 100, 0.5)), None, None)
    first.reserve(Spent(1, 100, 0.5))
    expected = Spent(3, 240, 1.25)
    assert first.total() == expected
    with file.open("ab") as stream:
        stream.write(b'{"call": "half')  # what a machine that lost its power may leave
    second = Ledger(SpendingLimits(tokens=250), file)
    assert second.total() == expected
    with pytest.raises(ServerFault, match="--limit tokens=250"):
        second.reserve(Spent(1, 11, 0.0))
    second.settle(second.reserve(Spent(1, 10, 0.0)), 10, 0.0)
    assert Ledger(SpendingLimits(), file).total() == Spent(4, 250, 1.25)
    assert first.total() == Spent(4, 250, 1.25)


def _spend(file: Path, ready: multiprocessing.Event) -> None:
    ledger = Ledger(SpendingLimits(), file)
    for _ in range(3):
        ledger.settle(ledger.reserve(Spent(1, 100, 0.0)), 10, 0.0)
    ledger.reserve(Spent(1, 100, 0.0))
    ready.set()
    time.sleep(60)


def test_a_killed_process_is_charged_with_what_it_had_set_aside(tmp_path: Path):
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_spend, args=(tmp_path / "calls.jsonl", ready))
    process.start()
    assert ready.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert Ledger(SpendingLimits(), tmp_path / "calls.jsonl").total() == Spent(4, 130, 0.0)


def test_one_ledger_a_journal():
    limits = SpendingLimits(calls=1)
    assert ledger_of("/nowhere/a", limits, "USD") is ledger_of("/nowhere/a", limits, "USD")
    assert ledger_of(None, limits, "USD") is not ledger_of(None, limits, "USD")
