"""A search over prompts inside the labelled rows, with the small real decoder."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_suites import SmallDecoderSuite

from bakeoff.errors import OptionError
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.forecast import ModelSpeed, Workload, forecast_searched_prompts
from bakeoff.methods.prompt.phrasings import ENSEMBLE
from bakeoff.methods.prompt.score_store import clear_store
from bakeoff.methods.prompt.searched import MOST_HALF, SearchedPrompts, _halves
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows

pytestmark = pytest.mark.models

MODEL = "smollm2-135m"
TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
TEXTS, LABELS = text_rows(16)
UNSEEN = ["The lens is superb, I am happy.", "A waste of money, it broke.", "Lovely sound.", "Awful, awful support."]
RIGHT = ["positive", "negative", "positive", "negative"]


@pytest.fixture(autouse=True)
def _cache(catalogue_cache):
    clear_store()


class TestSearched(SmallDecoderSuite):
    __test__ = True

    def make(self, task, seed):
        return SearchedPrompts(task, self.decoder, seed, words=10, candidates=4, kept=2)


def test_what_was_searched_can_be_read_and_keeps_its_halves_apart():
    fitted = SearchedPrompts(TASK, MODEL, words=10, candidates=8, kept=2).fit(TEXTS, LABELS)
    assert fitted.predict(UNSEEN).tolist() == RIGHT
    rounds = fitted.details_["search"]
    assert len(rounds[0]) > len(rounds[-1])
    assert all(one["rows"] == 8 for one in rounds[-1])
    shown = {each.row for one in fitted._prompts for each in one.design.demonstrations}
    kept = {(one["wording"], one["shots"]) for one in rounds[-1][:2]}
    assert len(fitted._prompts) == 2
    assert len(kept) >= 1
    assert shown <= set(range(16))
    assert fitted.details_["reading_rows"] == 16 - len(shown)
    assert fitted.details_["labels_read"] == 16


@given(
    sizes=some.lists(some.integers(1, 40), min_size=2, max_size=8),
    seed=some.integers(0, 1000),
)
def test_halves_share_every_label(sizes, seed):
    labels = [f"label {code}" for code, size in enumerate(sizes) for _ in range(size)]
    shown, asked = _halves(labels, seed)
    assert not set(shown) & set(asked)
    if len(labels) <= MOST_HALF:
        assert len(shown) + len(asked) == len(labels)
        here, there = (Counter(labels[place] for place in half) for half in (shown, asked))
        assert all(abs(here[label] - there[label]) <= 1 for label in labels)
        assert abs(len(shown) - len(asked)) <= len(sizes) // 2 + 1
    # The first rows compare all candidates: even labels must all be among them.
    even = [f"label {code}" for code in range(4) for _ in range(16)]
    assert len({even[place] for place in _halves(even, seed)[1][:8]}) == 4


def test_few_rows_are_not_searched_with(tiny_decoder: str):
    fitted = SearchedPrompts(TASK, tiny_decoder, words=10, candidates=8, kept=1).fit(TEXTS[:8], LABELS[:8])
    assert fitted.details_["search"] == []
    assert len(fitted._prompts) == len(ENSEMBLE)


def test_no_time_leaves_the_prompts_that_the_ensemble_has():
    context = RunContext(deadline=Deadline(0.0))
    fitted = SearchedPrompts(TASK, MODEL, words=20, candidates=8, kept=3).within(context).fit(TEXTS, LABELS)
    assert [one["wording"] for one in fitted.details_["search"][-1][:3]] == list(ENSEMBLE)
    assert fitted.cut_


def test_registry_entry_makes_the_method():
    made = load_method("prompt-search")(task=TASK, model=MODEL, seed=0, **method_spec("prompt-search").parameters)
    assert isinstance(made, SearchedPrompts)


def test_scores_can_be_taken_from_few_labels_of_many(tiny_decoder: str):
    labels = ["a", "b", "c"] * 5 + ["a"]
    task = classification_task(name="kind", labels=("a", "b", "c"), metric="accuracy")
    fitted = SearchedPrompts(task, tiny_decoder, words=10, candidates=4, kept=1).fit(TEXTS, labels)
    assert set(fitted.predict(UNSEEN)) <= {"a", "b", "c"}
    assert np.isfinite(fitted.rounds_[-1][0].score)


@pytest.mark.parametrize("name", ["candidates", "kept"])
def test_wrong_settings(name):
    with pytest.raises(OptionError, match=f"{name} must be 1 or more; 0 came"):
        SearchedPrompts(TASK, MODEL, **{name: 0}).fit(TEXTS, LABELS)


def test_the_forecast_counts_the_tokens_that_a_search_reads(tiny_decoder: str):
    # At one token a second, seconds are tokens.
    texts, labels = text_rows(32)
    fitted = SearchedPrompts(TASK, tiny_decoder, words=10, candidates=8, kept=2).fit(texts, labels)
    answers = fitted.answer(UNSEEN)
    read = fitted.usage_.tokens_in + sum(answer.tokens_in for answer in answers)
    told = sum(len(text.split()) for text in texts) / len(texts) * 1.3
    speed = ModelSpeed(1.0, 1.0, 0.0, told)
    given = {**method_spec("prompt-search").parameters, "words": 10, "candidates": 8, "kept": 2}
    forecast = forecast_searched_prompts(Workload(32, len(UNSEEN), 2, 0.0, 1.0, speed, given))
    assert forecast / 2 < read < forecast * 2
