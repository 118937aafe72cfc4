"""What was tried and what came of it: answers, usage, contenders, trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Answer", "Arm", "Contender", "Status", "Trial", "Usage"]

Arm = Literal["finetune", "prompt", "both", "floor", "current"]
Status = Literal["done", "cut", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row's answer.

    Parameters
    ----------
    value : str or None
        The label; None is an abstention.
    probabilities : tuple of float, optional
        One per label of the task, summing to 1; None where the method has no honest ones.
    abstention : str, optional
        Why there is no value.
    raw : str, optional
        What a generating model wrote.
    tokens_in, tokens_out : int
        Tokens read and written for this row, the shared prefix left out.
    seconds : float
        This row's share of the time.
    """

    value: str | None
    probabilities: tuple[float, ...] | None = None
    abstention: str | None = None
    raw: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a fit, or a set of answers, has spent.

    Parameters
    ----------
    seconds : float
        Wall-clock time.
    tokens_in, tokens_cached, tokens_out : int
        Tokens read, those of them read from a cached prefix, and tokens written.
    calls : int
        Calls to a server.
    money : float
        Price of those calls, in the currency of the assumptions; 0 in process.
    peak_memory_mb : float
        Highest resident memory of the process so far, in MB.
    processor_seconds : float
        Processor time of the worker, all threads together, which other work on the machine hardly changes; 0 where it
        was not measured.
    """

    seconds: float = 0.0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    calls: int = 0
    money: float = 0.0
    peak_memory_mb: float = 0.0
    processor_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A method with its model and settings, or today's system.

    Parameters
    ----------
    name : str
        Unique in the study, such as ``"full minilm-l6"``.
    method, version, arm : str
        From the method's spec; ``"predictions"`` and ``"current"`` for today's system.
    model : str or None
        Model's name; None for floors.
    model_sha256 : str or None
        Of its weights; None where there is no file.
    parameters : mapping of str to JSON value
        What the method's constructor gets besides task, model and seed.
    seeded : bool
        Whether two seeds can differ. Where not, one trial stands for every seed.
    uses_labels : bool
        Whether it learns from labelled rows. Where not, its trial at n = 0 stands for every n.
    second_sha256 : str or None
        Of the weights of the second model, which a mixture of both ways prompts; its name is the parameter
        ``prompt_model``.
    """

    name: str
    method: str
    version: str
    arm: Arm
    model: str | None
    model_sha256: str | None
    parameters: Mapping[str, Any]
    seeded: bool
    uses_labels: bool
    second_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One contender, fitted at one n with one seed, and its answers.

    Parameters
    ----------
    key : str
        sha256 over all that the answers depend on.
    contender : str
        Its name.
    n : int
        Labelled rows it was given.
    seed : int
        Of sample, order and initialisation together.
    status : {"done", "cut", "failed"}
        ``"cut"`` ended at its deadline with its best so far.
    reason : str or None
        Why it was cut or failed.
    validation_answers, test_answers : tuple of (str or None)
        In the order of the study's validation rows, and of the common prefix of its test rows.
    fit_seconds : float
        Time to fit, loading the model left out.
    p50_ms, p95_ms : float
        Latency of one row asked alone, in milliseconds; NaN where not measured.
    rows_per_second : float
        Rate over all rows asked together; NaN where not measured.
    size_mb : float
        Weights and files that answering needs, in MB.
    usage : Usage
        Of the whole trial.
    details : mapping of str to JSON value
        What the method reports of its fit (epochs, chosen strength, label mass, prompt text ...).
    """

    key: str
    contender: str
    n: int
    seed: int
    status: Status
    reason: str | None
    validation_answers: tuple[str | None, ...]
    test_answers: tuple[str | None, ...]
    fit_seconds: float
    p50_ms: float
    p95_ms: float
    rows_per_second: float
    size_mb: float
    usage: Usage
    details: Mapping[str, Any]
