"""A study's records, opened for a moment by an app that answers several requests at once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bakeoff.errors import StudyError
from bakeoff.study.evidence import read_plan
from bakeoff.study.seen import note_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.workbench.processes import study_process

__all__ = ["note_shown", "opened_study", "refuse_running"]

#: A request, or the process beside the app, has the records for a moment only.
_WAIT_SECONDS, _STEP_SECONDS = 8.0, 0.05
_ONE_AT_A_TIME = threading.Lock()


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
    with _ONE_AT_A_TIME:
        store = _opened(study)
        with store:
            if read_plan(store) is None:
                raise StudyError(
                    f"The study {study.name} was stopped before it had a plan.", next_step="Resume it on its page."
                )
            yield store


def _opened(study: Path) -> StudyStore:
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return StudyStore(study)
        except StudyError:
            # What a study's process holds, it holds for long; another part of the app has it for a moment.
            if time.monotonic() > end or study_process(study) is not None or not (study / "study.sqlite").is_file():
                raise
            time.sleep(_STEP_SECONDS)


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
