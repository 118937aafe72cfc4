"""The process beside the app: one piece of work at a time, which can fail, crash, be cancelled and grow too large."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.errors import StudyError
from bakeoff.workbench.background import Background, Doing
from bakeoff.workbench.processes import born

# Test folders are no packages: the work beside this file is found by its folder, by the process, too.
sys.path.insert(0, str(Path(__file__).parent))
from background_work import Ask, Crash, Fail, Fault, Sleep


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


def _until(background: Background, state: str, step: str = "") -> Doing:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        doing = background.doing
        if doing is not None and doing.state == state and (not step or doing.step == step):
            return doing
        time.sleep(0.01)
    raise AssertionError(f"{background.doing} did not become {state}")


def test_work_is_done_one_at_a_time_in_a_process_that_stays(background: Background) -> None:
    background.start("ask", "one", "asking", Ask())
    first = _until(background, "done").result
    assert first[1] == "off"
    for work, told in ((Fail(), "That is wrong."), (Fault(), "ZeroDivisionError: nothing to divide by")):
        background.start("fail", "one", "failing", work)
        assert told in _until(background, "failed").message
    background.start("sleep", "one", "sleeping long", Sleep())
    assert background.of("one", "sleep") is not None
    assert background.of("two", "sleep") is None
    with pytest.raises(StudyError, match="sleeping long"):
        background.start("ask", "two", "asking", Ask())
    sleeping = _until(background, "running", "asleep")
    assert background.worker_pid == first[0]
    background.cancel(sleeping.number + 1)
    assert background.worker_pid == first[0]
    background.cancel(sleeping.number)
    assert _until(background, "cancelled").result is None
    assert born(first[0]) is None
    background.start("ask", "one", "asking", Ask())
    asked = _until(background, "done")
    assert asked.result[0] != first[0]
    background.forget(asked.number)
    assert background.of("one", "ask") is None
    background.start("crash", "one", "crashing", Crash())
    assert "has ended" in _until(background, "failed").message
    background.start("ask", "one", "asking", Ask())
    last = _until(background, "done").result[0]
    background.close()
    assert born(last) is None


def test_a_process_that_has_grown_too_large_is_replaced() -> None:
    background = Background(most_mb=1.0)
    background.start("ask", "one", "asking", Ask())
    pid = _until(background, "done").result[0]
    assert background.worker_pid is None
    assert born(pid) is None
