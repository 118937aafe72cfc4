"""What a study loses by a kill, a full disk, a folder without rights, a clock that jumps, or a lack of memory: nothing.

Each fault is a real one, of a real process. `benchmarks/faults.py` kills the whole program at many more moments.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from study_builders import FLOORS, make_study

from bakeoff.errors import StudyError
from bakeoff.records import Trial
from bakeoff.study import store as store_module
from bakeoff.study.executors.jobs import Job, JobResult
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore

DRIVER = Path(__file__).parent / "study_process.py"
MAJORITY = tuple(contender for contender in FLOORS if contender.method == "majority")


def go_on(folder: Path, *told: object, **more: Any) -> subprocess.Popen[str]:
    """Go on with a study in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(folder), *map(str, told)], stdout=subprocess.PIPE, text=True, **more
    )


def answers(trials: tuple[Trial, ...]) -> dict[str, tuple[Any, ...]]:
    """Give by key what a trial answered; its seconds are no one else's."""
    return {trial.key: (trial.status, trial.validation_answers, trial.test_answers) for trial in trials}


def recorded(folder: Path) -> dict[str, Trial]:
    with StudyStore(folder) as store:
        return {trial.key: trial for trial in store.trials()}


def finish(folder: Path, executor: LocalExecutor) -> None:
    """Go on with a study in this process, to its end."""
    with StudyStore(folder) as store:
        run_study(store, executor)


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> dict[str, tuple[Any, ...]]:
    """Give what an unbroken study of majority and TF-IDF answers."""
    with make_study(tmp_path_factory.mktemp("unbroken") / "s", budgets=(0, 16)) as store:
        run_study(store, executor)
        return answers(store.trials())


def test_kills_at_random_moments_lose_no_record(
    tmp_path: Path, unbroken: dict[str, tuple[Any, ...]], executor: LocalExecutor
) -> None:
    folder, chance = tmp_path / "s", random.Random(7)
    make_study(folder, budgets=(0, 16)).close()
    for kill in range(3):
        before = recorded(folder)
        with go_on(folder) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            with pytest.raises(StudyError, match="worked on by another process"):
                StudyStore(folder)
            for _ in range(chance.randint(0, 2)):
                process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            os.kill(process.pid, signal.SIGKILL)
        after = recorded(folder)
        assert before.items() <= after.items(), f"kill {kill} changed a record"
        assert answers(tuple(after.values())).items() <= unbroken.items()
    finish(folder, executor)
    assert answers(tuple(recorded(folder).values())) == unbroken
    assert after.items() <= recorded(folder).items()


@contextlib.contextmanager
def _small_disk(size: str) -> Iterator[Path]:
    """Mount a disk of few bytes; skip where that is refused."""
    folder = Path(tempfile.mkdtemp(prefix="bakeoff-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def _fill(disk: Path, leave: int) -> Path:
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - leave))
    return filler


@pytest.mark.parametrize("short_of", ["disk", "file size"])
def test_a_full_disk_ends_a_study_with_a_sentence_and_keeps_its_records(
    tmp_path: Path, short_of: str, unbroken: dict[str, tuple[Any, ...]], executor: LocalExecutor
) -> None:
    with _small_disk("1m") if short_of == "disk" else contextlib.nullcontext(tmp_path) as place:
        folder = place / "s"
        make_study(folder, budgets=(0, 16)).close()
        filler = _fill(place, 95_000) if short_of == "disk" else None
        # SQLite's log of changes is a file beside the database: it may not grow beyond a few trials.
        with go_on(folder, *([] if filler else ["--largest-file", 60_000])) as process:
            told = process.communicate()[0].splitlines()
        assert process.returncode == 2, told
        assert told[-1].startswith(f"The study {folder} cannot be written: ")
        assert f"go on with: bakeoff resume {folder}" in told[-1]
        if filler:
            filler.unlink()
        kept = recorded(folder)
        assert len(kept) >= sum(line.startswith("recorded") for line in told) >= 1
        finish(folder, executor)
        assert answers(tuple(recorded(folder).values())) == unbroken
        assert kept.items() <= recorded(folder).items()


def test_a_study_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    with _small_disk("32k") as disk:
        with pytest.raises(StudyError, match=r"cannot be made: .*disk is full.*has room, with --output"):
            make_study(disk / "s")
        assert list((disk / "s").iterdir()) == []


@pytest.fixture
def readable() -> Iterator[Path]:
    """Give a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="bakeoff-readable-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_without_the_right_to_write_is_refused_with_the_cure(readable: Path) -> None:
    folder = readable / "s"
    make_study(folder, MAJORITY).close()
    (folder / "study.lock").unlink()
    folder.chmod(0o555)
    nobody = ["--as-nobody"] if os.geteuid() == 0 else []  # root may write everywhere
    with go_on(folder, *nobody) as process:
        told = process.communicate()[0]
    assert process.returncode == 2, told
    assert told == (
        f"The study {folder} cannot be written: Permission denied. What was recorded before is kept. "
        f"Make room there, or give the right to write, and go on with: bakeoff resume {folder}\n"
    )


def test_records_keep_their_order_when_the_clock_is_set_back(
    tmp_path: Path, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(range(23, 0, -1))
    monkeypatch.setattr(store_module, "_now", lambda: f"2026-01-01T{next(hours):02}:00:00+00:00")
    seen: list[str] = []
    with make_study(tmp_path / "s", MAJORITY, budgets=(0, 16)) as store:
        run_study(store, executor, listener=lambda told: seen.append(told.now) if told.doing == "recorded" else None)
        assert [f"{t.contender}, n = {t.n}, seed {t.seed}" for t in store.trials()] == seen
    assert len(seen) > 1


def test_a_study_outlives_a_clock_that_jumps(tmp_path: Path, unbroken: dict[str, tuple[Any, ...]]) -> None:
    library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
    if library is None:
        pytest.skip("libfaketime is not installed: apt-get install libfaketime")
    clock, folder = tmp_path / "clock", tmp_path / "s"
    clock.write_text("+0")
    make_study(folder, budgets=(0, 16), seconds=600.0).close()
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    with go_on(folder, "--step-clock", clock, env=os.environ | fake) as process:
        process.communicate()
    assert process.returncode == 0
    found = recorded(folder)
    assert {trial.status for trial in found.values()} == {"done"}
    assert answers(tuple(found.values())).items() <= unbroken.items()
    with StudyStore(folder) as store:
        days = {at[:10] for (at,) in store._db.execute("SELECT committed_at FROM trials")}
    assert len(days) >= 3, f"the clock did jump: {days}"


class _Tight(LocalExecutor):
    """Its worker may have no more memory than it has when a job comes."""

    def run(self, job: Job, progress: Any = None) -> JobResult:
        self._ensure_started()
        assert self.worker_pid is not None
        in_use = int(Path(f"/proc/{self.worker_pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.prlimit(self.worker_pid, resource.RLIMIT_AS, (in_use + 1_000_000, resource.RLIM_INFINITY))
        return super().run(job, progress)


def test_a_lack_of_memory_costs_its_trial_alone_and_is_made_good(tmp_path: Path, executor: LocalExecutor) -> None:
    folder = tmp_path / "s"
    with make_study(folder, MAJORITY, budgets=(16,)) as store:
        with _Tight(threads=1) as tight:
            run_study(store, tight)
        failed = store.trials()
        assert [trial.status for trial in failed] == ["failed"] * 2, "after two failures a contender is left out"
        assert all("memory" in str(trial.reason) or "process ended" in str(trial.reason) for trial in failed)
        attempts = [detail for _, kind, detail in store.events() if kind == "attempt failed"]
        assert len(attempts) == 2 * len(failed), "each is tried once more"
    with StudyStore(folder) as store:
        run_study(store, executor, more_seconds=600.0)
        assert [trial.status for trial in store.trials()] == ["done"] * 3
