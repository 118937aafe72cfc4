"""What the rule depends on where wrong answers have a cost, as plain numbers; see `bakeoff.decision.portable`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from bakeoff.decision.comparisons import chosen_in_folds, declare, field_of, may_meet, of_round
from bakeoff.decision.loss_moments import LossMoments, moments_of
from bakeoff.decision.losses import (
    DrawnLoss,
    Tables,
    cost_tables,
    drawn_costs,
    loss_difference,
    loss_of,
    validation_parts,
)
from bakeoff.decision.panel import Cell, Panel, pair_places
from bakeoff.decision.ranking import compared_cells
from bakeoff.decision.retraining import with_retraining
from bakeoff.records import Arm
from bakeoff.tasks import ABSTAIN

__all__ = ["portable_losses"]

Place = Callable[[Cell | None], int]

_ARMS: tuple[Arm, ...] = ("finetune", "prompt", "both", "floor", "current")
#: Resamples of a difference, and of a contender's own cost: as many as the decision draws.
_OF_PAIRS, _OF_ONE = 5_000, 1_000


def portable_losses(panel: Panel, place: Place) -> dict[str, Any]:
    """Give ranks and pairs of a choice by expected cost.

    Parameters
    ----------
    panel : Panel
    place : callable
        Gives the place of a contender at an n.

    Returns
    -------
    dict of str to object
        ``tables`` lists the costs that answers can have, in units of the two prices; ``ranks`` give for each arm its
        contenders with the mean cost of their validation answers in these units; ``pairs`` and ``answers`` hold
        moments; ``same`` those of whom a same-base pair can be made; ``folds`` what each fold chose, where rows are
        cross-fitted.
    """
    assumptions = panel.evidence.assumptions
    if not assumptions.priced:
        panel = Panel(replace(panel.evidence, assumptions=replace(assumptions, error_cost=1.0)))
    tables, n = cost_tables(tuple(panel.labels), panel.evidence.assumptions), field_of(panel).n
    matrix = assumptions.cost_matrix
    ranks = {arm: _rank(panel, tables, [one.name for one in panel.arm(arm)], n, place) for arm in _ARMS}
    same = _same_base(panel, tables, n, place)
    found = {
        "matrix": matrix is not None,
        "own": matrix is not None and any(ABSTAIN in row for row in matrix.values()),
        "reviewed": assumptions.review_cost is not None,
        "tables": sorted({(float(a), float(b)) for a, b in tables.reshape(2, -1).T}),
        "ranks": ranks,
        "same": None if same is None else same.data,
    }
    return found | (_folded(panel, tables, place) if panel.evidence.folds else _joint(panel, tables, n, same, place))


def _rank(panel: Panel, tables: Tables, names: Iterable[str], n: int, place: Place) -> list[list[Any]]:
    """List contenders as `bakeoff.decision.ranking.best_on_validation` compares them: place, and costs or None."""
    cells = {name: cell for name in names if (cell := panel.cell(name, n)) is not None}
    entries = []
    for name, cell in compared_cells(cells).items():
        parts = validation_parts(tables, panel.truth["validation"], cell.validation)
        entries.append([place(cells[name]), None if parts is None else parts.tolist()])
    return entries


@dataclass(frozen=True, slots=True)
class _SameBase:
    """Who may make the same-base pair: ``prompted`` and ``models`` as numbers, and the pairs themselves."""

    data: Mapping[str, Any]
    pairs: Sequence[tuple[Cell, Cell]]


def _same_base(panel: Panel, tables: Tables, n: int, place: Place) -> _SameBase | None:
    """List who may make the same-base pair, at the largest n up to this one at which any can."""
    budgets = {budget for one in panel.arm("finetune") for budget in panel.budgets(one.name) if budget <= n}
    prompted = [one for one in panel.arm("prompt") if one.model]
    for at in sorted(budgets, reverse=True):
        models: dict[str, Any] = {}
        pairs: list[tuple[Cell, Cell]] = []
        for model in dict.fromkeys(one.model or "" for one in prompted):
            names = [[one.name for one in panel.arm(arm) if one.model == model] for arm in ("finetune", "prompt")]
            tuned, asked = ([cell for name in side if (cell := panel.cell(name, at)) is not None] for side in names)
            if tuned and asked:
                ranks = [_rank(panel, tables, side, at, place) for side in names]
                models[model] = {"tuned": ranks[0], "asked": ranks[1]}
                pairs += product(tuned, asked)
        if models:
            ranked = _rank(panel, tables, [one.name for one in prompted], at, place)
            named = [one.model for one in prompted if panel.cell(one.name, at) is not None]
            entries = [[*entry, model] for entry, model in zip(ranked, named, strict=True)]
            return _SameBase({"prompted": entries, "models": models}, pairs)
    return None


def _joint(panel: Panel, tables: Tables, n: int, same: _SameBase | None, place: Place) -> dict[str, Any]:
    """Draw the costs of all contenders at once, and cut every pair that may meet down to its moments."""
    standing = [cell for name in panel.contenders if (cell := panel.cell(name, n)) is not None]
    pairs = [*may_meet(panel, n), *(same.pairs if same is not None else ())]
    cells = {place(cell): cell for cell in (*standing, *(cell for pair in pairs for cell in pair))}
    points, draws = drawn_costs(panel, tables, np.concatenate([cell.test for cell in cells.values()]), _OF_PAIRS)
    starts = np.cumsum([0, *(len(cell.test) for cell in cells.values())])
    first = {key: int(start) for key, start in zip(cells, starts, strict=False)}
    rows = len(panel.truth["test"])

    def loss(at: Sequence[int], less: Sequence[int] = (), resamples: int = _OF_PAIRS) -> list[Any]:
        kept = draws[:, :resamples]
        drawn = points[:, at], kept[:, :, at]
        if less:
            drawn = drawn[0] - points[:, less], drawn[1] - kept[:, :, less]
        return _numbers(moments_of(DrawnLoss(tables, *drawn, rows)))

    answers = {}
    for cell in standing:
        start = first[place(cell)]
        answers[place(cell)] = loss(range(start, start + len(cell.test)), resamples=_OF_ONE)
    met = {}
    for a, b in pairs:
        sets = zip((a, b), pair_places(a, b), strict=True)
        at, less = ([first[place(cell)] + seed for seed in seeds] for cell, seeds in sets)
        met[f"{place(a)} {place(b)}"] = loss(at, less)
    return {"pairs": met, "answers": answers, "folds": None, "scores": {}}


def _folded(panel: Panel, tables: Tables, place: Place) -> dict[str, Any]:
    """Give the pairs as they are declared, and what each fold chooses.

    Under prices by which a fold would choose another, these pairs are not the ones that are tested.
    """
    field = field_of(panel)
    settled, _ = with_retraining(panel, field)
    pairs: dict[str, list[Any]] = {}
    scores: dict[int, float] = {}
    for one in declare(settled, field, resamples=2):
        own = [panel.cell(side.contender.name, one.n) for side in (one.a, one.b)]
        loss = loss_difference(settled, one.a, one.b, tables, resamples=_OF_PAIRS)
        pairs[f"{place(own[0])} {place(own[1])}"] = _numbers(moments_of(loss))
        if one.role != "same-base":
            scores |= {place(cell): panel.mean_score(side) for cell, side in zip(own, (one.a, one.b), strict=True)}
    standing = [cell for name in panel.contenders if (cell := panel.cell(name, field.n)) is not None]
    answers = {
        place(cell): _numbers(moments_of(loss_of(settled, cell, tables, resamples=_OF_ONE))) for cell in standing
    }
    met = (field.finetune, field.prompt, field.both, field.floor)
    chosen = {
        place(cell): {
            number: place(panel.cell(name, field.n)) for number, name in chosen_in_folds(settled, field, cell).items()
        }
        for cell in met
        if cell is not None
    }
    parts = {place(cell): _fold_parts(panel, tables, cell) for cell in standing if cell.enough_seeds}
    return {"pairs": pairs, "answers": answers, "folds": {"chosen": chosen, "parts": parts}, "scores": scores}


def _fold_parts(panel: Panel, tables: Tables, cell: Cell) -> list[list[float] | None]:
    """Give what a contender's answers cost on the validation rows of each fold; None where they are not known."""
    found: list[list[float] | None] = []
    for number, fold in enumerate(panel.evidence.folds):
        rows, codes = list(fold.validation), of_round(cell, cell.validation, number // panel.evidence.round_folds)
        truth = panel.truth["validation"][rows]
        parts = None if codes is None else validation_parts(tables, truth, codes[rows][None])
        found.append(None if parts is None else parts.tolist())
    return found


def _numbers(moments: LossMoments) -> list[Any]:
    """Write moments as a list: both means, the upper triangles of R, B and I, seeds, rows, folds, overlap."""
    forms = (moments.rows_part, moments.between, moments.inside)
    design = moments.design
    return [
        *moments.mean.tolist(),
        *(float(form[place]) for form in forms for place in ((0, 0), (0, 1), (1, 1))),
        design.seeds,
        design.rows,
        design.folds,
        design.overlap,
    ]
