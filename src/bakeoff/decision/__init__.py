"""Decide: pure functions over frozen records, from answers to a verdict with its reasons."""

from __future__ import annotations

from bakeoff.decision.choice import Choice, Figures, Side, choose
from bakeoff.decision.costs import break_even_predictions
from bakeoff.decision.curves import Advantage, data_advantage
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.finalists import finalists
from bakeoff.decision.label_noise import suspicion
from bakeoff.decision.paired import holm, mcnemar_mid_p, smallest_detectable_difference
from bakeoff.decision.permutation import permutation_p
from bakeoff.decision.power import detectable_difference
from bakeoff.decision.prior import Expectation, expectation
from bakeoff.decision.racing import further_seeds_tell, in_the_race
from bakeoff.decision.ranking import decision_budget, droppable, validation_ranking
from bakeoff.decision.refit import answers_compare, expected_of_refit
from bakeoff.decision.reliability import calibration_error, calibration_error_by_chance
from bakeoff.decision.resampling import bootstrap_scores
from bakeoff.decision.scores import paired_difference, probability_of_beating, score_mean
from bakeoff.decision.share import wilson_interval
from bakeoff.decision.spread import deviation_beyond_chance
from bakeoff.decision.superiority import Superiority
from bakeoff.decision.verdict import Settled, decide, settle

__all__ = [
    "Advantage",
    "Choice",
    "Estimate",
    "Expectation",
    "Figures",
    "Settled",
    "Side",
    "Superiority",
    "answers_compare",
    "bootstrap_scores",
    "break_even_predictions",
    "calibration_error",
    "calibration_error_by_chance",
    "choose",
    "data_advantage",
    "decide",
    "decision_budget",
    "detectable_difference",
    "deviation_beyond_chance",
    "droppable",
    "expectation",
    "expected_of_refit",
    "finalists",
    "further_seeds_tell",
    "holm",
    "in_the_race",
    "mcnemar_mid_p",
    "paired_difference",
    "permutation_p",
    "probability_of_beating",
    "score_mean",
    "settle",
    "smallest_detectable_difference",
    "suspicion",
    "validation_ranking",
    "wilson_interval",
]
