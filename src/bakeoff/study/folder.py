"""A study's folder: made, found, held by one process, and what is said where it cannot be written."""

from __future__ import annotations

import difflib
import fcntl
from pathlib import Path
from typing import TextIO

from bakeoff.errors import StudyError

__all__ = ["STORE_FILE", "cannot_be_made", "cannot_be_written", "hold_folder", "make_folder", "no_study"]

STORE_FILE = "study.sqlite"


def no_study(folder: Path) -> StudyError:
    """Give the error for a folder without a study, with those that are near it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    StudyError
    """
    found = "has none" if folder.is_dir() else "is a file" if folder.exists() else "is not there"
    near = _studies_near(folder)
    return StudyError(
        f"A study is a folder that holds {STORE_FILE}; {folder} {found}.",
        next_step=f"Did you mean {' or '.join(near)}?"
        if near
        else "Give the folder that 'bakeoff run' printed, or start a study with: bakeoff run DATA",
    )


def _studies_near(folder: Path) -> list[str]:
    """Give the studies in a folder, or beside it those whose names are like its own, and one that is alone there."""
    inside = sorted(str(path.parent) for path in folder.glob(f"*/{STORE_FILE}"))
    beside = {path.parent.name: str(path.parent) for path in folder.parent.glob(f"*/{STORE_FILE}")}
    names = difflib.get_close_matches(folder.name, beside, n=2) or (list(beside) if len(beside) == 1 else [])
    return inside[:2] or [beside[name] for name in names]


def make_folder(folder: Path) -> None:
    """Make the folder of a study.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    StudyError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_be_made(folder, error.strerror or str(error)) from error


def cannot_be_made(folder: Path, reason: str) -> StudyError:
    """Give the error for a study that could not be begun.

    Parameters
    ----------
    folder : Path
    reason : str
        In the system's or the database's words.

    Returns
    -------
    StudyError
    """
    return StudyError(
        f"The study's folder {folder} cannot be made: {reason.rstrip('.')}.",
        next_step="Name a folder that can be written, and has room, with --output.",
    )


def hold_folder(folder: Path) -> TextIO:
    """Hold a study's folder for this process, until what is given back is closed.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    TextIO
        The open lock file.

    Raises
    ------
    StudyError
        If another process holds it, or nothing can be written there.
    """
    try:
        lock = (folder / "study.lock").open("a+")
    except OSError as error:
        raise cannot_be_written(folder, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StudyError(
            f"The study {folder} is being worked on by another process.",
            next_step="Wait until that one ends, or stop it first.",
        ) from error
    return lock


def cannot_be_written(folder: Path, reason: str) -> StudyError:
    """Give the error for a full disk, a folder without the right to write, and the like.

    Parameters
    ----------
    folder : Path
    reason : str
        In the system's or the database's words.

    Returns
    -------
    StudyError
    """
    return StudyError(
        f"The study {folder} cannot be written: {reason.rstrip('.')}. What was recorded before is kept.",
        next_step=f"Make room there, or give the right to write, and go on with: bakeoff resume {folder}",
    )
