"""Full fine-tuning passes the contract suite, changes weights, and saves a folder that others can load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bakeoff.errors import OptionError, TrialError
from bakeoff.methods import loaded
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.finetune.full import FullFineTuning, start_rows
from bakeoff.methods.finetune.objectives import CrossEntropy, balanced_batches, balanced_weights
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.finetune.training import tune
from bakeoff.methods.finetune.tuned_encoder import compact_embeddings
from bakeoff.methods.forecast import are_many
from bakeoff.methods.outputs import outputs_of
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import MethodSuite, text_rows
from small_models import write_encoder_folder

pytestmark = pytest.mark.models

SHORT = {"max_epochs": 1, "least_steps": 3}


class TestFullFineTuning(MethodSuite):
    answer_rows = 4

    @pytest.fixture(autouse=True)
    def models(self, catalogue_cache: Path) -> None:
        """Give the suite the real encoder."""

    def make(self, task: Task, seed: int) -> Method:
        return FullFineTuning(task=task, model="minilm-l6", seed=seed, **SHORT)


@pytest.fixture
def task(catalogue_cache: Path) -> Task:
    return classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give an encoder whose steps take milliseconds, for what no weights decide."""
    return write_encoder_folder(tmp_path_factory.mktemp("tiny") / "encoder")


def test_learns_and_says_what_it_did(task: Task) -> None:
    method = FullFineTuning(task=task, model="minilm-l6", least_steps=12, max_epochs=1).fit(*text_rows(24))
    unseen, truth = text_rows(48, seed=3)
    assert np.mean(method.predict(unseen) == np.array(truth)) > 0.9
    details = method.details_
    assert details["steps"] == 12
    assert details["weights_changed"]
    assert details["weights_sha256"]["before"] != details["weights_sha256"]["after"]
    assert details["trainable_parameters"] > 22e6
    assert details["head_start"] == "probe"
    assert method.history_[-1]["loss"] < method.history_[0]["loss"]


def test_the_shared_encoder_keeps_its_weights(task: Task) -> None:
    shared = loaded.encoder("minilm-l6", "cpu").model
    before = {name: weight.clone() for name, weight in shared.named_parameters()}
    FullFineTuning(task=task, model="minilm-l6", **SHORT).fit(*text_rows(8))
    for name, weight in shared.named_parameters():
        assert torch.equal(weight, before[name])
        assert not weight.requires_grad


def test_a_small_table_trains_to_the_same_weights(task: Task) -> None:
    texts, labels = text_rows(8)
    found = []
    for small in (True, False):
        method = FullFineTuning(task=task, model="minilm-l6")
        method._prepare(RunContext())
        base = loaded.encoder("minilm-l6", "cpu")
        import copy

        method.encoder_ = replace(base, model=copy.deepcopy(base.model).requires_grad_(True))
        method.outputs_ = outputs_of(method.task)
        method.network_ = method._network()
        rows = TokenRows(method._token_ids(texts), np.array([label == "positive" for label in labels]).astype(int))
        plan = replace(method._plan(1e-3), epochs=1, least_steps=2)
        nothing = rows.part(np.arange(0))
        settings = {"pad": method._pad, "context": RunContext(), "objective": CrossEntropy("accuracy")}
        if small:
            with compact_embeddings(method.encoder_.model, rows.ids, method._pad) as short:
                tune(method.network_, plan, short(rows), nothing, **settings)
        else:
            tune(method.network_, plan, rows, nothing, **settings)
        found.append(method.network_.state_dict())
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-5)
    start = loaded.encoder("minilm-l6", "cpu").model.get_input_embeddings().weight
    assert not torch.equal(found[0]["model.embeddings.word_embeddings.weight"], start)


def test_a_rate_far_too_high_ends_the_trial(task: Task) -> None:
    method = FullFineTuning(task=task, model="minilm-l6", learning_rate=1e20, least_steps=12, max_epochs=1)
    with pytest.raises(TrialError, match="diverged"):
        method.fit(*text_rows(8))


def test_a_saved_encoder_loads_by_itself(task: Task, tmp_path: Path) -> None:
    method = FullFineTuning(task=task, model="minilm-l6", **SHORT).fit(*text_rows(8))
    method.save(tmp_path)
    from transformers import AutoModel, AutoTokenizer

    from bakeoff.models.loading import loading

    with loading("saved"):
        model = AutoModel.from_pretrained(tmp_path)
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tuned = method.encoder_.model.state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, tuned[name])
    assert tokenizer("great")["input_ids"] == method._token_ids(["great"])[0]


def test_class_weights_change_what_is_learned(task: Task) -> None:
    texts, labels = text_rows(24)
    chosen = [at for at in range(24) if labels[at] == "negative" or at < 3]
    rows = ([texts[at] for at in chosen], [labels[at] for at in chosen])
    plain, weighted = (
        FullFineTuning(task=task, model="minilm-l6", class_weights=on, **SHORT).fit(*rows) for on in (False, True)
    )
    asked = ["It arrived on Tuesday.", "The box is blue."]
    assert np.all(weighted.predict_proba(asked)[:, 1] > plain.predict_proba(asked)[:, 1])


def test_balanced_weights_count_each_label_alike() -> None:
    weights = balanced_weights(np.array([0, 0, 0, 2]), 3)
    np.testing.assert_allclose(weights, [4 / 6, 1.0, 2.0])


def test_balanced_steps_hold_every_label_alike_and_pass_over_rare_rows_evenly() -> None:
    codes = np.repeat([0, 1, 3], [50, 6, 4])
    batches = balanced_batches(codes, 8, seed=3)
    assert [len(batch) for batch in batches] == [8] * 7 + [4]
    for batch in batches:
        counts = np.bincount(codes[batch], minlength=4)[[0, 1, 3]]
        assert counts.max() - counts.min() <= 1
    drawn = np.bincount(np.concatenate(batches), minlength=60)
    assert np.bincount(codes, drawn)[[0, 1, 3]].tolist() == [20, 20, 20]
    assert set(drawn[:50]) == {0, 1}
    assert set(drawn[50:56]) == {3, 4}
    assert set(drawn[56:]) == {5}
    assert [batch.tolist() for batch in balanced_batches(codes, 8, 3)] == [batch.tolist() for batch in batches]
    assert balanced_batches(codes, 8, 4)[0].tolist() != batches[0].tolist()


def test_balanced_sampling_learns_the_rare_label(task: Task) -> None:
    texts, labels = text_rows(24)
    chosen = [at for at in range(24) if labels[at] == "negative" or at < 3]
    rows = ([texts[at] for at in chosen], [labels[at] for at in chosen])
    plain, balanced = (
        FullFineTuning(task=task, model="minilm-l6", sampling=how, **SHORT).fit(*rows)
        for how in ("natural", "balanced")
    )
    asked = ["It arrived on Tuesday.", "The box is blue."]
    assert np.all(balanced.predict_proba(asked)[:, 1] > plain.predict_proba(asked)[:, 1])
    with pytest.raises(OptionError, match="sampling is one of natural, balanced; 'even' came"):
        FullFineTuning(task=task, model="minilm-l6", sampling="even").fit(*rows)


def test_a_part_is_held_out_where_there_are_rows_enough(task: Task, tiny: str) -> None:
    texts, labels = text_rows(104)
    method = FullFineTuning(task=task, model=tiny, least_steps=2, max_epochs=1, batch_rows=44)
    method.fit(texts, labels)
    assert method.details_["held_out_rows"] == 16
    assert method.history_[-1]["held_out_score"] is not None


def test_training_may_be_shortened_to_end_before_its_deadline(task: Task, tiny: str) -> None:
    texts, labels = text_rows(64)
    settings = {"task": task, "model": tiny, "max_epochs": 10_000, "least_steps": 3, "batch_rows": 8}
    # What is loaded here once takes none of the time below.
    FullFineTuning(**settings | {"max_epochs": 1}).fit(texts, labels)
    context = RunContext(deadline=Deadline.after(4.0), may_shorten=True)
    method = FullFineTuning(**settings).within(context).fit(texts, labels)
    assert not method.cut_
    assert 0 < method.details_["share_of_steps"] < 1
    assert method.details_["steps"] >= 8
    assert context.deadline.left > 0


def test_many_rows_of_each_label_take_twice_the_rows_a_step(task: Task, tiny: str) -> None:
    texts, labels = text_rows(240)
    short = {"max_epochs": 3, "least_steps": 1, "batch_rows": 32}
    few = FullFineTuning(task=task, model=tiny, double_from=300, **short).fit(texts, labels)
    many = FullFineTuning(task=task, model=tiny, double_from=200, **short).fit(texts, labels)
    plans = [method._plan_for(204) for method in (few, many)]
    assert [(plan.batch_rows, plan.epochs, plan.learning_rate) for plan in plans] == [(32, 3, 1e-4), (64, 2, 2e-4)]
    assert few.details_["steps"] == 3 * 7
    assert many.details_["steps"] == 2 * 4


@pytest.mark.parametrize(("rows", "labels", "double_from", "expected"), [
    (1000, 2, 1000, True),
    (999, 2, 1000, False),
    (4000, 77, 1000, False),
    (7700, 77, 1000, True),
    (4000, 0, 1000, True),
    (4000, 2, 0, False),
])  # fmt: skip
def test_rows_are_many_where_each_label_has_a_hundred(rows, labels, double_from, expected) -> None:
    assert are_many(rows, labels, double_from) is expected


def test_a_head_starts_from_a_part_of_many_rows_that_has_every_label() -> None:
    strata = np.array([0] * 3000 + [1] * 1095 + [2])
    chosen = start_rows(strata, 3, 0)
    assert np.bincount(strata[chosen]).tolist() == [1500, 548, 1]
    assert start_rows(strata, 3, 0).tolist() == chosen.tolist() != start_rows(strata, 3, 1).tolist()
    assert start_rows(strata[:2048], 3, 0).tolist() == list(range(2048))
    assert len(start_rows(strata, 40, 0)) == 4000
