"""Mixtures of both ways in a study: pairs of models, texts without labels, keys, and trials in a real worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from study_builders import PARTS, TASK

from bakeoff.data import fingerprint
from bakeoff.errors import TrialError
from bakeoff.records import Assumptions, Contender
from bakeoff.ship import read_bundle
from bakeoff.study.contenders import CandidateModel, build_contenders, contender_from_json, contender_to_json
from bakeoff.study.evidence import read_plan
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.grid import models_of
from bakeoff.study.measure import plan_study
from bakeoff.study.parts import read_parts
from bakeoff.study.run import run_study
from bakeoff.study.run_state import prepared
from bakeoff.study.store import StudyStore
from bakeoff.workbench.conclude import conclude
from bakeoff.workbench.ship import _refit_job, ship_contender
from small_models import write_decoder_folder, write_encoder_folder

METHODS = ("distil", "cascade")


def _pairs(encoders: tuple[str, ...], decoders: tuple[str, ...]) -> tuple[Contender, ...]:
    models = [CandidateModel(name, "encoder", "ab" * 32, 1000, Path(name).name) for name in encoders]
    models += [CandidateModel(name, "decoder", "cd" * 32, 1000, Path(name).name) for name in decoders]
    found, _missing = build_contenders(models, kind="classification", methods=METHODS, train_rows=80)
    return found


def _study(folder: Path, contenders: tuple[Contender, ...], unlabelled: tuple[str, ...] = ()) -> StudyStore:
    facts = {
        "name": "made", "task": TASK.to_json(), "contenders": [contender_to_json(one) for one in contenders],
        "missing": [], "row_counts": {part: len(rows) for part, rows in PARTS.items()}, "checks": [],
        "fingerprint": fingerprint(PARTS, TASK.labels), "text_words": 4.0, "assumptions": asdict(Assumptions()),
        "seed": 0, "command": "", "text_columns": ["text"], "text_pair": None,
        "wanted": {"budgets": [0, 40, -1], "seeds": 1, "time_limit": None, "dtype": "float32", "test_rows": None,
                   "allow_send": [], "ship": False},
    }  # fmt: skip
    return StudyStore.create(folder, facts, PARTS, unlabelled=unlabelled)


def test_a_mixture_is_crossed_with_every_pair_of_models() -> None:
    found = [one for one in _pairs(("one", "two"), ("small", "large")) if one.arm == "both"]
    assert len(found) == 2 * 4
    assert {(one.method, one.model, one.parameters["prompt_model"]) for one in found} == {
        (method, model, asked) for method in METHODS for model in ("one", "two") for asked in ("small", "large")
    }
    assert len({one.name for one in found}) == 8
    assert models_of(found[0]) == (("encoder", "one"), ("decoder", "small"))
    assert not [one for one in _pairs(("one",), ()) if one.arm == "both"]
    assert not [one for one in _pairs((), ("small",)) if one.arm == "both"]


def test_contenders_of_older_studies_have_no_second_model() -> None:
    whole = next(one for one in _pairs(("one",), ("small",)) if one.method == "cascade")
    told = json.loads(json.dumps(contender_to_json(whole)))
    assert contender_from_json(told) == whole
    del told["second_sha256"]
    assert contender_from_json(told).second_sha256 is None


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Iterator[StudyStore]:
    place = tmp_path_factory.mktemp("mixtures")
    contenders = _pairs((write_encoder_folder(place / "encoder"),), (write_decoder_folder(place / "decoder"),))
    with _study(place / "study", contenders) as store:
        plan_study(store, executor, threads=1)
        yield store


def test_a_study_runs_both_in_its_worker(small_study: StudyStore, executor: LocalExecutor) -> None:
    plan = read_plan(small_study)
    assert plan is not None
    planned = {(trial.contender.split()[0], trial.n) for trial in plan.trials}
    # With all labels given there is no text left for a prompt to label, and with none nothing to choose a threshold on.
    assert {one for one in planned if one[0] in METHODS} == {
        ("distil", 0),
        ("distil", 40),
        ("cascade", 40),
        ("cascade", 80),
    }
    before = executor.restarts
    run_study(small_study, executor)
    trials = {(trial.contender.split()[0], trial.n): trial for trial in small_study.trials()}
    assert {key for key, trial in trials.items() if trial.status == "done"} == planned, small_study.trials()
    assert trials["distil", 40].details["asked_rows"] == 40
    assert trials["distil", 0].details["asked_rows"] == 80
    assert trials["cascade", 80].details["chosen"]["rows"] == 20
    assert executor.restarts == before


def test_texts_without_labels_come_from_the_train_pool_alone(small_study: StudyStore) -> None:
    run = prepared(small_study, None, frozenset(), None, "measured")
    for planned in run.plan.trials:
        job = run.trial_of_study(planned).job(60.0)
        assert (len(job.unlabelled) > 0) == planned.contender.startswith("distil")
        if job.unlabelled:
            assert sorted((*job.texts, *job.unlabelled)) == sorted(PARTS["train"].texts)
    assert (
        read_parts(small_study, run.plan).beyond(70, 0, 0, 4)
        == read_parts(small_study, run.plan).beyond(70, 0, 0, 99)[:4]
    )


def test_other_weights_of_the_decoder_are_another_trial(small_study: StudyStore) -> None:
    run = prepared(small_study, None, frozenset(), None, "measured")
    mixed = next(trial for trial in run.plan.trials if trial.contender.startswith("cascade"))
    plain = next(trial for trial in run.plan.trials if trial.contender == "tfidf")
    before = {trial.contender: run._key(trial) for trial in (mixed, plain)}
    run.contenders = {
        name: replace(one, second_sha256="ef" * 32 if one.second_sha256 else None)
        for name, one in run.contenders.items()
    }
    assert run._key(mixed) != before[mixed.contender]
    assert run._key(plain) == before["tfidf"]


def test_a_cascade_is_shipped_and_distillation_says_why_not(
    small_study: StudyStore, executor: LocalExecutor, tmp_path: Path
) -> None:
    run_study(small_study, executor)
    judged = conclude(small_study)
    names = {one.method: one.name for one in judged[0].contenders}
    with pytest.raises(TrialError, match="needs unlabelled texts"):
        ship_contender(small_study, judged, names["distil"], tmp_path / "no", executor)
    bundle, note = ship_contender(small_study, judged, names["cascade"], tmp_path / "bundle", executor)
    assert note == "reloaded: 32 of 32 answers equal"
    shipped = read_bundle(bundle)
    assert not shipped.self_contained
    assert len(shipped.load().predict(["good thing", "bad thing"])) == 2
    assert "A prompt asked" in (bundle / "README.md").read_text()


def test_what_learns_from_unlabelled_texts_is_had_by_default_where_they_are_many() -> None:
    models = [
        CandidateModel("one", "encoder", "ab" * 32, 1000, "one"),
        CandidateModel("d", "decoder", "c" * 64, 9, "d"),
    ]

    def methods(unlabelled: int) -> set[str]:
        found, _ = build_contenders(models, kind="classification", methods=None, train_rows=80, unlabelled=unlabelled)
        return {one.method for one in found}

    assert "distil" not in methods(79)
    assert methods(80) - methods(79) == {"distil"}


def test_texts_without_labels_are_learned_from_at_every_budget_and_by_the_refit(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    bare = tuple(f"nobody has said what {word} is" for word in "abcdefgh")
    contenders = _pairs((write_encoder_folder(tmp_path / "encoder"),), (write_decoder_folder(tmp_path / "decoder"),))
    with _study(tmp_path / "study", contenders, bare) as store:
        plan_study(store, executor, threads=1)
        run = prepared(store, None, frozenset(), None, "measured")
        given = {trial.n: trial for trial in run.plan.trials if trial.contender.startswith("distil")}
        assert set(given) == {0, 40, 80}, "with all labels given there are still texts to label"
        jobs = {n: run.trial_of_study(planned).job(60.0) for n, planned in given.items()}
        assert sorted(jobs[80].unlabelled) == sorted(bare)
        assert sorted(jobs[40].unlabelled[: len(bare)]) == sorted(bare)
        assert len(jobs[40].unlabelled) == len(bare) + 40
        distil = next(one for one in contenders if one.method == "distil")
        refit = _refit_job(store, distil, 60.0)
        assert sorted(refit.unlabelled) == sorted(bare)
        assert set(refit.texts).isdisjoint(bare)
        plain = next(one for one in contenders if one.arm == "floor")
        assert _refit_job(store, plain, 60.0).unlabelled == ()
        keys = [run.key_of(planned) for planned in given.values()]
    with _study(tmp_path / "other", contenders, bare[1:]) as store:
        plan_study(store, executor, threads=1)
        other = prepared(store, None, frozenset(), None, "measured")
        assert not set(keys) & {other.key_of(planned) for planned in given.values()}
