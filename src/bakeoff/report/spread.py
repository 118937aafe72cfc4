"""How far scores lie apart over seeds, and over phrasings of a prompt: every score as a dot."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bakeoff.decision import deviation_beyond_chance
from bakeoff.decision.panel import Panel
from bakeoff.records import Decision, Rephrased, Trial
from bakeoff.report.answered import Answered, pair_of, record_of

__all__ = ["Dot", "Line", "Spread", "spread"]


@dataclass(frozen=True, slots=True)
class Dot:
    """One score: what it is of, the score, the place on the axis in per cent, and the record that it comes from."""

    name: str
    score: float
    place: float
    source: str


@dataclass(frozen=True, slots=True)
class Line:
    """The scores of one contender's seeds, or of one prompt's phrasings.

    Parameters
    ----------
    name : str
    over : str
        ``"seeds"``, ``"rounds of folds"`` or ``"phrasings"``, and the rows that were answered.
    arm : str
    dots : tuple of Dot
    low, high, deviation : float
        Standard deviation NaN with fewer than two.
    beyond : float
        Standard deviation of the share of right answers, less what so few rows give by chance; NaN where not known.
    """

    name: str
    over: str
    arm: str
    dots: tuple[Dot, ...]
    low: float
    high: float
    deviation: float
    beyond: float


@dataclass(frozen=True, slots=True)
class Spread:
    """All lines on one axis of scores, whose ends are given."""

    lines: tuple[Line, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Scores:
    name: str
    over: str
    arm: str
    scores: tuple[tuple[str, float, str], ...]
    beyond: float


def spread(panel: Panel, decision: Decision) -> Spread | None:
    """Gather the scores over seeds of the verdict's contenders, and those over phrasings of each prompt model.

    Parameters
    ----------
    panel : Panel
    decision : Decision

    Returns
    -------
    Spread or None
        None where no score is known.
    """
    found = [_seeds(panel, one) for one in pair_of(panel, decision)]
    for model, ways in panel.evidence.measured.rephrased.items():
        found += [_phrasings(model, way, one) for way, one in zip(("plain", "calibrated"), ways, strict=True)]
    found = [one for one in found if any(math.isfinite(score) for _, score, _ in one.scores)]
    if not found:
        return None
    low, high = _ends(score for one in found for _, score, _ in one.scores)
    return Spread(tuple(_line(one, low, high) for one in found), low, high)


def _seeds(panel: Panel, one: Answered) -> _Scores:
    cell, truth = one.cell, panel.truth["test"]
    folded, seeded = bool(panel.evidence.folds), cell.contender.seeded
    kind = "round" if folded else "seed"
    scores = tuple(
        (f"{kind} {seed}" if seeded else "the same for every seed", float(score), record_of(_records(one, place)))
        for place, (seed, score) in enumerate(zip(cell.seeds, panel.scores(cell), strict=False))
    )
    several = panel.rows_are_right and len(cell.seeds) > 1
    beyond = deviation_beyond_chance(cell.test == truth) if several else math.nan
    over = f"{len(scores)} {kind}{'' if len(scores) == 1 else 's'}" if seeded else "no seeds"
    return _Scores(cell.contender.name, f"{over}, {len(truth):,} test rows", cell.contender.arm, scores, beyond)


def _records(one: Answered, place: int) -> list[Trial]:
    return [trial for trial, _rows in one.trials(place)]


def _phrasings(model: str, way: str, told: Rephrased) -> _Scores:
    source = f"study.sqlite facts, name rephrased, model {model}"
    scores = tuple((name, score, source) for name, score in zip(told.names, told.scores, strict=True))
    over = f"{len(scores)} phrasings, {told.rows:,} validation rows"
    return _Scores(f"zero-shot {model}, {way}", over, "prompt", scores, told.deviation)


def _line(one: _Scores, low: float, high: float) -> Line:
    known = [score for _, score, _ in one.scores if math.isfinite(score)]
    dots = tuple(
        Dot(name, score, round(100 * (score - low) / (high - low), 2), source)
        for name, score, source in one.scores
        if math.isfinite(score)
    )
    deviation = statistics.stdev(known) if len(known) > 1 else math.nan
    return Line(one.name, one.over, one.arm, dots, min(known), max(known), deviation, one.beyond)


def _ends(scores: Iterable[float]) -> tuple[float, float]:
    """Give the ends of the axis: the scores', widened to whole steps of five points, or wider for wider ranges."""
    known: Sequence[float] = [score for score in scores if math.isfinite(score)]
    step = 0.05 if max(known) - min(known) < 0.5 else 0.1
    low, high = math.floor(min(known) / step + 1e-9) * step, math.ceil(max(known) / step - 1e-9) * step
    return (low - step, high + step) if high - low < step / 2 else (round(low, 6), round(high, 6))
