"""Control versus flexibility: valid answers, spread, calibration, what a change costs, later and other rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bakeoff.decision import phrases
from bakeoff.decision.bills import known_or_none
from bakeoff.decision.comparisons import Field
from bakeoff.decision.costs import known_mean
from bakeoff.decision.leaderboard import valid_rate
from bakeoff.decision.panel import MASKED, Cell, Panel
from bakeoff.decision.shift import Shift, group_shares, group_spread, later_lead, monthly_decay
from bakeoff.decision.slope import label_cost
from bakeoff.decision.spread import deviation_beyond_chance, group_deviation_beyond_chance
from bakeoff.records import Consideration

__all__ = ["control_of"]

#: Differences below which a figure favours neither side; on the metric's scale, or shares.
_VALID_STEP, _SPREAD_STEP, _CALIBRATION_STEP, _GROUP_STEP = 0.005, 0.01, 0.02, 0.03

#: A change that takes this many seconds longer, and so many times as long, is one that is put off.
_CHANGE_SECONDS, _CHANGE_RATIO = 600.0, 10.0

#: Groups that are named, those first where a contender is right least often.
_GROUPS_SHOWN = 10

#: Below this total probability of all labels a prompt does not lead to them.
_LOW_MASS = 0.10
#: The reading of several prompts that compares the labels with each other alone; all others map what the model says to
#: a label, whatever words it says it with.
_COMPARES_LABELS = "calibrated"

_NOT_LED = "the prompt hardly leads to them"


def control_of(panel: Panel, field: Field) -> Consideration:
    """Answer the consideration of control versus flexibility.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    Consideration
        It favours what the first of these figures tells apart: valid answers (half a point), later rows (a 95%
        interval), groups (three points), steadiness over seeds and phrasings (one point), calibration error (two
        points), time to take a new label in (ten minutes, and ten times as long). The label mass is told and decides
        nothing: labels are compared with each other alone, whatever else the model would have said.
    """
    figures: dict[str, Any] = {}
    parts = []
    for key, cell in (("finetune", field.finetune), ("prompt", field.prompt)):
        if cell is not None:
            told = _side_figures(panel, cell) | (_phrasing_figures(panel, cell) if key == "prompt" else {})
            figures |= {f"{key}_{name}": value for name, value in told.items()}
            parts.append(f"{cell.contender.name}: {', '.join(_said(cell, told))}")
    favours = "neither"
    if field.finetune is not None and field.prompt is not None:
        shift = later_lead(panel, field.finetune, field.prompt)
        if shift is not None:
            figures |= {"later_lead": shift.lead, "later_lead_half_interval": shift.half}
        favours = _favoured(figures, shift)
    return Consideration("control_vs_flexibility", f"{'; '.join(parts) or 'No finalist'}.", figures, favours)


def _side_figures(panel: Panel, cell: Cell) -> dict[str, Any]:
    scores = panel.scores(cell)
    spread = float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan
    beyond = _seed_deviation(panel, cell) if cell.contender.seeded else 0.0
    known = panel.evidence.measured.calibration_error
    errors = [known[trial.key] for trial in cell.trials if trial.key in known]
    masses = [float(t.details["label_mass"]) for t in cell.trials if t.details.get("label_mass")]
    readings = [t.details["reading"] for t in cell.trials if t.details.get("reading")]
    return {
        "valid_rate": known_or_none(valid_rate(cell)),
        "seed_deviation": known_or_none(spread),
        "seed_deviation_beyond_chance": known_or_none(beyond),
        "calibration_error": known_or_none(known_mean([error for error, _ in errors])),
        "calibration_error_by_chance": known_or_none(known_mean([chance for _, chance in errors])),
        "label_mass": known_or_none(known_mean(masses)),
        "read_by_map": bool(readings) and all(reading != _COMPARES_LABELS for reading in readings),
        **_typo_figures(cell),
        **_injection_figures(cell),
        **_change_figures(panel, cell),
        **_shift_figures(panel, cell),
    }


def _typo_figures(cell: Cell) -> dict[str, Any]:
    """Say how many answers light typing errors leave as they are, and what they do to the score; None if not known."""
    found = [t.details["light_typos"] for t in cell.trials if t.details.get("light_typos")]
    if not found:
        return {"typo_rows": None, "typo_answers_kept": None, "typo_score_change": None}
    return {
        "typo_rows": sum(one["rows"] for one in found),
        "typo_answers_kept": known_or_none(known_mean([one["kept"] for one in found])),
        "typo_score_change": known_or_none(known_mean([one["score_with_typos"] - one["score"] for one in found])),
    }


def _injection_figures(cell: Cell) -> dict[str, Any]:
    """Give how often an instruction inside the text changed the answer, and how often it was obeyed."""
    found = next((trial.details["injected"] for trial in cell.trials if trial.details.get("injected")), None)
    counted = ("changed", "obeyed", "changed_anyway")
    if found is None:
        return {"injected_rows": None, **{f"injected_{name}_share": None for name in counted}}
    return {
        "injected_rows": found["rows"],
        **{f"injected_{name}_share": found[name] / found["rows"] for name in counted},
    }


def _change_figures(panel: Panel, cell: Cell) -> dict[str, Any]:
    cost = label_cost(panel, cell)
    return {
        "build_seconds": known_or_none(cost.seconds_to_rebuild),
        "seconds_per_label": known_or_none(cost.seconds_per_label),
        "labels_read": known_or_none(cost.labels_read),
        "labels_per_point": known_or_none(cost.labels_per_point) if math.isfinite(cost.labels_per_point) else None,
    }


def _shift_figures(panel: Panel, cell: Cell) -> dict[str, Any]:
    """Give the decay a month and the shares of the groups; nothing where rows have no times, or no groups."""
    figures: dict[str, Any] = {}
    decay = monthly_decay(panel, cell)
    if decay is not None:
        figures |= {"earlier_score": panel.mean_score(cell, "validation"), "later_score": panel.mean_score(cell)}
        figures |= {"decay_per_month": decay.per_month, "decay_half_interval": decay.half}
    shares = group_shares(panel, cell)
    if len(shares) > 1:
        right = [share for share, _ in shares.values()]
        figures |= {"groups": len(shares), "group_score_range": [min(right), max(right)]}
        lowest = sorted(shares.items(), key=lambda group: group[1])[:_GROUPS_SHOWN]
        figures["lowest_group_scores"] = {name: share for name, (share, _) in lowest}
        figures["group_deviation_beyond_chance"] = known_or_none(group_spread(shares))
    return figures


def _seed_deviation(panel: Panel, cell: Cell) -> float:
    """Give the deviation over seeds beyond chance; where each seed answers rows of its own, they are groups of rows."""
    answered, right = cell.test != MASKED, cell.test == panel.truth["test"]
    if answered.all():
        return deviation_beyond_chance(right)
    sizes = answered.sum(axis=1)
    return group_deviation_beyond_chance(right.sum(axis=1) / np.maximum(sizes, 1), np.maximum(sizes, 2))


def _phrasing_figures(panel: Panel, cell: Cell) -> dict[str, Any]:
    """Say how the zero-shot prompt of a contender's model scored in other phrasings, calibrated if the contender is."""
    known = panel.evidence.measured.rephrased.get(cell.contender.model or "")
    if known is None:
        return {"phrasings": None, "phrasing_deviation_beyond_chance": None}
    given = cell.contender.parameters
    # What a reading maps has been calibrated, too.
    found = known["reading" in given or given.get("calibration", "none") != "none"]
    return {
        "phrasings": len(found.scores),
        "phrasings_rows": found.rows,
        "phrasing_scores": dict(zip(found.names, found.scores, strict=True)),
        "phrasing_range": [min(found.scores), max(found.scores)],
        "phrasing_deviation": float(np.std(found.scores, ddof=1)),
        "phrasing_deviation_beyond_chance": known_or_none(found.deviation),
    }


def _said(cell: Cell, told: dict[str, Any]) -> list[str]:
    seeds = "fixed over seeds"
    if cell.contender.seeded:
        seeds = "one seed only"
        if told["seed_deviation"] is not None:
            points = phrases.points(told["seed_deviation"], signed=False)
            seeds = f"deviation over {len(cell.seeds)} seeds {points}"
    said = [f"valid answers {phrases.share(valid_rate(cell))}", seeds]
    if told.get("phrasings"):
        low, high = (phrases.score(value) for value in told["phrasing_range"])
        deviation = phrases.points(told["phrasing_deviation"], signed=False)
        said.append(f"{low} to {high} over {told['phrasings']} phrasings zero-shot (deviation {deviation})")
    if told["typo_answers_kept"] is not None:
        said.append(f"light typos leave {phrases.share(told['typo_answers_kept'])} of {told['typo_rows']} answers")
    if told["calibration_error"] is not None:
        error, chance = (
            phrases.points(told[name], signed=False) for name in ("calibration_error", "calibration_error_by_chance")
        )
        said.append(f"calibration error {error} ({chance.removesuffix(' points')} by chance)")
    if told.get("decay_per_month") is not None:
        gained, half = -told["decay_per_month"], told["decay_half_interval"]
        interval = phrases.interval_points((gained - half, gained + half))
        said.append(f"{phrases.points(gained)} {interval} a month on later rows")
    if told.get("groups"):
        low, high = (phrases.score(value) for value in told["group_score_range"])
        said.append(f"{low} to {high} right over {told['groups']} groups")
    if told["injected_rows"] is not None:
        rows = told["injected_rows"]
        changed, anyway = (round(told[f"injected_{name}_share"] * rows) for name in ("changed", "changed_anyway"))
        said.append(f"an instruction inside the text changes {changed} of {rows} answers, a plain sentence {anyway}")
    said.append(_change(cell, told))
    if told["label_mass"] is not None and told["label_mass"] < _LOW_MASS:
        told_of = "its answer is read out of other words, too" if told["read_by_map"] else _NOT_LED
        said.append(f"its labels hold {phrases.share(told['label_mass'])} of the probability: {told_of}")
    return said


def _change(cell: Cell, told: dict[str, Any]) -> str:
    took = phrases.span(math.nan if told["build_seconds"] is None else told["build_seconds"])
    if cell.contender.arm != "prompt":
        return f"a new label takes a fit of {took}"
    read = told["labels_read"]
    return f"a new prompt takes {took}" + (f" and reads {read:.0f} of {cell.n} labels" if read else "")


def _favoured(figures: dict[str, Any], shift: Shift | None) -> str:
    """Give what the first figure that tells the two apart favours; a figure that is not known tells nothing."""
    valid = (figures["finetune_valid_rate"] or 0.0) - (figures["prompt_valid_rate"] or 0.0)
    leads = (
        (valid, _VALID_STEP),
        (shift.lead if shift is not None and shift.shown else 0.0, 0.0),
        (_lead(figures, "group_deviation_beyond_chance"), _GROUP_STEP),
        (_steadier(figures), _SPREAD_STEP),
        (_excess_lead(figures), _CALIBRATION_STEP),
        (_quicker(figures), 0.0),
    )
    for lead, step in leads:
        if abs(lead) >= step and lead:
            return "fine-tuning" if lead > 0 else "prompting"
    return "neither"


def _steadier(figures: dict[str, Any]) -> float:
    """Give by how much fine-tuning spreads less: over seeds, against prompting over seeds or phrasings, the larger."""
    tuned, asked = (figures[f"{key}_seed_deviation_beyond_chance"] for key in ("finetune", "prompt"))
    phrased = figures["prompt_phrasing_deviation_beyond_chance"]
    known = [value for value in (asked, phrased) if value is not None]
    if tuned is None or not known or (asked is None and tuned >= max(known)):
        return 0.0
    return float(max(known) - tuned)


def _quicker(figures: dict[str, Any]) -> float:
    """Give the seconds by which fine-tuning is quicker to build anew, negative where slower; 0 where that is little."""
    tuned, asked = figures["finetune_build_seconds"], figures["prompt_build_seconds"]
    if tuned is None or asked is None:
        return 0.0
    telling = abs(asked - tuned) >= _CHANGE_SECONDS and max(tuned, asked) >= _CHANGE_RATIO * min(tuned, asked)
    return float(asked - tuned) if telling else 0.0


def _lead(figures: dict[str, Any], name: str) -> float:
    """Give by how much fine-tuning is lower than prompting in a figure; 0 where one is not known."""
    tuned, asked = figures.get(f"finetune_{name}"), figures.get(f"prompt_{name}")
    return 0.0 if tuned is None or asked is None else asked - tuned


def _excess_lead(figures: dict[str, Any]) -> float:
    return _lead(figures, "calibration_error") - _lead(figures, "calibration_error_by_chance")
