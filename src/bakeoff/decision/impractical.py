"""Where each way is impractical on these rows, by what was measured of the finalists."""

from __future__ import annotations

import math

from bakeoff.decision import phrases
from bakeoff.decision.bills import slow_end
from bakeoff.decision.costs import known_mean
from bakeoff.decision.leaderboard import tokens_per_row, valid_rate
from bakeoff.decision.panel import Cell, Panel, is_served
from bakeoff.decision.ranking import best_on_validation

__all__ = ["impractical_of"]

_LONG_FIT_SECONDS = 600.0
_LARGE_MB = 1000.0


def impractical_of(panel: Panel, tuned: Cell | None, asked: Cell | None) -> tuple[str, str, str]:
    """Say where each finalist is of no use.

    Parameters
    ----------
    panel : Panel
    tuned, asked : Cell or None

    Returns
    -------
    finetune, prompt, evidence : str
        Sentences; empty for a finalist that is missing.
    """
    left = "" if tuned is None else _sentence(_tuned(panel, tuned))
    right = "" if asked is None else _sentence(_asked(asked))
    return left, right, "; ".join(told for cell in (tuned, asked) if cell is not None for told in _evidence(cell))


def _sentence(parts: list[str]) -> str:
    joined = "; ".join(parts)
    return f"{joined[0].upper()}{joined[1:]}." if joined else "Nothing was measured that rules it out."


def _tuned(panel: Panel, tuned: Cell) -> list[str]:
    seconds = known_mean([trial.fit_seconds for trial in tuned.trials])
    found = [f"without labels: this one saw {tuned.n}", *_few_labels(panel, tuned)]
    if seconds > _LONG_FIT_SECONDS:
        found.append(f"where labels change often: {phrases.span(seconds)} a time")
    return found


def _few_labels(panel: Panel, tuned: Cell) -> list[str]:
    """Name the largest n at which the best prompt without labels was still ahead."""
    free = [contender.name for contender in panel.arm("prompt") if not contender.uses_labels]
    ranked = best_on_validation(panel, free, 0)
    zero = panel.cell(ranked[0], 0) if ranked else None
    if zero is None:
        return []
    behind = [
        (n, score)
        for n in panel.budgets(tuned.contender.name)
        if n <= tuned.n
        and (cell := panel.cell(tuned.contender.name, n)) is not None
        and (score := panel.mean_score(cell)) < panel.mean_score(zero)
    ]
    if not behind:
        return []
    n, score = behind[-1]
    return [f"with {n} labels: {phrases.score(score)}, and {phrases.score(panel.mean_score(zero))} without any"]


def _asked(asked: Cell) -> list[str]:
    found = []
    p95 = slow_end(asked.trials)
    size = known_mean([trial.size_mb for trial in asked.trials])
    p50 = known_mean([trial.p50_ms for trial in asked.trials])
    if not math.isnan(p95):
        found.append(f"where an answer must come in under {p95:.3g} ms (its p95 here)")
    elif not math.isnan(p50):
        found.append(f"where an answer must come in under {p50:.3g} ms (its median here)")
    if valid_rate(asked) < 1:
        found.append(f"where every row needs an answer: {phrases.share(1 - valid_rate(asked))} have none")
    if dropped := max((int(trial.details.get("demonstrations_dropped") or 0) for trial in asked.trials), default=0):
        found.append(f"with long texts: {dropped} demonstrations did not fit its context")
    if size > _LARGE_MB:
        found.append(f"where {size / 1000:.1f} GB of weights are too large")
    if is_served(asked.contender):
        found.append("where texts may not leave the machine, unless the server is yours")
    return found


def _evidence(cell: Cell) -> list[str]:
    p95 = slow_end(cell.trials)
    tokens = known_mean([tokens_per_row(trial) for trial in cell.trials])
    told = [] if math.isnan(p95) else [f"{cell.contender.name}: p95 {p95:.3g} ms"]
    if cell.contender.arm == "prompt" and not math.isnan(tokens):
        told.append(f"{cell.contender.name}: {phrases.count(tokens)} tokens a row")
    return told
