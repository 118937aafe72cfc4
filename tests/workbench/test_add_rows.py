"""Rows that are added to a study: test rows stay, what was measured stays, and nothing is lost on the way."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data import fingerprint, minhash
from bakeoff.errors import DataError, StudyError
from bakeoff.records import Answer
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.growth import fingerprint_at
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import PlannedTrial
from bakeoff.study.run_state import prepared
from bakeoff.study.store import PARTS, StudyStore
from bakeoff.tasks import task_of_kind
from bakeoff.workbench import add_rows as module
from bakeoff.workbench.add_rows import MoreRows, add_rows
from bakeoff.workbench.conclude import conclude
from made_study import TUNED, make_study

WORDS = ["river", "meadow", "harbour", "tower", "garden", "window", "candle", "bridge", "forest"]


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a decided study of 80 training rows, whose plan has its trials."""
    folder = make_study(tmp_path_factory.mktemp("grown") / "study")
    with StudyStore(folder) as store:
        plan = store.fact("plan")
        trials = [PlannedTrial(TUNED.name, 64, seed, 1.0, core=True) for seed in range(3)]
        plan["trials"] = [
            {name: getattr(trial, name) for name in PlannedTrial.__dataclass_fields__} for trial in trials
        ]
        rows = {part: store.rows(part) for part in PARTS}
        wanted = {"budgets": None, "seeds": 3, "time_limit": None, "allow_send": [], "until": "measured"}
        speeds = {"minilm": {}}
        store.set_facts(
            {
                "plan": plan,
                "wanted": wanted,
                "fingerprint": fingerprint(rows, ("negative", "positive")),
                "text_columns": ["text"],
                "text_pair": None,
                "speeds": speeds,
            }
        )
        conclude(store)
    return folder


@pytest.fixture
def study(decided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of it; no method of it is there to be run."""
    folder = Path(shutil.copytree(decided, tmp_path / "study"))
    monkeypatch.setattr(module, "check_versions", lambda _contenders: None)
    monkeypatch.setattr("bakeoff.study.measure.ModelSpeed", lambda **_facts: None)
    monkeypatch.setattr("bakeoff.study.blocks.forecast_trial", lambda *_given: 2.0)
    return folder


class StoppedError(Exception):
    """The program is stopped as soon as rows and plan are written."""


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stop before any trial, and give with how many labels and more trials would have been run."""
    found: list[int] = []

    def stop(*_given: object, above: int, **_named: object) -> None:
        found.append(above)
        raise StoppedError

    monkeypatch.setattr(module, "carry_on", stop)
    return found


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "sentiment"), *rows])
    return path


def new_rows(count: int) -> list[tuple[str, str]]:
    return [
        (f"{WORDS[i % 9]} {WORDS[i // 9 % 9]} {WORDS[i * 5 % 7]} {i:03x}", ("negative", "positive")[i % 3 == 0])
        for i in range(count)
    ]


def grow(study: Path, path: Path, **options: object) -> None:
    with pytest.raises(StoppedError):
        add_rows(study, MoreRows(path), **options)  # type: ignore[arg-type]


def test_tested_rows_and_copies_are_left_out_and_counted(study: Path, tmp_path: Path, carried: list[int]) -> None:
    with StudyStore(study) as store:
        before = {part: store.rows(part) for part in PARTS}
    known = [("Test 7", "negative"), ("validation 3!", "positive"), ("train 5", "negative"), ("", "positive")]
    grow(study, write(tmp_path / "more.csv", [*new_rows(40), *known, new_rows(1)[0], ("no label", "")]))
    with StudyStore(study) as store:
        assert store.rows("test") == before["test"]
        assert store.rows("validation") == before["validation"]
        train = store.rows("train")
        assert train.ids[:80] == before["train"].ids
        assert train.texts[80:] == tuple(text for text, _ in new_rows(40))
        assert len(set(train.ids)) == 120
        assert store.fact("row_counts")["train"] == 120
        detail = store.fact("checks")[-1]["detail"]
    assert detail.startswith("40 training rows added")
    assert "2 like a test or validation row" in detail
    assert "2 copies of training rows" in detail


def test_it_is_told_where_some_may_be_like_a_test_row_unseen(
    study: Path, tmp_path: Path, carried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minhash, "_WINDOW", 2)
    ordered = [(f"Order {i * 7919 % 100_003} has left our house in Bonn.", "negative") for i in range(40)]
    grow(study, write(tmp_path / "more.csv", ordered))
    with StudyStore(study) as store:
        check = store.fact("checks")[-1]
    assert check["status"] == "WARN"
    assert "not all pairs were compared: some that were added may be like a test row." in check["detail"]


def test_what_was_measured_stays_and_only_what_is_new_is_planned(
    study: Path, tmp_path: Path, carried: list[int]
) -> None:
    def keys(store: StudyStore) -> dict[tuple[int, int], str]:
        run = prepared(store, None, frozenset(), None, "measured")
        return {(trial.n, trial.seed): run.key_of(trial) for trial in run.plan.trials}

    def sample(store: StudyStore, n: int) -> list[tuple[str, ...]]:
        parts = read_parts(store, read_plan(store))
        return [parts.sample(n, seed, 0).ids for seed in range(3)]

    with StudyStore(study) as store:
        old, rows, print_before = keys(store), sample(store, 64), store.fact("fingerprint")
    grow(study, write(tmp_path / "more.csv", new_rows(40)))
    assert carried == [80]
    with StudyStore(study) as store:
        plan, now = read_plan(store), keys(store)
        assert plan is not None
        assert {place: key for place, key in now.items() if place[0] == 64} == old
        assert set(now) - set(old) == {(120, 0), (120, 1), (120, 2)}
        assert len(set(now.values())) == 6
        assert (plan.decision_budget, plan.budgets) == (120, (0, 64, 120))
        assert [trial.n for trial in plan.trials if trial.core] == [120] * 3
        assert sample(store, 64) == rows
        for ids in sample(store, 100):
            assert set(store.rows("train").ids[:80]) <= set(ids), "the rows that were there come first"
        assert fingerprint_at(64, store.growths(), store.fact("fingerprint")) == print_before
        assert store.fact("fingerprint") != print_before


def test_both_verdicts_are_kept_and_the_first_cannot_be_written_over(
    study: Path, tmp_path: Path, carried: list[int]
) -> None:
    before = json.loads((study / "verdict.json").read_text("utf-8"))
    grow(study, write(tmp_path / "more.csv", new_rows(40)))
    with StudyStore(study) as store:
        conclude(store)
        (growth,) = store.growths()
        assert (growth.added, growth.train_rows) == (40, 80)
        with pytest.raises(sqlite3.IntegrityError, match="growths are kept"):
            store._db.execute("UPDATE growths SET verdict = ''")
        with pytest.raises(sqlite3.IntegrityError, match="growths are kept"):
            store._db.execute("DELETE FROM growths")
        told = " ".join(gather_evidence(store).missing)
    assert json.loads((study / "verdict-before-rows-1.json").read_text("utf-8")) == before
    said = "40 training rows were added when test scores had been shown (test seen)"
    assert told.count(said) == 1
    reasons = json.dumps(json.loads((study / "verdict.json").read_text("utf-8"))["verdict"])
    assert reasons.count(said) == 1
    assert "verdict-before-rows-1.json" in reasons
    assert before["created"][:10] in reasons


def test_who_was_stopped_gives_the_same_command_again(study: Path, tmp_path: Path, carried: list[int]) -> None:
    path = write(tmp_path / "more.csv", new_rows(40))
    grow(study, path)
    grow(study, path)
    assert carried == [80, 80]
    with StudyStore(study) as store:
        assert len(store.growths()) == 1
        assert len(store.rows("train")) == 120
    grow(
        study, write(tmp_path / "further.csv", [(f"{text} b{i}", label) for i, (text, label) in enumerate(new_rows(9))])
    )
    with StudyStore(study) as store:
        assert [growth.train_rows for growth in store.growths()] == [80, 120]
    with pytest.raises(DataError, match="were added to this study on"):
        add_rows(study, MoreRows(path))


def test_who_was_stopped_after_the_last_trial_gives_the_same_command_again(
    study: Path, tmp_path: Path, carried: list[int]
) -> None:
    path = write(tmp_path / "more.csv", new_rows(40))
    grow(study, path)
    with StudyStore(study) as store:
        old = next(trial for trial in store.trials() if trial.contender == TUNED.name)
        answers = [[Answer(value) for value in part] for part in (old.validation_answers, old.test_answers)]
        for seed in range(3):
            store.add(replace(old, key=f"grown {seed}", n=120, seed=seed), *answers)
    grow(study, path)  # there is no verdict on these yet
    with StudyStore(study) as store:
        conclude(store)
        store.set_fact("wanted", {**store.fact("wanted"), "ship": True})
        (growth,), now = store.growths(), store.fact("fingerprint")
    (study / "bundle").mkdir()
    (study / "bundle" / "bundle.json").write_text(json.dumps({"fingerprint": growth.fingerprint}), "utf-8")
    grow(study, path)  # the bundle is that from before
    assert carried == [80, 80, 80]
    (study / "bundle" / "bundle.json").write_text(json.dumps({"fingerprint": now}), "utf-8")
    with pytest.raises(DataError, match="were added to this study on"):
        add_rows(study, MoreRows(path))


def test_who_was_dropped_is_not_waited_for(study: Path, tmp_path: Path, carried: list[int]) -> None:
    path = write(tmp_path / "more.csv", new_rows(40))
    grow(study, path)
    with StudyStore(study) as store:
        conclude(store)
    grow(study, path)
    with StudyStore(study) as store:
        store.set_fact("dropped", {TUNED.name: "hopeless"})
    with pytest.raises(DataError, match="were added to this study on"):
        add_rows(study, MoreRows(path))


def test_rows_that_cannot_be_added_leave_the_study_as_it_was(study: Path, tmp_path: Path, carried: list[int]) -> None:
    strange = write(tmp_path / "strange.csv", [*new_rows(5), ("something else", "neutral")])
    with pytest.raises(DataError, match=r"'neutral' \(1\) came"):
        add_rows(study, MoreRows(strange))
    with pytest.raises(DataError, match="is new to the study: 1 like a test"):
        add_rows(study, MoreRows(write(tmp_path / "known.csv", [("test 7", "negative")])))
    with pytest.raises(StudyError, match="take about"):
        add_rows(study, MoreRows(write(tmp_path / "more.csv", new_rows(40))), time_limit=9.0)
    (study / "verdict.json").unlink()
    with pytest.raises(StudyError, match="has no verdict yet"):
        add_rows(study, MoreRows(strange))
    with StudyStore(study) as store:
        store._db.execute("INSERT INTO folds VALUES (0, 'test', 0, 0)")
        store._db.commit()
    with pytest.raises(StudyError, match="cross-fits its rows"):
        add_rows(study, MoreRows(strange))
    with StudyStore(study) as store:
        assert store.growths() == ()
        assert len(store.rows("train")) == 80
    assert carried == []


def test_several_labels_in_a_cell_are_those_of_the_study(study: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "more.csv", [("one", "a; b"), ("two", "b"), ("three", "Food, drink"), ("four", "")])
    task = task_of_kind("multi-label", name="sentiment", labels=["a", "b", "Food, drink"], metric="micro-F1")
    with StudyStore(study) as store:
        texts, labels, _groups, numbers = module._read(store, MoreRows(path), task, grouped=False)
    assert (texts, labels) == (["one", "two", "three"], ['["a", "b"]', '["b"]', '["Food, drink"]'])
    assert len(numbers) == 3
    module._refuse_labels(labels, task, path)
