"""A model in a thread of its own, which answers together what several people ask at the same time.

A model answers thirty rows in less time than thirty times one row. So rows wait in a queue while the model works, and
the next call takes what has come: by turns one row of each request, so that a single text does not wait behind the
hundreds of another request. The model never waits for a full batch. It waits at all only where its last call answered
several requests, since then the next ones are likely under way, and for a few milliseconds at most.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from bakeoff.errors import BakeoffError, TrialError
from bakeoff.records import Answer

__all__ = ["BATCH_CHARACTERS", "AnsweringFault", "AnsweringThread", "Batch", "ClosedFault", "QueueFullFault"]

#: Characters after which no further row joins a batch: long texts would keep the short ones of others waiting.
BATCH_CHARACTERS = 100_000
#: How much the last call weighs in the rate by which a wait is estimated.
_WEIGHT = 0.2

_LOG = logging.getLogger("bakeoff.serve")

AnswerTexts = Callable[[Sequence[str]], Sequence[Answer]]


class AnsweringFault(BakeoffError):  # noqa: N818  # one request's, as `ServerFault` is one call's
    """A request was not answered; the message is for whoever asked, and holds no text."""


class QueueFullFault(AnsweringFault):
    """Too many rows wait already.

    Parameters
    ----------
    waiting, most : int
        Rows that wait, and rows that may.
    seconds : float
        After which they will be answered, at the rate of the last calls.
    """

    def __init__(self, waiting: int, most: int, seconds: float) -> None:
        super().__init__(f"The queue is full: {waiting:,} rows wait, of at most {most:,}.")
        self.seconds = seconds


class ClosedFault(AnsweringFault):
    """The server is being stopped, and takes no new work."""

    def __init__(self) -> None:
        super().__init__("The server is being stopped.")


@dataclass(frozen=True, slots=True)
class Batch:
    """One call of the model.

    Parameters
    ----------
    requests, rows : int
        Requests that it answered in whole or in part, and rows.
    seconds : float
    """

    requests: int
    rows: int
    seconds: float


class _Asked:
    """Texts of one request, and the answers that have come."""

    __slots__ = ("answers", "left", "taken", "texts", "told")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.answers: list[Answer | None] = [None] * len(texts)
        self.taken, self.left = 0, len(texts)
        self.told: Future[list[Answer]] = Future()


_Taken = list[tuple[_Asked, int]]


class AnsweringThread:
    """Keep a model in one thread, and put together what is asked of it.

    Parameters
    ----------
    load : callable
        Gives the function that answers texts; called in the thread, so that all of the model lives there.
    most_rows : int
        Rows of one call.
    most_waiting : int
        Rows that may wait for a call.
    wait_seconds : float
        How long a call waits at most for requests that are likely under way; 0 for never.
    watch : callable, optional
        Told of each call, in the thread.
    """

    def __init__(
        self,
        load: Callable[[], AnswerTexts],
        *,
        most_rows: int,
        most_waiting: int,
        wait_seconds: float = 0.002,
        watch: Callable[[Batch], None] | None = None,
    ) -> None:
        self._load, self._watch = load, watch
        self._most_rows, self._most_waiting, self._wait_seconds = most_rows, most_waiting, wait_seconds
        self._changed = threading.Condition()
        self._pending: deque[_Asked] = deque()
        self._waiting = 0
        self._wanted = 1
        self._closing = False
        self._last_requests, self._seconds_a_row = 1, 0.0
        # Not awaited at the end of the program: what the model has begun cannot be broken off.
        self._thread = threading.Thread(target=self._work, name="bakeoff-model", daemon=True)
        self._ready: Future[None] = Future()

    @property
    def waiting(self) -> int:
        """Rows that wait for a call of the model."""
        return self._waiting

    @property
    def closing(self) -> bool:
        """Whether new work is refused."""
        return self._closing

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> Future[None]:
        """Start the thread.

        Returns
        -------
        Future
            Done when the model is loaded; carries what went wrong where it could not be.
        """
        self._thread.start()
        return self._ready

    def ask(self, texts: Sequence[str]) -> Future[list[Answer]]:
        """Have texts answered.

        Parameters
        ----------
        texts : sequence of str
            At least one.

        Returns
        -------
        Future of list of Answer
            In the order of the texts. Rows that have not been taken yet are dropped where it is cancelled.

        Raises
        ------
        QueueFullFault, ClosedFault
            If no more rows may wait, or the thread is being closed.
        """
        asked = _Asked(texts)
        with self._changed:
            if self._closing or not self._thread.is_alive():
                raise ClosedFault
            if self._waiting + len(texts) > self._most_waiting:
                self._drop_done()
            if self._waiting + len(texts) > self._most_waiting:
                raise QueueFullFault(self._waiting, self._most_waiting, self._waiting * self._seconds_a_row)
            self._pending.append(asked)
            self._waiting += len(texts)
            if len(self._pending) >= self._wanted or self._waiting >= self._most_rows:
                self._changed.notify()
        return asked.told

    def close(self, seconds: float | None = None) -> bool:
        """Refuse new work, and wait until what was asked is answered.

        Parameters
        ----------
        seconds : float, optional
            To wait at most.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        self.refuse()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def refuse(self) -> None:
        """Take no new work from now on; what was asked before is answered."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def _work(self) -> None:
        try:
            answer = self._load()
        except BaseException as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        while (taken := self._take()) is not None:
            if taken:
                self._answer(answer, taken)

    def _take(self) -> _Taken | None:
        """Give the rows of the next call; None when the thread is to end."""
        with self._changed:
            while not self._pending:
                if self._closing:
                    return None
                self._wanted = 1
                self._changed.wait()
            self._await_likely()
            return self._by_turns()

    def _await_likely(self) -> None:
        """Wait for as many requests as the last call answered, where those were several: they ask again."""
        self._wanted, end = self._last_requests, time.monotonic() + self._wait_seconds
        while len(self._pending) < self._wanted and self._waiting < self._most_rows and not self._closing:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _by_turns(self) -> _Taken:
        taken: _Taken = []
        characters, turn = 0, deque(asked for asked in self._pending if not asked.told.cancelled())
        while turn and len(taken) < self._most_rows and characters < BATCH_CHARACTERS:
            asked = turn.popleft()
            taken.append((asked, asked.taken))
            characters += len(asked.texts[asked.taken])
            asked.taken += 1
            if asked.taken < len(asked.texts):
                turn.append(asked)
        self._drop_done()
        return taken

    def _drop_done(self) -> None:
        """Leave the requests in the queue that still wait for a call, without those whose askers have gone."""
        self._pending = deque(
            asked for asked in self._pending if asked.taken < len(asked.texts) and not asked.told.cancelled()
        )
        self._waiting = sum(len(asked.texts) - asked.taken for asked in self._pending)

    def _answer(self, answer: AnswerTexts, taken: _Taken) -> None:
        requests = {id(asked): asked for asked, _place in taken}
        started = time.perf_counter()
        if not self._call(answer, taken):
            # Whoever asked for what cannot be answered is told so; the others have their answers.
            for asked in requests.values():
                alone = [(owner, place) for owner, place in taken if owner is asked]
                if len(requests) == 1 or not self._call(answer, alone):
                    self._fail(asked)
        seconds = time.perf_counter() - started
        self._last_requests = len(requests)
        rate = seconds / len(taken)
        self._seconds_a_row += (_WEIGHT if self._seconds_a_row else 1.0) * (rate - self._seconds_a_row)
        if self._watch is not None:  # before whoever asked can see an answer, and look at what was counted
            self._watch(Batch(len(requests), len(taken), seconds))
        for asked in requests.values():
            if not asked.left and asked.told.set_running_or_notify_cancel():
                asked.told.set_result([one for one in asked.answers if one is not None])

    def _call(self, answer: AnswerTexts, taken: _Taken) -> bool:
        """Answer rows in one call; say whether that went well."""
        try:
            found = answer([asked.texts[place] for asked, place in taken])
            if len(found) != len(taken):
                raise RuntimeError(f"{len(found)} answers came for {len(taken)} rows")
        except Exception as error:
            # The message of an error may quote a text; its kind and the lines of code that it passed cannot. Why a
            # server refuses is a sentence of ours.
            why = f"{type(error).__name__}: {error}" if isinstance(error, TrialError) else type(error).__name__
            lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            _LOG.error("The model failed on %d rows: %s\n%s", len(taken), why, lines)
            return False
        for (asked, place), one in zip(taken, found, strict=True):
            asked.answers[place] = one
            asked.left -= 1
        return True

    def _fail(self, asked: _Asked) -> None:
        with self._changed:
            asked.taken = len(asked.texts)  # the rows that still wait need no call
            self._drop_done()
        if asked.told.set_running_or_notify_cancel():
            asked.told.set_exception(AnsweringFault("The model failed on this request; the log says where."))
