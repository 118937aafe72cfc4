"""A study's records, opened for a moment by an app that answers several requests at once."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bakeoff.errors import StudyError
from bakeoff.study.evidence import read_plan
from bakeoff.study.folder import STORE_FILE
from bakeoff.study.seen import note_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.workbench.processes import study_process

__all__ = ["begun_store", "note_shown", "opened_study", "refuse_others", "refuse_running", "refuse_undecided"]

#: A request, or the process beside the app, has the records for a moment only.
_WAIT_SECONDS, _STEP_SECONDS = 8.0, 0.05
#: A process that an app has started waits longer than any page has the records.
_BEGIN_SECONDS = 60.0
#: One request at a time has a study's records; those of other studies do not wait for it.
_LOCKS: dict[Path, threading.Lock] = {}
_LOCKS_GUARD = threading.Lock()


def refuse_running(study: Path) -> None:
    """Refuse what must wait until a study's process has ended.

    Parameters
    ----------
    study : Path

    Raises
    ------
    StudyError
        If a process works on the study.
    """
    process = study_process(study)
    if process is not None:
        raise StudyError(
            f"The study {study.name} is being worked on (process {process.pid}).",
            next_step="Wait until that ends, or stop it on its page Progress.",
        )


def refuse_undecided(study: Path) -> None:
    """Refuse what shows test scores or test rows of a study that has no verdict yet.

    A look at the test before the verdict could decide when the study is stopped, and nothing would note it.

    Parameters
    ----------
    study : Path

    Raises
    ------
    StudyError
        If there is no ``verdict.json``.
    """
    if not (study / "verdict.json").is_file():
        raise StudyError(
            f"The study {study.name} has no verdict yet; what its test rows show is looked at when it has one.",
            next_step="Resume it on its page Progress.",
        )


def refuse_others(folder: Path) -> None:
    """Refuse what would run beside a study, and change the times that it measures.

    Parameters
    ----------
    folder : Path
        Holds the studies.

    Raises
    ------
    StudyError
        If a process works on one of them.
    """
    for study in sorted(folder.iterdir()):
        process = study_process(study) if study.is_dir() else None
        if process is not None:
            raise StudyError(
                f"The study {study.name} is being worked on (process {process.pid}); what ran beside it would change "
                "the times that it measures.",
                next_step="Wait until that ends, or stop it on its page Progress.",
            )


def begun_store(study: Path) -> StudyStore:
    """Open a study's records for a verb that works on it; where an app has started it, wait for the app's pages.

    Parameters
    ----------
    study : Path

    Returns
    -------
    StudyStore

    Raises
    ------
    StudyError
        As `StudyStore` does.
    """
    end = time.monotonic() + _BEGIN_SECONDS
    while True:
        try:
            return StudyStore(study)
        except StudyError:
            process = study_process(study)
            ours = process is not None and process.pid == os.getpid() and process.verb
            if not ours or time.monotonic() > end or not (study / STORE_FILE).is_file():
                raise
            time.sleep(_STEP_SECONDS)


@contextlib.contextmanager
def opened_study(study: Path) -> Iterator[StudyStore]:
    """Open the records of a study that does not run, and wait where another request has them.

    Parameters
    ----------
    study : Path

    Yields
    ------
    StudyStore

    Raises
    ------
    StudyError
        If the study runs, or has no plan yet.
    """
    refuse_running(study)
    with _LOCKS_GUARD:
        lock = _LOCKS.setdefault(study.resolve(), threading.Lock())
    store = _opened(study, lock)
    try:
        with store:
            if read_plan(store) is None:
                raise StudyError(
                    f"The study {study.name} was stopped before it had a plan.", next_step="Resume it on its page."
                )
            yield store
    finally:
        lock.release()


def _opened(study: Path, lock: threading.Lock) -> StudyStore:
    """Take the lock with the records; while another process has these, the lock is left to others."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        lock.acquire()
        try:
            return StudyStore(study)
        except StudyError:
            lock.release()
            # What a study's process holds, it holds for long; another part of the app has it for a moment.
            if time.monotonic() > end or study_process(study) is not None or not (study / STORE_FILE).is_file():
                raise
            time.sleep(_STEP_SECONDS)
        except BaseException:
            lock.release()
            raise


def note_shown(study: Path, detail: str) -> None:
    """Note in a study that test rows are shown, before they are.

    Parameters
    ----------
    study : Path
    detail : str
        Where.
    """
    with opened_study(study) as store:
        note_test_rows_shown(store, detail)
