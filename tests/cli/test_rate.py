"""``bakeoff rate``: what is shown tells not who answered, each rating is kept at once, and wins have an interval."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import pytest

from bakeoff.workbench.rate import read_ratings, take_back


def test_ratings_are_asked_blind_kept_at_once_and_counted(
    program, decided_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["x", "l", "r", "s", "b", "q"])
    monkeypatch.setattr("typer.prompt", lambda *_words, **_settings: next(answers))
    shown = program("rate", decided_study).out
    assert [one.choice for one in read_ratings(decided_study)] == ["left", "right", "both"]
    first, second = read_ratings(decided_study)[0].left, read_ratings(decided_study)[0].right
    asked, _, told = shown.rpartition("better on")
    assert "One of l, r, b, n, s and q." in asked
    for name in (first, second):
        assert name not in asked.rpartition("q end")[0]
        assert name in shown
    assert "No conclusion yet" in told
    take_back(decided_study)
    answers = iter(["q"])
    document = program("rate", decided_study, "--rows", 1, "--json").document["result"]
    assert (sum(document["wins"]), document["both"], document["rated"]) == (2, 0, 2)
    assert document["rate"] is document["interval"] is None
    answers = repeat("l")
    document = program("rate", decided_study, "--json").document["result"]
    assert (document["open"], sum(document["wins"])) == (0, document["rated"])
    assert document["interval"][0] <= document["rate"] <= document["interval"][1]
