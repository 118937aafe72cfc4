"""A study's process: started once, found by whoever looks, stopped as by Ctrl-C, never mistaken for another."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from bakeoff.errors import OptionError, StudyError
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.processes import (
    born,
    log_tail,
    resume_process,
    start_process,
    stop_process,
    study_process,
)
from bakeoff.workbench.progress_file import ProgressFile, read_progress


def _wait_until_ended(folder: Path, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while study_process(folder) is not None:
        assert time.monotonic() < end, log_tail(folder)
        time.sleep(0.05)


def _start_what_lasts(folder: Path) -> int:
    """Start a command that goes on until it is interrupted."""
    pid = start_process(folder, ("ui", str(folder / "studies"), "--no-browser")).pid
    end = time.monotonic() + 30
    while "Ctrl-C" not in log_tail(folder):
        assert time.monotonic() < end, log_tail(folder)
        time.sleep(0.05)
    return pid


def test_one_process_works_on_a_study_until_it_is_stopped(tmp_path: Path) -> None:
    assert not stop_process(tmp_path)
    pid = _start_what_lasts(tmp_path)
    found = study_process(tmp_path)
    assert found is not None
    assert (found.pid, found.stopping, found.runs) == (pid, False, True)
    assert os.getpgid(pid) != os.getpgid(0)  # a Ctrl-C at this terminal does not reach it
    with pytest.raises(StudyError, match="runs already"):
        start_process(tmp_path, ("--version",))
    assert stop_process(tmp_path)
    _wait_until_ended(tmp_path)
    assert "Traceback" not in log_tail(tmp_path)
    assert not stop_process(tmp_path)
    start_process(tmp_path, ("--version",))
    _wait_until_ended(tmp_path)
    assert "bakeoff 0" in log_tail(tmp_path)


def test_of_several_starts_at_once_one_is_made(tmp_path: Path) -> None:
    made: list[int] = []
    refused: list[StudyError] = []

    def start() -> None:
        try:
            made.append(start_process(tmp_path, ("ui", str(tmp_path / "studies"), "--no-browser")).pid)
        except StudyError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 3)
    while "Ctrl-C" not in log_tail(tmp_path):
        time.sleep(0.05)
    stop_process(tmp_path)
    _wait_until_ended(tmp_path)


@pytest.mark.parametrize("changes", [{"born": "1"}, {"pid": 2**22 - 1}, {"pid": -1}, {"pid": "x"}, {"pid": None}])
def test_what_is_written_of_another_process_counts_for_nothing(tmp_path: Path, changes: dict[str, object]) -> None:
    facts = {"pid": os.getpid(), "born": born(os.getpid()), "started": "", "stopping": False}
    record = tmp_path / "process.json"
    record.write_text(json.dumps(facts))
    assert study_process(tmp_path) is not None
    record.write_text(json.dumps({**facts, **changes}))
    assert study_process(tmp_path) is None
    assert not stop_process(tmp_path)  # else this test would have ended itself


def test_a_study_that_the_command_line_started_is_found_by_its_progress(tmp_path: Path) -> None:
    with ProgressFile(tmp_path, Watcher()):
        found = study_process(tmp_path)
    assert found is not None
    assert found.pid == os.getpid()


def test_a_resume_says_in_the_log_why_it_cannot(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="A duration is"):
        resume_process(tmp_path, time_limit="soon")
    assert not (tmp_path / "process.json").exists()
    resume_process(tmp_path, time_limit="1m", measure_all=True)
    _wait_until_ended(tmp_path)
    assert "A study is a folder that holds study.sqlite" in log_tail(tmp_path)


def test_progress_tells_how_it_ended(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    with ProgressFile(tmp_path, Watcher()) as written:
        written.step("deciding")
        seen = read_progress(tmp_path)
        assert seen is not None
        assert (seen.state, seen.step, seen.progress) == ("running", "deciding", None)
    ended = read_progress(tmp_path)
    assert ended is not None
    assert ended.state == "ended"
    with pytest.raises(KeyboardInterrupt), ProgressFile(tmp_path, Watcher()):
        raise KeyboardInterrupt
    stopped = read_progress(tmp_path)
    assert stopped is not None
    assert stopped.state == "stopped"
    with pytest.raises(StudyError), ProgressFile(tmp_path, Watcher()):
        raise StudyError("The rows are gone.", next_step="Bring them back.")
    failed = read_progress(tmp_path)
    assert failed is not None
    assert (failed.state, failed.why) == ("failed", "The rows are gone. Bring them back.")


def test_a_folder_that_cannot_be_written_stops_no_study(tmp_path: Path) -> None:
    (tmp_path / "progress.json").mkdir()
    with ProgressFile(tmp_path, Watcher()) as written:
        written.step("deciding")
    assert read_progress(tmp_path) is None


def test_trials_are_written_and_handed_on(tmp_path: Path) -> None:
    from bakeoff.study.progress import StudyProgress

    class Seen(Watcher):
        done = 0

        def progress(self, progress: StudyProgress) -> None:
            self.done = progress.done

    watcher = Seen()
    told = StudyProgress(
        done=3, planned=8, elapsed=12.0, left=float("inf"), now="probe, n = 16, seed 0", doing="recorded", share=1.0,
        scores={("probe", 16): (0.5, 0.7)}, seconds={("probe", 16): 4.0}, seeds={("probe", 16): 3, ("full", 16): 3},
        dropped=("full",),
    )  # fmt: skip
    with ProgressFile(tmp_path, watcher) as written:
        written.progress(told)
    assert watcher.done == 3
    seen = read_progress(tmp_path)
    assert seen is not None
    assert seen.progress is not None
    probe, full = seen.progress.cells
    assert (probe.contender, probe.n, probe.score, probe.seeds_done, probe.seeds_planned) == ("probe", 16, 0.6, 2, 3)
    assert full.score != full.score
    assert (seen.progress.trials_done, seen.progress.trials_planned, seen.progress.dropped) == (3, 8, ("full",))
