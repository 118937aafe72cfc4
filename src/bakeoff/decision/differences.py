"""The five rows in which guides set the two ways side by side, filled with what this study measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bakeoff.decision import phrases
from bakeoff.decision.comparisons import Field
from bakeoff.decision.costs import known_mean
from bakeoff.decision.leaderboard import tokens_per_row, valid_rate
from bakeoff.decision.panel import Cell, Panel, is_served
from bakeoff.records import Difference

__all__ = ["differences_of"]

_NO_TUNING = "No fine-tuned contender finished."
_NO_PROMPT = "No prompted contender finished."

_PROMPT_SHOWN = 160

_LONG_FIT_SECONDS = 600.0


def _details(cell: Cell) -> Mapping[str, Any]:
    return cell.trials[0].details


def _weights(tuned: Cell | None, asked: Cell | None) -> Difference:
    left, evidence = _NO_TUNING, []
    if tuned is not None:
        details = _details(tuned)
        changed, sums = details.get("weights_changed"), details.get("weights_sha256")
        trained = details.get("trainable_parameters")
        size = f" {phrases.count(trained)} parameters trained." if isinstance(trained, (int, float)) else ""
        if changed is None:
            left = f"Trained; the method reports nothing of its weights.{size}"
        else:
            left = f"{'Updated' if changed else 'Not updated: only a layer on top was trained'}.{size}"
        if isinstance(sums, Mapping):
            before, after = str(sums["before"])[:8], str(sums["after"])[:8]
            evidence.append(f"sha256 {before} before, {after} after ({tuned.contender.name})")
    right = _NO_PROMPT
    if asked is not None:
        right = "Not updated: the model answers as it came."
        sha256 = asked.contender.model_sha256
        evidence.append(
            f"{asked.contender.model}: sha256 {sha256[:8]}" if sha256 else f"{asked.contender.model}: no file"
        )
    return Difference("weights", left, right, "; ".join(evidence) or "not measured")


def _tailoring(tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    if tuned is not None:
        left = f"Tailored to {tuned.n} labelled rows."
        told = {"steps": _details(tuned).get("steps"), "best epoch": _details(tuned).get("best_epoch")}
        known = [f"{name} {value}" for name, value in told.items() if value is not None]
        if known:
            evidence.append(f"{', '.join(known)} ({tuned.contender.name}, seed {tuned.seeds[0]})")
    if asked is not None:
        shown = _details(asked).get("demonstrations")
        number = len(shown) if isinstance(shown, (list, tuple)) else shown
        examples = f" and {number} demonstrations" if isinstance(number, int) and number else ""
        right = f"Guided by an instruction{examples}."
        text = _details(asked).get("prompt")
        if isinstance(text, str) and text.strip():
            folded = " ".join(text.split())
            cut = folded if len(folded) <= _PROMPT_SHOWN else f"{folded[:_PROMPT_SHOWN].rstrip()} ..."
            evidence.append(f"prompt: {cut}")
    return Difference("tailoring", left, right, "; ".join(evidence) or "not reported by the methods")


def _retraining(tuned: Cell | None, asked: Cell | None) -> Difference:
    left, right, evidence = _NO_TUNING, _NO_PROMPT, []
    for cell, is_tuned in ((tuned, True), (asked, False)):
        if cell is None:
            continue
        seconds = known_mean([trial.fit_seconds for trial in cell.trials])
        evidence.append(f"{cell.contender.name}: {phrases.span(seconds)} to build at n = {cell.n}")
        if is_tuned:
            left = f"Needed for every change of labels or data: {phrases.span(seconds)}."
        else:
            right = f"Not needed: a new prompt is ready in {phrases.span(seconds)}."
    return Difference("re-training", left, right, "; ".join(evidence) or "not measured")


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
    return Difference("adaptation", left, right, "; ".join(evidence) or "not measured")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sentence(parts: list[str]) -> str:
    joined = "; ".join(parts)
    return f"{joined[0].upper()}{joined[1:]}."


def _impractical(tuned: Cell | None, asked: Cell | None) -> Difference:
    limits: dict[bool, str] = {True: _NO_TUNING, False: _NO_PROMPT}
    evidence = []
    for cell, is_tuned in ((tuned, True), (asked, False)):
        if cell is None:
            continue
        seconds = known_mean([trial.fit_seconds for trial in cell.trials])
        p95 = known_mean([trial.p95_ms for trial in cell.trials])
        found = []
        if is_tuned:
            found.append(f"without labels: this one saw {cell.n}")
            if seconds > _LONG_FIT_SECONDS:
                found.append(f"where labels change often: {phrases.span(seconds)} a time")
        else:
            if not math.isnan(p95):
                found.append(f"where an answer must come in under {p95:.3g} ms (its p95 here)")
            tokens = known_mean([tokens_per_row(trial) for trial in cell.trials])
            if not math.isnan(tokens):
                evidence.append(f"{cell.contender.name}: {phrases.count(tokens)} tokens a row")
            if is_served(cell.contender):
                found.append("where texts may not leave the machine, unless the server is yours")
        limits[is_tuned] = _sentence(found) if found else "Nothing was measured that rules it out."
        if not math.isnan(p95):
            evidence.append(f"{cell.contender.name}: p95 {p95:.3g} ms")
    return Difference("impractical where", limits[True], limits[False], "; ".join(evidence) or "not measured")


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
    return (
        _weights(tuned, asked),
        _tailoring(tuned, asked),
        _retraining(tuned, asked),
        _adaptation(panel, tuned, asked),
        _impractical(tuned, asked),
    )
