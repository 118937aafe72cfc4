"""Studies of older versions: opened by this one with every record as it was, however often that is interrupted."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bakeoff.decision import decide
from bakeoff.errors import StudyError
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.migrations import MIGRATIONS, Migration, migrate
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore

#: A study of two floors, 60 rows and 6 trials that the first version of the program ran and wrote.
OLDEST = Path(__file__).parent / "data" / "oldest-study.sqlite"
#: The tables of the first step, with all that they hold.
TABLES = ("facts", "rows", "trials", "answers", "events")

#: sha256 of the SQL of each step: a step that studies were written with is never edited, only followed by another.
DIGESTS = {
    "m001_first_tables": "1b03551c9dc4fa3f",
    "m002_folds": "e17f4041bfcd724a",
    "m003_unlabelled": "e842dceffedc2d68",
    "m004_plans_of_one_form": "d8a9243cbc4be5fc",
    "m005_growths": "a55b94d784853829",
}


def contents(path: Path) -> dict[str, list[Any]]:
    """Give what the first tables hold, the plan apart, whose form a step may change."""
    with closing(sqlite3.connect(path)) as db:
        found = {table: list(db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")) for table in TABLES[1:]}
        found["facts"] = list(db.execute("SELECT * FROM facts WHERE name != 'plan' ORDER BY name"))
    return found


def schema(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return [
            (name, " ".join(sql.split()))
            for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        ]


@pytest.fixture
def oldest(tmp_path: Path) -> Path:
    """Give the folder of a copy of the oldest study."""
    folder = tmp_path / "oldest"
    folder.mkdir()
    shutil.copy(OLDEST, folder / "study.sqlite")
    return folder


def test_no_step_was_edited() -> None:
    found = {step.name: hashlib.sha256(step.sql.encode()).hexdigest()[:16] for step in MIGRATIONS}
    assert found == DIGESTS
    assert sorted(found) == list(found), "steps are appended"


def test_the_oldest_study_keeps_every_record(oldest: Path) -> None:
    before = contents(oldest / "study.sqlite")
    assert {table: len(rows) for table, rows in before.items()} == {
        "facts": 19, "rows": 60, "trials": 6, "answers": 144, "events": 0,
    }  # fmt: skip
    with StudyStore(oldest) as store:
        trials = store.trials()
        assert store.folds() == ()
        assert store.unlabelled() == ()
        assert {part: len(store.rows(part)) for part in ("train", "validation", "test")} == store.fact("row_counts")
        assert [len(trial.test_answers) for trial in trials] == [15] * 6
        assert {trial.status for trial in trials} == {"done"}
    assert contents(oldest / "study.sqlite") == before


def test_the_oldest_study_and_an_empty_one_have_one_schema(oldest: Path, tmp_path: Path) -> None:
    StudyStore(oldest).close()
    with closing(sqlite3.connect(tmp_path / "empty")) as db:
        migrate(db)
    assert schema(oldest / "study.sqlite") == schema(tmp_path / "empty")


class _NoExecutor:
    at_a_time = 1

    def run(self, job: Any, progress: Any = None) -> Any:
        raise AssertionError(f"no finished trial runs again; {job.method} was to")


def test_the_oldest_study_is_decided_and_goes_on(oldest: Path) -> None:
    with StudyStore(oldest) as store:
        assert "'left_out'" not in str(read_plan(store))
        assert decide(gather_evidence(store)).verdict.meanwhile == "tfidf"
        run_study(store, _NoExecutor())
        assert len(store.trials()) == 6


#: For each number, a process of its own opens a copy and kills itself before its statement of that number.
_KILLED = """
import os, shutil, signal, sqlite3, sys
from bakeoff.study.migrations import migrate
def migrate_until(path, last):
    seen = 0
    def count(statement):
        nonlocal seen
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.set_trace_callback(count)
    migrate(db)
    os._exit(0)
for last in range(1, 100):
    os.mkdir(f"{sys.argv[2]}/{last}")
    path = shutil.copy(sys.argv[1], f"{sys.argv[2]}/{last}/study.sqlite")
    child = os.fork()
    if child == 0:
        migrate_until(path, last)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        break
print(last)
"""


def test_a_kill_before_any_statement_of_a_migration_is_made_good(tmp_path: Path) -> None:
    before = contents(OLDEST)
    told = subprocess.run(
        [sys.executable, "-c", _KILLED, OLDEST, tmp_path], check=True, stdout=subprocess.PIPE, text=True
    )
    assert int(told.stdout) > 4 * (len(MIGRATIONS) - 1), "each step is a transaction of several statements"
    for last in range(1, int(told.stdout) + 1):
        with StudyStore(tmp_path / str(last)) as store:
            assert len(store.trials()) == 6
        assert contents(tmp_path / str(last) / "study.sqlite") == before


def test_a_step_that_fails_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration("m999_broken", "CREATE TABLE half (a TEXT); INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr("bakeoff.study.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate(db)
        assert not db.in_transaction
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        assert "half" not in names
        assert [name for (name,) in db.execute("SELECT name FROM migrations")] == [step.name for step in MIGRATIONS]


def test_a_newer_study_is_refused_as_it_is(oldest: Path) -> None:
    with closing(sqlite3.connect(oldest / "study.sqlite")) as db, db:
        db.execute("INSERT INTO migrations VALUES ('m999_from_the_future')")
    before = (oldest / "study.sqlite").read_bytes()[100:]
    with pytest.raises(StudyError, match=r"'m999_from_the_future'.*'m005_growths'.*pip install --upgrade"):
        StudyStore(oldest)
    assert (oldest / "study.sqlite").read_bytes()[100:] == before, "nothing was migrated"
