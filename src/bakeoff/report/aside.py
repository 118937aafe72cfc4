"""Writing a file aside and renaming it into place, so that no reader ever sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_aside"]


def write_aside(path: Path, text: str) -> Path:
    """Write text as UTF-8 beside its place, then rename it into place.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder is made where it is missing, an older file is replaced at once.
    text : str
        All of it; line ends are kept as they are.

    Returns
    -------
    Path
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
