"""The training loop: schedule, early stopping, best weights, divergence, deadline, class weights."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from bakeoff.errors import TrialError
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.finetune.objectives import CrossEntropy
from bakeoff.methods.finetune.token_rows import TokenRows, divide, held_out_rows, padded, predict_logits
from bakeoff.methods.finetune.training import _rate_share, tune
from bakeoff.methods.finetune.tuning_plan import TuningPlan

PLAN = TuningPlan(
    learning_rate=0.05,
    head_learning_rate=0.05,
    epochs=4,
    least_steps=0,
    batch_rows=4,
    seed=0,
)
OBJECTIVE = CrossEntropy("accuracy")
NONE_HELD = TokenRows([], np.arange(0))


class WordCounts(torch.nn.Module):
    """Mean of token vectors and a linear head, small enough for a test."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table = torch.nn.Embedding(12, 6)
            self.head = torch.nn.Linear(6, labels)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weights = mask[..., None].float()
        scores: torch.Tensor = self.head((self.table(ids) * weights).sum(1) / weights.sum(1))
        return scores


def _rows(count: int, seed: int = 0) -> TokenRows:
    """Rows whose label is told by token 1 or 2 among others."""
    generator = np.random.default_rng(seed)
    codes = np.arange(count) % 2
    ids = [[1 + int(code), *generator.integers(3, 12, generator.integers(1, 4)).tolist()] for code in codes]
    return TokenRows(ids, codes.astype(np.int64))


def test_learns_and_reports_each_epoch() -> None:
    network, rows = WordCounts(), _rows(32)
    tuned = tune(network, PLAN, rows, _rows(16, 1), pad=0, objective=OBJECTIVE, context=RunContext())
    assert [entry["epoch"] for entry in tuned.history] == [1, 2, 3, 4]
    assert tuned.history[-1]["loss"] < tuned.history[0]["loss"]
    assert tuned.steps == 32
    assert tuned.tokens == 4 * rows.lengths.sum()
    answers = predict_logits(network, _rows(16, 2).ids, 0).argmax(axis=1)
    assert np.mean(answers == _rows(16, 2).codes) == 1.0


def test_takes_the_least_steps_with_few_rows() -> None:
    tuned = tune(
        WordCounts(),
        replace(PLAN, least_steps=30),
        _rows(8),
        NONE_HELD,
        pad=0,
        objective=OBJECTIVE,
        context=RunContext(),
    )
    assert tuned.steps == 30
    assert len(tuned.history) == 15


def test_stops_early_and_keeps_the_best_weights() -> None:
    # Held-out rows with turned labels: every step makes them worse, so the first look is the best.
    held = _rows(16, 1)
    turned = TokenRows(held.ids, 1 - held.codes)
    network = WordCounts()
    plan = replace(PLAN, epochs=8, patience=2)
    tuned = tune(network, plan, _rows(32), turned, pad=0, objective=OBJECTIVE, context=RunContext())
    looks = [entry["held_out_loss"] for entry in tuned.history]
    assert tuned.best_epoch == 1
    assert len(tuned.history) == 3
    logits = torch.from_numpy(predict_logits(network, turned.ids, 0))
    kept = torch.nn.functional.cross_entropy(logits, torch.from_numpy(turned.codes))
    assert float(kept) == pytest.approx(looks[0], abs=1e-6)


def test_a_loss_that_is_no_number_is_tried_at_a_third_and_then_ends_the_trial() -> None:
    network = WordCounts()
    plan = replace(PLAN, learning_rate=1e30, head_learning_rate=1e30, epochs=20, warmup_share=0.0)
    with pytest.raises(TrialError, match=r"diverged at a learning rate of 1e\+30.*third"):
        tune(network, plan, _rows(32), NONE_HELD, pad=0, objective=OBJECTIVE, context=RunContext())


def test_the_second_try_starts_from_the_first_weights_at_a_third_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.methods.finetune import training

    real = training._Run._check

    def first_try_fails(run: object, loss: float, norm: float) -> None:
        failed = run.tuned.learning_rate == PLAN.learning_rate and run.tuned.steps == 5
        real(run, float("nan") if failed else loss, norm)

    monkeypatch.setattr(training._Run, "_check", first_try_fails)
    retried, plain = WordCounts(), WordCounts()
    tuned = tune(retried, PLAN, _rows(32), NONE_HELD, pad=0, objective=OBJECTIVE, context=RunContext())
    third = PLAN.learning_rate / 3
    assert tuned.learning_rate == pytest.approx(third)
    tune(
        plain,
        replace(PLAN, learning_rate=third, head_learning_rate=third),
        _rows(32),
        NONE_HELD,
        pad=0,
        objective=OBJECTIVE,
        context=RunContext(),
    )
    torch.testing.assert_close(retried.state_dict(), plain.state_dict())


def test_a_deadline_ends_with_the_best_so_far() -> None:
    def slow(_what: str, _share: float) -> None:
        time.sleep(0.02)

    context = RunContext(deadline=Deadline.after(0.3), progress=slow)
    tuned = tune(
        WordCounts(), replace(PLAN, epochs=1000), _rows(32), _rows(16, 1), pad=0, objective=OBJECTIVE, context=context
    )
    assert tuned.cut
    assert 0 < tuned.steps < 100
    with pytest.raises(TrialError, match="before the first"):
        tune(
            WordCounts(),
            PLAN,
            _rows(32),
            NONE_HELD,
            pad=0,
            objective=OBJECTIVE,
            context=RunContext(deadline=Deadline(0.0)),
        )


def test_progress_ends_at_one() -> None:
    shares: list[float] = []
    context = RunContext(progress=lambda what, share: shares.append(share))
    tune(WordCounts(), PLAN, _rows(16), NONE_HELD, pad=0, objective=OBJECTIVE, context=context)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_class_weights_move_answers_towards_the_rare_label() -> None:
    codes = np.array([0] * 28 + [1] * 4, dtype=np.int64)
    # No token tells the label, so that the weights alone decide.
    rows = TokenRows([[3, 4 + position % 8] for position in range(32)], codes)
    plain, weighted = WordCounts(), WordCounts()
    tune(plain, PLAN, rows, NONE_HELD, pad=0, objective=OBJECTIVE, context=RunContext())
    weights = np.array([32 / 56, 32 / 8], dtype=np.float32)
    tune(weighted, PLAN, rows, NONE_HELD, pad=0, objective=CrossEntropy("accuracy", weights), context=RunContext())
    margin = [np.diff(predict_logits(network, rows.ids, 0)).mean() for network in (plain, weighted)]
    assert margin[0] < -1.0
    assert abs(margin[1]) < 0.7


def test_same_seed_same_weights_and_the_global_state_stays() -> None:
    before = torch.get_rng_state()
    found = []
    for _ in range(2):
        network = WordCounts()
        tune(network, PLAN, _rows(32), NONE_HELD, pad=0, objective=OBJECTIVE, context=RunContext())
        found.append(network.state_dict())
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rate_rises_and_falls_in_lines() -> None:
    shares = [_rate_share(step, 20, 0.1) for step in range(20)]
    assert shares[:3] == [0.5, 1.0, 1.0]
    np.testing.assert_allclose(np.diff(shares[2:]), -1 / 18)
    assert shares[-1] > 0


def test_held_out_rows_keep_a_row_of_each_label_on_both_sides() -> None:
    codes = np.array([0] * 90 + [1] * 9 + [2] * 2 + [3])
    train, held = held_out_rows(codes, 0.15, seed=0)
    assert sorted([*train, *held]) == list(range(len(codes)))
    assert set(codes[held]) == {0, 1, 2}
    assert set(codes[train]) == {0, 1, 2, 3}
    assert 14 <= len(held) <= 17
    assert not np.array_equal(held, held_out_rows(codes, 0.15, seed=1)[1])


def test_few_rows_are_not_divided() -> None:
    train, held = divide(np.arange(99) % 2, 0)
    assert (len(train), len(held)) == (99, 0)
    assert len(divide(np.arange(100) % 2, 0)[1]) == 16


def test_padding_changes_no_answer() -> None:
    tokens, mask = padded([[1, 2, 3], [4]], 0, torch.device("cpu"))
    assert tokens.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    rows, network = _rows(40), WordCounts()
    together = predict_logits(network, rows.ids, 0)
    alone = np.concatenate([predict_logits(network, [ids], 0) for ids in rows.ids])
    np.testing.assert_allclose(together, alone, atol=1e-6)
