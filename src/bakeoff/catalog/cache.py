"""The cache: one folder per entry, written aside and renamed into place.

A folder is seen under its final name only when it is complete: it is filled in a hidden folder beside it
(``aside``), written through to the disk, and renamed (``publish``). Two processes that make the same folder at once
both succeed: one of them finds the other's and uses it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path

__all__ = ["aside", "cache_folder", "entry_cache", "publish", "write_file"]

_PARTIAL = re.compile(r"\.partial-(?P<pid>\d+)-(?P<host>[0-9a-f]{8})-[0-9a-f]{12}\Z")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}\Z")
_ABANDONED_AFTER = 24 * 3600.0  # seconds without a change


def cache_folder() -> Path:
    """Give the folder of everything that is pulled or derived.

    Returns
    -------
    Path
        ``$BAKEOFF_CACHE`` if it is set, else the user's cache folder of the platform. It may not exist yet.
    """
    named = os.environ.get("BAKEOFF_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("bakeoff", appauthor=False))


def entry_cache(kind: str, key: str) -> Path:
    """Give the place of a derived thing, such as weights that were converted once.

    Parameters
    ----------
    kind : str
        What it is: ``"safetensors"``. Letters, digits and ``._=+-``.
    key : str
        What it was made from, such as a sha256. The same characters.

    Returns
    -------
    Path
        ``cache_folder() / "derived" / kind / key``. Fill ``aside`` of it, then ``publish``.

    Raises
    ------
    ValueError
        If kind or key could lead out of the folder.
    """
    for value in (kind, key):
        if not _SAFE_NAME.match(value):
            raise ValueError(f"{value!r} cannot be part of a cache path: letters, digits and ._=+- only.")
    return cache_folder() / "derived" / kind / key


def aside(final: Path) -> Path:
    """Make the folder to fill before it is published as ``final``.

    Folders beside it that a dead process left behind are deleted first.

    Parameters
    ----------
    final : Path
        Where the folder will stand; its parents are made.

    Returns
    -------
    Path
        A new empty hidden folder in the same parent, hence on the same file system. The caller deletes it if it
        does not publish it.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(final.parent)
    folder = final.parent / f".partial-{os.getpid()}-{_host()}-{secrets.token_hex(6)}"
    folder.mkdir()
    return folder


def publish(folder_aside: Path, final: Path) -> Path:
    """Give a filled folder its final name, or use the one that another process published meanwhile.

    Its files get the rights that new files have by the user's umask, whoever wrote them: safetensors gives its files to
    their owner alone, and a bundle is often served by another user.

    Parameters
    ----------
    folder_aside : Path
        The folder from ``aside``, complete. It is gone afterwards.
    final : Path
        The final name.

    Returns
    -------
    Path
        ``final``.

    Raises
    ------
    OSError
        If the folder cannot be written or renamed.
    """
    _give_usual_rights(folder_aside)
    _write_through(folder_aside)
    try:
        folder_aside.rename(final)
    except OSError:
        # A folder with content stands there: its writer published it whole, and ours is the same.
        if not final.is_dir():
            raise
        shutil.rmtree(folder_aside, ignore_errors=True)
        return final
    _sync(final.parent)
    return final


def remove(folder: Path) -> None:
    """Take a folder out of sight in one step, then delete it.

    Parameters
    ----------
    folder : Path
        May be gone already.
    """
    if folder.exists():
        grave = aside(folder)
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            folder.rename(grave / folder.name)
        shutil.rmtree(grave, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write one file aside and rename it into place.

    Parameters
    ----------
    path : Path
        Its parents are made.
    content : bytes
        The whole content.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _clear_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        match = _PARTIAL.match(folder.name)
        if match and _is_abandoned(folder, int(match["pid"]), match["host"]):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, pid: int, host: str) -> bool:
    """Say whether nobody writes here any more.

    Process ids mean something on their own host only (containers may share a cache), and may be used again by
    another program; so a folder that did not change for a day counts as abandoned too.
    """
    if host == _host() and sys.platform != "win32":  # there, signal 0 would end the process
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    try:
        changed = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return False  # it is being changed or renamed right now
    return time.time() - changed > _ABANDONED_AFTER


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _give_usual_rights(folder: Path) -> None:
    rights = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(PermissionError):  # file systems without rights
                path.chmod(rights)


def _write_through(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        else:
            _sync(path)
    _sync(folder)


def _sync(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
