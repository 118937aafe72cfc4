"""The number of labelled rows from which fine-tuning beats prompting: on the mean, and reliably."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from bakeoff.decision import phrases
from bakeoff.decision.comparisons import Field
from bakeoff.decision.curves import crossing, data_advantage, extended_curve
from bakeoff.decision.extrapolation import FURTHEST, LEVEL, Gap
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.resampling import estimate_difference
from bakeoff.decision.superiority import Superiority, reliable_from, superiority
from bakeoff.records import Crossover, ExtendedGap, Extrapolation

__all__ = ["crossover_of", "gap_ahead"]


def _reliable(
    panel: Panel, met: Sequence[tuple[int, Cell, Cell]], last: Superiority | None
) -> float | Literal["not-shown"]:
    """Give the least measured n from which on fine-tuning is shown to win more than half of the runs."""
    lows = [last.low if last is not None else math.nan]
    for _, tuned, asked in reversed(met[:-1]):
        if not lows[0] > 0.5:
            # The sizes below cannot be reliable any more.
            break
        found = superiority(panel, tuned, asked)
        lows.insert(0, found.low if found is not None else math.nan)
    at = reliable_from([float(n) for n, _, _ in met[-len(lows) :]], lows)
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


def gap_ahead(panel: Panel, tuned: Cell, asked: Cell, n: int) -> Gap | None:
    """Extend the gap between two contenders beyond n; None where one of their curves cannot be extended."""
    first, second = (extended_curve(panel, cell.contender.name, n) for cell in (tuned, asked))
    if first is None or second is None or (first.n, second.n) != (n, n):
        return None
    estimate = estimate_difference(panel, tuned, asked, resamples=1_000)
    return None if math.isnan(estimate.mean) else Gap(first, second, estimate.mean, estimate.rows_variance)


def _extrapolation(ahead: Gap) -> Extrapolation:
    points = []
    for size in ahead.sizes(4):
        gap, half = ahead.at(size), ahead.half_width(size)
        finetune, prompt = ahead.finetune.at(size), ahead.prompt.at(size)
        points.append(ExtendedGap(float(size), finetune, prompt, gap, (gap - half, gap + half)))
    crossed = ahead.crossing(1.0), ahead.crossing(-1.0)
    return Extrapolation(ahead.finetune.kind, ahead.prompt.kind, LEVEL, tuple(points), crossed)


def _status(
    n: Sequence[float], gaps: Sequence[float], ahead: Gap | None
) -> tuple[Literal["already-ahead", "at", "not-reached", "never-ahead"], float | None]:
    at = crossing(n, gaps)
    if at is not None:
        return ("already-ahead" if min(gaps) >= 0 else "at"), at
    extended = ahead.crossing() if ahead is not None else None
    if extended is None and len(gaps) > 1 and gaps[-1] <= gaps[-2]:
        return "never-ahead", None
    return "not-reached", extended


def _band_of_crossing(ahead: Gap) -> str:
    last = FURTHEST * ahead.n
    low, high = ahead.crossing(1.0), ahead.crossing(-1.0)
    ends = [phrases.count(low or last), f"beyond {phrases.count(last)}" if high is None else phrases.count(high)]
    return f"90% band {' to '.join(ends)}"


def _sentence(
    status: str, at: float | None, n: Sequence[float], gaps: Sequence[float], names: tuple[str, str], ahead: Gap | None
) -> str:
    tuned, asked = names
    behind = f"{tuned} is {phrases.points(-gaps[-1], signed=False)} behind {asked} at {n[-1]:.0f} labelled rows"
    if status == "already-ahead":
        return f"{tuned} leads {asked} at every measured n, from {n[0]:.0f} labelled rows on."
    if status == "at":
        return f"{tuned} leads {asked} from about {phrases.count(at or 0)} labelled rows on (mean over seeds)."
    if status == "never-ahead":
        return f"{behind}, and the gap does not close."
    if ahead is None:
        return f"{behind}; too little was measured to extend the curves."
    if at is not None:
        return f"{behind}; extended, the curves would cross at about {phrases.count(at)} ({_band_of_crossing(ahead)})."
    last = FURTHEST * ahead.n
    gap, half = ahead.at(last), ahead.half_width(last)
    band = phrases.interval_points((gap - half, gap + half))
    return (
        f"{behind}; not reached by {phrases.count(last)}, where the extended curves are "
        f"{phrases.points(-gap, signed=False)} apart (90% band of the gap {band})."
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
        ``never-ahead``: fine-tuning is behind at the last n, the gap did not close over the last two sizes, and the
        extended curves do not cross. ``not-reached``: it is behind, and `mean` is the crossing of the extended curves,
        if it comes before twice the last n. Where an arm is missing, ``not-reached``, and the detail says so.
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
    ahead = gap_ahead(panel, met[-1][1], met[-1][2], met[-1][0])
    status, at = _status(n, gaps, ahead)
    last = superiority(panel, met[-1][1], met[-1][2])
    advantage = data_advantage(_runs(panel, names[1], met[-1][0]), _runs(panel, names[0], met[-1][0]))
    return Crossover(
        status=status,
        mean=at,
        reliable=_reliable(panel, met, last),
        advantage=advantage.rows if advantage else None,
        band=advantage.band if advantage else None,
        detail=_sentence(status, at, n, gaps, names, ahead),
        gap=gaps[-1],
        looked_to=n[-1] if ahead is None else FURTHEST * ahead.n,
        wins=None if last is None else last.probability,
        wins_low=None if last is None else last.low,
        extrapolation=None if ahead is None else _extrapolation(ahead),
    )
