"""Sweeping every assumption for the values at which it flips the choice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bakeoff.decision.choice import Choice, Figures, choose, expected_costs, leads, money_margin
from bakeoff.decision.knobs import Knob, find_flip, spread
from bakeoff.records import ASSUMED, Assumed, Sweep

__all__ = ["assumption_knobs", "sweep_of", "to_use"]

#: Values that are tried between an assumption's own and the end of its range, before the step that flips is halved.
_POINTS = 100


def assumption_knobs(figures: Figures, present: Choice, *, meanwhile: bool = False) -> dict[str, tuple[Knob, Knob]]:
    """Give the assumptions that are worth turning for a choice.

    Parameters
    ----------
    figures : Figures
    present : Choice
    meanwhile : bool
        Whether what to use until the choice is made is to turn, which costs alone decide between two finalists.

    Returns
    -------
    dict of str to (Knob, Knob)
        By name: one to be turned down, and one up. Costs can turn a choice only where they made it: where error costs
        are given, or between equal finalists. Else only the margin is here.
    """
    by_cost = figures.stakes is not None or present.basis == "equal-cheaper" or meanwhile
    knobs, now_weighed = {}, _weighed(figures)
    for assumed in ASSUMED:
        now = _value(figures, assumed)
        if now is None or not (by_cost or assumed.name == "margin"):
            continue
        below, above = spread(now, assumed.low, assumed.high, _POINTS)
        if assumed.least == 0 and now > 0 and assumed.to_zero:
            below = (*below, 0.0)
        unit, turn = _unit(assumed, figures), _turn(figures, assumed.name)
        # What weighs nothing at the end of its range weighs nothing on the way: every cost rises, or falls, with it.
        below, above = (grid if grid and _weighed(turn(grid[-1])) != now_weighed else () for grid in (below, above))
        knobs[assumed.name] = (
            Knob(assumed.what, unit, now, turn, below),
            Knob(assumed.what, unit, now, turn, above),
        )
    return knobs


def _weighed(figures: Figures) -> tuple[float, ...]:
    """Give all figures through which an assumption can act on the choice."""
    given = {"finetune": figures.finetune, "prompt": figures.prompt, "both": figures.both}
    costs = expected_costs(figures, {arm: side for arm, side in given.items() if side is not None})
    found = [number for one in leads(figures).values() for number in (one.mean, one.se)]
    # A figure that is not known equals itself here.
    return tuple(-1.0 if math.isnan(number) else number for number in (*costs.values(), *found, money_margin(figures)))


def _value(figures: Figures, assumed: Assumed) -> float | None:
    """Give an assumption's value; None where it has none, or nothing that it is the times of."""
    if assumed.name == "matrix_factor" and figures.assumptions.cost_matrix is None:
        return None
    value: float | None = getattr(figures.assumptions, assumed.name)
    return value


def _unit(assumed: Assumed, figures: Figures) -> str:
    return figures.assumptions.currency if assumed.unit == "money" else assumed.unit


def _turn(figures: Figures, name: str) -> Callable[[float], Figures]:
    def turn(value: float) -> Figures:
        change: dict[str, Any] = {name: value}
        return replace(figures, assumptions=replace(figures.assumptions, **change))

    return turn


def to_use(choice: Choice) -> str:
    """Give the contender that a choice would have used: the chosen one, or that to use meanwhile; ``""`` for none."""
    return choice.contender or choice.meanwhile or ""


def _meanwhile_knobs(figures: Figures, present: Choice) -> dict[str, tuple[Knob, Knob]]:
    """Give what may turn which finalist is to be used meanwhile; nothing where a floor is, or the choice is made."""
    finalists = [side.contender for side in (figures.finetune, figures.prompt) if side is not None]
    if present.choice != "unresolved" or present.meanwhile not in finalists:
        return {}
    return assumption_knobs(figures, present, meanwhile=True)


def sweep_of(figures: Figures) -> tuple[Sweep, ...]:
    """Sweep every assumption.

    Parameters
    ----------
    figures : Figures

    Returns
    -------
    tuple of Sweep
        One for each assumption that has a value.
    """
    present = choose(figures)
    whole = figures.finetune is not None and figures.prompt is not None
    knobs = assumption_knobs(figures, present) if whole else {}
    turned = _meanwhile_knobs(figures, present) if whole else {}
    found = []
    for assumed in ASSUMED:
        now = _value(figures, assumed)
        if now is None:
            continue
        flips = [find_flip(knob, present) for knob in knobs.get(assumed.name, ())] or [None, None]
        unit = _unit(assumed, figures)
        used = [find_flip(knob, present, to_use) for knob in turned.get(assumed.name, ())] or [None, None]
        found.append(Sweep(assumed.name, assumed.what, unit, now, assumed.low, assumed.high, *flips, *used))
    return tuple(found)
