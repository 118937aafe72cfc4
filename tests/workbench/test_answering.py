"""Threads that share a model: who gets which rows, who is told what, and that nothing waits without need."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from bakeoff.errors import TrialError
from bakeoff.models.server_faults import fault_of_status
from bakeoff.records import Answer
from bakeoff.workbench import threads as sharing
from bakeoff.workbench.answering import AnsweringFault, AnsweringThreads, LoadedModel
from bakeoff.workbench.threads import side_by_side


class PanicException(BaseException):  # its name where a library in Rust panics
    """What is no Exception, and whose message quotes a text."""


class Model:
    """Answers a text with itself; calls that hold a text of its own wait until they are let go."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], bool]] = []
        self.most_at_once, self._at_once = 0, 0
        self.entered, self.open = threading.Semaphore(0), threading.Event()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str], alone: bool) -> list[Answer]:
        with self._lock:
            self.calls.append((list(texts), alone))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if any(text.startswith("wait") for text in texts):
                self.entered.release()
                assert self.open.wait(20)
            if any("poison" in text for text in texts):
                raise ValueError
            if any("panic" in text for text in texts):
                raise PanicException(f"not a boundary of a character, inside {texts!r}")
            return [Answer(text) for text in texts]
        finally:
            with self._lock:
                self._at_once -= 1


def _threads(model: Model, calls: int = 2, **settings: float) -> AnsweringThreads:
    found = AnsweringThreads(lambda: LoadedModel(model, calls), most_rows=32, most_waiting=1000, **settings)
    found.start().result(20)
    return found


def _values(answers: Sequence[Answer]) -> list[str | None]:
    return [answer.value for answer in answers]


def test_two_calls_are_under_way_at_once_and_what_waits_is_shared_evenly() -> None:
    model = Model()
    threads = _threads(model)
    held = [threads.ask([f"wait {number}"]) for number in range(2)]
    for _ in held:
        assert model.entered.acquire(timeout=20)
    asked = [threads.ask([f"{number}"]) for number in range(29)] + [threads.ask(["a", "b", "c"])]
    assert threads.waiting == 32
    model.open.set()
    assert [_values(one.result(20)) for one in held] == [["wait 0"], ["wait 1"]]
    assert [_values(one.result(20)) for one in asked] == [[str(number)] for number in range(29)] + [["a", "b", "c"]]
    assert model.most_at_once == 2
    # The first one that is free leaves a part to the other: it takes half of what waits and is under way.
    assert max(len(texts) for texts, _alone in model.calls) <= 17
    assert threads.close(20)


def test_one_large_request_is_divided_and_comes_back_whole_and_in_order() -> None:
    model = Model()
    threads = _threads(model)
    texts = [f"wait {number}" for number in range(20)]
    asked = threads.ask(texts)
    for _ in range(2):
        assert model.entered.acquire(timeout=20), "both threads have a part"
    assert sorted(len(own) for own, _alone in model.calls) == [10, 10]
    model.open.set()
    assert _values(asked.result(20)) == texts
    assert threads.close(20)


def test_a_failure_in_one_thread_ends_its_request_once_and_no_other() -> None:
    model = Model()
    threads = _threads(model)
    failing = threads.ask(["wait, poison", "wait, more poison"])
    for _ in range(2):
        assert model.entered.acquire(timeout=20), "each thread has a part that fails"
    fine = threads.ask(["d"])
    model.open.set()
    with pytest.raises(AnsweringFault, match="failed on this request"):
        failing.result(20)
    assert _values(fine.result(20)) == ["d"]
    assert _values(threads.ask(["e", "f"]).result(20)) == ["e", "f"]
    assert threads.alive
    assert threads.close(20)


def test_rows_of_whoever_has_gone_are_not_tried_again_after_a_failure() -> None:
    model = Model()
    threads = _threads(model, calls=1)
    held = threads.ask(["wait"])
    assert model.entered.acquire(timeout=20)
    opened, model.open = model.open, threading.Event()
    failing, gone, fine = (threads.ask([text]) for text in ("wait, poison", "gone", "d"))
    opened.set()
    assert model.entered.acquire(timeout=20)
    assert gone.cancel()
    model.open.set()
    assert _values(fine.result(20)) == ["d"]
    assert _values(held.result(20)) == ["wait"]
    assert isinstance(failing.exception(20), AnsweringFault)
    assert [texts for texts, _alone in model.calls[1:]] == [["wait, poison", "gone", "d"], ["wait, poison"], ["d"]]
    assert threads.close(20)


def test_a_panic_costs_its_request_alone_and_is_told_without_a_text(caplog: pytest.LogCaptureFixture) -> None:
    model = Model()
    threads = _threads(model, calls=1)
    held = threads.ask(["wait"])
    assert model.entered.acquire(timeout=20)
    panicking, fine = threads.ask(["panic, secret words"]), threads.ask(["d"])
    with caplog.at_level(logging.ERROR, "bakeoff.serve"):
        model.open.set()
        with pytest.raises(AnsweringFault, match="failed on this request"):
            panicking.result(20)
        assert _values(fine.result(20)) == ["d"]
        held.result(20)
    assert threads.alive
    assert "PanicException" in caplog.text
    assert "secret" not in caplog.text
    assert threads.close(20)


def test_a_thread_that_cannot_be_started_is_told_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def limited(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", limited)
        found = AnsweringThreads(lambda: LoadedModel(Model(), 3), most_rows=32, most_waiting=1000).start()
        with pytest.raises(RuntimeError, match="can't start new thread"):
            found.result(5)
    for thread in started:
        thread.join(5)
    assert not any(thread.is_alive() for thread in started)


def test_the_words_of_a_far_server_are_not_written_down(caplog: pytest.LogCaptureFixture) -> None:
    def refused(texts: Sequence[str], _alone: bool) -> list[Answer]:
        said = {"error": {"code": "insufficient_quota", "message": f"No means for {texts[0]!r}."}}
        error = fault_of_status("http://far.example/v1", "big", 429, said)
        raise TrialError(str(error)) from error

    threads = AnsweringThreads(lambda: LoadedModel(refused), most_rows=32, most_waiting=1000)
    threads.start().result(20)
    with caplog.at_level(logging.ERROR, "bakeoff.serve"):
        assert isinstance(threads.ask(["secret words"]).exception(20), AnsweringFault)
    assert "secret" not in caplog.text
    assert "TrialError: Look at the account's balance and limits" in caplog.text
    assert threads.close(20)


def test_a_call_knows_whether_it_is_the_only_one() -> None:
    model = Model()
    threads = _threads(model)
    assert _values(threads.ask(["first"]).result(20)) == ["first"]
    held = threads.ask(["wait"])
    assert model.entered.acquire(timeout=20)
    assert _values(threads.ask(["second"]).result(20)) == ["second"]
    model.open.set()
    held.result(20)
    assert model.calls == [(["first"], True), (["wait"], True), (["second"], False)]
    assert threads.close(20)


def test_many_askers_of_many_threads_get_their_own() -> None:
    model = Model()
    threads = _threads(model, calls=3)
    texts = [[f"{number} {place}" for place in range(number % 5 + 1)] for number in range(300)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda own: _values(threads.ask(own).result(20)), texts))
    assert found == texts
    assert threads.close(20)
    assert threads.waiting == 0


def _answer_together(threads: AnsweringThreads, model: Model, requests: int) -> None:
    """Have so many requests answered by one call, so that the next one waits for as many."""
    held = threads.ask(["wait"])
    assert model.entered.acquire(timeout=20)
    several = [threads.ask([f"{number}"]) for number in range(requests)]
    model.open.set()
    for one in (held, *several):
        one.result(20)


def test_a_call_that_waits_for_likely_requests_stops_when_none_comes() -> None:
    model = Model()
    threads = _threads(model, calls=1, wait_seconds=0.05)
    _answer_together(threads, model, 8)
    began = time.perf_counter()
    assert _values(threads.ask(["last"]).result(20)) == ["last"]
    assert 0.02 < time.perf_counter() - began < 5, "it waits once for others, which do not come"
    assert threads.close(20)


def test_the_wait_for_likely_requests_has_an_end_though_one_comes_after_another() -> None:
    model = Model()
    threads = _threads(model, calls=1, wait_seconds=0.05)
    _answer_together(threads, model, 24)
    trickle = [threads.ask(["first"])]
    while not trickle[0].done() and len(trickle) < 30:
        time.sleep(0.02)
        trickle.append(threads.ask(["next"]))
    assert len(trickle) < 20, "it waited for all 24 of them"
    assert threads.close(20)


def test_what_one_call_leaves_wakes_another_that_waits_for_likely_requests() -> None:
    model = Model()
    threads = _threads(model, wait_seconds=20)
    held = [threads.ask([f"wait {number}"]) for number in range(2)]
    for _ in held:
        assert model.entered.acquire(timeout=20)
    opened, model.open = model.open, threading.Event()
    both = [threads.ask([f"wait, {name}"] * 20) for name in "ab"]
    opened.set()
    for _ in held:
        assert model.entered.acquire(timeout=20)
    assert all(len(set(texts)) == 2 for texts, _alone in model.calls[2:]), "each call answers two requests"
    model.open.set()
    for one in (*held, *both):
        one.result(20)
    _until(lambda: threads._idle == 2)
    model.open = threading.Event()
    first = threads.ask(["wait, c"] * 4)
    _until(lambda: threads._idle == 1)
    second = threads.ask(["wait, d"] * 4)
    for _ in range(2):
        assert model.entered.acquire(timeout=5), "the one has left rows for the other, which waits for more requests"
    model.open.set()
    assert _values(first.result(20)) + _values(second.result(20)) == ["wait, c"] * 4 + ["wait, d"] * 4
    assert threads.close(20)


def _until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not met():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_call_alone_has_all_threads_only_where_they_were_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    now, seen = [1], []
    monkeypatch.setattr(torch, "set_num_threads", lambda count: now.__setitem__(0, count))

    def answer(texts: Sequence[str]) -> list[Answer]:
        seen.append(now[0])
        # A short text takes longer with two threads, a long one is answered in a quarter of the time.
        time.sleep(0.002 * now[0] if len(texts[0]) < 100 else 0.04 / now[0] ** 2)
        return [Answer(text) for text in texts]

    model = side_by_side(answer, 2, lambda words: "word " * words)
    assert model.calls == 2
    assert seen[:4] == [1, 1, 1, 1], "lengths are met with the threads of a call that has others beside it"
    seen.clear()
    for text, alone in (("short", True), ("long " * 100, True), ("long " * 100, False)):
        model.answer([text], alone)
    assert seen == [1, 2, 1]
    assert side_by_side(answer, 1, lambda words: "word " * words).calls == 1


def test_threads_that_are_left_over_go_to_the_first_calls_where_they_were_quicker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    now = threading.local()
    monkeypatch.setattr(torch, "set_num_threads", lambda count: setattr(now, "count", count))
    monkeypatch.setattr(sharing, "_REST", 0.0)
    monkeypatch.setattr(sharing, "_SECONDS", 0.05)

    def answer(texts: Sequence[str]) -> list[Answer]:
        time.sleep(0.001 * now.count if len(texts[0]) < 100 else 0.016 / now.count**2)
        return [Answer(str(now.count)) for _ in texts]

    model = sharing.side_by_side(answer, 9, lambda words: "word " * words)
    assert model.calls == 8

    def counts() -> list[str | None]:
        return [model.answer([text], False)[0].value for text in ("short", "long " * 100)]

    found = []
    for _ in range(3):  # in threads of their own
        with ThreadPoolExecutor(1) as pool:
            found.append(pool.submit(counts).result(20))
    assert found == [["1", "2"], ["1", "1"], ["1", "1"]]
