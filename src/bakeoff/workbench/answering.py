"""A model in threads of its own, which answer together what several people ask at the same time.

A model answers thirty rows in less time than thirty times one row. So rows wait in a queue while the model works, and
the next call takes what has come: by turns one row of each request, so that a single text does not wait behind the
hundreds of another request. The model never waits for a full batch. It waits at all only where its last call answered
several requests, since then the next ones are likely under way, as long as they come in quick succession, and twice as
long in all.

A model that allows it is called by several threads at a time, each with its share of what has come: two calls on one
processor each need less than one call on both, whose threads wait for each other at every step of the model.
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

from bakeoff.errors import BakeoffError, TrialError, UserError
from bakeoff.records import Answer

__all__ = [
    "BATCH_CHARACTERS",
    "AnsweringFault",
    "AnsweringThreads",
    "Batch",
    "ClosedFault",
    "LoadedModel",
    "QueueFullFault",
]

#: Characters after which no further row joins a batch: long texts would keep the short ones of others waiting.
BATCH_CHARACTERS = 100_000
#: The longest wait for all likely requests, in longest waits for the next of them.
_WAITS = 2
#: How much the last call weighs in the rate by which a wait is estimated.
_WEIGHT = 0.2

_LOG = logging.getLogger("bakeoff.serve")

AnswerTexts = Callable[[Sequence[str], bool], Sequence[Answer]]
_Tell = Callable[[], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer.

    Parameters
    ----------
    answer : callable
        Gives the answers of texts, in their order; told whether this is the only call, so that it may take all of the
        processors.
    calls : int
        How many calls may be under way at a time.
    """

    answer: AnswerTexts
    calls: int = 1


def _at_once(tell: _Tell) -> None:
    tell()


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

    __slots__ = ("answers", "ended", "left", "taken", "texts", "told")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.answers: list[Answer | None] = [None] * len(texts)
        self.taken, self.left, self.ended = 0, len(texts), False
        self.told: Future[list[Answer]] = Future()


_Taken = list[tuple[_Asked, int]]


class AnsweringThreads:
    """Keep a model in threads, and put together what is asked of it.

    Parameters
    ----------
    load : callable
        Gives the model; called in the first of the threads.
    most_rows : int
        Rows of one call.
    most_waiting : int
        Rows that may wait for a call.
    wait_seconds : float
        How long a call waits at most for the next of the requests that are likely under way; for all of them it waits
        twice as long at most. 0 for never.
    watch : callable, optional
        Told of each call, in its thread.
    hand_over : callable, optional
        Told of each call what tells those who asked, and is to call that: in a thread of its own choice.
    """

    def __init__(
        self,
        load: Callable[[], LoadedModel],
        *,
        most_rows: int,
        most_waiting: int,
        wait_seconds: float = 0.005,
        watch: Callable[[Batch], None] | None = None,
        hand_over: Callable[[_Tell], object] = _at_once,
    ) -> None:
        self._load, self._watch, self._hand_over = load, watch, hand_over
        self._most_rows, self._most_waiting, self._wait_seconds = most_rows, most_waiting, wait_seconds
        self._changed = threading.Condition()
        self._pending: deque[_Asked] = deque()
        self._waiting = 0
        #: Threads that wait for anything at all, and how many requests each of those waits for that gather several.
        self._idle, self._wanted = 0, list[int]()
        self._calls, self._under_way, self._rows_under_way = 1, 0, 0
        self._closing = False
        self._seconds_a_row = 0.0
        self._threads = [self._thread(self._begin)]
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
        """Whether the threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> Future[None]:
        """Start the threads.

        Returns
        -------
        Future
            Done when the model is loaded; carries what went wrong where it could not be.
        """
        self._threads[0].start()
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
            If no more rows may wait, or the threads are being closed.
        """
        asked = _Asked(texts)
        with self._changed:
            if self._closing or not self.alive:
                raise ClosedFault
            if self._waiting + len(texts) > self._most_waiting:
                self._drop_done()
            if self._waiting + len(texts) > self._most_waiting:
                raise QueueFullFault(self._waiting, self._most_waiting, self._waiting * self._seconds_a_row)
            self._pending.append(asked)
            self._waiting += len(texts)
            enough = self._waiting >= self._most_rows or any(len(self._pending) >= wanted for wanted in self._wanted)
            if self._idle or enough:
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
            Whether the threads have ended.
        """
        self.refuse()
        until = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(None if until is None else max(until - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def refuse(self) -> None:
        """Take no new work from now on; what was asked before is answered."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        # Not awaited at the end of the program: what the model has begun cannot be broken off.
        return threading.Thread(target=work, name="bakeoff-model", daemon=True)

    def _begin(self) -> None:
        """Load the model, start the other threads, and be the first of them."""
        try:
            model = self._load()
            self._calls = model.calls
            others = [self._thread(lambda: self._work(model.answer)) for _ in range(model.calls - 1)]
            for thread in others:
                thread.start()
        except BaseException as error:
            self.refuse()  # which ends those that were started
            self._ready.set_exception(error)
            return
        self._threads += others
        self._ready.set_result(None)
        self._work(model.answer)

    def _work(self, answer: AnswerTexts) -> None:
        requests = 1
        while (taken := self._take(requests)) is not None:
            requests = self._answer(answer, taken)

    def _take(self, last_requests: int) -> _Taken | None:
        """Give the rows of the next call; None when the thread is to end."""
        with self._changed:
            while True:
                while not self._pending:
                    if self._closing:
                        return None
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                self._await_likely(last_requests)
                taken = self._by_turns()  # nothing where another thread was quicker, or all of the askers have gone
                if taken:
                    break
            self._under_way += 1
            self._rows_under_way += len(taken)
            if self._pending:  # for one that is idle, or waits for more than will come now
                self._changed.notify()
            return taken

    def _await_likely(self, last_requests: int) -> None:
        """Wait for as many requests as the last call answered, where those were several, as long as they come."""
        until, came = time.monotonic() + _WAITS * self._wait_seconds, -1
        self._wanted.append(last_requests)
        while len(self._pending) < last_requests and self._waiting < self._most_rows and not self._closing:
            left = until - time.monotonic()
            if left <= 0 or len(self._pending) <= came:
                break
            came = len(self._pending)
            self._changed.wait(min(self._wait_seconds, left))
        self._wanted.remove(last_requests)

    def _share(self) -> int:
        """Give the rows that a call takes at most: its part of all, so that no thread has much and another little."""
        return min(self._most_rows, -(-(self._waiting + self._rows_under_way) // self._calls))

    def _by_turns(self) -> _Taken:
        taken: _Taken = []
        most = self._share()
        characters, turn = 0, deque(asked for asked in self._pending if not asked.told.cancelled())
        while turn and len(taken) < most and characters < BATCH_CHARACTERS:
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

    def _answer(self, answer: AnswerTexts, taken: _Taken) -> int:
        """Answer rows, and tell those whose requests are answered; give the number of requests."""
        requests = {id(asked): asked for asked, _place in taken}
        started = time.perf_counter()
        alone = self._under_way == 1 and not self._pending
        failed: list[_Asked] = []
        if not self._call(answer, taken, alone):
            # Whoever asked for what cannot be answered is told so; the others have their answers, if they still wait.
            for asked in (one for one in requests.values() if not one.told.cancelled()):
                own = [(owner, place) for owner, place in taken if owner is asked]
                if len(requests) == 1 or not self._call(answer, own, alone):
                    failed.append(asked)
        seconds = time.perf_counter() - started
        with self._changed:
            self._under_way -= 1
            self._rows_under_way -= len(taken)
            rate = seconds / len(taken) / self._calls
            self._seconds_a_row += (_WEIGHT if self._seconds_a_row else 1.0) * (rate - self._seconds_a_row)
            for asked in failed:
                asked.taken = len(asked.texts)  # the rows that still wait need no call
            if failed:
                self._drop_done()
            ended = [asked for asked in requests.values() if not asked.ended and (asked in failed or not asked.left)]
            for asked in ended:  # once, though its rows may be answered by several threads
                asked.ended = True
        if self._watch is not None:  # before whoever asked can see an answer, and look at what was counted
            self._watch(Batch(len(requests), len(taken), seconds))
        self._hand_over(lambda: _tell(ended, failed))
        return len(requests)

    def _call(self, answer: AnswerTexts, taken: _Taken, alone: bool) -> bool:
        """Answer rows in one call; say whether that went well."""
        try:
            found = answer([asked.texts[place] for asked, place in taken], alone)
            if len(found) != len(taken):
                raise RuntimeError(f"{len(found)} answers came for {len(taken)} rows")
        except BaseException as error:
            # A tokenizer in Rust that meets what nobody foresaw panics, which is no Exception, and the thread is to go
            # on. The message of an error may quote a text, and so may a server; the kind of an error, the lines of code
            # that it passed, and what is to be done about a server cannot.
            why, cause = type(error).__name__, error.__cause__
            why += f": {cause.next_step}" if isinstance(error, TrialError) and isinstance(cause, UserError) else ""
            lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            _LOG.error("The model failed on %d rows: %s\n%s", len(taken), why, lines)
            return False
        with self._changed:  # rows of one request may be answered by several threads
            for (asked, place), one in zip(taken, found, strict=True):
                asked.answers[place] = one
                asked.left -= 1
        return True


def _tell(ended: Sequence[_Asked], failed: Sequence[_Asked]) -> None:
    """Tell those who asked what came of all their texts, or that the model failed."""
    for asked in ended:
        if not asked.told.set_running_or_notify_cancel():
            continue
        if asked in failed:
            asked.told.set_exception(AnsweringFault("The model failed on this request; the log says where."))
        else:
            asked.told.set_result([one for one in asked.answers if one is not None])
