from __future__ import annotations

import datetime
import email.utils
import random
import threading
import time

import pytest

from bakeoff.models.server_pace import AdaptivePace, RetryPolicy, asked_wait, pace_of


def test_calls_at_a_time_grow_by_one_a_round_and_halve_once_for_calls_of_one_moment():
    pace = AdaptivePace(most=16)
    assert pace.allowed == 4
    for expected in (5, 6, 7, 8):
        for _ in range(expected):
            pace.leave(pace.enter(), "good")
        assert pace.allowed == expected
    together = [pace.enter() for _ in range(pace.allowed)]
    assert pace.enter(time.monotonic() + 0.05) is None
    for passage in together:
        pace.leave(passage, "overload")
    assert pace.allowed == 4
    pace.leave(pace.enter(), "other")
    assert pace.allowed == 4
    for _ in range(5):
        pace.leave(pace.enter(), "overload")
    assert pace.allowed == 1
    for _ in range(500):
        pace.leave(pace.enter(), "good")
    assert pace.allowed == 16


@pytest.mark.parametrize("most", [1, 3])
def test_never_more_calls_than_the_stated_most(most):
    pace, under_way, seen, guard = AdaptivePace(most=most), [0], [], threading.Lock()

    def call():
        for _ in range(10):
            passage = pace.enter()
            with guard:
                under_way[0] += 1
                seen.append(under_way[0])
            time.sleep(0.002)
            with guard:
                under_way[0] -= 1
            pace.leave(passage, "good")

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) == most
    assert len(seen) == 80


def test_a_pause_holds_everybody_back():
    pace = AdaptivePace()
    began = time.monotonic()
    pace.leave(pace.enter(), "overload", pause=0.2)
    assert pace.enter(began + 0.1) is None
    assert pace.enter() is not None
    assert time.monotonic() - began >= 0.2


def test_shares_of_the_time_add_up_to_it():
    pace, began = AdaptivePace(), time.monotonic()
    first = pace.enter()
    time.sleep(0.05)
    second = pace.enter()
    time.sleep(0.05)
    pace.leave(first, "good")
    time.sleep(0.05)
    pace.leave(second, "good")
    whole = time.monotonic() - began
    assert first.share + second.share == pytest.approx(whole, abs=0.02)
    assert first.share == pytest.approx(0.075, abs=0.03)
    assert first.seconds == pytest.approx(0.1, abs=0.03)


def test_one_pace_a_server():
    assert pace_of("http://a/v1", 4) is pace_of("http://a/v1", 4)
    assert pace_of("http://a/v1", 4) is not pace_of("http://b/v1", 4)


def test_waits_double_in_their_bound_are_spread_and_end():
    policy, chance = RetryPolicy(retries=6, first_wait=1.0, most_wait=5.0), random.Random(0)
    for failures, bound in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (6, 5.0)):
        waits = [policy.wait(failures, None, chance) for _ in range(400)]
        assert 0.95 * bound < max(waits) <= bound
        assert min(waits) < 0.05 * bound
        assert sum(waits) / 400 == pytest.approx(bound / 2, rel=0.15)
    assert policy.wait(7, None, chance) is None


def test_a_server_is_never_asked_before_the_moment_it_named():
    policy, chance = RetryPolicy(first_wait=1.0, longest_asked=10.0), random.Random(0)
    waits = [policy.wait(1, 3.0, chance) for _ in range(100)]
    assert min(waits) >= 3.0
    assert 3.5 < max(waits) <= 4.0
    assert policy.wait(1, 10.5, chance) is None


def test_retry_after_is_read_as_seconds_milliseconds_or_a_date():
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    assert asked_wait({"retry-after": "7"}) == 7.0
    assert asked_wait({"retry-after": "0.5"}) == 0.5
    assert asked_wait({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    assert asked_wait({"retry-after": email.utils.format_datetime(then, usegmt=True)}) == pytest.approx(30, abs=2)
    assert asked_wait({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert asked_wait({"retry-after": "soon"}) is None
    assert asked_wait({"retry-after": "-1"}) is None
    assert asked_wait({}) is None
