"""The studies of a folder: what state each is in, and what its files say, while it may be running."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bakeoff.errors import StudyError
from bakeoff.study.folder import STORE_FILE
from bakeoff.workbench.processes import StudyProcess, study_process
from bakeoff.workbench.progress_file import WrittenProgress, read_progress
from bakeoff.workbench.uploads import is_upload

__all__ = ["StudyState", "list_studies", "read_verdict", "report_page", "study_state"]

State = Literal["uploaded", "running", "shipping", "stopping", "stopped", "failed", "decided", "open"]


@dataclass(frozen=True, slots=True)
class StudyState:
    """A study as it stands.

    Parameters
    ----------
    name : str
        Of its folder.
    state : str
        ``uploaded`` (rows are there, nothing was started), ``running``, ``shipping`` (a contender of it is refitted),
        ``stopping``, ``stopped``, ``failed`` (ended before there was anything to resume), ``decided``, or ``open``
        (finished without a verdict).
    changed : datetime
        When it last wrote something.
    has_records : bool
        Whether there is something to resume.
    process : StudyProcess or None
        None where none runs.
    written : WrittenProgress or None
        How far it was when it last wrote.
    verdict : mapping or None
        As in ``verdict.json``: ``choice``, ``contender``, ``meanwhile`` and more.
    """

    name: str
    state: State
    changed: datetime.datetime
    has_records: bool
    process: StudyProcess | None
    written: WrittenProgress | None
    verdict: Mapping[str, Any] | None

    @property
    def runs(self) -> bool:
        """Whether a process works on it."""
        return self.process is not None


def list_studies(folder: Path) -> tuple[StudyState, ...]:
    """Look at every study of a folder; nothing of them is opened for writing.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    tuple of StudyState
        Those that changed last come first.
    """
    found = (study_state(path) for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.changed, reverse=True))


def study_state(study: Path) -> StudyState | None:
    """Look at one study.

    Parameters
    ----------
    study : Path

    Returns
    -------
    StudyState or None
        None where the folder holds none, nor rows for one.
    """
    has_records, uploaded = (study / STORE_FILE).is_file(), is_upload(study)
    if not has_records and not uploaded:
        return None
    process, written = study_process(study), read_progress(study)
    verdict = _verdict_of(study)
    if process is not None:
        state: State = "stopping" if process.stopping else "shipping" if process.verb == "ship" else "running"
    elif verdict is not None:
        state = "open" if verdict["choice"] == "unresolved" else "decided"
    elif has_records:
        state = "failed" if written is not None and written.state == "failed" else "stopped"
    else:
        state = "failed" if (study / "process.json").exists() else "uploaded"
    return StudyState(study.name, state, _changed(study), has_records, process, written, verdict)


def _verdict_of(study: Path) -> Mapping[str, Any] | None:
    try:
        verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))["verdict"]
        return verdict if isinstance(verdict["choice"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _changed(study: Path) -> datetime.datetime:
    files = ("verdict.json", "progress.json", "process.json", STORE_FILE, ".")
    latest = max((study / name).stat().st_mtime for name in files if (study / name).exists())
    return datetime.datetime.fromtimestamp(latest).astimezone()


def read_verdict(study: Path, *, adjudicated: bool = False) -> Mapping[str, Any]:
    """Read a study's ``verdict.json``.

    Parameters
    ----------
    study : Path
    adjudicated : bool
        Whether the verdict by the labels that a person settled is read instead.

    Returns
    -------
    mapping

    Raises
    ------
    StudyError
        If there is none, or it does not fit its schema.
    """
    from bakeoff.errors import BakeoffError
    from bakeoff.report.verdict_file import check_verdict

    path = study / ("verdict-adjudicated.json" if adjudicated else "verdict.json")
    try:
        document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_verdict(document)
    except FileNotFoundError as error:
        raise StudyError(
            f"The study {study.name} has no verdict yet.", next_step="It has one when its trials are done."
        ) from error
    except (OSError, ValueError, BakeoffError) as error:
        raise StudyError(
            f"{path} cannot be read as a verdict: {error}", next_step=f"Write it again with: bakeoff report {study}"
        ) from error
    return document


def report_page(study: Path) -> str:
    """Read a study's report, in which test scores stand.

    Parameters
    ----------
    study : Path

    Returns
    -------
    str
        A whole HTML document.

    Raises
    ------
    StudyError
        If there is none.
    """
    try:
        return (study / "report.html").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StudyError(
            f"The study {study.name} has no report that can be read.",
            next_step="It has one when its trials are done; 'bakeoff report' writes it again.",
        ) from error
