"""Forecasts: how many seconds a trial will take, from what was measured of the machine.

All formulas count tokens through the model and divide by the rate that was measured on the study's own texts. The
constants were fitted to trials on two cores; `LOG.md` has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = [
    "ModelSpeed",
    "Workload",
    "asking_seconds",
    "forecast_full",
    "forecast_generated",
    "forecast_given_prompt",
    "forecast_label_scores",
    "forecast_label_writer",
    "forecast_lora",
    "forecast_majority",
    "forecast_many_shot",
    "forecast_probe",
    "forecast_retrieved",
    "forecast_searched_prompts",
    "forecast_server",
    "forecast_several_prompts",
    "forecast_tfidf",
    "model_speed",
]

#: Cached prefix tokens that make each further token twice as dear, for a model of 135 M weights.
TOKENS_THAT_DOUBLE = 1000.0
#: Rows below which padding is as much as the text.
FEW_ROWS_PADDING = 16.0
#: Asking a decoder single rows, to measure its latency.
SINGLE_ROWS_SECONDS = 1.2
#: Generation: tokens of the rows under way together, and tokens of a forward that one step costs beside its own.
TOKENS_AT_ONCE, STEP_TOKENS = 2048.0, 30.0
#: What words scored beside the labels make of a row's cost.
WORDS_BESIDE_LABELS = 1.15
#: Fitting a reading once: for each row, feature and label; how many fits choosing among readings takes, and among
#: affine maps; and the size above which nothing is chosen (as in `bakeoff.methods.prompt.readings`).
READING_SECONDS, READING_FITS, AFFINE_FITS, MOST_TO_CHOOSE = 3.5e-7, 71, 31, 400_000_000
#: How fine-tuning divides its rows: from so many on, it holds this share out to know when to stop.
LEAST_TO_HOLD_OUT, HELD_OUT_SHARE = 100, 0.15
#: Tokens that stand around a text for a model that is tuned to write its label: the instruction and the question.
ASKED_TOKENS = 12.0
#: Share of the passes over the rows that fine-tuning makes where these are many, and rows for each label that are.
MANY_ROWS_PASSES = 2 / 3
MANY_ROWS_A_LABEL = 100
_HEAD_START_ROWS = 2048
_TWO_LABELS_SHARE = 2.5
#: Calls to a server that are under way together.
CALLS_AT_A_TIME = 4


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
    tokens_per_word : float or None
        Its tokens to a word between spaces (fertility); None where not measured.
    negative_log_likelihood : float or None
        Mean over the tokens of some texts, in nats; decoders alone.
    weights_sha256 : str or None
        Of the weights in memory before any trial; decoders alone.
    """

    forward_tokens_per_second: float
    tuning_tokens_per_second: float
    seconds_per_call: float
    tokens_per_row: float
    tokens_per_word: float | None = None
    negative_log_likelihood: float | None = None
    weights_sha256: str | None = None


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
    label_tree : float
        Tokens that a row's labels cost: the inner nodes of the tree of their words.
    label_tokens : float
        Mean tokens of a label's words.
    speed : ModelSpeed or None
        None for methods without a model.
    parameters : mapping
        The method's settings.
    second_speed : ModelSpeed or None
        Of the model that a mixture of both ways prompts.
    unlabelled : int
        Texts without labels that it may learn from.
    """

    n: int
    answer_rows: int
    labels: int
    label_tree: float
    label_tokens: float
    speed: ModelSpeed | None
    parameters: Mapping[str, Any]
    second_speed: ModelSpeed | None = None
    unlabelled: int = 0


def are_many(rows: float, labels: int, double_from: float) -> bool:
    """Say whether training rows are so many that fewer passes do, in larger steps.

    Parameters
    ----------
    rows : float
        That are learned from.
    labels : int
        Labels of the task; 0 for numbers.
    double_from : float
        Rows from which on they may be; 0 for never.

    Returns
    -------
    bool
    """
    return 0 < double_from <= rows and rows >= MANY_ROWS_A_LABEL * labels


def steps_for(rows: int, labels: int, rows_a_step: float) -> int:
    """Give the steps of few-shot tuning on so many rows; two labels take fewer, since they are moved apart once."""
    return max(1, round(rows / (rows_a_step * (_TWO_LABELS_SHARE if labels <= 2 else 1.0))))


def head_start_rows(rows: int, labels: int) -> int:
    """Give the number of training rows, of so many, that the start of a tuned network's head is fitted on."""
    return min(rows, max(_HEAD_START_ROWS, MANY_ROWS_A_LABEL * labels))


def forecast_majority(_work: Workload) -> float:
    """Seconds of a trial of the most frequent label."""
    return 0.01


def forecast_tfidf(work: Workload) -> float:
    """Seconds of a trial of TF-IDF and logistic regression.

    Vocabulary and cross-validation; fitted to runs from 32 rows of 2 labels to 4,000 of 77.
    """
    return 0.3 + 3e-4 * (work.n + work.answer_rows) + 2e-5 * work.n * work.labels


def forecast_probe(work: Workload) -> float:
    """Seconds of a trial of a frozen encoder and a logistic head, whose cross-validation grows with rows and labels."""
    head = 0.2 + 2e-5 * work.n * work.labels
    return head + _forward(work.n + work.answer_rows, model_speed(work))


def forecast_full(work: Workload) -> float:
    """Seconds of a trial of full fine-tuning: the probe that starts the head, the steps, the looks at held-out rows."""
    speed = model_speed(work)
    epochs, from_rows = float(work.parameters["max_epochs"]), float(work.parameters.get("double_from", 0))
    if are_many((1.0 - HELD_OUT_SHARE) * work.n, work.labels, from_rows):
        epochs *= MANY_ROWS_PASSES
    steps = float(work.parameters["least_steps"])
    if "rows_a_step" in work.parameters:
        steps = min(steps, steps_for(work.n, work.labels, float(work.parameters["rows_a_step"])))
    # A step cannot hold more rows than there are.
    trained = max(epochs * work.n, steps * min(work.n, int(work.parameters["batch_rows"])))
    looks = 0.0
    if work.n >= LEAST_TO_HOLD_OUT:
        looks = min(8.0, epochs) * HELD_OUT_SHARE * work.n
        trained *= 1.0 - HELD_OUT_SHARE
    # Layers that keep their weights are run once, forward.
    frozen = float(work.parameters.get("frozen_share", 0.0))
    tuning = (1.0 - frozen) * (_tuning(trained, work, 0.0) + _forward(looks, speed))
    # Few-shot tuning ends with a head on all rows; the others begin with one on some.
    rows = work.n if "rows_a_step" in work.parameters else head_start_rows(work.n, work.labels)
    start = forecast_probe(replace(work, n=rows))
    return start + tuning + (_forward(work.n, speed) if frozen else 0.0)


def forecast_lora(work: Workload) -> float:
    """Seconds of a trial of adapters on a decoder; the question behind each text is about four tokens."""
    trained = max(
        float(work.parameters["epochs"]) * work.n,
        float(work.parameters["least_steps"] * work.parameters["batch_rows"]),
    )
    return _tuning(trained, work, 4.0) + _forward(work.answer_rows, model_speed(work)) + SINGLE_ROWS_SECONDS


def forecast_label_writer(work: Workload) -> float:
    """Seconds of a trial of a model tuned to write labels: its steps, the looks at held-out rows, every label's words.

    A row that is answered, or looked at, costs the tree of all labels' words; one that is learned from its own label.
    """
    speed, given = model_speed(work), work.parameters
    trained = max(float(given["epochs"]) * work.n, float(given["least_steps"] * given["batch_rows"]))
    looked = 0.0
    if work.n >= LEAST_TO_HOLD_OUT:
        looked = (min(8.0, float(given["epochs"])) + 1.0) * HELD_OUT_SHARE * work.n
        trained *= 1.0 - HELD_OUT_SHARE
    # Only the texts of answered rows stand behind a prefix that is read once.
    asked = (looked + work.answer_rows) * (speed.tokens_per_row + 4.0 + work.label_tree)
    answering = asked / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS
    return _tuning(trained, work, ASKED_TOKENS + work.label_tokens) + answering


def forecast_label_scores(work: Workload) -> float:
    """Seconds of a trial of a prompt whose labels are scored, behind one cached prefix."""
    speed = model_speed(work)
    shots = min(int(work.parameters["shots"]), work.n)
    prefix = 20.0 + shots * (speed.tokens_per_row + work.label_tokens + 8.0)
    # Texts without content or of random words, and at most 64 rows that the prompt does not show.
    rows = work.answer_rows + {"contextual": 3, "domain": 20, "batch": 3 + min(work.n - shots, 64)}.get(
        work.parameters["calibration"], 1
    )
    tokens = rows * (speed.tokens_per_row + 6.0 + work.label_tree)
    dearer = 1.0 + prefix / TOKENS_THAT_DOUBLE
    return (prefix + tokens * dearer) / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS


def forecast_many_shot(work: Workload) -> float:
    """Seconds of a trial of a prompt that shows what it may, a quarter of the rows left to calibration.

    The model's context is not known here: where it cuts demonstrations, the trial is shorter.
    """
    most = min(int(work.parameters["shots"]), work.n - math.ceil(work.n / 4))
    return forecast_label_scores(replace(work, parameters={**work.parameters, "shots": most}))


def forecast_retrieved(work: Workload) -> float:
    """Seconds of a trial of a prompt whose demonstrations are each text's own, and so read anew with it."""
    speed = model_speed(work)
    shots = min(int(work.parameters["shots"]), work.n)
    shown = shots * (speed.tokens_per_row + work.label_tokens + 8.0)
    rows = work.answer_rows + {"contextual": 3, "domain": 20, "batch": 3 + min(work.n, 64)}.get(
        work.parameters["calibration"], 1
    )
    tokens = rows * (shown + speed.tokens_per_row + 6.0 + work.label_tree)
    # A token sees, in the mean, half of the demonstrations before it.
    dearer = 1.0 + shown / 2 / TOKENS_THAT_DOUBLE
    return tokens * dearer / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS


def forecast_generated(work: Workload) -> float:
    """Seconds of a trial of a prompt whose label a decoder writes, behind its reasons where it is to give them."""
    speed = model_speed(work)
    reasoning = float(work.parameters.get("reasoning_tokens", 0))
    prefix = 20.0 + work.labels * (work.label_tokens + 1.0)
    read = work.answer_rows * (speed.tokens_per_row + 6.0 + work.label_tokens)
    # Reasons are written token by token, for a pack of rows at a time, and read again with the label behind them.
    rows_at_once = max(1.0, TOKENS_AT_ONCE / (speed.tokens_per_row + reasoning + 16.0))
    written = work.answer_rows * reasoning * (1.0 + STEP_TOKENS / rows_at_once)
    again = work.answer_rows * speed.tokens_per_row if reasoning else 0.0
    dearer = 1.0 + prefix / TOKENS_THAT_DOUBLE
    return (prefix + (read + written + again) * dearer) / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS


def forecast_given_prompt(work: Workload) -> float:
    """Seconds of a trial of a prompt file, whose demonstrations come out of no label budget."""
    return forecast_label_scores(replace(work, n=max(work.n, int(work.parameters["shots"]))))


def forecast_several_prompts(work: Workload) -> float:
    """Seconds of a trial of several prompts read together: one pass a prompt, and the choice of the reading."""
    given = work.parameters
    asking, taught = asking_seconds(work)
    features = len(given["wordings"]) * (int(given["demonstration_sets"]) if given["shots"] else 1)
    features *= work.labels + int(given["words"])
    fits = AFFINE_FITS if given["reading"] == "affine" else READING_FITS
    size = taught * features * work.labels
    return asking + 1.0 + READING_SECONDS * size * (fits if 2.0 * fits * size <= MOST_TO_CHOOSE else 1.0)


def asking_seconds(work: Workload) -> tuple[float, int]:
    """Give the seconds that asking rows in several wordings takes, and the labelled rows that teach the reading."""
    speed, given = model_speed(work), work.parameters
    sets = int(given["demonstration_sets"]) if given["shots"] else 1
    prompts = len(given["wordings"]) * sets
    shots = min(int(given["shots"]), work.n)
    prefix = 10.0 + shots * (speed.tokens_per_row + work.label_tokens + 8.0)
    taught = min(max(work.n - shots * sets, 0), 256)
    rows = work.answer_rows + 6 + taught
    tokens = rows * (speed.tokens_per_row + 5.0 + work.label_tree)
    dearer = (1.0 + prefix / TOKENS_THAT_DOUBLE) * WORDS_BESIDE_LABELS
    return prompts * ((prefix + tokens * dearer) / speed.forward_tokens_per_second + SINGLE_ROWS_SECONDS), taught


def forecast_searched_prompts(work: Workload) -> float:
    """Seconds of a trial of a search over prompts: its rounds, and then the kept prompts."""
    speed, given = model_speed(work), work.parameters
    half, prompts = min(work.n // 2, 64), [int(given["candidates"])]
    while prompts[-1] > 2 * int(given["kept"]):
        prompts.append((prompts[-1] + 1) // 2)
    rows = [min(half, max(8, half >> (len(prompts) - 1 - place))) for place in range(len(prompts))]
    asked = sum(many * (now - before) for many, now, before in zip(prompts, rows, [-3, *rows], strict=False))
    # Most prompts show four or eight rows; each round reads them anew.
    prefix = 15.0 + 5.0 * (speed.tokens_per_row + work.label_tokens + 8.0)
    tokens = asked * (speed.tokens_per_row + 6.0 + work.label_tree)
    searching = sum(prompts) * prefix + tokens * (1.0 + prefix / TOKENS_THAT_DOUBLE)
    wordings = ("",) * int(given["kept"])
    read = {**given, "wordings": wordings, "shots": 5, "demonstration_sets": 1}
    together = forecast_several_prompts(replace(work, parameters=read))
    return searching / speed.forward_tokens_per_second + together


def forecast_server(work: Workload) -> float:
    """Seconds of a trial of a prompt that a server answers."""
    return (work.answer_rows / CALLS_AT_A_TIME + 20) * model_speed(work).seconds_per_call


def model_speed(work: Workload) -> ModelSpeed:
    """Give the speed of a method's model, which a forecast needs.

    Raises
    ------
    ValueError
        If it was not measured.
    """
    if work.speed is None:
        raise ValueError("a method with a model was forecast without the model's speed")
    return work.speed


def _forward(rows: float, speed: ModelSpeed) -> float:
    return rows * speed.tokens_per_row / speed.forward_tokens_per_second


def _tuning(trained_rows: float, work: Workload, extra_tokens: float) -> float:
    """Seconds to train on so many rows in all; few rows make batches of unlike lengths, and so more padding."""
    speed = model_speed(work)
    padding = 1.0 + FEW_ROWS_PADDING / max(work.n, 1)
    return trained_rows * (speed.tokens_per_row + extra_tokens) * padding / speed.tuning_tokens_per_second
