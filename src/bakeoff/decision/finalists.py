"""Who meets at the decision budget, for those who measure more of them."""

from __future__ import annotations

from collections.abc import Mapping

from bakeoff.decision.comparisons import field_of
from bakeoff.decision.panel import Panel
from bakeoff.records import Evidence, Trial

__all__ = ["finalists"]


def finalists(evidence: Evidence) -> Mapping[str, tuple[Trial, ...]]:
    """Give the finished trials of the finalists and of the best floor, as validation rows choose them.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    mapping of str to tuple of Trial
        Under ``"finetune"``, ``"prompt"``, ``"both"`` and ``"floor"``, those of them that there are: one trial a seed.
    """
    field = field_of(Panel(evidence))
    sides = {"finetune": field.finetune, "prompt": field.prompt, "both": field.both, "floor": field.floor}
    return {side: cell.trials for side, cell in sides.items() if cell is not None}
