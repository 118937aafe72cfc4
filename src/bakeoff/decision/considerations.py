"""The five considerations, each answered with what was measured of the finalists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bakeoff.decision import phrases
from bakeoff.decision.bills import known_or_none, slow_end
from bakeoff.decision.choice import ALPHA, Figures, total_cost, verdict_p
from bakeoff.decision.comparisons import Field, as_chosen
from bakeoff.decision.complexity import complexity_of
from bakeoff.decision.control import control_of
from bakeoff.decision.costs import cost_of, known_mean
from bakeoff.decision.panel import Cell, Panel, paired_means
from bakeoff.decision.requirements import standings
from bakeoff.records import Assumptions, BreakEven, Consideration

__all__ = ["considerations_of"]

_TUNING, _PROMPTING, _NEITHER = "fine-tuning", "prompting", "neither"


def _sides(field: Field) -> tuple[tuple[str, Cell], ...]:
    return tuple((key, cell) for key, cell in (("finetune", field.finetune), ("prompt", field.prompt)) if cell)


def _task_requirements(panel: Panel, field: Field) -> Consideration:
    figures: dict[str, Any] = {}
    for key, cell in _sides(field):
        for name in ("p50_ms", "size_mb"):
            figures[f"{key}_{name}"] = known_or_none(known_mean([getattr(trial, name) for trial in cell.trials]))
        figures[f"{key}_p95_ms"] = known_or_none(slow_end(cell.trials))
    if not panel.evidence.requirements:
        spans = [
            f"{cell.contender.name} answers in {figures[f'{key}_{name}']:.3g} ms ({told})"
            for key, cell in _sides(field)
            for name, told in (("p95_ms", "p95"), ("p50_ms", "median"))
            if figures[f"{key}_{name}"] is not None and (name == "p95_ms" or figures[f"{key}_p95_ms"] is None)
        ]
        finding = f"No hard limits were given{'; ' if spans else ''}{', '.join(spans)}."
        return Consideration("task_requirements", finding, figures, _NEITHER)
    parts, missed, met = [], {}, {}
    for key, cell in _sides(field):
        stands = standings(panel, cell)
        missed[key] = any(one.state == "missed" for one in stands)
        met[key] = all(one.state == "met" for one in stands)
        figures[f"{key}_requirements"] = [
            {
                "figure": one.requirement.figure,
                "state": one.state,
                "low": known_or_none(one.low),
                "high": known_or_none(one.high),
            }
            for one in stands
        ]
        parts.append(f"{cell.contender.name}: {', '.join(one.sentence() for one in stands)}")
    favours = _NEITHER
    for key, other, word in (("finetune", "prompt", _TUNING), ("prompt", "finetune", _PROMPTING)):
        if not missed.get(key, True) and (missed.get(other, False) or (met[key] and not met.get(other, True))):
            favours = word
    return Consideration(
        "task_requirements", f"{'; '.join(parts) or 'No finalist to hold to the limits'}.", figures, favours
    )


def _resources(panel: Panel, field: Field, rule: Figures, pays: BreakEven) -> Consideration:
    assumptions = panel.evidence.assumptions
    figures: dict[str, Any] = {"n": field.n, "break_even_predictions": pays.predictions, "volume": assumptions.volume}
    parts, totals = [], {}
    for key, cell in _sides(field):
        cost = cost_of(cell, assumptions)
        side = rule.finetune if key == "finetune" else rule.prompt
        totals[key] = total_cost(side, rule) if side is not None else math.nan
        figures[f"{key}_build_seconds"] = known_or_none(cost.build_seconds)
        figures[f"{key}_cost_per_1k"] = known_or_none(cost.per_1k)
        figures[f"{key}_total_cost"] = known_or_none(totals[key])
        figures[f"{key}_labels"] = cell.n
        parts.append(
            f"{cell.contender.name}: {cell.n} labels, {phrases.span(cost.build_seconds)} to build, "
            f"{phrases.rate_price(cost.run, assumptions.currency)}"
        )
    if len(totals) == 2 and not any(math.isnan(total) for total in totals.values()):
        parts.append(_saving(field, totals, assumptions))
    if pays.status == "at" and pays.predictions is not None:
        parts.append(f"the dearer to set up pays after about {phrases.predictions(math.ceil(pays.predictions))}")
    favours = _favoured_by_means(field, totals, assumptions)
    return Consideration("time_and_resources", f"{'; '.join(parts) or 'No finalist'}.", figures, favours)


def _saving(field: Field, totals: Mapping[str, float], assumptions: Assumptions) -> str:
    cheaper = field.finetune if totals["finetune"] <= totals["prompt"] else field.prompt
    saved = abs(totals["finetune"] - totals["prompt"])
    name = cheaper.contender.name if cheaper is not None else ""
    little = ", less than an hour of work" if saved < assumptions.hour_cost else ""
    amount = phrases.currency(saved, assumptions.currency)
    return f"{name} costs {amount} less over {assumptions.horizon_months:.3g} months{little}"


def _favoured_by_means(field: Field, totals: Mapping[str, float], assumptions: Assumptions) -> str:
    """Give the cheaper, where that saves at least an hour of a person's work; else the one that takes no labels."""
    if field.finetune is None or field.prompt is None:
        return _NEITHER
    dearer = totals["finetune"] - totals["prompt"]
    if dearer and abs(dearer) >= assumptions.hour_cost:
        return _TUNING if dearer < 0 else _PROMPTING
    return _PROMPTING if field.finetune.n > 0 and not field.prompt.contender.uses_labels else _NEITHER


def _goals(panel: Panel, field: Field, rule: Figures) -> Consideration:
    scores = {key: panel.mean_score(cell) for key, cell in _sides(field)}
    tuned, asked = (as_chosen(panel, field, cell) for cell in (field.finetune, field.prompt))
    if tuned is not None and asked is not None:
        # Over the seeds that are compared, so that they differ by what is called their difference.
        scores = dict(zip(scores, paired_means(panel, tuned, asked), strict=True))
    figures: dict[str, Any] = {f"{key}_score": known_or_none(score) for key, score in scores.items()}
    names = [f"{cell.contender.name} {phrases.score(scores[key])}" for key, cell in _sides(field)]
    difference = rule.difference
    if difference is None or math.isnan(difference.mean):
        finding = f"{panel.metric}: {', '.join(names) or 'no finalist'}; nothing to compare with."
        return Consideration("performance_goals", finding, figures, _NEITHER)
    p = verdict_p(rule)
    interval = difference.interval()
    figures |= {"difference": difference.mean, "ci": list(interval), "p_holm": p}
    finding = (
        f"{panel.metric}: {names[0]}, {names[1]}; difference {phrases.points(difference.mean)} "
        f"{phrases.interval_points(interval)}, {phrases.p_value(p)} (Holm)."
    )
    sure = p < ALPHA and rule.enough_seeds
    favours = (_TUNING if difference.mean > 0 else _PROMPTING) if sure else _NEITHER
    return Consideration("performance_goals", finding, figures, favours)


def considerations_of(panel: Panel, field: Field, rule: Figures, pays: BreakEven) -> tuple[Consideration, ...]:
    """Answer the five considerations.

    Parameters
    ----------
    panel : Panel
    field : Field
    rule : Figures
    pays : BreakEven

    Returns
    -------
    tuple of Consideration
        ``task_requirements``, ``control_vs_flexibility``, ``time_and_resources``, ``complexity`` and
        ``performance_goals``. Each favours ``"fine-tuning"``, ``"prompting"`` or ``"neither"``.
    """
    return (
        _task_requirements(panel, field),
        control_of(panel, field),
        _resources(panel, field, rule, pays),
        complexity_of(panel, field),
        _goals(panel, field, rule),
    )
