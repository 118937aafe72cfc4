"""Texts to write: how rows are read, and metrics that equal those of the packages that everyone quotes."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from bakeoff.data import read_rows, references_of, target_of, write_references
from bakeoff.tasks import scoring_of, task_of_kind
from bakeoff.tasks.kinds import default_metric

ANSWERS = [
    "The Punter is a cheap Italian restaurant in the city centre.",
    "A pub by the river",
    None,
    "The Mill serves English food; it is not family-friendly.",
    "Paris",
]
REFERENCES = [
    (
        "The Punter is a restaurant in the city centre which serves cheap Italian food.",
        "Cheap Italian food: The Punter.",
    ),
    ("By the river there is a pub.",),
    ("Something else entirely", "and another text"),
    (
        "The Mill is an English place and not family-friendly.",
        "The Mill serves English food.",
        "No children at The Mill!",
    ),
    ("the Paris.",),
]


def task(metric):
    return task_of_kind("generation", name="target", labels=(), metric=metric)


def score(metric, answers=ANSWERS, references=REFERENCES):
    return scoring_of(task(metric)).score_values([write_references(each) for each in references], answers)


@pytest.mark.parametrize(("metric", "package"), [("chrf", CHRF()), ("bleu", BLEU())])
def test_corpus_metrics_equal_sacrebleu(metric, package):
    most = max(map(len, REFERENCES))
    streams = [[each[place] if place < len(each) else None for each in REFERENCES] for place in range(most)]
    wanted = package.corpus_score([answer or "" for answer in ANSWERS], streams).score / 100
    assert 0.05 < wanted < 0.95
    assert score(metric) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("metric", ["chrf", "bleu", "rouge-l", "rouge-2", "token-f1", "exact-match"])
def test_weights_are_repeated_rows_and_the_ends_are_zero_and_one(metric):
    scoring = scoring_of(task(metric))
    written = [write_references(each) for each in REFERENCES]
    truth, answers = scoring.codes(written), scoring.codes(ANSWERS)
    weights = np.array([[2, 1, 0, 1, 3], [0, 0, 1, 0, 0]], dtype=float)
    repeated = [0, 0, 1, 3, 4, 4, 4]
    found = scoring.score(truth, answers, weights)
    assert found[0] == pytest.approx(scoring.score(truth[repeated], answers[repeated]), abs=1e-12)
    assert found[1] == 0.0
    assert scoring.score(truth, scoring.codes([each[-1] for each in REFERENCES])) > scoring.score(truth, answers)
    # The nearest reference counts, not the first.
    long = [("A first text that says it all.", "Quite another way to say so.")] * 4
    assert score(metric, [each[1] for each in long], long) == pytest.approx(1.0)


def test_bleu_without_a_run_of_four_words_is_sacrebleus_too():
    answers, references = ["the cat", "a dog ran"], [("the cat sat on the mat",), ("a dog ran away quickly today",)]
    wanted = BLEU().corpus_score(answers, [[each[0] for each in references]]).score / 100
    assert score("bleu", answers, references) == pytest.approx(wanted, abs=1e-12)


def test_squads_rules_of_right():
    assert score("exact-match", ["The local-global principle!"], [("local-global principle",)]) == 1.0
    assert score("token-f1", ["principle of locality"], [("local principle",)]) == pytest.approx(2 / 5)
    assert score("exact-match", [None], [("a",)]) == 0.0


def test_sources_targets_and_references_are_read(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"source": "name[A]\\narea[b]", "target": "A is in b.", "references": ["A is in b.", "In b: A."]}\n'
        '{"source": "name[C]", "target": "C it is.", "references": ["C it is."]}\n'
        '{"source": "name[D]", "target": "", "references": ["D."]}\n',
        encoding="utf-8",
    )
    source = read_rows(file)
    rows = source.splits[0][1]
    assert source.kind == "generation"
    assert source.labels == ()
    assert rows.texts[0] == "name[A]\narea[b]"
    assert references_of(rows.labels[0]) == ("A is in b.", "In b: A.")
    assert target_of(rows.labels[0]) == "A is in b."
    assert len(rows) == 2


def test_columns_of_few_short_targets_stay_labels(tmp_path):
    file = tmp_path / "rows.csv"
    lines = [f"some words of row {number},{'good' if number % 2 else 'bad'}" for number in range(40)]
    file.write_text("source,target\n" + "\n".join(lines), encoding="utf-8")
    assert read_rows(file, text=("source",)).kind == "classification"


def test_short_targets_are_judged_by_their_words():
    assert default_metric("generation", ["in 1912", "the local-global principle"]) == "token-f1"
    assert default_metric("generation", ["The Punter is a cheap Italian restaurant in the centre."]) == "chrf"
