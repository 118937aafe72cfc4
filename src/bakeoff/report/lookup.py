"""Finding in a decision what the card and the page both show: the headline's two contenders, rows, words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bakeoff.decision.flips import distance_of_flip
from bakeoff.decision.phrases import score_beyond
from bakeoff.records import ASSUMED, Comparison, Decision, Evidence, Flip, LeaderboardRow, Requirement
from bakeoff.report import figures

__all__ = [
    "ARM_WORDS",
    "CHOICE_WORDS",
    "CONSIDERATION_WORDS",
    "Headline",
    "assumption_lines",
    "difference_text",
    "finding_parts",
    "flip_text",
    "headline",
    "meanwhile_flip",
    "oriented",
    "requirement_text",
    "resolution_text",
    "row_of",
    "seeds_text",
]

#: How each choice is headed.
CHOICE_WORDS: Mapping[str, str] = {
    "fine-tune": "Fine-tune",
    "prompt": "Prompt",
    "both": "Both",
    "keep-current": "Keep current",
    "floor": "Floor",
    "unresolved": "Unresolved",
}

#: How each arm is named in tables and charts.
ARM_WORDS: Mapping[str, str] = {
    "finetune": "fine-tuning",
    "prompt": "prompting",
    "both": "both ways",
    "floor": "floor",
    "current": "current system",
}

#: Short and full words for the five considerations.
CONSIDERATION_WORDS: Mapping[str, tuple[str, str]] = {
    "task_requirements": ("requirements", "Task-specific requirements"),
    "control_vs_flexibility": ("control", "Control versus flexibility"),
    "time_and_resources": ("resources", "Time and resources"),
    "complexity": ("complexity", "Complexity of the task"),
    "performance_goals": ("goals", "Performance goals"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The two contenders that a verdict stands between.

    Parameters
    ----------
    first, second : str or None
        Names: the chosen (or meanwhile used) contender, and the one it was decided against.
    comparison : Comparison or None
        Of first minus second; None where they were not compared.
    """

    first: str | None
    second: str | None
    comparison: Comparison | None


def oriented(comparison: Comparison, first: str) -> Comparison:
    """Turn a comparison so that `first` stands as its `a`; one without `first` comes back as it is."""
    if comparison.b != first:
        return comparison
    low, high = comparison.ci
    return replace(
        comparison,
        a=comparison.b,
        b=comparison.a,
        difference=0.0 - comparison.difference,
        ci=(0.0 - high, 0.0 - low),
        score_a=comparison.score_b,
        score_b=comparison.score_a,
    )


def headline(decision: Decision) -> Headline:
    """Find the two contenders of the verdict, and their comparison.

    Where the verdict names none (``unresolved``), the declared verdict comparison gives them.
    """
    verdict = decision.verdict
    declared = next((one for one in decision.comparisons if one.role == "verdict"), None)
    first = verdict.contender or verdict.meanwhile or (declared.a if declared else None)
    second = verdict.against
    if second in (None, first) and declared is not None and first in (declared.a, declared.b):
        second = declared.b if first == declared.a else declared.a
    pair = {first, second}
    met = next((one for one in decision.comparisons if {one.a, one.b} == pair), None)
    return Headline(first, second, oriented(met, first) if met is not None and first is not None else None)


def row_of(decision: Decision, contender: str | None, n: int) -> LeaderboardRow | None:
    """Find a contender's leaderboard row at a budget.

    Parameters
    ----------
    decision : Decision
    contender : str or None
    n : int
        Label budget. Without a row there, the one at the largest smaller budget (a method that uses no labels has but
        its row at 0), else the smallest.

    Returns
    -------
    LeaderboardRow or None
    """
    rows = sorted((row for row in decision.leaderboard if row.contender == contender), key=lambda row: row.n)
    below = [row for row in rows if row.n <= n]
    return below[-1] if below else rows[0] if rows else None


def seeds_text(evidence: Evidence, comparison: Comparison) -> str:
    """Say how many pairs a comparison rests on: ``3 seeds x 1,000 rows`` where they divide so."""
    rows = len(evidence.test_labels)
    if rows and comparison.n_pairs >= rows and comparison.n_pairs % rows == 0:
        seeds = comparison.n_pairs // rows
        runs = "round" if evidence.folds else "seed"
        return f"{seeds} {runs}{'' if seeds == 1 else 's'} x {figures.count_text(rows)} rows"
    return f"{figures.count_text(comparison.n_pairs)} pairs"


def difference_text(comparison: Comparison) -> str:
    """Give a difference with the two means that it is the difference of: ``+3.2 points (.872 - .840) [+0.9, +5.5]``."""
    means = [figures.score_text(value) for value in (comparison.score_a, comparison.score_b)]
    taken = "" if figures.MISSING in means else f" ({' - '.join(means)})"
    return f"{figures.points_text(comparison.difference)}{taken} {figures.points_interval_text(comparison.ci)}"


def resolution_text(evidence: Evidence, decision: Decision) -> str:
    """Say what the study at hand could not have shown, and by what: half of the interval of its first comparison.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision

    Returns
    -------
    str
        ``3 seeds x 300 test rows: differences under 4.4 points cannot show``; the rows where nothing was compared.
    """
    met = headline(decision).comparison or next((one for one in decision.comparisons if one.role == "verdict"), None)
    half = math.nan if met is None else (met.ci[1] - met.ci[0]) / 2
    if met is None or math.isnan(half):
        return f"{figures.count_text(len(evidence.test_labels))} test rows"
    pairs = seeds_text(evidence, met).replace(" rows", " test rows")
    return f"{pairs}: differences under {figures.points_text(half, signed=False)} cannot show"


def requirement_text(requirement: Requirement) -> str:
    """Give a hard limit as people write it: ``accuracy >= .85``, ``p95 <= 50 ms``, ``offline``."""
    if requirement.sense == "is":
        return figures.clean_text(requirement.figure)
    name = figures.figure_name(requirement.figure)
    value = figures.figure_text(requirement.figure, requirement.value)
    if value.startswith("."):
        value = value.rstrip("0").ljust(3, "0")
    return f"{name} {requirement.sense} {value}"


#: Units whose figures are shown to their own digits; all others are counts, hours or money, shown with two.
_EXACT_UNITS = frozenset({"", "score", "accuracy", "macro-f1", "ms", "s", "seconds", "MB", "points", "share"})
#: Units of scores, which are rounded away from where they stand: past the printed value the choice does turn.
_SCORE_UNITS = frozenset({"score", "accuracy", "macro-f1"})


def flip_text(flip: Flip) -> str:
    """Say what would flip the choice: ``score of the prompt: .872 now; prompt at .911 or more``."""
    counted = flip.unit.strip() not in _EXACT_UNITS
    value = figures.beyond(flip.now, flip.at) if counted else flip.at
    if flip.unit.strip() in _SCORE_UNITS:
        value = score_beyond(flip.now, flip.at)
    if 0 < abs(value) < _NOTHING:
        value = 0.0
    at = figures.unit_text(value, flip.unit)
    now = figures.count_text(flip.now) if counted else figures.unit_text(flip.now, flip.unit)
    sense = "or more" if not flip.at < flip.now else "or fewer" if flip.unit.strip() in _COUNTS else "or less"
    standing = "" if now == figures.MISSING else f" {now} now;"
    to = CHOICE_WORDS[flip.to].lower() if flip.to in CHOICE_WORDS else flip.to
    if value == 0:
        return figures.clean_text(f"{flip.what}:{standing} {to} {'above' if flip.at > flip.now else 'at'} {at}")
    return figures.clean_text(f"{flip.what}:{standing} {to} at {at} {sense}")


#: What is found below this is found at nothing at all, or beyond it: two costs that are equal there.
_NOTHING = 1e-9

#: Units of things that are counted one by one.
_COUNTS = frozenset({"rows", "labels", "predictions a month", "trainings"})


def assumption_lines(evidence: Evidence, decision: Decision) -> list[dict[str, str]]:
    """Give every assumption with its value and what flips the choice, for a table.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision

    Returns
    -------
    list of dict
        ``what``, ``now``, ``name`` and ``flips`` (``"no value"`` where none in the range that was swept does).
    """
    swept = {one.name: one for one in decision.sweep}
    lines = []
    for assumed in ASSUMED:
        found = swept.get(assumed.name)
        # What was left open stands where the decision settled it.
        value = found.now if found else getattr(evidence.assumptions, assumed.name)
        if value is None:
            continue
        unit = evidence.assumptions.currency if assumed.unit == "money" else assumed.unit
        flips = [flip_text(flip) for flip in (found.below, found.above) if flip is not None] if found else []
        turned = "; ".join(text.rpartition("now; ")[2] for text in flips) or ("no value" if found else "not swept")
        used = [flip_text(flip) for flip in (found.meanwhile_below, found.meanwhile_above) if flip] if found else []
        turned += "".join(f"; meanwhile use {text.rpartition('now; ')[2]}" for text in used)
        lines.append(
            {"what": assumed.what, "now": figures.unit_text(value, unit), "name": assumed.name, "flips": turned}
        )
    return lines


def meanwhile_flip(decision: Decision) -> Flip | None:
    """Find the assumption that is nearest to having another contender used meanwhile; None where none does."""
    found = [flip for one in decision.sweep for flip in (one.meanwhile_below, one.meanwhile_above) if flip is not None]
    return min(found, key=distance_of_flip, default=None)


def finding_parts(finding: str, decision: Decision) -> tuple[str, ...]:
    """Part what a consideration found into what it says of each contender.

    Parameters
    ----------
    finding : str
    decision : Decision
        For the contenders' names.

    Returns
    -------
    tuple of str
        That make the finding, each but the last with its semicolon; one where it does not begin with a contender.
    """
    names = "|".join(re.escape(name) for name in dict.fromkeys(row.contender for row in decision.leaderboard))
    if not names or not re.match(rf"(?:{names}): ", finding):
        return (finding,)
    return tuple(re.split(rf"(?<=;)\s+(?=(?:{names})(?!\w))", finding))
