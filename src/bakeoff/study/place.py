"""Where a study stands: what to say where there is none, and how its folder is made."""

from __future__ import annotations

import difflib
from pathlib import Path

from bakeoff.errors import StudyError

__all__ = ["make_folder", "no_study"]


def no_study(folder: Path, file: str) -> StudyError:
    """Make the error for a folder that holds no study, with those that are near it.

    Parameters
    ----------
    folder : Path
    file : str
        Name of a study's records.

    Returns
    -------
    StudyError
    """
    found = "has none" if folder.is_dir() else "is a file" if folder.exists() else "is not there"
    near = _studies_near(folder, file)
    return StudyError(
        f"A study is a folder that holds {file}; {folder} {found}.",
        next_step=f"Did you mean {' or '.join(near)}?"
        if near
        else "Give the folder that 'bakeoff run' printed, or start a study with: bakeoff run DATA",
    )


def _studies_near(folder: Path, file: str) -> list[str]:
    """Give the studies in a folder, or beside it those whose names are like its own, and one that is alone there."""
    inside = sorted(str(path.parent) for path in folder.glob(f"*/{file}"))
    beside = {path.parent.name: str(path.parent) for path in folder.parent.glob(f"*/{file}")}
    names = difflib.get_close_matches(folder.name, beside, n=2) or (list(beside) if len(beside) == 1 else [])
    return inside[:2] or [beside[name] for name in names]


def make_folder(folder: Path) -> None:
    """Make a study's folder.

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
        raise StudyError(
            f"The study's folder {folder} cannot be made: {error.strerror or error}.",
            next_step="Name a folder that can be written with --output.",
        ) from error
