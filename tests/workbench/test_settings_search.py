"""A search over settings: what it may see, what it gives, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.errors import OptionError, TrialError
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.registry import load_method, method_spec, method_specs
from bakeoff.records import Answer
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows
from bakeoff.workbench.settings_search import search_settings

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
SPACE = {"share": (0.01, 1.0), "kind": ["wrong", "right"]}


class Settled(Method):
    """Right in a share of its answers, if it is of the right kind; keeps what it was shown."""

    seen: list[set[str]]

    def __init__(
        self, task: Task, share: float = 0.1, kind: str = "right", pause: float = 0.0, log: Any = None
    ) -> None:
        self.task, self.share, self.kind, self.pause, self.log = task, share, kind, pause, log

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        time.sleep(self.pause)
        self._learned = set(texts)
        self.log.append(len(texts))

    def _answer(self, texts: list[str]) -> list[Answer]:
        assert not self._learned & set(texts)
        right = ["positive" if "excellent" in t or "great" in t or "wonderful" in t else "negative" for t in texts]
        if self.kind == "wrong":
            return [Answer(None, abstention="wrong kind") for _ in texts]
        count = round(self.share * len(texts))
        return [Answer(label if at < count else None, abstention=None if at < count else "left out")
                for at, label in enumerate(right)]  # fmt: skip

    def _save(self, folder: Path) -> None:
        raise NotImplementedError

    def _load(self, folder: Path) -> None:
        raise NotImplementedError


def _search(tries: int, rows: int = 40, pause: float = 0.0, seconds: float = float("inf")) -> tuple[Any, list[int]]:
    log: list[int] = []

    def make(given: Mapping[str, Any]) -> Method:
        return Settled(TASK, **given, pause=pause, log=log)

    first = {"share": 0.1, "kind": "right"}
    texts, labels = text_rows(rows)
    distinct = [f"{text} ({number})" for number, text in enumerate(texts)]
    found = search_settings(
        make,
        first,
        SPACE,
        (distinct, labels),
        tries=tries,
        seed=0,
        context=RunContext(deadline=Deadline.after(seconds)),
    )
    return found, log


def test_better_settings_are_found_and_the_first_ones_are_among_those_tried() -> None:
    found, log = _search(25)
    assert found.settings["kind"] == "right"
    assert found.score > 0.7 > found.first_score == pytest.approx(0.1, abs=0.05)
    assert found.tried == 25
    # Four folds of 40 rows each.
    assert set(log) == {30}
    assert len(log) == 100


def test_many_rows_are_divided_once() -> None:
    found, log = _search(2, rows=400)
    assert log == [300, 300]
    assert found.tried == 2


def test_same_seed_same_settings() -> None:
    assert _search(6)[0].settings == _search(6)[0].settings


def test_time_ends_it_with_the_best_so_far() -> None:
    found, log = _search(1000, pause=0.02, seconds=0.6)
    assert 1 <= found.tried < 30
    assert len(log) < 200


def test_one_try_or_more() -> None:
    with pytest.raises(OptionError, match="one setting or more; 0 came"):
        _search(0)


def test_fits_that_fail_are_left_out_and_none_at_all_is_a_fault() -> None:
    class Failing(Settled):
        def _fit(self, texts: list[str], labels: list[str]) -> None:
            raise TrialError("diverged")

    with pytest.raises(TrialError, match="Not one of the settings could be fitted"):
        search_settings(
            lambda given: Failing(TASK, **given, log=[]), {"share": 0.1, "kind": "right"}, SPACE, text_rows(40),
            tries=3, seed=0, context=RunContext(),
        )  # fmt: skip


@pytest.mark.parametrize("name", [spec.name for spec in method_specs() if spec.search_space])
def test_every_space_holds_settings_of_its_method_and_its_defaults(name: str) -> None:
    spec = method_spec(name)
    for setting, values in spec.search_space.items():
        default = spec.parameters[setting]
        if isinstance(values, tuple):
            assert values[0] <= default <= values[1]
        else:
            assert default in values


@pytest.mark.models
def test_a_real_method_is_searched(catalogue_cache: Path) -> None:
    made, spec = load_method("lp-ft"), method_spec("lp-ft")
    first = {**spec.parameters, "max_epochs": 2, "least_steps": 4}
    found = search_settings(
        lambda settings: made(task=TASK, model="minilm-l6", **settings),
        first,
        {"learning_rate": (2e-5, 6e-4)},
        text_rows(24),
        tries=2,
        seed=0,
        context=RunContext(),
    )
    assert found.tried == 2
    assert set(found.settings) == set(first)
    assert np.isfinite(found.first_score)
