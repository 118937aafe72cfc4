"""The five rows in which guides set the two ways side by side, filled with what this study measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bakeoff.decision import phrases
from bakeoff.decision.comparisons import Field
from bakeoff.decision.costs import known_mean
from bakeoff.decision.impractical import impractical_of
from bakeoff.decision.leaderboard import valid_rate
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.shift import monthly_decay
from bakeoff.decision.slope import label_cost, labels_read
from bakeoff.records import Difference

__all__ = ["differences_of"]

_NO_TUNING = "No fine-tuned contender finished."
_NO_PROMPT = "No prompted contender finished."
_NOT_MEASURED = "not measured"

_PROMPT_SHOWN = 400


def _details(cell: Cell) -> Mapping[str, Any]:
    return cell.trials[0].details


def _weights(panel: Panel, tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    if tuned is not None:
        details = _details(tuned)
        changed, trained = details.get("weights_changed"), details.get("trainable_parameters")
        size = f" {phrases.count(trained)} parameters trained." if isinstance(trained, (int, float)) else ""
        if changed is None:
            left = f"Trained; the method reports nothing of its weights.{size}"
        elif details.get("base_weights_changed") is False:
            left = f"Updated by adapters; the model's own weights stay.{size}"
        else:
            left = f"{'Updated' if changed else 'Not updated: only a layer on top was trained'}.{size}"
        evidence += _tuned_sums(tuned)
    if asked is not None:
        right = f"Not updated: the model answers as it came, a prompt{_design(asked)} was designed."
        evidence.append(_asked_sums(panel, asked))
    return Difference("weights", left, right, "; ".join(evidence) or _NOT_MEASURED)


def _tuned_sums(tuned: Cell) -> list[str]:
    details, name = _details(tuned), tuned.contender.name
    sums, base = details.get("weights_sha256"), details.get("base_sha256") or tuned.contender.model_sha256
    if isinstance(sums, Mapping):
        return [f"sha256 {str(sums['before'])[:8]} before, {str(sums['after'])[:8]} after ({name})"]
    return [f"{name}: sha256 {str(base)[:8]} of the model, which was not trained"] if base else []


def _asked_sums(panel: Panel, asked: Cell) -> str:
    model, reading = asked.contender.model or "", panel.evidence.measured.readings.get(asked.contender.model or "")
    if reading is not None and reading.weights_before and reading.weights_after:
        before, after = reading.weights_before[:8], reading.weights_after[:8]
        return f"sha256 {before} before, {after} after all prompts ({model})"
    sha256 = asked.contender.model_sha256
    return f"{model}: sha256 {sha256[:8]}" if sha256 else f"{model}: no file"


def _design(asked: Cell) -> str:
    text = _details(asked).get("prompt")
    return f" of {phrases.count(len(text.split()))} words" if isinstance(text, str) and text.strip() else ""


def _tailoring(panel: Panel, tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    if tuned is not None:
        left = f"Tailored to {tuned.n} labelled rows."
        told = {"steps": _details(tuned).get("steps"), "best epoch": _details(tuned).get("best_epoch")}
        known = [f"{name} {value}" for name, value in told.items() if value is not None]
        if known:
            evidence.append(f"{', '.join(known)} ({tuned.contender.name}, seed {tuned.trials[0].seed})")
    if asked is not None:
        shown = _details(asked).get("demonstrations")
        number = len(shown) if isinstance(shown, (list, tuple)) else shown
        # Where every text has demonstrations of its own, those of one prompt.
        number = _details(asked).get("demonstrations_a_text", number)
        examples = f" and {number} demonstrations" if isinstance(number, int) and number else ""
        read = labels_read(asked) if asked.contender.uses_labels else math.nan
        of_all = "" if math.isnan(read) else f"; {read:.0f} of {asked.n} labelled rows were read"
        right = f"Guided by an instruction{examples}{of_all}."
        text = _details(asked).get("prompt")
        if not panel.evidence.quotes:
            # Demonstrations are rows, and an instruction may hold some.
            evidence.append("prompt: left out, as texts are")
        elif isinstance(text, str) and text.strip():
            folded = " ".join(text.split())
            cut = folded if len(folded) <= _PROMPT_SHOWN else f"{folded[:_PROMPT_SHOWN].rstrip()} ..."
            evidence.append(f"prompt: {cut}")
    return Difference("tailoring", left, right, "; ".join(evidence) or "not reported by the methods")


def _retraining(panel: Panel, tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    for cell, is_tuned in ((tuned, True), (asked, False)):
        if cell is None:
            continue
        cost = label_cost(panel, cell)
        took = phrases.span(cost.seconds_to_rebuild)
        evidence.append(f"{cell.contender.name}: {took} to build at n = {cell.n}")
        if cost.seconds_per_label > 0:
            evidence[-1] += f", {phrases.span(1000 * cost.seconds_per_label)} more for 1,000 further labels"
        if is_tuned:
            left = f"Needed for every change of labels or data: {took}."
        else:
            right = f"Not needed: a new prompt is ready in {took}."
    return Difference("re-training", left, right, "; ".join(evidence) or _NOT_MEASURED)


def _gain(panel: Panel, cell: Cell) -> str:
    budgets = [n for n in panel.budgets(cell.contender.name) if n <= cell.n]
    first = panel.cell(cell.contender.name, budgets[0])
    if len(budgets) < 2 or first is None:
        return "measured at one number of labels only"
    gained = panel.mean_score(cell) - panel.mean_score(first)
    return f"{phrases.points(gained)} from n = {budgets[0]} to {budgets[-1]}"


def _adaptation(panel: Panel, tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    if tuned is not None:
        left = f"Adapts to new data: {_gain(panel, tuned)}."
        evidence.append(f"{tuned.contender.name}: {phrases.share(valid_rate(tuned))} of its answers valid")
    if asked is not None:
        valid = valid_rate(asked)
        mass = known_mean(
            [float(t.details["label_mass"]) for t in asked.trials if _number(t.details.get("label_mass"))]
        )
        right = f"Controls the output by the prompt: {phrases.share(valid)} of its answers valid."
        if not math.isnan(mass):
            evidence.append(f"{asked.contender.name}: the labels hold {phrases.share(mass)} of the probability")
        evidence.append(f"{asked.contender.name}: {_gain(panel, asked)}")
        evidence += _phrasings(panel, asked)
    for cell in (tuned, asked):
        if cell is not None and (decay := monthly_decay(panel, cell)) is not None:
            gained = phrases.interval_points((-decay.per_month - decay.half, -decay.per_month + decay.half))
            evidence.append(f"{cell.contender.name}: {phrases.points(0.0 - decay.per_month)} {gained} a month later")
    return Difference("adaptation", left, right, "; ".join(evidence) or _NOT_MEASURED)


def _phrasings(panel: Panel, asked: Cell) -> list[str]:
    known = panel.evidence.measured.rephrased.get(asked.contender.model or "")
    if known is None:
        return []
    found = known[asked.contender.parameters.get("calibration", "none") != "none"]
    low, high = phrases.score(min(found.scores)), phrases.score(max(found.scores))
    return [f"its instruction in {len(found.scores)} phrasings, zero-shot: {low} to {high} on {found.rows} rows"]


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def differences_of(panel: Panel, field: Field) -> tuple[Difference, ...]:
    """Set the finalists side by side in five rows.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    tuple of Difference
        Aspects ``"weights"``, ``"tailoring"``, ``"re-training"``, ``"adaptation"`` and ``"impractical where"``. What a
        method did not report is said to be missing.
    """
    tuned, asked = field.finetune, field.prompt
    left, right, evidence = impractical_of(panel, tuned, asked)
    return (
        _weights(panel, tuned, asked),
        _tailoring(panel, tuned, asked),
        _retraining(panel, tuned, asked),
        _adaptation(panel, tuned, asked),
        Difference("impractical where", left or _NO_TUNING, right or _NO_PROMPT, evidence or _NOT_MEASURED),
    )
