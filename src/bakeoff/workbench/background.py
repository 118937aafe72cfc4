"""One process beside the app that keeps models loaded and does one piece of work at a time.

The app stays quick, since no model is loaded or run in its own process; and the machine stays usable, since two models
never run at once. A piece of work that is cancelled ends with its process, whatever it was doing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Literal, Protocol

from bakeoff.errors import BakeoffError, StudyError, UserError
from bakeoff.workbench.options import Watcher

__all__ = ["Background", "Doing", "Work"]

#: A process that has more resident memory when its work is done does no further work; the next starts with none.
MOST_MB = 4_000.0
#: A process that was given nothing to do for so long ends.
IDLE_SECONDS = 900.0


class Work(Protocol):
    """A piece of work: a frozen value that can be sent to another process."""

    def do(self, watcher: Watcher) -> Any:
        """Do it, tell the watcher each step, and give what can be sent back."""


@dataclass(frozen=True, slots=True)
class Doing:
    """A piece of work as it stands.

    Parameters
    ----------
    number : int
        Counts all pieces of work of the app.
    kind, study : str
        What it is, and the name of the study that it is for.
    title : str
        For people.
    began : float
        On the clock of `time.monotonic`.
    state : {"running", "done", "failed", "cancelled"}
    step : str
        What is being done.
    result : object
        What came of it.
    message, next_step : str
        Why it failed, and what to do about it.
    """

    number: int
    kind: str
    study: str
    title: str
    began: float
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    step: str = "starting"
    result: Any = None
    message: str = ""
    next_step: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


class Background:
    """Do one piece of work at a time in a process of its own, started when the first one comes.

    Parameters
    ----------
    most_mb : float
        Resident memory past which the process is replaced, in MB.
    """

    def __init__(self, most_mb: float = MOST_MB) -> None:
        self.most_mb = most_mb
        self._lock = threading.RLock()
        self._doing: Doing | None = None
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    @property
    def doing(self) -> Doing | None:
        """The last piece of work, running or ended; None before the first."""
        with self._lock:
            return self._doing

    @property
    def worker_pid(self) -> int | None:
        """Id of the process, or None while there is none."""
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def of(self, study: str, kind: str) -> Doing | None:
        """Give the last piece of work where it is of a kind and for a study; else None."""
        doing = self.doing
        return doing if doing is not None and (doing.study, doing.kind) == (study, kind) else None

    def start(self, kind: str, study: str, title: str, work: Work) -> Doing:
        """Start a piece of work.

        Parameters
        ----------
        kind, study, title : str
            As of `Doing`.
        work : Work

        Returns
        -------
        Doing

        Raises
        ------
        StudyError
            If another one is running.
        """
        with self._lock:
            self.refuse_busy()
            doing = Doing((self._doing.number if self._doing else 0) + 1, kind, study, title, time.monotonic())
            connection = self._ensure_started()
            self._doing = doing
            threading.Thread(target=self._follow, args=(doing.number, connection, work), daemon=True).start()
            return doing

    def refuse_busy(self) -> None:
        """Refuse what must not run beside a piece of work.

        Raises
        ------
        StudyError
            If one is running.
        """
        doing = self.doing
        if doing is not None and doing.state == "running":
            raise StudyError(
                f"One thing is run at a time, and this is running: {doing.title}.",
                next_step="Wait until it ends, or cancel it.",
            )

    def cancel(self, number: int) -> None:
        """End a piece of work, and the process with it; one that has ended is left as it is."""
        with self._lock:
            if self._doing is None or self._doing.number != number or self._doing.state != "running":
                return
            self._doing = replace(self._doing, state="cancelled", step="")
            self._end_process()

    def forget(self, number: int) -> None:
        """Drop what came of a piece of work, once it was shown."""
        with self._lock:
            if self._doing is not None and self._doing.number == number and self._doing.state != "running":
                self._doing = replace(self._doing, kind="", result=None)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._doing is not None and self._doing.state == "running":
                self._doing = replace(self._doing, state="cancelled", step="")
            self._end_process()

    def _follow(self, number: int, connection: Connection, work: Work) -> None:
        """Hand the work over, and take what the process tells, until it has ended in one way or another."""
        with contextlib.suppress(OSError):  # what has gone is found below
            connection.send(work)
        ended = False
        while not ended:
            try:
                kind, *told = connection.recv()
            except (EOFError, OSError):
                kind, told = "failed", ["The process that did it has ended, perhaps for lack of memory.", "Try again."]
            with self._lock:
                if self._doing is None or self._doing.number != number or self._doing.state != "running":
                    return
                if kind == "step":
                    self._doing = replace(self._doing, step=told[0])
                    continue
                ended = True
                if kind == "done":
                    self._doing = replace(self._doing, state="done", step="", result=told[0])
                    if told[1] > self.most_mb:
                        self._end_process()
                else:
                    self._doing = replace(self._doing, state="failed", step="", message=told[0], next_step=told[1])

    def _ensure_started(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._connection is not None:
            return self._connection
        self._end_process()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self._connection

    def _end_process(self) -> None:
        # Our end of the pipe is not closed under a thread that waits at it: with the process gone, that wakes up.
        if self._process is not None:
            self._process.terminate()
            self._process.join(2.0)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._process = self._connection = None


class _Telling(Watcher):
    """Tell the app each step."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def step(self, text: str) -> None:
        """Tell what is being done."""
        self._tell(text)

    def pulling(self, name: str, done: int, total: int) -> None:
        """Tell how much of a catalogue entry has come."""
        self._tell(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")


def _serve(connection: Connection) -> None:
    """Do one piece of work after another; the entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app decides what an interrupt means
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # As in a study's worker: threads that wait for each other stop spinning soon, since other work may be beside them.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    # Texts that a person types are not kept, nor is what an encoder computes of them.
    os.environ["BAKEOFF_COMPUTED"] = "off"
    with contextlib.suppress(EOFError, OSError):  # the app has closed its end: nobody waits for an answer
        while connection.poll(IDLE_SECONDS):
            connection.send(_done(connection.recv(), lambda text: connection.send(("step", text))))


def _done(work: Work, tell: Callable[[str], None]) -> tuple[Any, ...]:
    try:
        return "done", work.do(_Telling(tell)), _resident_mb()
    except UserError as error:
        return "failed", error.message, error.next_step
    except BakeoffError as error:
        return "failed", str(error), ""
    except Exception as error:  # told on the page: the process, and the models in it, go on
        return "failed", f"A fault of ours: {type(error).__name__}: {error}", "Report it, with what you did."


def _resident_mb() -> float:
    """Give the resident memory of this process, in MB."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        from bakeoff.methods.contract import peak_memory_mb

        return peak_memory_mb()


def _end_with_parent(parent: int) -> None:
    """End this process when the app's has gone, however that came about."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
