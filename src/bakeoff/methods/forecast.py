"""Forecasts: how many seconds a trial will take, from what was measured of the machine.

All formulas count tokens through the model and divide by the measured rate; one backward pass costs about two forward
passes (Kaplan et al. 2020, section 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ModelSpeed", "Workload", "forecast_encoding", "forecast_scoring", "forecast_tuning"]

_FORWARD_AND_BACKWARD = 3.0


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """One model on this machine, measured at the study's start.

    Parameters
    ----------
    forward_tokens_per_second : float
        Through one forward pass of packed or length-sorted rows, in the data type of the plan.
    tuning_tokens_per_second : float
        Through one training step (forward and backward), in float32.
    seconds_per_call : float
        Of a server model: one short call; 0 in process.
    tokens_per_row : float
        Mean tokens of a text by the model's tokenizer.
    """

    forward_tokens_per_second: float
    tuning_tokens_per_second: float
    seconds_per_call: float
    tokens_per_row: float


@dataclass(frozen=True, slots=True)
class Workload:
    """One trial's size.

    Parameters
    ----------
    n : int
        Labelled rows.
    answer_rows : int
        Validation and test rows to answer.
    labels : int
    label_tokens : float
        Mean tokens of a label's words.
    speed : ModelSpeed or None
        None for methods without a model.
    parameters : mapping
        The method's settings.
    """

    n: int
    answer_rows: int
    labels: int
    label_tokens: float
    speed: ModelSpeed | None
    parameters: Mapping[str, Any]


def forecast_encoding(rows: int, speed: ModelSpeed) -> float:
    """Seconds to run rows once forward."""
    return rows * speed.tokens_per_row / speed.forward_tokens_per_second


def forecast_tuning(rows: int, passes: float, speed: ModelSpeed, *, extra_tokens: float = 0.0) -> float:
    """Seconds of so many training passes over rows."""
    rate = speed.tuning_tokens_per_second or speed.forward_tokens_per_second / _FORWARD_AND_BACKWARD
    return rows * passes * (speed.tokens_per_row + extra_tokens) / rate


def forecast_scoring(rows: int, label_tokens_per_row: float, prefix_tokens: float, speed: ModelSpeed) -> float:
    """Seconds to score every label of rows behind one cached prefix.

    Attention over the cached prefix makes each token dearer; measured here at about one part in 600 a prefix token for
    models of 135 M parameters.
    """
    tokens = rows * (speed.tokens_per_row + label_tokens_per_row)
    dearer = 1.0 + prefix_tokens / 600.0
    return (prefix_tokens + tokens * dearer) / speed.forward_tokens_per_second
