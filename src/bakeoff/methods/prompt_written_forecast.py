"""Forecasts of prompts whose answer is a text: most of the time goes to tokens that are written one by one."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.methods.forecast import SINGLE_ROWS_SECONDS, TOKENS_AT_ONCE, TOKENS_THAT_DOUBLE, ModelSpeed, Workload

__all__ = ["forecast_given_text", "forecast_retrieved_text", "forecast_searched_text", "forecast_written"]

#: Tokens around a row, and around each demonstration.
_AROUND = 12.0
#: Tokens of a forward that one step costs beside the tokens it reads.
_STEP_TOKENS = 30.0
#: A text that was shown no example runs on to about so many times the length of the labelled rows' texts.
_UNSHOWN_LENGTH = 1.5


def forecast_written(work: Workload) -> float:
    """Seconds of a trial of a prompt that shows the same rows to all texts, and whose answer is written."""
    speed, shots = _speed(work), min(int(work.parameters["shots"]), work.n)
    each = speed.tokens_per_row + work.label_tokens + _AROUND
    prefix = 20.0 + min(shots * each, float(work.parameters.get("prompt_tokens", 1536)))
    return (prefix + _written_tokens(work, prefix, shots, 0.0)) / speed.forward_tokens_per_second + _single(work)


def forecast_given_text(work: Workload) -> float:
    """Seconds of a trial of a prompt file, whose demonstrations come out of no label budget."""
    return forecast_written(replace(work, n=max(work.n, int(work.parameters["shots"]))))


def forecast_retrieved_text(work: Workload) -> float:
    """Seconds of a trial of a prompt that shows each text its own rows, which are read anew with it."""
    speed, shots = _speed(work), min(int(work.parameters["shots"]), work.n)
    shown = shots * (speed.tokens_per_row + work.label_tokens + _AROUND)
    shown = min(shown, float(work.parameters.get("prompt_tokens", 1536)))
    return _written_tokens(work, 20.0, shots, shown) / speed.forward_tokens_per_second + _single(work)


def forecast_searched_text(work: Workload) -> float:
    """Seconds of a trial of a search over prompts: its rounds, and then the best prompt."""
    prompts, asked = [int(work.parameters["searched"])], min(work.n // 2, 32)
    while prompts[-1] > 2:
        prompts.append((prompts[-1] + 1) // 2)
    rows = [min(asked, max(8, asked >> (len(prompts) - 1 - place))) for place in range(len(prompts))]
    fresh = [now - before for now, before in zip(rows, [0, *rows], strict=False)]
    # Prompts show four rows in the mean; each reads its demonstrations once a round.
    one = {**work.parameters, "shots": 4}
    searching = sum(
        many * (forecast_written(replace(work, answer_rows=new, parameters=one)) - _single(work))
        for many, new in zip(prompts, fresh, strict=True)
        if new
    )
    return searching + forecast_written(replace(work, parameters={**work.parameters, "shots": 8}))


def _written_tokens(work: Workload, prefix: float, shots: int, shown: float) -> float:
    """Give what reading and writing all rows cost, in tokens of a forward pass."""
    length = work.label_tokens * (1.0 if shots else _UNSHOWN_LENGTH)
    read = _speed(work).tokens_per_row + _AROUND + shown
    rows_at_once = max(1.0, min(float(work.answer_rows), TOKENS_AT_ONCE / (read + 1.3 * length)))
    # Beams go through the model like so many rows.
    draws = int(work.parameters.get("candidates", 1)) * int(work.parameters.get("beams", 1))
    # A token sees the prefix, and in the mean half of all that the pack holds, most of it masked.
    seen = prefix + rows_at_once * (read + length / 2)
    tokens = read + length * (1.0 + _STEP_TOKENS / rows_at_once)
    return draws * work.answer_rows * tokens * (1.0 + seen / TOKENS_THAT_DOUBLE)


def _single(work: Workload) -> float:
    """Seconds of asking single rows, to measure their latency: each takes a step a token."""
    return SINGLE_ROWS_SECONDS * (1.0 + work.label_tokens / 10.0)


def _speed(work: Workload) -> ModelSpeed:
    if work.speed is None:
        raise ValueError("a method with a model was forecast without the model's speed")
    return work.speed
