"""Turning one figure of the rule until the choice changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bakeoff.decision.choice import Choice, Figures, choose
from bakeoff.records import Flip

__all__ = ["Knob", "find_flip", "spread"]

_STEPS = 60


@dataclass(frozen=True, slots=True)
class Knob:
    """One figure that can be turned.

    Parameters
    ----------
    what, unit : str
        What a `Flip` shows.
    now : float
        Its value.
    apply : callable
        The figures with another value.
    grid : tuple of float
        Values to try, going away from `now`.
    to : str or None
        The choice that is looked for; any other than now's where None.
    """

    what: str
    unit: str
    now: float
    apply: Callable[[float], Figures]
    grid: tuple[float, ...]
    to: str | None = None


def _chosen(choice: Choice) -> str:
    return choice.choice


def find_flip(knob: Knob, present: Choice, read: Callable[[Choice], str] = _chosen) -> Flip | None:
    """Search for the nearest value at which the choice turns.

    The grid is walked until the choice turns, then the last step is halved until the value is known to nine digits.

    Parameters
    ----------
    knob : Knob
    present : Choice
    read : callable
        What of a choice is to turn: which way it takes where not given.

    Returns
    -------
    Flip or None
        `at` lies on the far side: at that value the rule gives ``to``. None where no value of the grid turns it.
    """

    def turned(value: float) -> bool:
        found = read(choose(knob.apply(value)))
        return found == knob.to if knob.to is not None else found != read(present)

    if knob.to == read(present) or math.isnan(knob.now):
        return None
    near = knob.now
    for far in knob.grid:
        if turned(far):
            break
        near = far
    else:
        return None
    for _ in range(_STEPS):
        middle = 0.5 * (near + far)
        # Close beside the distance, too: what lies just short of the printed value must not turn the choice.
        if abs(far - near) <= 1e-9 * max(min(abs(far), abs(far - knob.now)), 1e-9):
            break
        near, far = (near, middle) if turned(middle) else (middle, far)
    return Flip(knob.what, knob.now, far, knob.unit, read(choose(knob.apply(far))))


def spread(now: float, low: float, high: float, points: int = 400) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give grids below and above a value, even in its logarithm.

    Parameters
    ----------
    now : float
        0 or more.
    low, high : float
        Both above 0.
    points : int

    Returns
    -------
    below, above : tuple of float
        Going away from `now`, to `low` and to `high`; empty where `now` lies beyond.
    """
    down = np.geomspace(now, low, points)[1:] if low < now else np.array([])
    up = np.geomspace(max(now, low), high, points)[0 if now < low else 1 :] if high > now else np.array([])
    return tuple(down.tolist()), tuple(up.tolist())
