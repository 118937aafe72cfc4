"""How often to train again, from what later rows show."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from bakeoff.decision import phrases
from bakeoff.decision.bills import retrains_from_decay
from bakeoff.decision.comparisons import Field
from bakeoff.decision.panel import Panel
from bakeoff.decision.shift import monthly_decay
from bakeoff.records import RETRAINS_PER_MONTH

__all__ = ["with_retraining"]


def with_retraining(panel: Panel, field: Field) -> tuple[Panel, str]:
    """Settle how often the fine-tuned finalist is trained again, where no one has said so.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    panel : Panel
        The same answers, under assumptions in which `retrains_per_month` is a number.
    why : str
        Where that number comes from.
    """
    assumptions = panel.evidence.assumptions
    if assumptions.retrains_per_month is not None:
        return panel, "as it was set"
    decay = monthly_decay(panel, field.finetune) if field.finetune is not None else None
    often, why = RETRAINS_PER_MONTH, "assumed: no rows of a later time tell"
    if decay is not None:
        lost = f"{phrases.points(decay.per_month, signed=False)} a month lost on later rows"
        why = f"assumed: {lost}, which chance explains"
        if decay.per_month > decay.half and assumptions.margin > 0:
            often, why = retrains_from_decay(decay.per_month, assumptions.margin), f"from {lost}"
    settled = copy(panel)
    settled.evidence = replace(panel.evidence, assumptions=replace(assumptions, retrains_per_month=often))
    return settled, why
