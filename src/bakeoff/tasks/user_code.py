"""A user's own check: a Python function, run only where its file was given by the user on this machine.

A study, a bundle or a prompt file names the function and the sha256 of its file; none of them brings the code. When a
user gives a file of checks, the code it names is copied into the cache under its sha256, and from there alone it is
loaded: a file that somebody else sends, or that has changed since, never runs by itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bakeoff.catalog.cache import aside, entry_cache, publish
from bakeoff.errors import DataError

__all__ = ["keep_code", "run_code"]

_FILE = "checks.py"


def keep_code(path: Path) -> str:
    """Copy a user's file into the cache, from which it may be run.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        sha256 of the file.
    """
    code = path.read_bytes()
    digest = hashlib.sha256(code).hexdigest()
    final = entry_cache("checks", digest)
    if not final.is_dir():
        folder = aside(final)
        (folder / _FILE).write_bytes(code)
        publish(folder, final)
    return digest


def run_code(name: str, function: str, digest: str, source: str, text: str) -> float:
    """Ask a user's function.

    Parameters
    ----------
    name : str
        Of the check.
    function : str
        ``file.py:function``.
    digest : str
        sha256 of the file.
    source, text : str

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        If the code was not given on this machine, fails, or gives anything else.
    """
    asked = _loaded(name, function, digest)
    try:
        value = asked(source, text)
    except Exception as error:
        raise DataError(
            f"The check {name!r} failed: {function} raised {type(error).__name__}: {error}",
            next_step="Mend the function, and give the file of checks again with --checks.",
        ) from error
    if not isinstance(value, (bool, int, float)) or not 0 <= value <= 1:
        raise DataError(
            f"The check {name!r} must give True, False, or a number from 0 to 1; {function} gave {str(value)[:40]!r}.",
            next_step="Mend the function, and give the file of checks again with --checks.",
        )
    return float(value)


@cache
def _loaded(name: str, function: str, digest: str) -> Callable[[str, str], Any]:
    file, _, wanted = function.rpartition(":")
    path = entry_cache("checks", digest) / _FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise DataError(
            f"The check {name!r} is a function of {file} (sha256 {digest[:12]}...), which was not given on this "
            "machine; a study never brings code that runs by itself.",
            next_step="Look at the file; if you trust it: bakeoff check DATA --checks FILE",
        )
    spec = importlib.util.spec_from_file_location(f"bakeoff_user_check_{digest[:12]}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DataError(
            f"The check {name!r} could not be loaded: {file} raised {type(error).__name__}: {error}",
            next_step="Mend the file, and give it again with --checks.",
        ) from error
    found = getattr(module, wanted, None)
    if not callable(found):
        raise DataError(
            f"The check {name!r} needs a function {wanted!r} in {file}; there is none.",
            next_step="Name one that is there: function: file.py:function",
        )
    asked: Callable[[str, str], Any] = found
    return asked
