"""Floors, probe and tuned encoders pass the contract suite on every kind of task, and do what the kind asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_suites import SmallEncoderSuite

from bakeoff.data import entity_type, split_fields
from bakeoff.errors import DataError
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.probe import Probe
from bakeoff.methods.finetune.tagger import TokenClassifier
from bakeoff.methods.floors import Majority, TfidfLogistic
from bakeoff.methods.outputs import ManyLabels, Number
from bakeoff.methods.token_floor import TokenLogistic
from bakeoff.tasks import Task, scoring_of, task_of_kind
from bakeoff.testing import MethodSuite, rows_of_kind, task_for_kind

SHORT = {"max_epochs": 1, "least_steps": 2}


class _Floor(MethodSuite):
    __test__ = False
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return TfidfLogistic(task=task, seed=seed)


class _Common(MethodSuite):
    __test__ = False
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return Majority(task=task, seed=seed)


class _Encoder(MethodSuite):
    __test__ = False
    answer_rows = 4

    @pytest.fixture(autouse=True)
    def models(self, catalogue_cache: Path) -> None:
        """Give the suite the real encoder."""


class TestTfidfOfSeveralLabels(_Floor):
    __test__ = True
    kind = "multi-label"


class TestTfidfOfNumbers(_Floor):
    __test__ = True
    kind = "regression"


class TestTfidfOfPairs(_Floor):
    __test__ = True
    kind = "pair"


class TestMajorityOfSeveralLabels(_Common):
    __test__ = True
    kind = "multi-label"


class TestMeanOfNumbers(_Common):
    __test__ = True
    kind = "regression"


class TestMajorityOfTags(_Common):
    __test__ = True
    kind = "tagging"


class TestTokenLogistic(_Floor):
    __test__ = True
    kind = "tagging"

    def make(self, task: Task, seed: int) -> Method:
        return TokenLogistic(task=task, seed=seed)


class TestProbeOfSeveralLabels(_Encoder):
    __test__ = True
    kind = "multi-label"
    # What the process has encoded before needs no time.
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return Probe(task=task, model="minilm-l6", seed=seed)


class TestProbeOfPairs(TestProbeOfSeveralLabels):
    kind = "pair"


class TestFullOfSeveralLabels(SmallEncoderSuite):
    __test__ = True
    kind = "multi-label"

    def make(self, task: Task, seed: int) -> Method:
        return FullFineTuning(task=task, model=self.encoder, seed=seed, **SHORT)


class TestTokenClassifier(_Encoder):
    __test__ = True
    kind = "tagging"

    def make(self, task: Task, seed: int) -> Method:
        return TokenClassifier(task=task, model="minilm-l6", seed=seed, **SHORT)


@pytest.mark.parametrize(("kind", "least"), [("regression", 0.8), ("pair", 0.65)])
def test_full_learns_numbers_and_pairs_and_reloads_them(kind: str, least: float, catalogue_cache, tmp_path) -> None:
    texts, labels = rows_of_kind(kind, 32)
    asked, truth = rows_of_kind(kind, 24, seed=3)
    method = FullFineTuning(task=task_for_kind(kind), model="minilm-l6", least_steps=15).fit(texts, labels)
    values = [answer.value for answer in method.answer(asked)]
    # Pairs of the same text twice, against two texts: half right by chance.
    assert scoring_of(method.task).score_values(truth, values) >= least
    method.save(tmp_path)
    again = FullFineTuning.load(tmp_path, method.get_params(deep=False))
    found = [answer.value for answer in again.answer(asked)]
    if kind == "regression":
        np.testing.assert_allclose([float(value) for value in found], [float(value) for value in values], atol=1e-5)
    else:
        assert found == values


def test_full_goes_on_with_the_unit_of_the_earlier_numbers(tiny_encoder: str, tmp_path) -> None:
    texts, labels = rows_of_kind("regression", 24)
    task = task_for_kind("regression")
    first = FullFineTuning(task=task, model=tiny_encoder, least_steps=30).fit(texts, labels)
    first.save(tmp_path)
    second = FullFineTuning(task=task, model=tiny_encoder, max_epochs=1, least_steps=1, learning_rate=1e-9)
    second.continuing(tmp_path, task.labels).fit(texts[:8], [repr(float(label) + 5) for label in labels[:8]])
    np.testing.assert_allclose(second.predict(texts), first.predict(texts), atol=0.05)


def test_numbers_of_another_unit_are_learned_in_the_unit_of_the_earlier_fit(tiny_encoder: str, tmp_path) -> None:
    texts, labels = rows_of_kind("regression", 24)
    task = task_for_kind("regression")
    settings = {"task": task, "model": tiny_encoder, "learning_rate": 3e-3}  # random weights learn from nothing
    FullFineTuning(**settings, least_steps=20).fit(texts, labels).save(tmp_path)
    moved = [repr(float(label) + 1) for label in labels]
    second = FullFineTuning(**settings, least_steps=60).continuing(tmp_path, task.labels)
    assert np.mean(second.fit(texts, moved).predict(texts)) == pytest.approx(np.mean([*map(float, moved)]), abs=0.25)


def test_a_new_label_beside_several_gets_a_threshold_of_its_own(catalogue_cache, tmp_path) -> None:
    texts, labels = rows_of_kind("multi-label", 16)
    before, after = (
        task_of_kind("multi-label", name="x", labels=names, metric="micro-F1")
        for names in (("device", "negative", "positive"), ("device", "fresh", "negative", "positive"))
    )
    first = FullFineTuning(task=before, model="minilm-l6", **SHORT).fit(texts, labels)
    first.outputs_.thresholds = np.array([0.2, 0.3, 0.4])
    first.save(tmp_path)
    second = FullFineTuning(task=after, model="minilm-l6", **SHORT).continuing(tmp_path, before.labels)
    second.fit(texts, [*labels[:8], *['["fresh"]'] * 8])
    assert second.details_["thresholds"] == {"device": 0.2, "fresh": 0.5, "negative": 0.3, "positive": 0.4}


def test_an_answer_that_is_no_number_is_an_abstention() -> None:
    number = Number(task_for_kind("regression"))
    assert number.told(np.array([[np.nan], [1.0]])) == [(None, None), ("1.0", None)]


def test_tagger_learns_things_and_finds_them_in_other_rows(catalogue_cache) -> None:
    texts, labels = rows_of_kind("tagging", 32)
    asked, truth = rows_of_kind("tagging", 48, seed=5)
    method = TokenClassifier(task=task_for_kind("tagging"), model="minilm-l6", least_steps=30).fit(texts, labels)
    assert scoring_of(method.task).score_values(truth, [one.value for one in method.answer(asked)]) >= 0.95
    rows = method.predict([tuple(split_fields(asked[0]))])
    assert len(rows[0]) == len(split_fields(asked[0]))


def test_tagger_reads_what_fits_and_gives_the_rest_no_entity(catalogue_cache) -> None:
    texts, labels = rows_of_kind("tagging", 16)
    once = {"max_epochs": 1, "least_steps": 1}
    method = TokenClassifier(task=task_for_kind("tagging"), model="minilm-l6", **once).fit(texts, labels)
    words = ["phone"] * 300
    (tags,) = method.predict([words])
    assert len(tags) == 300
    assert not any(entity_type(tag) for tag in tags[260:])
    assert method.fit([*texts[:7], words], [*labels[:7], ["O"] * 300]).details_["unread_tokens"] > 40


def test_tags_must_be_as_many_as_tokens(catalogue_cache) -> None:
    with pytest.raises(DataError, match="row 0 has 2 tokens and 1 tags"):
        TokenLogistic(task=task_for_kind("tagging")).fit([("a", "b"), ("c",)], [["O"], ["O"]])


def test_thresholds_are_chosen_label_by_label_where_that_helps() -> None:
    task = task_for_kind("multi-label")
    outputs = ManyLabels(task)
    rng = np.random.default_rng(0)
    true = rng.random((400, 4)) < (0.5, 0.3, 0.1, 0.4)
    # The third label's scores all lie low: a threshold for all would miss it.
    scores = np.where(true, 2.0, -2.0) + rng.normal(0, 0.5, true.shape) + np.array([0, 0, -2.2, 0])
    labels = [json.dumps([name for name, has in zip(task.labels, row, strict=True) if has]) for row in true]
    before = outputs.score(scores, labels)
    outputs.settle(scores, labels)
    assert outputs.score(scores, labels) > max(before, 0.97)
    assert outputs.thresholds[2] < outputs.thresholds[0]


def test_a_row_gets_one_label_at_least_only_where_all_learned_rows_had_one() -> None:
    task = task_for_kind("multi-label")
    low = np.full((1, 4), -5.0) + np.array([0, 0, 0, 1])
    for labels, expected in ((['["device"]'], '["positive"]'), (['["device"]', "[]"], "[]")):
        outputs = ManyLabels(task)
        outputs.learned(labels)
        assert outputs.told(low)[0][0] == expected
