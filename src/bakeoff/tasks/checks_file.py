"""Read the checks that written texts must pass: ``--checks FILE``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bakeoff.data import yaml_pairs
from bakeoff.data.read import read_text_file
from bakeoff.errors import DataError
from bakeoff.tasks.text_checks import CHECK_KINDS, TextCheck
from bakeoff.tasks.user_code import keep_code

__all__ = ["read_checks"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_SCHEME = re.compile(r"\s*(\S\s*){2,}")


class _NotAllowedError(Exception):
    """A setting that is not what it may be; says what it may."""


def read_checks(path: str | Path) -> tuple[TextCheck, ...]:
    """Read a YAML file of checks.

    Its form is ``name: {kind: KIND, setting: value, ...}``; kinds and settings are those of `CHECK_KINDS`. All values
    are taken as they are written: ``yes``, ``no`` and ``on`` stay text. The files that checks of the kind ``python``
    name stand beside it, and are copied into the cache, from which they may be run on this machine.

    Parameters
    ----------
    path : str or Path
        A .yaml or .yml file in UTF-8.

    Returns
    -------
    tuple of TextCheck
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing, broken or of another form, or a setting is not what it may be; the message names the
        check and what is allowed.
    """
    file = Path(path)
    example = "Write for example: 'lines: {kind: line-count, lines: 4}'"
    pairs = yaml_pairs(
        read_text_file(file, "a file of checks"), str(file), "each check's name to its settings", example
    )
    if not pairs:
        raise DataError(f"{file} must hold at least one check; it is empty.", next_step=example)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{file} must name each check once; {twice!r} comes twice.", next_step="Rename one of them.")
    return tuple(_check(name, given, file) for name, given in pairs)


def _check(name: str, given: Any, file: Path) -> TextCheck:
    if not _NAME.fullmatch(name):
        raise DataError(
            f"A check's name has small letters, digits and hyphens; {file} has {name!r}.", next_step="Rename it."
        )
    kind = given.get("kind") if isinstance(given, dict) else None
    if kind not in CHECK_KINDS:
        near = difflib.get_close_matches(str(kind), CHECK_KINDS, n=1)
        raise DataError(
            f"The check {name!r} in {file} needs a kind, one of {', '.join(CHECK_KINDS)}; "
            f"{'none' if kind is None else repr(kind)} came.",
            next_step=f"Did you mean {near[0]!r}?" if near else f"Write for example: '{name}: {{kind: slots}}'",
        )
    allowed = CHECK_KINDS[kind]
    strange = next((setting for setting in given if setting not in ("kind", *allowed.settings)), None)
    if strange is not None:
        near = difflib.get_close_matches(strange, allowed.settings, n=1)
        raise DataError(
            f"The check {name!r} in {file} is of the kind {kind}, with the settings {', '.join(allowed.settings)}; "
            f"{strange!r} came.",
            next_step=f"Did you mean {near[0]!r}?" if near else "Remove it.",
        )
    if allowed.needs and not set(allowed.needs) & set(given):
        raise DataError(
            f"The check {name!r} in {file} needs {' or '.join(allowed.needs)}, which is missing.",
            next_step=f"Give it: '{name}: {{kind: {kind}, {allowed.needs[0]}: ...}}'",
        )
    return TextCheck(name, kind, _settings(name, given, file))


def _settings(name: str, given: Mapping[str, Any], file: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for setting, value in given.items():
        if setting == "kind":
            continue
        try:
            settings[setting] = _READERS[setting](value)
            if setting == "function":
                settings["sha256"] = _kept(file.parent, settings[setting])
        except _NotAllowedError as allowed:
            raise DataError(
                f"{setting} of the check {name!r} in {file} must be {allowed}; {str(value)[:60]!r} came.",
                next_step="Correct that setting.",
            ) from allowed
    return settings


def _count(value: Any) -> int:
    if not isinstance(value, str) or not value.isdecimal():
        raise _NotAllowedError("a whole number")
    return int(value)


def _run_length(value: Any) -> int:
    if not isinstance(value, str) or not value.isdecimal() or int(value) < 1:
        raise _NotAllowedError("a whole number from 1")
    return int(value)


def _share(value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise _NotAllowedError("a share from 0 to 1")
    return share


def _flag(value: Any) -> bool:
    if value not in ("true", "false"):
        raise _NotAllowedError("true or false")
    return bool(value == "true")


def _regular(groups: int | None) -> Callable[[Any], str]:
    """Give the reader of a regular expression with so many groups."""
    what = "a regular expression" + ("" if groups is None else f" with {('one group', 'two groups')[groups - 1]}")

    def read(value: Any) -> str:
        try:
            found = re.compile(value)
        except (TypeError, re.error) as error:
            raise _NotAllowedError(f"{what} ({error})") from error
        if groups is not None and found.groups != groups:
            raise _NotAllowedError(f"{what} (this one has {found.groups})")
        return str(value)

    return read


def _lines(value: Any) -> int | str:
    if isinstance(value, str) and value.isdecimal() and int(value) > 0:
        return int(value)
    try:
        return _regular(1)(value)
    except _NotAllowedError as error:
        raise _NotAllowedError(
            r"a number of lines, or a regular expression with one group, such as 'lines: (\d+)'"
        ) from error


def _scheme(value: Any) -> str:
    if isinstance(value, str) and "(" in value:
        return _regular(1)(value)
    if not isinstance(value, str) or not _SCHEME.fullmatch(value):
        raise _NotAllowedError("a letter for each line, such as a a b b, or a regular expression with one group")
    return value


def _words(value: Any) -> list[str] | str:
    if isinstance(value, list) and value and all(isinstance(one, str) and one.strip() for one in value):
        return [one.strip() for one in value]
    if isinstance(value, str) and "(" in value:
        return _regular(1)(value)
    raise _NotAllowedError("a list of words, or a regular expression with one group that finds them in the source")


def _realised(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict) or not all(isinstance(values, dict) for values in value.values()):
        raise _NotAllowedError("a regular expression for each value of each slot")
    read = _regular(None)
    return {slot: {one: read(words) for one, words in values.items()} for slot, values in value.items()}


def _function(value: Any) -> str:
    file, colon, name = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise _NotAllowedError("file.py:function")
    return f"{file}:{name}"


def _kept(folder: Path, function: str) -> str:
    file = folder / function.rpartition(":")[0]
    if not file.is_file():
        raise _NotAllowedError(f"a function in a file that is there; {file} is not")
    return keep_code(file)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "lines": _lines,
    "scheme": _scheme,
    "loose": _flag,
    "words": _words,
    "least_words": _count,
    "most_words": _count,
    "n": _run_length,
    "most": _share,
    "least": _share,
    "must": _regular(None),
    "must_not": _regular(None),
    "slot": _regular(2),
    "realised": _realised,
    "function": _function,
}
