"""Contrastive fine-tuning: its loss, its batches, and that it passes the contract suite."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from small_suites import SmallEncoderSuite

from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.contrastive import ContrastiveFineTuning
from bakeoff.methods.finetune.objectives import SupervisedContrastive
from bakeoff.methods.finetune.token_rows import TokenRows
from bakeoff.methods.forecast import steps_for
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows


class TestContrastive(SmallEncoderSuite):
    __test__ = True
    answer_rows = 4

    def make(self, task: Task, seed: int) -> Method:
        return ContrastiveFineTuning(task=task, model=self.encoder, seed=seed, max_epochs=1, least_steps=3)


def _loss_pair_by_pair(vectors: np.ndarray, codes: np.ndarray, temperature: float) -> float:
    """Sum equation 2 of the paper term by term."""
    found = []
    for anchor in range(len(codes)):
        partners = [at for at in range(len(codes)) if at != anchor and codes[at] == codes[anchor]]
        if partners:
            alike = {at: vectors[anchor] @ vectors[at] / temperature for at in range(len(codes)) if at != anchor}
            whole = np.log(sum(np.exp(value) for value in alike.values()))
            found.append(-np.mean([alike[at] - whole for at in partners]))
    return float(np.mean(found))


def test_the_loss_is_that_of_the_paper():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(9, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # The last row has no partner: it is told from the others, and is no anchor.
    codes = np.array([0, 0, 1, 1, 1, 2, 2, 0, 3])
    objective = SupervisedContrastive("accuracy", 4, 0.2)
    loss = objective.loss(torch.from_numpy(vectors), torch.from_numpy(codes))
    assert float(loss) == pytest.approx(_loss_pair_by_pair(vectors, codes, 0.2))


def test_rows_without_any_partner_cost_nothing_and_keep_gradients_finite():
    vectors = torch.nn.functional.normalize(torch.randn(3, 4), dim=1).requires_grad_()
    loss = SupervisedContrastive("accuracy", 3, 0.1).loss(vectors, torch.tensor([0, 1, 2]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.isfinite(vectors.grad).all()


def test_a_look_takes_the_nearest_label_of_the_rows_learned_from():
    objective = SupervisedContrastive("accuracy", 3, 0.1)
    learned = torch.eye(3)[[0, 0, 1, 1]].double()
    objective.loss(learned, torch.tensor([0, 0, 2, 2]))
    score, loss = objective.look(np.eye(3)[[0, 1, 1]], np.array([0, 2, 0]))
    assert score == pytest.approx(2 / 3)
    assert np.isfinite(loss)
    with pytest.raises(RuntimeError, match="before any"):
        objective.look(np.eye(3), np.array([0, 1, 2]))


@given(
    sizes=some.lists(some.integers(1, 30), min_size=1, max_size=6),
    most=some.integers(4, 40),
    seed=some.integers(0, 100),
)
def test_batches_hold_each_row_once_and_partners_together(sizes, most, seed):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rows = TokenRows([[1]] * len(codes), codes)
    batches = SupervisedContrastive("accuracy", len(sizes), 0.1).batches(rows, most, seed)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(codes)))
    assert all(len(batch) <= most for batch in batches)
    for batch in batches:
        counts = Counter(codes[batch].tolist())
        assert all(count > 1 or sizes[code] == 1 for code, count in counts.items())


def test_steps_have_each_labels_share():
    codes = np.repeat([0, 1], [96, 32])
    batches = SupervisedContrastive("accuracy", 2, 0.1).batches(TokenRows([[1]] * 128, codes), 16, 0)
    assert len(batches) == 8
    assert all(2 <= int((codes[batch] == 1).sum()) <= 6 for batch in batches)


@pytest.mark.models
def test_learns_where_the_frozen_encoder_does_not(catalogue_cache):
    # Labels that cut across what the encoder was trained to see.
    task = classification_task(name="kind", labels=("even", "odd"), metric="accuracy")
    texts, _ = text_rows(32)
    labels = ["odd" if ("battery" in text or "screen" in text or "case" in text) else "even" for text in texts]
    spec = method_spec("contrastive")
    settings = {**spec.parameters, "least_steps": 30}
    method = load_method("contrastive")(task=task, model="minilm-l6", **settings).fit(texts, labels)
    assert np.mean(method.predict(texts) == np.array(labels)) > 0.95
    assert method.details_["weights_changed"]
    assert method.history_[-1]["loss"] < method.history_[0]["loss"]


@pytest.mark.parametrize(("rows", "labels", "expected"), [(16, 2, 3), (48, 6, 24), (2, 2, 1), (8, 8, 4)])
def test_few_rows_take_few_steps_and_two_labels_fewer(rows: int, labels: int, expected: int) -> None:
    assert steps_for(rows, labels, 2) == expected
