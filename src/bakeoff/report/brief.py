"""A consideration in a line or two, for the verdict card: the finalists' figures side by side; the report has all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bakeoff.records import Consideration, Evidence, Requirement
from bakeoff.report import figures
from bakeoff.report.lookup import requirement_text

__all__ = ["brief_finding"]

#: Characters of a finding that has no figures to set side by side: about two lines of the card.
_MOST_CHARACTERS = 125


def brief_finding(one: Consideration, evidence: Evidence) -> str:
    """Say in a line or two what a consideration found.

    Parameters
    ----------
    one : Consideration
    evidence : Evidence

    Returns
    -------
    str
        Where both finalists have a figure, as ``fine-tuned / prompted``. Without the figures that are looked for, the
        first clauses of the finding.
    """
    parts = [part for part in _PARTS[one.name](one.figures, evidence) if part] if one.name in _PARTS else []
    return "; ".join(parts) or _shortened(one.finding)


def _shortened(finding: str) -> str:
    """Keep whole clauses of a finding, as many as two lines hold."""
    shown = figures.clean_text(finding)
    if len(shown) <= _MOST_CHARACTERS:
        return shown
    cut = max(shown.rfind(mark, 0, _MOST_CHARACTERS) for mark in ("; ", ", ", ". "))
    return f"{shown[: cut if cut > 0 else _MOST_CHARACTERS]} ..."


_Form = Callable[[Any], str]
_Figures = Mapping[str, Any]


def _both(told: _Figures, name: str, form: _Form) -> str:
    """Give a figure of both finalists: ``19.7 ms / 358 ms``; of one, the other's place is marked; of none, ``""``."""
    values = [told.get(f"{arm}_{name}") for arm in ("finetune", "prompt")]
    if all(value is None for value in values):
        return ""
    return " / ".join(figures.MISSING if value is None else form(value) for value in values)


def _said(words: str, told: str) -> str:
    return words.format(told) if told else ""


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _requirements(told: _Figures, evidence: Evidence) -> list[str]:
    if not evidence.requirements:
        return [_spans(told), "no hard limits given"]
    standings = {arm: list(told.get(f"{arm}_requirements") or ()) for arm in ("finetune", "prompt")}
    if not all(len(stands) in (0, len(evidence.requirements)) for stands in standings.values()):
        return []
    lines = []
    for place, limit in enumerate(evidence.requirements):
        known = [stands[place] for stands in standings.values() if stands]
        if not known:
            return []
        states = " / ".join(_standing(limit, one) for one in known)
        lines.append(f"{requirement_text(limit)} {states}")
    return lines


def _spans(told: _Figures) -> str:
    """Give how long an answer takes; the median of what is too slow to have a 95th percentile."""
    if told.get("finetune_p95_ms") is not None and told.get("prompt_p95_ms") is not None:
        return f"p95 {_both(told, 'p95_ms', figures.milliseconds_text)}"
    said = []
    for arm in ("finetune", "prompt"):
        slow, median = told.get(f"{arm}_p95_ms"), told.get(f"{arm}_p50_ms")
        if slow is not None:
            said.append(f"p95 {figures.milliseconds_text(slow)}")
        else:
            said.append(figures.MISSING if median is None else f"median {figures.milliseconds_text(median)}")
    return "" if said == [figures.MISSING] * 2 else " / ".join(said)


def _standing(limit: Requirement, one: Mapping[str, Any]) -> str:
    """Say how a finalist stands to a limit, with what was measured: ``met (5.7 ms)``."""
    low, high = one.get("low"), one.get("high")
    if limit.sense == "is" or low is None:
        return str(one["state"])
    ends = [figures.figure_text(limit.figure, value) for value in (low, high) if value is not None]
    return f"{one['state']} ({' to '.join(dict.fromkeys(ends))})"


def _control(told: _Figures, _evidence: Evidence) -> list[str]:
    ranged = told.get("prompt_phrasing_range")
    phrased = "" if ranged is None else " to ".join(figures.score_text(value) for value in ranged)
    return [
        _said("valid {}", _both(told, "valid_rate", figures.share_text)),
        _said("seeds deviate by {} points", _both(told, "seed_deviation", _points)),
        _said("phrasings {}", phrased),
        _said("typos leave {} of the answers", _both(told, "typo_answers_kept", figures.share_text)),
        _said("instructions inside change {}", _both(told, "injected_changed_share", figures.share_text)),
    ]


def _resources(told: _Figures, evidence: Evidence) -> list[str]:
    currency = figures.clean_text(evidence.assumptions.currency)
    pays = told.get("break_even_predictions")

    def million(value: float) -> str:
        return figures.about_text(1000 * value)

    return [
        _said("{} labels", _both(told, "labels", figures.count_text)),
        _said("{} to build", _both(told, "build_seconds", figures.duration_text)),
        _said(f"{{}} {currency} a million answers", _both(told, "cost_per_1k", million)),
        "" if pays is None else f"pays back after {figures.about_text(math.ceil(pays))} predictions",
    ]


def _complexity(told: _Figures, _evidence: Evidence) -> list[str]:
    floor, zero, slope = (told.get(name) for name in ("floor_score", "zero_shot_score", "slope_per_doubling"))
    wrong = told.get("mislabelled_rows")
    return [
        "" if floor is None else f"floor {figures.score_text(floor)}",
        "" if zero is None else f"zero-shot {figures.score_text(zero)}",
        "" if slope is None else f"{figures.points_text(slope)} per doubling of the labels",
        "" if not wrong else f"{figures.count_text(wrong)} rows look mislabelled",
    ]


def _goals(told: _Figures, evidence: Evidence) -> list[str]:
    scores, p = _both(told, "score", figures.score_text), told.get("p_holm")
    if not scores:
        return []
    sure = "" if p is None else f", {figures.p_phrase(p)} after Holm"
    return [f"{figures.clean_text(evidence.task.metric)} {scores}{sure}"]


_PARTS: Mapping[str, Callable[[_Figures, Evidence], list[str]]] = {
    "task_requirements": _requirements,
    "control_vs_flexibility": _control,
    "time_and_resources": _resources,
    "complexity": _complexity,
    "performance_goals": _goals,
}
