"""The search over prompts: its plan, its halving, and the words that it finds for labels. No model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bakeoff.methods.prompt.search import LEAST_ROWS, Candidate, candidates_of, fit_score, halve, rounds_of
from bakeoff.methods.prompt.template import design_for
from bakeoff.methods.prompt.verbalizers import characteristic_words, with_verbalizer
from bakeoff.tasks import classification_task

SPACE = [Candidate(f"wording {number}", "given", 0, 0) for number in range(24)]


@given(some.integers(1, 200), some.integers(1, 8), some.integers(1, 300))
def test_rounds_halve_candidates_and_double_rows(candidates, kept, rows):
    rounds = rounds_of(candidates, kept, rows)
    assert rounds[0][0] == candidates
    assert rounds[-1][1] == rows
    assert rounds[-1][0] <= max(2 * kept, 1)
    for (many, few_rows), (fewer, more_rows) in itertools.pairwise(rounds):
        assert fewer == (many + 1) // 2
        assert more_rows >= few_rows >= min(rows, LEAST_ROWS)


def test_the_best_of_noisy_candidates_is_found_at_a_fraction_of_the_cost():
    generator = np.random.default_rng(0)
    truth = {candidate: -0.1 * place for place, candidate in enumerate(SPACE)}
    found, asked = 0, 0
    for _ in range(200):
        noise = {candidate: generator.normal(0, 1.0, 64) for candidate in SPACE}
        calls = []

        def ask(candidate, before, wanted, noise=noise, calls=calls):
            calls.append(wanted - before)
            return truth[candidate] + float(noise[candidate][:wanted].mean())

        rounds = halve(SPACE, 3, 64, ask)
        found += SPACE[0] in [one.candidate for one in rounds[-1][:3]]
        asked += sum(calls)
    assert found / 200 > 0.8
    assert asked / 200 <= 0.5 * len(SPACE) * 64


def test_no_row_is_asked_twice_and_all_are_asked_of_the_last():
    seen: dict[Candidate, list[tuple[int, int]]] = {}

    def ask(candidate, before, wanted):
        seen.setdefault(candidate, []).append((before, wanted))
        return -float(SPACE.index(candidate))

    rounds = halve(SPACE, 3, 64, ask)
    assert [one.candidate for one in rounds[-1][:3]] == SPACE[:3]
    for spans in seen.values():
        assert spans[0][0] == 0
        assert all(first[1] == second[0] for first, second in itertools.pairwise(spans))
    assert all(one.rows == 64 for one in rounds[-1])


def test_time_that_is_up_in_a_later_round_leaves_the_last_whole_one():
    calls = []

    def ask(candidate, before, wanted):
        calls.append(candidate)
        return None if len(calls) > 24 + 5 else -float(SPACE.index(candidate))

    rounds = halve(SPACE, 3, 64, ask)
    assert len(rounds) == 1
    assert [one.candidate for one in rounds[0]] == SPACE


def test_time_that_is_up_in_the_first_round_puts_those_not_reached_last():
    calls = []

    def ask(candidate, before, wanted):
        calls.append(candidate)
        return None if len(calls) > 2 else float(len(calls))

    (only,) = halve(SPACE, 3, 64, ask)
    assert [one.candidate for one in only[:3]] == [SPACE[1], SPACE[0], SPACE[2]]
    assert only[2].score == -np.inf


def test_candidates_are_distinct_and_begin_with_those_wanted():
    first = [Candidate("a", "given", 0, 0)]
    found = candidates_of(first, ("a", "b"), ("given", "found"), (0, 4), 2, 100, 0)
    assert found[0] == first[0]
    assert len(found) == len(set(found)) == 2 * 2 * 3
    assert candidates_of(first, ("a", "b"), ("given",), (0, 4), 2, 3, 1)[:1] == tuple(first)
    assert candidates_of(first, ("a", "b"), ("given", "found"), (0, 4), 2, 8, 1) != found[:8]


def test_a_prompt_that_leans_to_one_label_is_not_thought_bad():
    codes = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    counts = np.array([4.0, 4.0])
    plain = np.log(np.where(np.eye(2)[codes] > 0, 0.9, 0.1))
    leaning = plain + np.array([5.0, 0.0])
    empty = np.log(np.full((3, 2), 0.5))
    assert fit_score(leaning, codes, empty + np.array([5.0, 0.0]), counts) == pytest.approx(
        fit_score(plain, codes, empty, counts), abs=0.05
    )
    assert fit_score(plain, codes, empty, counts) > fit_score(plain[:, ::-1], codes, empty, counts)
    assert fit_score(np.full((2, 2), np.nan), codes[:2], empty, counts) == -np.inf


def test_words_that_go_with_a_label_are_found_and_others_are_not():
    generator = np.random.default_rng(1)
    codes = np.repeat([0, 1], 20)
    said = generator.normal(-6.0, 0.5, (40, 8))
    said[codes == 0, 2] += 3.0
    said[codes == 1, 5] += 3.0
    words = [f" word{number}" for number in range(8)]
    found = characteristic_words(said, codes, words, 2)
    assert found[0][0] == "word2"
    assert found[1][0] == "word5"
    # What lifts all words of some rows alike says nothing of any.
    lifted = characteristic_words(said + 4.0 * codes[:, None], codes, words, 2)
    assert lifted == found


@given(some.integers(0, 6), some.integers(1, 4))
def test_words_without_enough_rows_are_none(rows, labels):
    codes = np.zeros(rows, dtype=np.int64)
    assert characteristic_words(np.zeros((rows, 5)), codes, [" a"] * 5, labels) == ((),) * labels


def test_verbalizers():
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    design = design_for(task)
    assert with_verbalizer(design, "given", ()) is design
    capitals = with_verbalizer(design, "capitals", ())
    assert capitals is not None
    assert capitals.words == ("Negative", "Positive")
    assert with_verbalizer(capitals, "capitals", ()) is None
    found = with_verbalizer(design, "found", (("awful", "positive"), ()))
    assert found is not None
    assert found.other_words == (("awful",), ())
    assert with_verbalizer(design, "found", ((), ())) is None
