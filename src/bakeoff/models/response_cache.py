"""Answers of servers on disk: one file an answer, named by what was asked, so that nothing is paid for twice.

A file is written aside and renamed into place as soon as its answer is whole, so that a process that is killed leaves
whole files alone. The files are plain JSON; they hold the texts that were sent, and stand where only their owner may
read.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bakeoff.catalog.cache import cache_folder, write_file

__all__ = ["ChatRequest", "ResponseCache"]

_SCHEMA = 1
#: Entries that are looked through for the one that is nearest to a call that missed.
_LOOKED_THROUGH = 5_000
#: Characters of a text that are quoted on each side of where two texts part.
_QUOTED = 20


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """All that an answer depends on.

    Attributes
    ----------
    server, model : str
        Base address and model name.
    messages : tuple of (str, str)
        Role and content of each.
    settings : tuple of (str, JSON value)
        Such as ``("temperature", 0.0)``; settings that are not sent are left out.
    """

    server: str
    model: str
    messages: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, Any], ...]

    def facts(self) -> dict[str, Any]:
        """Give the request as plain JSON values."""
        told = [{"role": role, "content": content} for role, content in self.messages]
        return {"server": self.server, "model": self.model, **dict(self.settings), "messages": told}

    @property
    def key(self) -> str:
        """Sha256 of the facts, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.facts(), sort_keys=True, allow_nan=False).encode()).hexdigest()


class ResponseCache:
    """The answers that servers gave on this machine.

    Parameters
    ----------
    folder : Path, optional
        Default: ``responses`` in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "responses"

    def path(self, request: ChatRequest) -> Path:
        """Give the file of a request's answer, which may not exist."""
        return self._home(request) / request.key[:2] / f"{request.key}.json"

    def read(self, request: ChatRequest) -> dict[str, Any] | None:
        """Give the answer that was kept; None where there is none, or its file is broken.

        Parameters
        ----------
        request : ChatRequest

        Returns
        -------
        dict or None
            What was given to `write`.
        """
        entry = _entry(self.path(request))
        # Compared in full: a file that was moved or edited must not answer another question.
        return entry["response"] if entry is not None and entry["request"] == request.facts() else None

    def write(self, request: ChatRequest, response: Mapping[str, Any]) -> None:
        """Keep an answer.

        Parameters
        ----------
        request : ChatRequest
        response : mapping
            JSON values.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # a shared folder may belong to somebody else
            self.folder.chmod(0o700)
        entry = {
            "schema": _SCHEMA,
            "asked": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "request": request.facts(),
            "response": dict(response),
        }
        write_file(self.path(request), (json.dumps(entry, indent=1, ensure_ascii=False) + "\n").encode())

    def explain(self, request: ChatRequest) -> str:
        """Say why a call finds its answer or misses it.

        Parameters
        ----------
        request : ChatRequest

        Returns
        -------
        str
            ``"hit: ..."``, or ``"miss: "`` and in which fields the nearest entry differs, such as
            ``"miss: temperature was 0.0, is 0.7"``.
        """
        if self.read(request) is not None:
            return f"hit: {self.path(request)}"
        facts = request.facts()
        near = min(self._entries(request), key=lambda entry: _distance(entry["request"], facts), default=None)
        if near is None:
            return "miss: no answer of a server was kept before"
        found = list(_differences(near["request"], facts))
        return f"miss: {'; '.join(found)}" if found else f"miss: {self.path(request)} is broken"

    def _home(self, request: ChatRequest) -> Path:
        return self.folder / hashlib.sha256(f"{request.server}#{request.model}".encode()).hexdigest()[:16]

    def _entries(self, request: ChatRequest) -> Iterator[dict[str, Any]]:
        """Give entries, those of the same server and model first."""
        own = self._home(request)
        others = (path for path in sorted(self.folder.glob("*")) if path != own)
        paths = (path for home in (own, *others) for path in home.glob("*/*.json"))
        yield from (entry for path in islice(paths, _LOOKED_THROUGH) if (entry := _entry(path)) is not None)


class OneAtATime:
    """Lets one thread at a time make one and the same request; the others then find its answer."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextlib.contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Hold the key for the length of the block."""
        with self._guard:
            lock, holders = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, holders + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                holders = self._locks[key][1] - 1
                if holders:
                    self._locks[key] = (lock, holders)
                else:
                    del self._locks[key]


def _entry(path: Path) -> dict[str, Any] | None:
    try:
        entry = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(entry, dict) and entry.get("schema") == _SCHEMA
    return (
        entry if whole and isinstance(entry.get("request"), dict) and isinstance(entry.get("response"), dict) else None
    )


def _distance(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[int, int, int]:
    """Order entries: fewest fields that differ, then fewest messages that do, then the longest beginning in common."""
    fields = sum(was.get(name) != now.get(name) for name in {*was, *now})
    before, after = _contents(was), _contents(now)
    messages = abs(len(before) - len(after)) + sum(a != b for a, b in zip(before, after, strict=False))
    alike = sum(_common(a, b) for a, b in zip(before, after, strict=False))
    return fields, messages, -alike


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*was, *now)):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        if name == "messages":
            yield _message_difference(_contents(was), _contents(now))
        elif name not in was:
            yield f"{name} was not given, is {after!r}"
        elif name not in now:
            yield f"{name} was {before!r}, is not given"
        else:
            yield f"{name} was {before!r}, is {after!r}"


def _message_difference(was: Sequence[str], now: Sequence[str]) -> str:
    if len(was) != len(now):
        return f"messages were {len(was)}, are {len(now)}"
    for number, (before, after) in enumerate(zip(was, now, strict=True), 1):
        if before != after:
            at = _common(before, after)
            return f"message {number} from character {at + 1} on was {_quote(before, at)}, is {_quote(after, at)}"
    return "the roles of the messages differ"


def _quote(text: str, at: int) -> str:
    start, end = max(at - _QUOTED, 0), at + _QUOTED
    return repr(("..." if start else "") + text[start:end] + ("..." if end < len(text) else ""))


def _common(a: str, b: str) -> int:
    """Count the characters that two texts begin with alike."""
    shorter = min(len(a), len(b))
    return next((place for place in range(shorter) if a[place] != b[place]), shorter)


def _contents(facts: Mapping[str, Any]) -> list[str]:
    messages = facts.get("messages")
    return [str(each.get("content")) for each in messages] if isinstance(messages, list) else []
