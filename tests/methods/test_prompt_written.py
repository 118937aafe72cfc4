"""A text that the small real decoder writes: shown rows, held in length and words, chosen among draws, and kept."""

from __future__ import annotations

import pytest

from bakeoff.methods.prompt.written import WrittenPrompt
from bakeoff.testing import MethodSuite, task_for_kind

MODEL = "smollm2-135m"
TASK = task_for_kind("generation")

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("small_decoder")]


class _Written(MethodSuite):
    __test__ = False
    kind = "generation"
    fit_rows = 6
    answer_rows = 3


class TestFewShot(_Written):
    __test__ = True

    def make(self, task, seed):
        return WrittenPrompt(task, MODEL, seed, shots=3, form="plain", most_tokens=8)
