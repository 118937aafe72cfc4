"""Decide: pure functions over frozen records, from answers to a verdict with its reasons."""

from __future__ import annotations

from bakeoff.decision.choice import Choice, Figures, Side, choose
from bakeoff.decision.costs import break_even_predictions
from bakeoff.decision.curves import Advantage, data_advantage
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.paired import holm, mcnemar_mid_p, smallest_detectable_difference
from bakeoff.decision.ranking import decision_budget, droppable, validation_ranking
from bakeoff.decision.scores import paired_difference, score_mean
from bakeoff.decision.verdict import decide

__all__ = [
    "Advantage",
    "Choice",
    "Estimate",
    "Figures",
    "Side",
    "break_even_predictions",
    "choose",
    "data_advantage",
    "decide",
    "decision_budget",
    "droppable",
    "holm",
    "mcnemar_mid_p",
    "paired_difference",
    "score_mean",
    "smallest_detectable_difference",
    "validation_ranking",
]
