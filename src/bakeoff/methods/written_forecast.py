"""Forecasts of writing: how many seconds it takes to learn it, and to do it."""

from __future__ import annotations

from bakeoff.methods.forecast import (
    FEW_ROWS_PADDING,
    HELD_OUT_SHARE,
    LEAST_TO_HOLD_OUT,
    SINGLE_ROWS_SECONDS,
    STEP_TOKENS,
    TOKENS_AT_ONCE,
    Workload,
)

__all__ = ["CHAT_TOKENS", "forecast_text_writer", "writing_tokens"]

#: Tokens of a chat form and an instruction around a source.
CHAT_TOKENS = 45.0
#: Rows that a tuned writer looks at to know when to stop, and how often at most.
_MOST_HELD, _MOST_LOOKS = 32, 8


def writing_tokens(rows: float, read: float, written: float) -> float:
    """Give the tokens of a forward pass that writing costs as much as.

    Parameters
    ----------
    rows : float
    read, written : float
        Tokens of a row.

    Returns
    -------
    float
        Each token that is written is a forward of its own for all rows under way, whose fixed cost they share.
    """
    at_once = max(1.0, TOKENS_AT_ONCE / (read + written + 1.0))
    return rows * (read + written * (1.0 + STEP_TOKENS / min(at_once, max(rows, 1.0))))


def forecast_text_writer(work: Workload) -> float:
    """Seconds of a trial of a model tuned to write: its steps, what it writes at its looks, and its answers."""
    if work.speed is None:
        raise ValueError("a method with a model was forecast without the model's speed")
    given, speed = work.parameters, work.speed
    read, epochs = speed.tokens_per_row + CHAT_TOKENS, float(given["epochs"])
    trained = max(epochs * work.n, float(given["least_steps"] * given["batch_rows"]))
    looked = 0.0
    if work.n >= LEAST_TO_HOLD_OUT:
        held = min(_MOST_HELD, round(HELD_OUT_SHARE * work.n))
        trained *= 1.0 - held / work.n
        looked = min(_MOST_LOOKS, epochs) * held
    padding = 1.0 + FEW_ROWS_PADDING / max(work.n, 1)
    training = trained * (read + work.label_tokens) * padding / speed.tuning_tokens_per_second
    written = writing_tokens(looked + work.answer_rows, read, work.label_tokens)
    return training + written / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS
