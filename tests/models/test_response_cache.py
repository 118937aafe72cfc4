from __future__ import annotations

import json
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.models.response_cache import ChatRequest, OneAtATime, ResponseCache

REQUEST = ChatRequest(
    "http://localhost:1/v1",
    "small",
    (("system", "Say the label."), ("user", "Text: the wheel is very good")),
    (("max_tokens", 8), ("temperature", 0.0), ("seed", 0)),
)


def test_what_is_kept_comes_back_and_can_be_read_by_people(tmp_path: Path):
    cache = ResponseCache(tmp_path / "responses")
    assert cache.read(REQUEST) is None
    cache.write(REQUEST, {"text": "positive \u00e9", "first_tokens": [["pos", -0.1]]})
    assert cache.read(REQUEST) == {"text": "positive \u00e9", "first_tokens": [["pos", -0.1]]}
    told = cache.path(REQUEST).read_text("utf-8")
    assert '"temperature": 0.0' in told
    assert "the wheel is very good" in told
    assert "positive \u00e9" in told
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{REQUEST.key}.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"server": "http://localhost:2/v1"},
        {"model": "large"},
        {"messages": REQUEST.messages[1:]},
        {"messages": (("user", "Say the label."), REQUEST.messages[1])},
        {"settings": (("max_tokens", 8), ("temperature", 0.7), ("seed", 0))},
        {"settings": (("max_tokens", 8), ("temperature", 0.0))},
    ],
)
def test_whatever_is_asked_otherwise_is_another_question(tmp_path: Path, change):
    cache = ResponseCache(tmp_path)
    cache.write(REQUEST, {"text": "positive"})
    assert cache.read(replace(REQUEST, **change)) is None


def test_settings_in_another_order_are_the_same_question():
    assert replace(REQUEST, settings=REQUEST.settings[::-1]).key == REQUEST.key


@pytest.mark.parametrize("broken", [b"", b'{"schema": 1, "requ', b"[]", b'{"schema": 1}', b"\xff"])
def test_a_broken_file_is_a_miss_and_is_replaced(tmp_path: Path, broken):
    cache = ResponseCache(tmp_path)
    cache.write(REQUEST, {"text": "positive"})
    cache.path(REQUEST).write_bytes(broken)
    assert cache.read(REQUEST) is None
    cache.write(REQUEST, {"text": "positive"})
    assert cache.read(REQUEST) == {"text": "positive"}


def test_a_file_that_was_edited_answers_no_other_question(tmp_path: Path):
    cache = ResponseCache(tmp_path)
    cache.write(REQUEST, {"text": "positive"})
    entry = json.loads(cache.path(REQUEST).read_text("utf-8"))
    entry["request"]["seed"] = 1
    cache.path(REQUEST).write_text(json.dumps(entry), "utf-8")
    assert cache.read(REQUEST) is None
    assert cache.explain(REQUEST) == "miss: seed was 1, is 0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "hit: "),
        ({"settings": (("max_tokens", 8), ("temperature", 0.7), ("seed", 0))}, "miss: temperature was 0.0, is 0.7"),
        (
            {"settings": (("max_tokens", 9), ("temperature", 0.0))},
            "miss: max_tokens was 8, is 9; seed was 0, is not given",
        ),
        (
            {"settings": (*REQUEST.settings, ("top_logprobs", 5))},
            "miss: top_logprobs was not given, is 5",
        ),
        ({"model": "large"}, "miss: model was 'small', is 'large'"),
        (
            {"messages": (REQUEST.messages[0], ("user", "Text: the wheel is very bad"))},
            "miss: message 2 from character 25 on was '...: the wheel is very good', is '...: the wheel is very bad'",
        ),
        ({"messages": REQUEST.messages[1:]}, "miss: messages were 2, are 1"),
    ],
)
def test_a_miss_says_what_differs_from_the_nearest_entry(tmp_path: Path, change, told):
    cache = ResponseCache(tmp_path)
    far = replace(REQUEST, messages=(("user", "quite another thing"),), settings=(("max_tokens", 64),), model="other")
    cache.write(far, {"text": ""})
    cache.write(REQUEST, {"text": "positive"})
    assert cache.explain(replace(REQUEST, **change)).startswith(told)


def test_an_empty_cache_says_so(tmp_path: Path):
    assert ResponseCache(tmp_path / "none").explain(REQUEST) == "miss: no answer of a server was kept before"


@pytest.mark.alone
def test_one_thread_at_a_time_asks_the_same():
    asking, under_way, most = OneAtATime(), [0, 0], [0, 0]

    def ask(key: int) -> None:
        with asking(str(key)):
            under_way[key] += 1
            most[key] = max(most[key], under_way[key])
            time.sleep(0.01)
            under_way[key] -= 1

    threads = [threading.Thread(target=ask, args=(number % 2,)) for number in range(12)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]
    assert time.monotonic() - began < 0.11  # different questions do not wait for each other
    assert not asking._locks
