"""Who did not come into the final, though validation rows speak for it, or nothing was measured of it."""

from __future__ import annotations

import math

from bakeoff.decision import phrases
from bakeoff.decision.comparisons import Field
from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel

__all__ = ["left_out_of"]

#: Contenders that are named where nothing was measured of several.
_NAMED = 2


def left_out_of(panel: Panel, field: Field) -> tuple[str, ...]:
    """Say who was left out of the final, and why.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    tuple of str
        One sentence for each contender with the better validation score than the finalist of its arm that has too few
        seeds to be one; and, in a study with a time limit, one for all of both arms that finished nothing where the
        finalists met.
    """
    finalists = [cell for cell in (field.finetune, field.prompt) if cell is not None]
    return (*(told for cell in finalists for told in _better(panel, field, cell)), *_unmeasured(panel, field))


def _better(panel: Panel, field: Field, finalist: Cell) -> list[str]:
    if panel.evidence.assumptions.priced or not finalist.enough_seeds:
        return []
    score = panel.mean_score(finalist, "validation")
    in_time = " in the time" if panel.evidence.time_limit is not None else ""
    unit = "rounds of folds" if panel.evidence.folds else "seeds"
    found = []
    for contender in panel.arm(finalist.contender.arm):
        cell = panel.cell(contender.name, field.n)
        if cell is None or cell.enough_seeds or contender.name in field.out:
            continue
        own = panel.mean_score(cell, "validation")
        if not math.isnan(score) and own > score:
            found.append(
                f"{contender.name}: {len(cell.seeds)} of {MIN_SEEDS} {unit}{in_time}; validation "
                f"{phrases.score(own)}, that of the finalist {finalist.contender.name} {phrases.score(score)}."
            )
    return found


def _unmeasured(panel: Panel, field: Field) -> list[str]:
    evidence = panel.evidence
    if evidence.time_limit is None:
        return []
    names = [
        contender.name
        for arm in ("finetune", "prompt")
        for contender in panel.arm(arm)
        if panel.cell(contender.name, field.n) is None and contender.name not in evidence.dropped
    ]
    if not names:
        return []
    named = names if len(names) <= _NAMED + 1 else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return [f"{phrases.listed(named)}: no finished trial in the time."]
