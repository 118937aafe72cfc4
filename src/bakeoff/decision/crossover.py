"""The number of labelled rows from which fine-tuning beats prompting: on the mean, and reliably."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from bakeoff.decision import phrases
from bakeoff.decision.comparisons import Field
from bakeoff.decision.curves import FURTHEST, crossing, data_advantage, extended_crossing
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.superiority import reliable_from, superiority
from bakeoff.records import Crossover

__all__ = ["crossover_of"]


def _reliable(panel: Panel, met: Sequence[tuple[int, Cell, Cell]]) -> float | Literal["not-shown"]:
    """Give the least measured n from which on fine-tuning is shown to win more than half of the runs."""
    lows: list[float] = []
    for _, tuned, asked in reversed(met):
        found = superiority(panel, tuned, asked)
        lows.insert(0, found.low if found is not None else math.nan)
        if not lows[0] > 0.5:
            # The sizes below cannot be reliable any more.
            break
    at = reliable_from([float(n) for n, _, _ in met[-len(lows) :]], lows) if lows else None
    return "not-shown" if at is None else at


def _runs(panel: Panel, name: str, upto: int) -> list[tuple[list[float], list[float]]]:
    """Give one curve a seed. A contender without labels is flat: it has its score at n = 0 and keeps it."""
    by_seed: dict[int, tuple[list[float], list[float]]] = {}
    for n in panel.budgets(name):
        cell = panel.cell(name, n)
        if cell is None or n > upto:
            continue
        for seed, score in zip(cell.seeds, panel.scores(cell), strict=True):
            sizes, scores = by_seed.setdefault(seed, ([], []))
            sizes.append(float(n))
            scores.append(float(score))
    return list(by_seed.values())


def _status(
    n: Sequence[float], gaps: Sequence[float]
) -> tuple[Literal["already-ahead", "at", "not-reached", "never-ahead"], float | None]:
    at = crossing(n, gaps)
    if at is not None:
        return ("already-ahead" if min(gaps) >= 0 else "at"), at
    closing = len(gaps) > 1 and gaps[-1] > gaps[-2]
    if len(gaps) > 1 and not closing:
        return "never-ahead", None
    return "not-reached", extended_crossing(n, gaps)


def _sentence(status: str, at: float | None, n: Sequence[float], gaps: Sequence[float], names: tuple[str, str]) -> str:
    tuned, asked = names
    gap = phrases.points(-gaps[-1], signed=False)
    if status == "already-ahead":
        return f"{tuned} leads {asked} at every measured n, from {n[0]:.0f} labelled rows on."
    if status == "at":
        return f"{tuned} leads {asked} from about {phrases.count(at or 0)} labelled rows on (mean over seeds)."
    if status == "never-ahead":
        return f"{tuned} is {gap} behind {asked} at {n[-1]:.0f} labelled rows, and the gap does not close."
    if at is not None:
        return (
            f"{tuned} is {gap} behind {asked} at {n[-1]:.0f} labelled rows; extended, the curves would cross at about "
            f"{phrases.count(at)}."
        )
    return (
        f"{tuned} is {gap} behind {asked} at {n[-1]:.0f} labelled rows; no crossing is in sight up to "
        f"{phrases.count(FURTHEST * n[-1])}."
    )


def crossover_of(panel: Panel, field: Field) -> Crossover:
    """Find the crossover of the finalists.

    Parameters
    ----------
    panel : Panel
    field : Field

    Returns
    -------
    Crossover
        ``never-ahead``: fine-tuning is behind at the last n and the gap does not close. ``not-reached``: it closes, or
        only one n was measured; `mean` is then the crossing of the extended curves, if it comes before twice the last
        n. Where an arm is missing, ``not-reached``, and the detail says so.
    """
    tuned, asked = field.finetune, field.prompt
    if tuned is None or asked is None or not len(panel.truth["test"]):
        return Crossover("not-reached", None, "not-shown", None, None, "No curves: one arm has no finished trial.")
    names = tuned.contender.name, asked.contender.name
    met = [
        (n, a, b)
        for n in sorted(set(panel.budgets(names[0])) | set(panel.budgets(names[1])))
        if (a := panel.cell(names[0], n)) is not None and (b := panel.cell(names[1], n)) is not None
    ]
    n = [float(size) for size, _, _ in met]
    gaps = [panel.mean_score(a) - panel.mean_score(b) for _, a, b in met]
    status, at = _status(n, gaps)
    advantage = data_advantage(_runs(panel, names[1], met[-1][0]), _runs(panel, names[0], met[-1][0]))
    return Crossover(
        status=status,
        mean=at,
        reliable=_reliable(panel, met),
        advantage=advantage.rows if advantage else None,
        band=advantage.band if advantage else None,
        detail=_sentence(status, at, n, gaps, names),
    )
