"""Jobs of a study that are under way: one after another, or several at a time where the executor takes them.

The study's own thread alone writes and tells. Where several jobs run, a thread waits for each of them, and all that
comes of them goes through one queue.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from bakeoff.study.executors.jobs import Job, JobResult

__all__ = ["Executor", "UnderWay"]

Tell = Callable[[str, float], None]
T = TypeVar("T")


class Executor(Protocol):
    """Where jobs run. One that takes several at a time is asked from as many threads."""

    @property
    def threads(self) -> int:
        """Threads of torch in a job; 0 leaves its default."""
        ...

    @property
    def at_a_time(self) -> int:
        """How many jobs it takes at a time, by now: at least one."""
        ...

    def run(self, job: Job, progress: Tell | None = None) -> JobResult:
        """Run one job to its end."""
        ...


class UnderWay(Generic[T]):
    """The jobs that an executor has, each under what it was started for.

    Parameters
    ----------
    executor : Executor
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._numbers = itertools.count()
        self._running: dict[int, tuple[T, Tell]] = {}
        #: A job that this thread will run itself, as soon as it has nothing else to do.
        self._held: tuple[int, Job] | None = None
        self._said: queue.SimpleQueue[tuple[int, tuple[str, float] | JobResult | BaseException]] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def at_a_time(self) -> int:
        """How many jobs the executor takes at a time, by now."""
        return self._executor.at_a_time

    @property
    def full(self) -> bool:
        """Whether the executor takes no further job now."""
        return len(self._running) >= self.at_a_time

    def start(self, what: T, job: Job, tell: Tell) -> None:
        """Start a job.

        Parameters
        ----------
        what : T
            For which it runs; `next` gives it back.
        job : Job
        tell : callable
            Told of its progress, in the thread that calls `next`.
        """
        number = next(self._numbers)
        alone = not self._running and self.at_a_time == 1
        self._running[number] = what, tell
        if alone:
            self._held = number, job
        else:
            threading.Thread(target=self._wait_for, args=(number, job), name="bakeoff job", daemon=True).start()

    def next(self) -> tuple[T, JobResult]:
        """Wait until a job ends.

        Returns
        -------
        what : T
            For which it was started.
        result : JobResult
        """
        if self._held is not None:
            (number, job), self._held = self._held, None
            what, tell = self._running.pop(number)
            return what, self._executor.run(job, tell)
        while True:
            number, said = self._said.get()
            if isinstance(said, tuple):
                self._running[number][1](*said)
                continue
            what, _tell = self._running.pop(number)
            if isinstance(said, BaseException):
                raise said
            return what, said

    def _wait_for(self, number: int, job: Job) -> None:
        """Run a job in a thread of its own."""
        said: JobResult | BaseException
        try:
            said = self._executor.run(job, lambda what, share: self._said.put((number, (what, share))))
        except BaseException as error:  # it is raised where the study waits
            said = error
        self._said.put((number, said))
