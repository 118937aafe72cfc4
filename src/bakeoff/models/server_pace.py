"""How fast a server is asked: how many calls at a time, and how long to wait before another try.

The number of calls under way grows by about one for every round of good answers and is halved when the server has too
much to do (additive increase, multiplicative decrease: Chiu and Jain 1989, "Analysis of the increase and decrease
algorithms for congestion avoidance in computer networks", section 4). Waits before another try are drawn evenly between
0 and a bound that doubles ("full jitter": Brooker 2015, "Exponential backoff and jitter"), so that calls that failed
together do not come back together.
"""

from __future__ import annotations

import datetime
import email.utils
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MOST_CALLS_AT_A_TIME", "AdaptivePace", "Passage", "RetryPolicy", "asked_wait", "pace_of"]

#: Calls under way at first, and at most where nothing else is said.
_FIRST, MOST_CALLS_AT_A_TIME = 4.0, 16

Outcome = Literal["good", "overload", "other"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call that failed is tried again.

    Parameters
    ----------
    retries : int
        Further tries after the first, 0 or more.
    first_wait, most_wait : float
        Seconds: the bound of the first wait, and of any.
    longest_asked : float
        Seconds that a server may ask to wait (Retry-After); where it asks for more, the call is given up.
    """

    retries: int = 5
    first_wait: float = 0.5
    most_wait: float = 20.0
    longest_asked: float = 120.0

    def wait(self, failures: int, asked: float | None, chance: random.Random) -> float | None:
        """Give the seconds to wait before another try.

        Parameters
        ----------
        failures : int
            Tries that failed, 1 or more.
        asked : float or None
            Seconds that the server asked for.
        chance : random.Random

        Returns
        -------
        float or None
            None: no other try.
        """
        if failures > self.retries or (asked is not None and asked > self.longest_asked):
            return None
        if asked is not None:
            # Never before the moment that was asked for; spread after it.
            return asked + chance.uniform(0.0, self.first_wait)
        return chance.uniform(0.0, min(self.most_wait, self.first_wait * 2.0 ** (failures - 1)))


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait, in seconds or as a date (RFC 9110, section 10.2.3).

    Parameters
    ----------
    headers : mapping of str to str
        Of the answer, their names in lower case.

    Returns
    -------
    float or None
        Seconds, 0 or more; None where it says nothing that can be read.
    """
    try:
        if "retry-after-ms" in headers:
            return max(float(headers["retry-after-ms"]) / 1000.0, 0.0)
        told = headers.get("retry-after", "")
        if told.strip().replace(".", "", 1).isdecimal():
            return float(told)
        at = email.utils.parsedate_to_datetime(told)
        if at.tzinfo is None:
            at = at.replace(tzinfo=datetime.UTC)
        return max((at - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, IndexError):
        return None


@dataclass(slots=True)
class Passage:
    """Leave to make one call.

    Attributes
    ----------
    seconds, share : float
        Filled in by `AdaptivePace.leave`: how long the call took, and its share of the time, which all calls under way
        divide evenly, so that shares add up to the time in which any call was under way.
    """

    entered: float
    work: float
    epoch: int
    seconds: float = 0.0
    share: float = 0.0


@dataclass(slots=True)
class AdaptivePace:
    """How many calls to one server may be under way; shared by all threads that ask it.

    Parameters
    ----------
    most : int
        Never more than so many, 1 or more.
    """

    most: int = MOST_CALLS_AT_A_TIME
    _allowed: float = field(init=False)
    _under_way: int = 0
    _not_before: float = 0.0
    _epoch: int = 0
    _work: float = 0.0
    _seen: float = 0.0
    _change: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def __post_init__(self) -> None:
        self._allowed = min(_FIRST, float(self.most))

    @property
    def allowed(self) -> int:
        """Calls that may be under way now, from 1 to `most`."""
        return int(self._allowed)

    def enter(self, until: float = float("inf")) -> Passage | None:
        """Wait for leave to make a call.

        Parameters
        ----------
        until : float
            On the clock of `time.monotonic`: wait no longer.

        Returns
        -------
        Passage or None
            None where the time was up; else to be given back with `leave`.
        """
        with self._change:
            while True:
                now = time.monotonic()
                if now >= until:
                    return None
                if now >= self._not_before and self._under_way < self.allowed:
                    break
                wake = self._not_before if now < self._not_before else now + 60.0
                self._change.wait(min(wake, until) - now)
            self._advance(now)
            self._under_way += 1
            return Passage(now, self._work, self._epoch)

    def leave(self, passage: Passage, outcome: Outcome, pause: float = 0.0) -> None:
        """Give leave back when the call has ended.

        Parameters
        ----------
        passage : Passage
        outcome : {"good", "overload", "other"}
            How it ended; the number of calls allowed follows the first two.
        pause : float
            Seconds for which the server asked everybody to wait.
        """
        with self._change:
            now = time.monotonic()
            self._advance(now)
            self._under_way -= 1
            passage.seconds, passage.share = now - passage.entered, self._work - passage.work
            if outcome == "good":
                self._allowed = min(self._allowed + 1.0 / self._allowed, float(self.most))
            elif outcome == "overload" and passage.epoch == self._epoch:
                # Calls that were under way when the server had too much tell of the same moment: they count once.
                self._allowed = max(self._allowed / 2.0, 1.0)
                self._epoch += 1
            self._not_before = max(self._not_before, now + pause)
            self._change.notify_all()

    def _advance(self, now: float) -> None:
        if self._under_way:
            self._work += (now - self._seen) / self._under_way
        self._seen = now


_PACES: dict[tuple[str, int], AdaptivePace] = {}
_GUARD = threading.Lock()


def pace_of(url: str, most: int) -> AdaptivePace:
    """Give the pace of a server, one for all that ask it from this process, so that what was learned stays.

    Parameters
    ----------
    url : str
    most : int
        Calls at a time, at most; 1 or more.

    Returns
    -------
    AdaptivePace
    """
    with _GUARD:
        return _PACES.setdefault((url, most), AdaptivePace(most))
