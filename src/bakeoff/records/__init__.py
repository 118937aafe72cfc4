"""Frozen facts that pass between rooms; nothing here computes.

``trials``    answers, usage, contenders, trials
``measured``  what a study measures beside its trials' answers
``evidence``  all that a decision may look at
``verdict``   all that a decision says
"""

from __future__ import annotations

from bakeoff.data.check import Check
from bakeoff.records.evidence import Assumptions, Evidence, Requirement
from bakeoff.records.measured import LabelNoise, Measured, Reading, Rephrased, RephrasedAnswers, Suspect
from bakeoff.records.trials import Answer, Arm, Contender, Status, Trial, Usage
from bakeoff.records.verdict import (
    BreakEven,
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
    Verdict,
)

__all__ = [
    "Answer",
    "Arm",
    "Assumptions",
    "BreakEven",
    "Check",
    "Comparison",
    "Consideration",
    "Contender",
    "Crossover",
    "CurvePoint",
    "Decision",
    "Difference",
    "Evidence",
    "ExtendedGap",
    "Extrapolation",
    "Flip",
    "LabelNoise",
    "LeaderboardRow",
    "Measured",
    "NextStep",
    "Reading",
    "Rephrased",
    "RephrasedAnswers",
    "Requirement",
    "Status",
    "Suspect",
    "Trial",
    "Usage",
    "Verdict",
]
