"""What would flip the choice: found by searching on the rule itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.decision.choice import Choice, Figures, Miss, Side, choose
from bakeoff.decision.estimate import Estimate
from bakeoff.records import Flip

__all__ = ["Knob", "at_labels", "find_flip", "flips_of", "knobs_of"]

_STEPS = 60

_LABELS = "labelled rows"


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


def find_flip(knob: Knob, present: Choice) -> Flip | None:
    """Search for the nearest value at which the choice turns.

    The grid is walked until the choice turns, then the last step is halved until the value is known to nine digits.

    Parameters
    ----------
    knob : Knob
    present : Choice

    Returns
    -------
    Flip or None
        `at` lies on the far side: at that value the rule gives ``to``. None where no value of the grid turns it.
    """

    def turned(value: float) -> bool:
        choice = choose(knob.apply(value)).choice
        return choice == knob.to if knob.to is not None else choice != present.choice

    if knob.to == present.choice or math.isnan(knob.now):
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
        if abs(far - near) <= 1e-9 * max(abs(far), 1e-3):
            break
        near, far = (near, middle) if turned(middle) else (middle, far)
    return Flip(knob.what, knob.now, far, knob.unit, choose(knob.apply(far)).choice)


def _moved_side(side: Side, by: float) -> Side:
    return replace(
        side,
        score=side.score + by,
        against_floor=side.against_floor.moved(by) if side.against_floor else None,
        against_current=side.against_current.moved(by) if side.against_current else None,
    )


def with_score(figures: Figures, arm: str, score: float) -> Figures:
    """Give the figures as they would be if an arm's finalist scored otherwise, with the spread that was seen."""
    side = figures.finetune if arm == "finetune" else figures.prompt
    if side is None:
        return figures
    by = score - side.score
    difference = figures.difference.moved(by if arm == "finetune" else -by) if figures.difference else None
    if arm == "finetune":
        return replace(figures, finetune=_moved_side(side, by), difference=difference)
    return replace(figures, prompt=_moved_side(side, by), difference=difference)


def _mixed(a: Estimate | None, b: Estimate | None, share: float) -> Estimate | None:
    if a is None or b is None:
        return None
    mix = [(1 - share) * getattr(a, name) + share * getattr(b, name) for name in ("mean", "rows_variance")]
    seeds_variance = (1 - share) * a.seeds_variance + share * b.seeds_variance
    return Estimate(mix[0], mix[1], seeds_variance, (1 - share) * a.df + share * b.df, min(a.seeds, b.seeds), a.rows)


def _mixed_side(a: Side | None, b: Side | None, share: float) -> Side | None:
    if a is None or b is None:
        return None
    return replace(
        b,
        score=(1 - share) * a.score + share * b.score,
        against_floor=_mixed(a.against_floor, b.against_floor, share),
        against_current=_mixed(a.against_current, b.against_current, share),
        build_cost=(1 - share) * a.build_cost + share * b.build_cost,
        run_cost=(1 - share) * a.run_cost + share * b.run_cost,
    )


def at_labels(measured: Sequence[tuple[float, Figures]], n: float) -> Figures:
    """Give the figures of the same finalists at another number of labelled rows.

    Parameters
    ----------
    measured : sequence of (float, Figures)
        At the measured n, rising; the last is the decision budget.
    n : float
        Between the first and the last.

    Returns
    -------
    Figures
        Straight in log(1 + n) between the measured.
    """
    sizes = [size for size, _ in measured]
    right = int(np.clip(np.searchsorted(sizes, n), 1, len(sizes) - 1))
    (low, a), (high, b) = measured[right - 1], measured[right]
    share = (math.log1p(n) - math.log1p(low)) / (math.log1p(high) - math.log1p(low))
    further = tuple(
        math.exp((1 - share) * math.log(max(p, 1e-300)) + share * math.log(max(q, 1e-300)))
        for p, q in zip(a.further_p, b.further_p, strict=False)
    )
    return replace(
        b,
        finetune=_mixed_side(a.finetune, b.finetune, share),
        prompt=_mixed_side(a.prompt, b.prompt, share),
        difference=_mixed(a.difference, b.difference, share),
        further_p=further,
    )


def _score_knobs(figures: Figures, present: Choice) -> list[Knob]:
    knobs = []
    names = {"finetune": ("fine-tuned", "fine-tune"), "prompt": ("prompted", "prompt")}
    for arm, (word, to) in names.items():
        side = figures.finetune if arm == "finetune" else figures.prompt
        if side is None or math.isnan(side.score):
            continue
        if to == present.choice:
            # The winner: how far it may fall.
            grid, wanted = np.linspace(side.score, 0.0, 400)[1:], None
        else:
            grid, wanted = np.linspace(side.score, 1.0, 400)[1:], to
        turn = _scorer(figures, arm)
        knobs.append(Knob(f"score of the {word} finalist", "score", side.score, turn, tuple(grid.tolist()), wanted))
    return sorted(knobs, key=lambda knob: knob.to is None)


def _scorer(figures: Figures, arm: str) -> Callable[[float], Figures]:
    return lambda score: with_score(figures, arm, score)


def _spread(now: float, low: float, high: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give grids below and above a value, even in its logarithm."""
    start = max(now, 1e-12)
    down = np.geomspace(start, low, 400)[1:] if low < start else np.array([])
    up = np.geomspace(start, high, 400)[1:] if high > start else np.array([])
    return tuple(down.tolist()), tuple(up.tolist())


def knobs_of(figures: Figures, present: Choice, measured: Sequence[tuple[float, Figures]]) -> list[Knob]:
    """Give the figures that are worth turning for a choice.

    Parameters
    ----------
    figures : Figures
    present : Choice
    measured : sequence of (float, Figures)
        The figures at every measured n up to the decision budget, for the number of labels.

    Returns
    -------
    list of Knob
    """
    knobs = _score_knobs(figures, present)
    if len(measured) > 1:
        grid = np.geomspace(1 + measured[-1][0], 1 + measured[0][0], 400)[1:] - 1
        grid[-1] = measured[0][0]
        knobs.append(Knob(_LABELS, "rows", measured[-1][0], lambda n: at_labels(measured, n), tuple(grid.tolist())))
    down, up = _spread(figures.volume, 1.0, 1e10)
    for grid_part in (down, up):
        knobs.append(
            Knob("volume", "predictions a month", figures.volume, lambda v: replace(figures, volume=v), grid_part)
        )
    for grid_part in _spread(figures.margin, 1e-4, 0.25):
        knobs.append(
            Knob("margin of equality", "score", figures.margin, lambda m: replace(figures, margin=m), grid_part)
        )
    sides = {"fine-tune": (figures.finetune, figures.prompt), "prompt": (figures.prompt, figures.finetune)}
    winner, other = sides.get(present.choice, (None, None))
    if winner is not None and other is not None and other.p95_ms < winner.p95_ms:
        # Just under the quickest of the winner's arm, so that the limit shuts out the whole arm.
        knobs.append(
            Knob(
                f"limit of p95_ms for the {present.choice} arm",
                "ms",
                winner.p95_ms,
                lambda limit: replace(figures, p95_limit=limit),
                (winner.p95_ms * (1 - 1e-9),),
            )
        )
    return [*knobs, *_limit_knobs(figures)]


def _limit_knobs(figures: Figures) -> list[Knob]:
    """Give the limits that alone keep a finalist out, to be loosened until it is in."""
    knobs = []
    for arm, side in (("finetune", figures.finetune), ("prompt", figures.prompt)):
        if side is None or len(side.missed) != 1:
            continue
        miss = side.missed[0]
        knobs.append(
            Knob(
                f"limit of {miss.figure} for {side.contender}", "", miss.limit, _loosen(figures, arm, miss), (miss.at,)
            )
        )
    return knobs


def _loosen(figures: Figures, arm: str, miss: Miss) -> Callable[[float], Figures]:
    def apply(limit: float) -> Figures:
        side = figures.finetune if arm == "finetune" else figures.prompt
        reached = limit >= miss.at if miss.at > miss.limit else limit <= miss.at
        loosened = replace(side, missed=() if reached else (miss,)) if side is not None else None
        return replace(figures, finetune=loosened) if arm == "finetune" else replace(figures, prompt=loosened)

    return apply


def flips_of(figures: Figures, measured: Sequence[tuple[float, Figures]]) -> tuple[Flip, ...]:
    """Find what would flip the choice.

    Parameters
    ----------
    figures : Figures
    measured : sequence of (float, Figures)
        The figures at every measured n up to the decision budget.

    Returns
    -------
    tuple of Flip
        Each with a value at which `choose` gives another choice; empty where an arm is missing.
    """
    present = choose(figures)
    if figures.finetune is None or figures.prompt is None:
        return ()
    found = [find_flip(knob, present) for knob in knobs_of(figures, present, measured)]
    return tuple(flip for flip in found if flip is not None and not _by_chance(flip, figures, measured))


def _by_chance(flip: Flip, figures: Figures, measured: Sequence[tuple[float, Figures]]) -> bool:
    """Say whether fewer labels turn the choice by a smaller spread there, and bring the loser no nearer."""
    if flip.what != _LABELS or figures.difference is None:
        return False
    there = at_labels(measured, flip.at).difference
    return there is None or there.mean >= figures.difference.mean
