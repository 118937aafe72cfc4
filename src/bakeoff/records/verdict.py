"""What a decision says: leaderboard, comparisons, curves, crossover, considerations, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bakeoff.records.costs import BreakEven, CostComparison, ExpectedCost
from bakeoff.records.trials import Arm

__all__ = [
    "Comparison",
    "Consideration",
    "Crossover",
    "CurvePoint",
    "Decision",
    "Difference",
    "ExtendedGap",
    "Extrapolation",
    "Flip",
    "LeaderboardRow",
    "NextStep",
    "Sweep",
    "Verdict",
]


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
        Why it was declared: ``"verdict"``, ``"floor"``, ``"same-base"``, ``"current"``, ``"mixture"``.
    p_permutation : float
        Two-sided p-value of the paired permutation test: of these fits on other rows, not of what a refit would do.
    p_mcnemar : float or None
        McNemar's two-sided mid-p, where both are given artefacts that no seed changes; else None.
    rows_variance, seeds_variance : float
        The two parts of the squared standard error of the difference.
    df : float
        Degrees of freedom of Student's t, from which `ci` and `p` come.
    score_a, score_b : float
        Mean scores over the very seeds and rows that are compared, so that `difference` is the first minus the second;
        in the leaderboard stand the means over all seeds of each.
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
    p_permutation: float = math.nan
    p_mcnemar: float | None = None
    rows_variance: float = math.nan
    seeds_variance: float = math.nan
    df: float = math.nan
    score_a: float = math.nan
    score_b: float = math.nan


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
class ExtendedGap:
    """The extended curves at one n: both scores, their gap (fine-tuning minus prompting), and the band of the gap."""

    n: float
    finetune: float
    prompt: float
    gap: float
    band: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """The finalists' mean curves beyond the largest n at which both were measured, up to twice as many rows.

    Parameters
    ----------
    finetune, prompt : {"power-law", "line", "flat"}
        How each curve goes on: an inverse power law; a straight line in log n through the last two sizes; or as it was,
        for a contender that uses no labels.
    level : float
        Of the band.
    points : tuple of ExtendedGap
        From the last measured n on, rising.
    crossing : tuple of (float or None, float or None)
        Least n at which the upper edge of the band, and its lower edge, reach zero; None for not up to twice the last.
        Both are the last measured n where fine-tuning leads there beyond the band.
    """

    finetune: Literal["power-law", "line", "flat"]
    prompt: Literal["power-law", "line", "flat"]
    level: float
    points: tuple[ExtendedGap, ...]
    crossing: tuple[float | None, float | None]


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
    gap : float or None
        Mean score of fine-tuning minus that of prompting at the largest n at which both were measured.
    looked_to : float or None
        Labelled rows up to which a crossing was looked for: the largest measured n, or twice that where the curves
        could be extended.
    pooling : {"mean", "maximum"}
        How the advantage pools seeds at each n.
    wins, wins_low : float or None
        Probability that one run of fine-tuning beats one run of prompting at the largest n at which both were measured,
        and its 97.5% lower bound; None with fewer than three seeds.
    extrapolation : Extrapolation or None
        None where too little was measured to extend a curve.
    """

    status: Literal["already-ahead", "at", "not-reached", "never-ahead"]
    mean: float | None
    reliable: float | Literal["not-shown"]
    advantage: float | None
    band: tuple[float, float] | None
    detail: str
    gap: float | None = None
    looked_to: float | None = None
    pooling: Literal["mean", "maximum"] = "mean"
    wins: float | None = None
    wins_low: float | None = None
    extrapolation: Extrapolation | None = None


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
class NextStep:
    """What would settle an open choice for the least money.

    Parameters
    ----------
    what : {"label-more", "bigger-test", "more-seeds", "nothing"}
        ``"nothing"`` where the choice is made, or nothing within reach would settle it.
    rows : int or None
        Further labelled rows to learn from, or further test rows.
    rows_band : tuple of (int or None, int or None) or None
        For ``"label-more"``: the rows at the better and at the worse edge of the band; None for more than twice.
    seeds : int or None
        Further seeds of each finalist, alone or with the rows.
    cost : float
        Price of the labels that are not there yet, or of the machine's time for the fits.
    detail : str
        One sentence for people.
    """

    what: Literal["label-more", "bigger-test", "more-seeds", "nothing"]
    rows: int | None = None
    rows_band: tuple[int | None, int | None] | None = None
    seeds: int | None = None
    cost: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One assumption, and the values at which it flips the choice.

    Parameters
    ----------
    name : str
        As ``--assume`` takes it.
    what, unit : str
        In words.
    now : float
        Its value.
    low, high : float
        Range in which a flip was looked for; with 0 as well where it may be 0.
    below, above : Flip or None
        The nearest value on either side at which the choice turns; None where none in the range does.
    meanwhile_below, meanwhile_above : Flip or None
        For ``unresolved``: the nearest at which another contender is to be used until it is settled; `to` names it.
    """

    name: str
    what: str
    unit: str
    now: float
    low: float
    high: float
    below: Flip | None
    above: Flip | None
    meanwhile_below: Flip | None = None
    meanwhile_above: Flip | None = None


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
    next : NextStep
    left_out : tuple of str
        One sentence for each that did not come into the final though validation rows speak for it, or nothing is known.
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
    next: NextStep = NextStep("nothing")
    left_out: tuple[str, ...] = ()


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
    sweep: tuple[Sweep, ...] = ()
    costs: tuple[ExpectedCost, ...] = ()
    cost_comparisons: tuple[CostComparison, ...] = ()
