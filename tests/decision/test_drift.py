"""Two-sample looks at new rows: shifts are found, sizes are told, and the same source shows none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bakeoff.decision import drift, wilson_interval
from bakeoff.decision.redecide import audited_score, difference_interval, newcombe_interval, redecide
from bakeoff.decision.vocabulary import known_words, unknown_among_themselves, unknown_shares
from bakeoff.records import AuditedScore, Reference
from bakeoff.tasks import classification_task

WORDS = [f"word{i}" for i in range(60)]
TASK = classification_task(name="label", labels=["a", "b", "c"], metric="accuracy")


def texts(count: int, seed: int, words: list[str] = WORDS) -> list[str]:
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(words, size=8)) + f" {seed}x{i}" for i in range(count)]


def reference(**changes: object) -> Reference:
    values: dict[str, object] = {
        "rows": 400, "metric": "accuracy", "score": 0.8, "low": 0.76, "high": 0.84,
        "answers": ({"a": 100, "b": 80, "c": 20}, {"a": 96, "b": 84, "c": 20}), "numbers": (), "abstained": (0, 0),
        "lengths": tuple(range(5, 25)) * 20, "words": known_words(texts(400, 1)), "unknown": 0.11,
        "unknown_deviation": 0.01, "copies": 0.0,
    }  # fmt: skip
    return Reference(**(values | changes))  # type: ignore[arg-type]


def test_new_texts_of_the_same_source_are_not_told_and_others_are() -> None:
    same = drift.texts_look(texts(200, 1), texts(200, 2))
    assert abs(same.figure - 0.5) < 0.08
    assert same.ci[0] < 0.5 < same.ci[1]
    other = drift.texts_look(texts(200, 1), texts(200, 2, WORDS[15:]))
    assert other.figure > 0.8
    assert other.p < 1e-6
    assert other.ci[0] < other.figure < other.ci[1]


def test_folds_that_share_rows_make_the_interval_of_texts_wider() -> None:
    """By 1.5 for five folds (Nadeau and Bengio 2003): 1 + 5 / 4 times the variance of folds that share none."""
    old, new = texts(200, 1), texts(200, 2)
    look = drift.texts_look(old, new)
    variances = [drift._fold_auc(*held)[2] for held in drift._cross_fitted(*drift._apart(old, new), 0)]
    assert len(variances) == 5
    apart = 1.959964 * np.sqrt(sum(variances)) / 5
    assert (look.ci[1] - look.ci[0]) / 2 == pytest.approx(1.5 * apart)


def test_copies_of_study_rows_do_not_pass_for_new_ones() -> None:
    rows = texts(150, 1)
    assert drift.texts_look(rows, rows).figure == pytest.approx(0.5, abs=0.08)


def test_texts_that_do_not_differ_are_not_compared() -> None:
    rows = texts(150, 1)
    for new in (["the same text, over and over"] * 40, rows[:3] * 20, texts(12, 2) * 5):
        (look,) = drift.corrected([drift.texts_look(rows, new)])
        assert look.finding == "not compared"
        assert f"too few texts that differ: {len(set(new))} against 150" in look.told
    assert drift.texts_look(["one text"] * 30, rows).told.endswith("too few texts that differ: 150 against 1")


def test_copies_of_a_text_make_nothing_surer() -> None:
    old, new = texts(120, 1), texts(60, 2)
    once, often = drift.texts_look(old, new), drift.texts_look(old, new * 10)
    assert often == once
    assert once.told.endswith("texts that differ: 60 against 120")


def test_the_area_under_the_curve_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    scores, new = chance.normal(size=90).round(1), (chance.random(90) < 0.4).astype(np.int64)
    area, null, variance = drift._fold_auc(scores, new)
    assert area == pytest.approx(roc_auc_score(new, scores))
    assert 0 < variance < 4 * null


def test_words_are_known_from_three_rows_on_and_kept_as_hashes() -> None:
    known = known_words(["to be", "to do", "to be or", "rare"])
    assert unknown_shares(["to", "be", "rare to", "..."], known).tolist() == [0.0, 1.0, 0.5]
    assert "to" not in known.lower().split()
    shares = unknown_among_themselves(texts(300, 1))
    assert shares.mean() == pytest.approx(unknown_shares(texts(300, 2), known_words(texts(300, 1))).mean(), abs=0.02)


def test_answers_are_held_against_chance_and_seeds() -> None:
    same = drift.answers_look(reference(), ["a"] * 245 + ["b"] * 205 + ["c"] * 50)
    moved = drift.answers_look(reference(), ["a"] * 150 + ["b"] * 250 + ["c"] * 100)
    assert same.size < drift.LEAST_ANSWERS < moved.size
    assert same.p > 0.05 > moved.p
    assert moved.figure == pytest.approx(0.19)  # shares .30 .50 .20 against .49 .41 .10
    # Fits that differ by seed as much as that are no shift.
    wild = reference(answers=({"a": 60, "b": 100, "c": 40}, {"a": 136, "b": 64, "c": 0}))
    assert drift.answers_look(wild, ["a"] * 150 + ["b"] * 250 + ["c"] * 100).size < drift.LEAST_ANSWERS


def test_a_label_that_never_came_before_is_counted() -> None:
    assert drift.answers_look(reference(), ["d"] * 100).p < 1e-6


def test_a_tiny_shift_of_very_many_rows_is_small() -> None:
    looks = drift.corrected([drift.abstentions_look(reference(abstained=(2, 2)), 400, 200_000)])
    assert looks[0].finding in ("small", "no shift shown")
    many = [10] * 3000 + list(range(5, 25)) * 5000
    (length,) = drift.corrected([drift.lengths_look(reference(lengths=tuple(range(5, 25)) * 5000), many)])
    assert length.p < 0.05
    assert length.finding == "small"


def test_several_looks_are_corrected_and_few_rows_are_not_compared() -> None:
    looks = drift.corrected(
        [
            drift.lengths_look(reference(), [30] * 50),
            drift.unknown_words_look(reference(), np.full(50, 0.4)),
            drift.abstentions_look(reference(), 0, 5),
        ]
    )
    assert [look.finding for look in looks] == ["shifted", "shifted", "not compared"]
    assert looks[0].p_holm >= looks[0].p


def test_abstentions_are_held_against_all_test_rows_of_a_run() -> None:
    # Of 2,000 test rows 40 had no answer; of the others' numbers 500 are kept.
    kept = {"answers": (), "numbers": (tuple(np.linspace(0, 1, 500)),), "abstained": (40,)}
    look = drift.abstentions_look(reference(**kept, tested=(2000,)), 10, 500)
    assert look.before == 0.02
    assert look.p == 1.0
    assert drift.abstentions_look(reference(**kept), 10, 500).before == pytest.approx(40 / 540)  # of an earlier version


def test_newcombe_is_as_published() -> None:
    # Newcombe (1998), table II, method 10, (a): 56/70 less 48/80.
    low, high = newcombe_interval((56 / 70, 70), (48 / 80, 80))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_an_audit_counts_abstentions_and_new_labels_as_wrong() -> None:
    found = audited_score(TASK, ["a", "b", "new", "c"], ["a", None, None, "b"])
    assert (found.score, found.rows, found.unknown_labels) == (0.25, 4, ("new",))
    assert found.ci == wilson_interval(0.25, 4)
    uneven = classification_task(name="label", labels=["a", "b"], metric="macro-F1")
    assert audited_score(uneven, ["a", "b"] * 20, ["a", "b"] * 20).score == 1.0


@pytest.mark.parametrize(
    ("share", "rows", "answer"), [(0.6, 200, "yes"), (0.8, 1000, "no"), (0.84, 50, "too few labels")]
)
def test_the_answer_follows_the_interval_of_the_difference(share: float, rows: int, answer: str) -> None:
    found = AuditedScore("accuracy", share, wilson_interval(share, rows), rows, "Wilson")
    said = redecide(found, 0.8, (0.78, 0.82), 0.05)
    assert said.answer == answer
    assert said.ci == difference_interval((share, found.ci), (0.8, (0.78, 0.82)))
    if answer == "too few labels":
        assert said.labels_needed is not None
        enough = AuditedScore(
            "accuracy", share, wilson_interval(share, said.labels_needed + 10), said.labels_needed, "Wilson"
        )
        assert redecide(enough, 0.8, (0.78, 0.82), 0.05).answer == "no"


def test_no_number_of_labels_helps_a_card_that_is_too_wide() -> None:
    found = AuditedScore("accuracy", 0.8, wilson_interval(0.8, 5000), 5000, "Wilson")
    said = redecide(found, 0.8, (0.6, 0.95), 0.05)
    assert (said.answer, said.labels_needed) == ("too few labels", None)
