"""What a study measures beside its answers: from the store's probabilities and rows to figures."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import Fold, Rows, fingerprint
from bakeoff.decision import calibration_error, calibration_error_by_chance
from bakeoff.methods.forecast import ModelSpeed
from bakeoff.records import Answer, Assumptions, Contender, RephrasedAnswers, Trial, Usage
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.executors.jobs import JobFailed, JobResult, RephraseJob, RephraseResult
from bakeoff.study.measured import measured_evidence
from bakeoff.study.plan import Plan
from bakeoff.study.rephrase import jobs_to_rephrase, keep_rephrased
from bakeoff.study.store import StudyStore
from bakeoff.tasks import classification_task

TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
VALIDATION, TEST = 60, 90


def contender(name: str, arm: str, **changes: object) -> Contender:
    values: dict[str, object] = {
        "method": name.split()[0], "version": "1", "model": name.split()[-1], "model_sha256": "ab" * 32,
        "parameters": {}, "seeded": True, "uses_labels": True,
    }  # fmt: skip
    return Contender(name=name, arm=arm, **(values | changes))  # type: ignore[arg-type]


TUNED = contender("full minilm", "finetune")
ASKED = contender("zero-shot smollm", "prompt", seeded=False, uses_labels=False)


def _rows(count: int, seed: int, **more: tuple[str, ...]) -> Rows:
    chance = random.Random(seed)
    labels = tuple(chance.choice(TASK.labels) for _ in range(count))
    texts = tuple(f"text {seed} {place}" for place in range(count))
    return Rows(
        ids=tuple(f"{seed}-{place}" for place in range(count)),
        texts=texts,
        labels=labels,
        groups=more.get("groups"),
        times=more.get("times"),
        row_numbers=tuple(range(2, count + 2)),
        source="made",
    )


def _answers(rows: Rows, right: float, sure: float, seed: int) -> list[Answer]:
    chance = random.Random(seed)
    answers = []
    for label in rows.labels:
        value = label if chance.random() < right else next(other for other in TASK.labels if other != label)
        answers.append(Answer(value, tuple(sure if each == value else 1 - sure for each in TASK.labels)))
    return answers


def add(
    store: StudyStore,
    one: Contender,
    n: int,
    seed: int,
    validation: list[Answer],
    test: list[Answer],
    **details: object,
) -> None:
    trial = Trial(
        f"{one.name}-{n}-{seed}", one.name, n, seed, "done", None, tuple(a.value for a in validation),
        tuple(a.value for a in test), 2.0, 4.0, 6.0, 200.0, 90.0, Usage(seconds=3.0), details,
    )  # fmt: skip
    store.add(trial, validation, test)


def make_store(
    folder: Path,
    parts: dict[str, Rows] | None = None,
    folds: Sequence[Fold] = (),
    answered: dict[str, int] | None = None,
    **facts: object,
) -> StudyStore:
    parts = parts or {"train": _rows(80, 1), "validation": _rows(VALIDATION, 2), "test": _rows(TEST, 3)}
    answered = answered or {part: len(parts[part]) for part in ("validation", "test")}
    plan = Plan(64, (0, 64), 3, answered, (), 1.0, 0.0, None, "float32", "cpu", 1)
    known = {
        "task": TASK.to_json(),
        "contenders": [contender_to_json(one) for one in (TUNED, ASKED)],
        "missing": [],
        "row_counts": {part: len(rows) for part, rows in parts.items()},
        "fingerprint": fingerprint(parts, TASK.labels),
        "checks": [],
        "text_words": 3.0,
        "assumptions": asdict(Assumptions()),
        "seed": 0,
        "plan": plan.to_json(),
    }
    store = StudyStore.create(folder, known | facts, parts, folds)
    if folds:
        return store
    for seed in range(3):
        add(store, TUNED, 64, seed, *(_answers(parts[part], 0.9, 0.9, seed) for part in ("validation", "test")))
    add(store, ASKED, 0, 0, *(_answers(parts[part], 0.7, 0.99, 9) for part in ("validation", "test")))
    return store


def test_an_unfinished_study_has_nothing_measured(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        store._db.execute("DELETE FROM answers")
        store._db.execute("DELETE FROM trials")
        assert measured_evidence(store).measured.calibration_error == {}


def test_the_finalists_calibration_errors_are_those_of_their_stored_probabilities(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        evidence = measured_evidence(store)
        known = evidence.measured.calibration_error
        assert set(known) == {trial.key for trial in evidence.trials}
        asked = next(trial for trial in evidence.trials if trial.contender == ASKED.name)
        right = np.array([a == b for a, b in zip(asked.test_answers, evidence.test_labels, strict=True)])
        sure = np.full(TEST, 0.99)
        assert known[asked.key] == pytest.approx((calibration_error(sure, right), calibration_error_by_chance(sure)))
        assert known[asked.key][0] == pytest.approx(0.99 - right.mean(), abs=0.05)


def test_answers_without_probabilities_have_no_calibration_error(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        validation, test = store.rows("validation"), store.rows("test")
        bare = [[Answer(label) for label in rows.labels] for rows in (validation, test)]
        add(store, ASKED, 0, 0, *bare)
        known = measured_evidence(store).measured.calibration_error
        assert f"{ASKED.name}-0-0" not in known
        assert f"{TUNED.name}-64-0" in known
        half = [Answer(None, abstention="time was up") if place % 2 else answer for place, answer in
                enumerate(_answers(test, 0.7, 0.8, 4))]  # fmt: skip
        add(store, ASKED, 0, 0, bare[0], half)
        assert measured_evidence(store).measured.calibration_error[f"{ASKED.name}-0-0"][0] < 0.3


class Phrased:
    """An executor that answers every phrasing by a fixed rule, and remembers what it was given."""

    def __init__(self, rules: dict[str, Callable[[int], str]]) -> None:
        self.rules = rules
        self.jobs: list[RephraseJob] = []

    def rephrase(self, store: StudyStore, seconds: float) -> None:
        for model, job in jobs_to_rephrase(store, seconds).items():
            keep_rephrased(store, model, self.run(job))

    def run(self, job: RephraseJob) -> JobResult:
        self.jobs.append(job)
        rows = range(len(job.fit.validation_texts))
        return RephraseResult(
            tuple(
                RephrasedAnswers(name, name, tuple(map(rule, rows)), tuple("positive" for _ in rows))
                for name, rule in self.rules.items()
            )
        )


def test_phrasings_are_scored_here_and_no_label_leaves(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        truth = store.rows("validation").labels
        executor = Phrased({"as it stands": lambda row: truth[row], "quoted": lambda row: TASK.labels[row % 2]})
        executor.rephrase(store, 1000.0)
        (job,) = executor.jobs
        assert job.fit.labels == job.fit.texts == job.fit.test_texts == ()
        assert job.fit.validation_texts == store.rows("validation").texts
        plain, calibrated = measured_evidence(store).measured.rephrased["smollm"]
        assert (plain.names, plain.rows) == (("as it stands", "quoted"), VALIDATION)
        share = np.mean([label == TASK.labels[row % 2] for row, label in enumerate(truth)])
        assert plain.scores == pytest.approx((1.0, share))
        assert plain.deviation > 0.2
        assert calibrated.scores[0] == calibrated.scores[1]
        assert calibrated.deviation == 0.0
        executor.rephrase(store, 1000.0)
        assert len(executor.jobs) == 1


def test_phrasings_wait_for_time_and_are_not_tried_again_where_they_failed(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        nothing = Phrased({})
        nothing.rephrase(store, 0.5)
        assert nothing.jobs == []
        for _ in range(2):
            nothing.rephrase(store, 1000.0)
        assert len(nothing.jobs) == 1
        assert measured_evidence(store).measured.rephrased == {}


def test_phrasings_are_tried_again_whose_machine_went_away(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        ((model, _job),) = jobs_to_rephrase(store, 1000.0).items()
        assert jobs_to_rephrase(store, 1000.0, begun={model}) == {}, "it is under way"
        keep_rephrased(store, model, JobFailed("the node went away", crashed=True, lost=True))
        assert list(jobs_to_rephrase(store, 1000.0)) == [model]
        keep_rephrased(store, model, JobFailed("out of memory", crashed=True))
        assert jobs_to_rephrase(store, 1000.0) == {}


def _cycled(values: list[str], count: int) -> tuple[str, ...]:
    return tuple(values[place % len(values)] for place in range(count))


def _timed(validation: list[str], test: list[str]) -> dict[str, Rows]:
    return {
        "train": _rows(80, 1),
        "validation": _rows(VALIDATION, 2, times=_cycled(validation, VALIDATION)),
        "test": _rows(TEST, 3, times=_cycled(test, TEST), groups=_cycled(["mail", "shop"], TEST)),
    }


def test_groups_and_months_come_from_the_rows(tmp_path: Path) -> None:
    parts = _timed(["2024-01-10", "2024-01-20T12:00:00"], ["2024-03-10", "2024-03-20T12:00:00"])
    with make_store(tmp_path / "s", parts) as store:
        measured = measured_evidence(store).measured
    assert measured.months_to_test == pytest.approx(60 / 30.4375)
    assert measured.test_groups == parts["test"].groups


@pytest.mark.parametrize(
    ("validation", "test"),
    [
        (["2024-01-10"], ["2024-01-09", "2024-03-01"]),
        (["0010", "0020"], ["0100", "0120"]),
        (["2024-01-10"], ["2024-01-10"]),
    ],
)
def test_rows_that_are_not_later_ones_give_no_months(tmp_path: Path, validation: list[str], test: list[str]) -> None:
    with make_store(tmp_path / "s", _timed(validation, test)) as store:
        assert math.isnan(measured_evidence(store).measured.months_to_test)
    with make_store(tmp_path / "t") as store:
        measured = measured_evidence(store).measured
        assert math.isnan(measured.months_to_test)
        assert measured.test_groups == ()


def test_mislabelled_rows_are_found_by_the_best_finalist_and_named_by_their_place(tmp_path: Path) -> None:
    chance = random.Random(5)
    parts = {"train": _rows(80, 1), "validation": _rows(VALIDATION, 2), "test": _rows(TEST, 3)}
    true = parts["test"]
    flip = dict(zip(TASK.labels, reversed(TASK.labels), strict=True))
    wrong = {7, 21, 50, 77}
    parts["test"] = replace(true, labels=tuple(flip[x] if at in wrong else x for at, x in enumerate(true.labels)))
    with make_store(tmp_path / "s", parts) as store:
        for seed in range(3):
            answers = []
            for rows in (parts["validation"], true):
                sure = [chance.uniform(0.85, 0.99) for _ in rows.labels]
                answers.append(
                    [
                        Answer(label, tuple(s if each == label else 1 - s for each in TASK.labels))
                        for label, s in zip(rows.labels, sure, strict=True)
                    ]
                )
            add(store, TUNED, 64, seed, *answers)
        noise = measured_evidence(store).measured.label_noise
    assert noise is not None
    assert (noise.contender, noise.rows, noise.suspects) == (TUNED.name, VALIDATION + TEST, 4)
    assert {one.row_number for one in noise.likeliest} == {at + 2 for at in wrong}
    assert all(one.part == "test" and one.label == flip[one.suggested] for one in noise.likeliest)
    assert {one.row_id for one in noise.likeliest} == {f"3-{at}" for at in wrong}
    assert all(one.probability < 0.16 for one in noise.likeliest)


def test_how_models_read_comes_from_what_was_measured_first(tmp_path: Path) -> None:
    speed = asdict(ModelSpeed(1000.0, 300.0, 0.0, 20.0, 1.5, 3.0))
    old = {name: value for name, value in speed.items() if name not in ("tokens_per_word", "negative_log_likelihood")}
    with make_store(tmp_path / "s", speeds={"smollm": speed, "minilm": old}) as store:
        readings = measured_evidence(store).measured.readings
    assert (readings["smollm"].tokens_per_word, readings["smollm"].negative_log_likelihood) == (1.5, 3.0)
    assert math.isnan(readings["minilm"].tokens_per_word)


def test_cross_fitted_rows_are_measured_by_the_folds_that_did_not_see_them(tmp_path: Path) -> None:
    true = _rows(90, 3)
    flip = dict(zip(TASK.labels, reversed(TASK.labels), strict=True))
    wrong = {5, 44, 80}
    rows = replace(true, labels=tuple(flip[x] if at in wrong else x for at, x in enumerate(true.labels)))
    nothing, folds = rows.take(()), []
    for number in range(9):
        test = tuple(at for at in range(90) if at % 3 == number % 3)
        validation = tuple(at for at in range(0, 90, 2) if at % 3 == (number + 1) % 3)
        folds.append(Fold(tuple(sorted({*range(90)} - {*test, *validation})), validation, test))
    parts = {"train": nothing, "validation": nothing, "test": rows}
    with make_store(tmp_path / "s", parts, folds, {"validation": 90, "test": 90}) as store:
        for seed, fold in enumerate(folds):
            add(
                store,
                TUNED,
                40,
                seed,
                *(_answers(true.take(part), 1.0, 0.9, 0) for part in (fold.validation, fold.test)),
            )
        add(store, ASKED, 0, 0, *(_answers(true.take(part), 0.6, 0.7, 0) for part in (range(0, 90, 2), range(90))))
        measured = measured_evidence(store).measured
        assert len(measured.calibration_error) == 10
        errors = [measured.calibration_error[f"{TUNED.name}-40-{seed}"][0] for seed in range(9)]
        assert all(error < 0.2 for error in errors)
        assert measured.label_noise is not None
        assert (measured.label_noise.contender, measured.label_noise.rows) == (TUNED.name, 90)
        assert {one.row_number for one in measured.label_noise.likeliest} == {at + 2 for at in wrong}


def test_a_contender_that_is_seldom_right_doubts_no_label(tmp_path: Path) -> None:
    with make_store(tmp_path / "s") as store:
        assert measured_evidence(store).measured.label_noise is not None
        for seed in range(3):
            parts = (store.rows(part) for part in ("validation", "test"))
            add(store, TUNED, 64, seed, *(_answers(rows, 0.6, 0.9, 0) for rows in parts))
        add(store, ASKED, 0, 0, *(_answers(store.rows(part), 0.5, 0.9, 0) for part in ("validation", "test")))
        assert measured_evidence(store).measured.label_noise is None
