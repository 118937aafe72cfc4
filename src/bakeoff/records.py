"""Frozen facts that pass between rooms: answers, trials, evidence, comparisons, verdicts.

Nothing here computes; whoever makes a fact stands in ``study`` or ``decision``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bakeoff.data.check import Check
from bakeoff.tasks import Task

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
    "Flip",
    "LeaderboardRow",
    "Requirement",
    "Trial",
    "Usage",
    "Verdict",
]

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
    """

    seconds: float = 0.0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    calls: int = 0
    money: float = 0.0
    peak_memory_mb: float = 0.0


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


@dataclass(frozen=True, slots=True)
class Requirement:
    """A hard limit: ``accuracy>=0.9``, ``p95_ms<=50`` or ``offline``."""

    figure: str
    sense: Literal[">=", "<=", "is"]
    value: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody measured, and the user may set; all shown beside what rests on them.

    Parameters
    ----------
    machine_hour_cost : float
        Price of one hour of this machine, in `currency`.
    label_cost : float
        Price of one further label; labels already owned cost nothing.
    volume : float
        Predictions a month.
    horizon_months : float
        Months over which one-off costs are spread.
    margin : float
        Difference in score under which two contenders count as equal (0.01 is one point).
    currency : str
        Name of the currency.
    """

    machine_hour_cost: float = 0.20
    label_cost: float = 0.10
    volume: float = 100_000.0
    horizon_months: float = 12.0
    margin: float = 0.01
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a decision may look at.

    Parameters
    ----------
    task : Task
    contenders : tuple of Contender
    trials : tuple of Trial
        All trials with a committed record, of any status.
    validation_labels, test_labels : tuple of str
        True labels of the validation rows, and of the test rows that every trial answers.
    rows : mapping of str to int
        ``train``, ``validation`` and ``test`` rows in the data.
    fingerprint : str
        Of the task's rows.
    checks : tuple of Check
    text_words : float
        Mean words of a text.
    requirements : tuple of Requirement
    assumptions : Assumptions
    seed : int
    trials_planned, trials_dropped : int
    dropped : mapping of str to str
        Contender's name to why its later trials were not run.
    spent_seconds : float
        Wall-clock time of the study so far.
    missing : tuple of str
        One sentence for each contender that was wanted and could not be had.
    """

    task: Task
    contenders: tuple[Contender, ...]
    trials: tuple[Trial, ...]
    validation_labels: tuple[str, ...]
    test_labels: tuple[str, ...]
    rows: Mapping[str, int]
    fingerprint: str
    checks: tuple[Check, ...]
    text_words: float
    requirements: tuple[Requirement, ...] = ()
    assumptions: Assumptions = field(default_factory=Assumptions)
    seed: int = 0
    trials_planned: int = 0
    trials_dropped: int = 0
    dropped: Mapping[str, str] = field(default_factory=dict)
    spent_seconds: float = 0.0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One contender at one n; the columns of ``leaderboard.csv``.

    Scores lie on the metric's scale, higher is better; `ci` is the 95% interval of the mean score over seeds and rows.
    Figures that were not measured are NaN.
    """

    contender: str
    method: str
    arm: Arm
    model: str | None
    n: int
    score: float
    ci: tuple[float, float]
    validation_score: float
    valid_rate: float
    fit_seconds: float
    p50_ms: float
    p95_ms: float
    rows_per_second: float
    cost_per_1k: float
    tokens_per_row: float
    size_mb: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two contenders at one n.

    Parameters
    ----------
    a, b : str
        Names.
    n : int
        Label budget at which they met.
    difference : float
        Mean score of a minus that of b.
    ci : tuple of float
        95% interval of the difference over seeds and rows.
    p, p_holm : float
        Two-sided p-value, as computed and after Holm's correction over the declared comparisons.
    test : str
        Name of the test.
    n_pairs : int
        Seeds times rows.
    role : str
        Why it was declared: ``"verdict"``, ``"floor"``, ``"same-base"``, ``"current"``.
    """

    a: str
    b: str
    n: int
    difference: float
    ci: tuple[float, float]
    p: float
    p_holm: float
    test: str
    n_pairs: int
    role: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Mean test score of one contender at one n, with its 95% interval."""

    contender: str
    arm: Arm
    n: int
    score: float
    ci: tuple[float, float]
    seeds: int


@dataclass(frozen=True, slots=True)
class Crossover:
    """The n from which fine-tuning beats prompting.

    Parameters
    ----------
    status : {"already-ahead", "at", "not-reached", "never-ahead"}
    mean : float or None
        n at which the mean curves cross.
    reliable : float or str
        n from which P(fine-tuning beats prompting) has a lower bound above .5, or ``"not-shown"``.
    advantage : float or None
        Labelled rows that the prompt is worth (Le Scao and Rush 2021, section 3), or None where the bands do not meet.
    band : tuple of float or None
        Score band over which the advantage was averaged.
    detail : str
        One sentence for people.
    """

    status: Literal["already-ahead", "at", "not-reached", "never-ahead"]
    mean: float | None
    reliable: float | Literal["not-shown"]
    advantage: float | None
    band: tuple[float, float] | None
    detail: str


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Predictions from which the dearer-to-build, cheaper-to-run method pays.

    `status` is ``"at"`` (see `predictions`), ``"at-once"`` (cheaper to build and to run) or ``"never"``. `per_month` is
    the volume that pays within the assumed horizon, NaN for never; `months` are counted at the assumed volume.
    """

    status: Literal["at", "at-once", "never"]
    predictions: float | None
    per_month: float
    months: float | None
    assumptions: Mapping[str, float | str]
    detail: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One of the five rows in which guides set the two ways side by side, with what was measured."""

    aspect: str
    finetune: str
    prompt: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Consideration:
    """One of the five considerations: what was found, its figures, and what it favours."""

    name: str
    finding: str
    figures: Mapping[str, Any]
    favours: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A figure that would change the choice: what it is, where it stands now, and at which value the choice turns."""

    what: str
    now: float
    at: float
    unit: str
    to: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The choice between named contenders.

    Parameters
    ----------
    choice : str
        ``fine-tune``, ``prompt``, ``both``, ``keep-current``, ``floor`` or ``unresolved``.
    contender, against : str or None
        The chosen contender, and the one it was decided against.
    meanwhile : str or None
        For ``unresolved``: the contender to use until it is settled.
    scope : str
        What the verdict holds for, and what it says nothing about.
    reasons : tuple of str
    flips : tuple of Flip
    confidence : str
        How sure, in one sentence with figures.
    n : int
        Label budget at which the finalists met.
    """

    choice: str
    contender: str | None
    against: str | None
    meanwhile: str | None
    scope: str
    reasons: tuple[str, ...]
    flips: tuple[Flip, ...]
    confidence: str
    n: int


@dataclass(frozen=True, slots=True)
class Decision:
    """All that ``verdict.json``, the card and the report show; `mde` is in points (0.01 of a score)."""

    mde: float
    leaderboard: tuple[LeaderboardRow, ...]
    comparisons: tuple[Comparison, ...]
    curves: tuple[CurvePoint, ...]
    crossover: Crossover
    break_even: BreakEven
    differences: tuple[Difference, ...]
    considerations: tuple[Consideration, ...]
    verdict: Verdict
