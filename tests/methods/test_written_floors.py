"""Floors of writing pass the contract suite, and answer with what they are named for."""

from __future__ import annotations

from bakeoff.methods.contract import Method
from bakeoff.methods.written_floors import Lead, NearestTarget
from bakeoff.tasks import Task
from bakeoff.testing import MethodSuite, rows_of_kind, task_for_kind


class TestNearestTarget(MethodSuite):
    kind = "generation"
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return NearestTarget(task=task, seed=seed)


class TestLead(MethodSuite):
    kind = "generation"
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return Lead(task=task, seed=seed)


def test_the_target_is_that_of_the_row_which_is_most_alike() -> None:
    texts, labels = rows_of_kind("generation", 16)
    said = NearestTarget(task=task_for_kind("generation")).fit(texts, labels).predict([texts[3], texts[8]])
    assert said.tolist() == [labels[3].split("\x1e")[0], labels[8].split("\x1e")[0]]
