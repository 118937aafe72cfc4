"""The figures of the rule as plain numbers, so that a page can apply the rule under other assumptions by itself.

Whatever a person may set acts through prices and through the margin alone. Scores do not change with them; what answers
cost does so as `bakeoff.decision.loss_moments` says. So what is measured goes out once, and the rule is applied anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bakeoff.decision.bills import bill_of
from bakeoff.decision.comparisons import declare, field_of, may_meet
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.portable_losses import portable_losses
from bakeoff.decision.ranking import best_on_validation
from bakeoff.decision.requirements import standings
from bakeoff.decision.resampling import estimate_difference
from bakeoff.decision.shift import monthly_decay
from bakeoff.records import ASSUMED, Arm, Evidence
from bakeoff.tasks import ONE_LABEL

__all__ = ["portable_figures"]

_ARMS: tuple[Arm, ...] = ("finetune", "prompt", "both", "floor", "current")

#: Of each arm, so many may meet where a limit of costs can shut some of them out.
_MOST_RIVALS = 3


def portable_figures(evidence: Evidence) -> dict[str, Any]:
    """Give all that the rule of choice depends on, by score and by cost.

    Parameters
    ----------
    evidence : Evidence
        Of a study on which a decision can be made.

    Returns
    -------
    dict of str to object
        Strings, numbers, lists and dicts; None for what is not known. ``cells`` are contenders at an n, to which all
        else refers by place: ``bill``, ``score``, ``missed`` (a hard limit that no price moves), ``decay``. ``score``
        and ``money`` hold, each for its way of choosing, the arms' ``ranks`` and the ``pairs`` that may meet; None
        where it cannot be given. A pair that is not there was not measured for these assumptions.
    """
    panel, places = Panel(evidence), _Places()
    field = field_of(panel)
    for name in panel.contenders:
        places.of(panel.cell(name, field.n))
    by_score = None if evidence.assumptions.cost_matrix is not None else _by_score(panel, places)
    by_cost = portable_losses(panel, places.of) if places.cells and _can_be_priced(evidence) else None
    assumptions = evidence.assumptions
    given = {
        "n": field.n,
        "assumptions": {one.name: getattr(assumptions, one.name) for one in ASSUMED},
        "currency": assumptions.currency,
        "limits": [{"sense": one.sense, "value": one.value} for one in evidence.requirements if one.figure == _COST],
        "cells": [_cell(panel, cell, field.n) for cell in places.cells],
        "score": by_score,
        "money": by_cost,
    }
    return {name: _plain(value) for name, value in given.items()}


_COST = "cost_per_1k"


def _can_be_priced(evidence: Evidence) -> bool:
    """Say whether the choice can be by cost: in folds each fold chooses by the prices, so they must be given before."""
    if evidence.task.kind not in ONE_LABEL or not evidence.test_labels:
        return False
    return evidence.assumptions.priced or not evidence.folds


class _Places:
    """Every contender at an n that is spoken of, each at its place."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self._known: dict[tuple[str, int], int] = {}

    def of(self, cell: Cell | None) -> int:
        """Give a contender's place, a new one where it has none yet; -1 for None."""
        if cell is None:
            return -1
        key = cell.contender.name, cell.n
        if key not in self._known:
            self._known[key] = len(self.cells)
            self.cells.append(cell)
        return self._known[key]


def _cell(panel: Panel, cell: Cell, n: int) -> dict[str, Any]:
    contender = cell.contender
    decay = monthly_decay(panel, cell) if contender.arm == "finetune" else None
    missed = (one.state == "missed" for one in standings(panel, cell) if one.requirement.figure != _COST)
    return {
        "name": contender.name,
        "arm": contender.arm,
        "n": cell.n,
        "stands": panel.cell(contender.name, n) is cell,
        "enough": cell.enough_seeds,
        "score": panel.mean_score(cell),
        "missed": any(missed),
        "decay": None if decay is None else [decay.per_month, decay.half],
        "bill": asdict(bill_of(cell)),
    }


def _by_score(panel: Panel, places: _Places) -> dict[str, Any]:
    """Give ranks and pairs of a choice by score, which no price moves but by a limit of costs."""
    unpriced = replace(panel.evidence.assumptions, error_cost=None, review_cost=None, cost_matrix=None)
    by_score = Panel(replace(panel.evidence, assumptions=unpriced))
    field = field_of(by_score)
    ranks = {
        arm: [places.of(by_score.cell(name, field.n)) for name in _ranked(by_score, arm, field.n)] for arm in _ARMS
    }
    pairs: dict[str, list[float]] = {}
    scores: dict[int, float] = {}
    same: list[Any] | None = None
    for one in declare(by_score, field):
        if one.role == "same-base":
            same = [places.of(one.a), places.of(one.b), _numbers(one.estimate)]
            continue
        a, b = (places.of(by_score.cell(side.contender.name, field.n)) for side in (one.a, one.b))
        pairs[f"{a} {b}"] = _numbers(one.estimate)
        scores |= {place: by_score.mean_score(cell) for place, cell in ((a, one.a), (b, one.b))}
    if _limits_costs(panel.evidence) and not panel.evidence.folds:
        for a_cell, b_cell in may_meet(by_score, field.n, _MOST_RIVALS):
            key = f"{places.of(a_cell)} {places.of(b_cell)}"
            if key not in pairs:
                pairs[key] = _numbers(estimate_difference(by_score, a_cell, b_cell))
    pair = None if field.pair is None else [places.of(cell) for cell in field.pair[1:]]
    if pair is not None and same is None:
        # The finalists themselves, as long as no limit shuts one of them out.
        same = [*pair, pairs[f"{pair[0]} {pair[1]}"]]
    return {"ranks": ranks, "pairs": pairs, "scores": scores, "same": same}


def _limits_costs(evidence: Evidence) -> bool:
    return any(one.figure == _COST for one in evidence.requirements)


def _ranked(panel: Panel, arm: Arm, n: int) -> tuple[str, ...]:
    return best_on_validation(panel, [contender.name for contender in panel.arm(arm)], n)


def _numbers(estimate: Estimate) -> list[float]:
    return [estimate.mean, estimate.rows_variance, estimate.seeds_variance, estimate.df]


def _plain(value: Any) -> Any:
    """Write what is not known as None, so that all is plain JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value
