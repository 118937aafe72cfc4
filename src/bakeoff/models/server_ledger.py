"""What calls to servers have spent, and limits that are never passed.

The most that a call can take is set aside before it is made, and given back when its true price is known. Both are
written to a journal first, one line each, so that a process that is killed is known by what it had set aside: such
calls count in full, since the server may have charged them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.catalog.terms import SpendingLimits
from bakeoff.models.server_faults import ServerFault

__all__ = ["Ledger", "Spent", "ledger_of"]

#: Amounts of money that differ by less are equal.
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls have taken.

    Parameters
    ----------
    calls : int
    tokens : int
        Read and written.
    money : float
    """

    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Give the sum of both."""
        return Spent(self.calls + other.calls, self.tokens + other.tokens, self.money + other.money)


@dataclass(slots=True)
class Ledger:
    """The account of a run's calls, kept in a file that several threads and processes may share.

    Parameters
    ----------
    limits : SpendingLimits
    journal : Path, optional
        In memory where None.
    currency : str
        For messages.
    """

    limits: SpendingLimits = field(default_factory=SpendingLimits)
    journal: Path | None = None
    currency: str = "USD"
    #: Of this ledger's own calls: process numbers are used again, and may be another's after a restart.
    _mark: str = field(default_factory=lambda: secrets.token_hex(6))
    _open: dict[str, Spent] = field(default_factory=dict)
    _closed: Spent = field(default_factory=Spent)
    _read: int = 0
    _change: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def total(self) -> Spent:
        """Give what was spent, calls that were set aside and never settled counted in full."""
        with self._change, self._held():
            return self._sum(own=True)

    def reserve(self, most: Spent) -> str:
        """Set aside the most that one call can take.

        Where it would fit but for calls of this ledger that are under way, these are waited for.

        Parameters
        ----------
        most : Spent

        Returns
        -------
        str
            To settle it by.

        Raises
        ------
        ServerFault
            With the reason ``"limit"``, where the call could pass a limit.
        """
        with self._change:
            while True:
                with self._held():
                    ours = [name for name in self._open if name.startswith(self._mark)]
                    passed = self._passed(self._sum(own=True).plus(most))
                    if passed is None:
                        name = f"{self._mark}-{len(self._open) + self._closed.calls + 1}"
                        self._write({"call": name, "tokens": most.tokens, "money": most.money})
                        return name
                    lasting = self._passed(self._sum(own=False).plus(most))
                if not ours or lasting is not None:
                    raise ServerFault("limit", lasting or passed)
                self._change.wait()

    def settle(self, name: str, tokens: int | None, money: float | None) -> None:
        """Replace what was set aside by what the call has taken.

        Parameters
        ----------
        name : str
            From `reserve`.
        tokens : int or None
        money : float or None
            None where not known: what was set aside stays.
        """
        with self._change:
            with self._held():
                kept = self._open.get(name, Spent())
                self._write(
                    {
                        "settled": name,
                        "tokens": kept.tokens if tokens is None else tokens,
                        "money": kept.money if money is None else money,
                    }
                )
            self._change.notify_all()

    def _sum(self, *, own: bool) -> Spent:
        spent = self._closed
        for name, kept in self._open.items():
            if own or not name.startswith(self._mark):
                spent = spent.plus(kept)
        return spent

    def _passed(self, spent: Spent) -> str | None:
        """Say which limit so much would pass; None for none."""
        limits = self.limits
        if limits.calls is not None and spent.calls > limits.calls:
            return f"--limit calls={limits.calls} is used up"
        if limits.tokens is not None and spent.tokens > limits.tokens:
            return f"--limit tokens={limits.tokens} could be passed by another call"
        if limits.money is not None and spent.money > limits.money + _SMALLEST:
            return f"--limit money={limits.money:g} ({self.currency}) could be passed by another call"
        return None

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the journal against other processes, and take in what they wrote."""
        if self.journal is None:
            yield
            return
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        with self.journal.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(self._read)
            written = stream.read()
            # A last line that a killed process left without its end is completed by nobody: it is passed over.
            whole = written[: written.rfind(b"\n") + 1]
            if len(whole) < len(written):
                stream.write(b"\n")
                whole = written + b"\n"
            for line in whole.splitlines():
                with contextlib.suppress(ValueError):
                    self._take(json.loads(line))
            self._read += len(whole)
            yield

    def _write(self, line: dict[str, Any]) -> None:
        self._take(line)
        if self.journal is None:
            return
        content = json.dumps(line).encode() + b"\n"
        descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
        self._read += len(content)

    def _take(self, line: dict[str, Any]) -> None:
        if "call" in line:
            self._open[line["call"]] = Spent(1, int(line["tokens"]), float(line["money"]))
        elif "settled" in line:
            self._open.pop(line["settled"], None)
            self._closed = self._closed.plus(Spent(1, int(line["tokens"]), float(line["money"])))


_LEDGERS: dict[tuple[str, SpendingLimits], Ledger] = {}
_GUARD = threading.Lock()


def ledger_of(journal: str | None, limits: SpendingLimits, currency: str) -> Ledger:
    """Give the ledger of a journal, one for all that spend from it in this process, so that they wait for each other.

    Parameters
    ----------
    journal : str or None
        Its file; None for a new ledger in memory.
    limits : SpendingLimits
    currency : str

    Returns
    -------
    Ledger
    """
    if journal is None:
        return Ledger(limits, None, currency)
    with _GUARD:
        return _LEDGERS.setdefault((journal, limits), Ledger(limits, Path(journal), currency))
