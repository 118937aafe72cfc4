"""One text under way, as the generator and its beams share it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bakeoff.models.constraint import Matcher
from bakeoff.models.written import Ended

__all__ = ["RowUnderWay"]


@dataclass(slots=True)
class RowUnderWay:
    """One text under way.

    Parameters
    ----------
    number : int
        Of the row in the call.
    own : int64 array
        Its tokens behind the shared prefix.
    room : int
        Most tokens that can be written.
    matcher : Matcher or None
        What its text is held to.
    chance : Generator or None
        The row's own stream; None where nothing is drawn.
    ids : list of int
        Tokens of the text so far.
    text : str
    ended : Ended or None
    written, read : int
        Tokens written, and tokens that the model read.
    log_probability : float
    """

    number: int
    own: npt.NDArray[np.int64]
    room: int
    matcher: Matcher | None
    chance: np.random.Generator | None
    ids: list[int] = field(default_factory=list)
    text: str = ""
    ended: Ended | None = None
    written: int = 0
    read: int = 0
    log_probability: float = float("nan")
