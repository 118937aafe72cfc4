"""Frozen facts that pass between rooms; nothing here computes.

``trials``       answers, usage, contenders, trials
``measured``     what a study measures beside its trials' answers
``assumptions``  what nobody measured
``costs``        what a decision says of costs
``drift``        what a bundle remembers of its study's rows, and how later ones differ
``evidence``     all that a decision may look at
``verdict``      all else that a decision says
``written_form`` a fitted method in the form of another library
"""

from __future__ import annotations

from bakeoff.data.check import Check
from bakeoff.records.assumptions import ASSUMED, HOURS_A_MONTH, RETRAINS_PER_MONTH, Assumed, Assumptions
from bakeoff.records.costs import BreakEven, CostComparison, ExpectedCost
from bakeoff.records.drift import AuditedScore, Finding, Look, Redecision, Reference
from bakeoff.records.evidence import Evidence, Requirement
from bakeoff.records.measured import LabelNoise, Measured, Reading, Rephrased, RephrasedAnswers, Suspect
from bakeoff.records.trials import Answer, Arm, Contender, Status, Trial, Usage
from bakeoff.records.verdict import (
    Comparison,
    Consideration,
    Crossover,
    CurvePoint,
    Decision,
    Difference,
    ExtendedGap,
    Extrapolation,
    Flip,
    LeaderboardRow,
    NextStep,
    Sweep,
    Verdict,
)
from bakeoff.records.written_form import WrittenForm

__all__ = [
    "ASSUMED",
    "HOURS_A_MONTH",
    "RETRAINS_PER_MONTH",
    "Answer",
    "Arm",
    "Assumed",
    "Assumptions",
    "AuditedScore",
    "BreakEven",
    "Check",
    "Comparison",
    "Consideration",
    "Contender",
    "CostComparison",
    "Crossover",
    "CurvePoint",
    "Decision",
    "Difference",
    "Evidence",
    "ExpectedCost",
    "ExtendedGap",
    "Extrapolation",
    "Finding",
    "Flip",
    "LabelNoise",
    "LeaderboardRow",
    "Look",
    "Measured",
    "NextStep",
    "Reading",
    "Redecision",
    "Reference",
    "Rephrased",
    "RephrasedAnswers",
    "Requirement",
    "Status",
    "Suspect",
    "Sweep",
    "Trial",
    "Usage",
    "Verdict",
    "WrittenForm",
]
