"""Light typing errors: few, seeded, inside words; and what a study keeps of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_builders import PARTS, make_study

from bakeoff.data import Rows
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.run import run_study
from bakeoff.study.typos import MOST_TYPO_ROWS, typo_figures, typo_rows, with_light_typos
from bakeoff.tasks import classification_task

TASK = classification_task(name="mood", labels=("bad", "good"), metric="accuracy")
TEXT = (
    "The battery of this camera lasts for two whole days and the screen stays readable outdoors in bright sunshine too."
)


def changed(text: str, seed: int = 0) -> list[tuple[str, str]]:
    pairs = zip(text.split(), with_light_typos(text, seed).split(), strict=True)
    return [(before, after) for before, after in pairs if before != after]


def test_one_word_in_ten_gets_a_small_error_and_its_first_letter_stays():
    for seed in range(50):
        found = changed(TEXT, seed)
        # An error may be none: two equal letters that change places are left out instead.
        assert len(found) == 2
        for before, after in found:
            assert before[0] == after[0]
            assert len(before) >= 4
            assert abs(len(before) - len(after)) <= 1
            assert sum(one != two for one, two in zip(before, after, strict=False)) <= len(before) - 1


def test_every_kind_of_error_comes_and_the_seed_fixes_them():
    lengths = {len(after) - len(before) for seed in range(50) for before, after in changed(TEXT, seed)}
    assert lengths == {-1, 0, 1}
    assert with_light_typos(TEXT, 3) == with_light_typos(TEXT, 3) != with_light_typos(TEXT, 4)
    assert any(sorted(before) == sorted(after) for seed in range(50) for before, after in changed(TEXT, seed)), (
        "letters change places"
    )


@pytest.mark.parametrize("text", ["", "   ", "it is so", "1234 5678", "你好 🙂"])
def test_short_words_numbers_and_other_scripts_stay(text):
    assert with_light_typos(text) == text


def test_a_short_text_gets_one_error():
    assert len(changed("Lovely sound.")) == 1
    assert len(changed("naïve café")) == 1


def test_rows_are_asked_without_and_with_errors():
    rows = Rows.of([f"{TEXT} {number}" for number in range(80)], ["bad", "good"] * 40)
    found = typo_rows(rows)
    assert len(found.labels) == MOST_TYPO_ROWS
    assert found.texts[:MOST_TYPO_ROWS] == rows.texts[:MOST_TYPO_ROWS]
    assert found.texts[MOST_TYPO_ROWS:] == tuple(with_light_typos(text) for text in rows.texts[:MOST_TYPO_ROWS])


def test_figures_compare_the_same_rows():
    truth = ["bad", "good", "good", "bad"]
    found = typo_figures(TASK, truth, ["bad", "good", "good", "good", "bad", "bad", None, "good"])
    assert found == {"rows": 4, "kept": 0.5, "score": 0.75, "score_with_typos": 0.25}
    assert typo_figures(TASK, truth, []) == {}


def test_a_contenders_first_trial_at_its_largest_n_answers_them(tmp_path: Path, executor: LocalExecutor):
    jobs = []

    class Watching(LocalExecutor):
        def run(self, job, progress=None):
            jobs.append(job)
            return executor.run(job, progress)

    with make_study(tmp_path / "s") as store:
        run_study(store, Watching())
        found = {(t.contender, t.n, t.seed): t.details.get("light_typos") for t in store.trials()}
        scored = {(t.contender, t.n, t.seed): t for t in store.trials()}
    assert {key for key, figures in found.items() if figures} == {("majority", 80, 0), ("tfidf", 80, 0)}
    steady, figures = found["majority", 80, 0], found["tfidf", 80, 0]
    assert steady["kept"] == 1.0
    assert figures["rows"] == len(PARTS["validation"])
    truth = PARTS["validation"].labels
    answers = scored["tfidf", 80, 0].validation_answers
    assert figures["score"] == pytest.approx(sum(a == b for a, b in zip(answers, truth, strict=True)) / len(truth))
    assert figures["score_with_typos"] <= figures["score"]
    for job in jobs:
        assert job.beside == () or job.beside[: len(truth)] == PARTS["validation"].texts
