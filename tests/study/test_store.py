"""The store: one transaction a trial, one writer, and what another version wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bakeoff.data import Rows
from bakeoff.errors import StudyError
from bakeoff.records import Answer, Trial, Usage
from bakeoff.study.growth import Growth
from bakeoff.study.store import StudyStore

NAN = float("nan")


def rows(texts: tuple[str, ...]) -> Rows:
    labels = tuple("ab"[i % 2] for i in range(len(texts)))
    return Rows.of(texts, labels, groups=[f"g{i}" for i in range(len(texts))])


PARTS = {"train": rows(("one", "two\nlines", "käse")), "validation": rows(("v1", "v2")), "test": rows(("t1", "t2"))}


def trial(key: str = "k1", status: str = "done") -> Trial:
    return Trial(
        key=key, contender="tfidf", n=16, seed=0, status=status, reason=None,  # type: ignore[arg-type]
        validation_answers=("a", None), test_answers=("b", "a"), fit_seconds=0.5, p50_ms=NAN, p95_ms=2.0,
        rows_per_second=9.0, size_mb=1.0, usage=Usage(seconds=1.0, tokens_in=5), details={"strength": 1.0},
    )  # fmt: skip


ANSWERS = (
    (Answer("a", (0.9, 0.1)), Answer(None, abstention="time was up")),
    (Answer("b"), Answer("a", raw="it is a")),
)


def test_rows_and_facts_come_back(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path / "s", {"seed": 3, "name": "käse"}, PARTS) as store:
        assert store.rows("train").texts == PARTS["train"].texts
        assert store.rows("train").groups == PARTS["train"].groups
        assert store.rows("test").ids == PARTS["test"].ids
        assert (store.fact("seed"), store.fact("name"), store.fact("other")) == (3, "käse", None)


def test_a_trial_comes_back_as_it_was(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path / "s", {}, PARTS) as store:
        store.add(trial(), *ANSWERS)
        (found,) = store.trials()
    assert found.validation_answers == ("a", None)
    assert found.test_answers == ("b", "a")
    assert found.p50_ms != found.p50_ms  # NaN survives
    assert (found.p95_ms, found.usage.tokens_in, found.details) == (2.0, 5, {"strength": 1.0})


def test_half_a_trial_is_never_seen(tmp_path: Path) -> None:
    broken = (ANSWERS[0], (Answer("b"), Answer("a", seconds=None)))  # type: ignore[arg-type]
    with StudyStore.create(tmp_path / "s", {}, PARTS) as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.add(trial(), *broken)
        assert store.trials() == ()
        assert store.finished_keys() == set()


def test_rows_that_find_no_room_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path / "s", {"fingerprint": "f"}, PARTS) as store:
        store._db.execute("PRAGMA max_page_count = 1")  # as large as it is, and no larger
        more = Rows.of(tuple("x" * 9000 + str(at) for at in range(9)), ("a",) * 9)
        with pytest.raises(StudyError, match="cannot be written: database or disk is full"):
            store.grow(more, Growth(1, "", "", "", 9, 3, "f", "{}", "{}"), {"fingerprint": "g"})
        assert (store.fact("fingerprint"), store.growths(), len(store.rows("train"))) == ("f", (), 3)


def test_two_processes_cannot_write_one_study(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path / "s", {}, PARTS), pytest.raises(StudyError, match="worked on by another process"):
        StudyStore(tmp_path / "s")
    StudyStore(tmp_path / "s").close()


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds study\.sqlite"):
        StudyStore(tmp_path)


def test_a_study_is_not_overwritten(tmp_path: Path) -> None:
    StudyStore.create(tmp_path / "s", {}, PARTS).close()
    with pytest.raises(StudyError, match="holds a study already"):
        StudyStore.create(tmp_path / "s", {}, PARTS)


def test_a_newer_study_names_both_versions_and_the_cure(tmp_path: Path) -> None:
    StudyStore.create(tmp_path / "s", {}, PARTS).close()
    with sqlite3.connect(tmp_path / "s" / "study.sqlite") as db:
        db.execute("INSERT INTO migrations VALUES ('m999_from_the_future')")
    with pytest.raises(StudyError, match=r"'m999_from_the_future'.*'m005_growths'.*pip install --upgrade bakeoff"):
        StudyStore(tmp_path / "s")


def test_a_broken_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StudyError, match="not a readable study database"):
        StudyStore(tmp_path)
