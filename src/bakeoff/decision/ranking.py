"""What validation rows decide: the finalists, the decision budget, and which contenders a running study may drop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bakeoff.decision import phrases
from bakeoff.decision.losses import validation_cost
from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel
from bakeoff.decision.resampling import estimate_difference
from bakeoff.records import Arm, Evidence

__all__ = [
    "best_on_validation",
    "compared_cells",
    "decision_budget",
    "droppable",
    "meeting_budget",
    "validation_ranking",
]

#: Standard deviation over seeds that is taken for granted before three seeds tell: runs were seen to differ by this.
ASSUMED_SEED_DEVIATION = 0.03

#: Gain per doubling of the labels that a contender is granted over a better one before its own curve tells.
ASSUMED_CATCH_UP = 0.02

#: Below so many labels, what a contender that learns scores says little about what it will.
LEAST_TELLING_N = 32

#: Two-sided 99% bound of the normal distribution: dropping must be safe, and is asked often.
_BOUND = 2.576


def _stands(panel: Panel, name: str, n: int, *, enough: bool = True) -> bool:
    cell = panel.cell(name, n)
    return cell is not None and (cell.enough_seeds or not enough)


def _common_budget(panel: Panel, *, enough: bool) -> int | None:
    budgets = sorted({n for arm in ("finetune", "prompt") for c in panel.arm(arm) for n in panel.budgets(c.name)})
    for n in reversed(budgets):
        arms = (panel.arm("finetune"), panel.arm("prompt"))
        if all(any(_stands(panel, c.name, n, enough=enough) for c in arm) for arm in arms):
            return n
    return None


def decision_budget(evidence: Evidence) -> int | None:
    """Give the label budget at which the arms can be decided between.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    int or None
        The largest n at which each of the arms ``finetune`` and ``prompt`` has a contender with at least three finished
        seeds (one trial, where seeds cannot differ; the trial at n = 0, where no labels are used). None where there is
        no such n. Cut and failed trials do not count.
    """
    return _common_budget(Panel(evidence), enough=True)


def meeting_budget(panel: Panel) -> int:
    """Give the n at which the contenders are shown side by side, however little was measured.

    The decision budget; else the largest n at which both arms finished anything; else the largest at which any
    contender did; else 0.
    """
    for enough in (True, False):
        found = _common_budget(panel, enough=enough)
        if found is not None:
            return found
    return max((n for contender in panel.contenders for n in panel.budgets(contender)), default=0)


def best_on_validation(panel: Panel, names: Sequence[str], n: int) -> tuple[str, ...]:
    """Order contenders by their mean validation score at n, best first.

    Where error costs are given, by their expected cost of a month on the validation rows, least first.

    Contenders with enough seeds come before those without, unless no contender whose seeds can differ has enough: where
    each was fitted once, that would only put those first whose seeds cannot differ. They are compared by the seeds that
    all of them have, so that further seeds of a finalist do not change who it is. Ties, and contenders without
    validation rows, keep the order in which they are given. Contenders that finished nothing at n are left out.
    """
    priced = panel.evidence.assumptions.priced
    others = [cell for name in panel.contenders if (cell := panel.cell(name, n)) is not None]
    telling = any(cell.contender.seeded and cell.enough_seeds for cell in others)

    def merit(cell: Cell) -> tuple[bool, float]:
        late = telling and not cell.enough_seeds
        if priced:
            return late, validation_cost(panel, cell, panel.truth["validation"], cell.validation)
        mean = panel.mean_score(cell, "validation")
        return late, math.inf if math.isnan(mean) else -round(mean, 12)

    cells = compared_cells({name: cell for name in names if (cell := panel.cell(name, n)) is not None})
    return tuple(sorted(cells, key=lambda name: merit(cells[name])))


def compared_cells(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Bring contenders that have enough seeds to those that all of them have, where these are enough."""
    counted = [set(cell.seeds) for cell in cells.values() if cell.contender.seeded and cell.enough_seeds]
    common = sorted(set.intersection(*counted)) if counted else []
    if len(common) < MIN_SEEDS:
        return dict(cells)
    return {name: cell.with_seeds(common) if cell.enough_seeds else cell for name, cell in cells.items()}


def validation_ranking(evidence: Evidence, arm: Arm) -> tuple[tuple[str, float], ...]:
    """Rank an arm's contenders by what the validation rows say.

    Parameters
    ----------
    evidence : Evidence
    arm : Arm

    Returns
    -------
    tuple of (str, float)
        Contender and mean validation score over seeds, best first, at the decision budget (or, before there is one,
        at the largest n at which the arms meet). The arm's finalist stands first, unless it misses a hard limit. Where
        error costs are given, the order is that of the expected costs.
    """
    panel = Panel(evidence)
    n = meeting_budget(panel)
    ranked = best_on_validation(panel, [contender.name for contender in panel.arm(arm)], n)
    cells = ((name, panel.cell(name, n)) for name in ranked)
    return tuple((name, panel.mean_score(cell, "validation")) for name, cell in cells if cell is not None)


def _rivals(panel: Panel, names: Sequence[str], n: int) -> dict[str, float]:
    """Give each contender's best mean validation score at n or at fewer labels."""
    best = {}
    for name in names:
        cells = [panel.cell(name, budget) for budget in panel.budgets(name) if budget <= n]
        scores = [panel.mean_score(cell, "validation") for cell in cells if cell is not None]
        if scores:
            best[name] = max(scores)
    return best


def _catch_up(panel: Panel, name: str, rival: str, n: int) -> float:
    """Give how much a contender could gain on a rival until all labels are used.

    The larger of its gain on the rival per doubling so far and an assumed one, times the doublings that are left.
    """
    if not panel.contenders[name].uses_labels:
        return 0.0
    doublings = max(0.0, math.log2(max(panel.evidence.rows.get("train", n), n) / n))
    per_doubling = ASSUMED_CATCH_UP
    leads = []
    for budget in panel.budgets(name):
        own, other = panel.cell(name, budget), panel.cell(rival, budget)
        if budget > 0 and own is not None and other is not None:
            leads.append((budget, panel.mean_score(own, "validation") - panel.mean_score(other, "validation")))
    if len(leads) >= 2:
        (before, lead_before), (now, lead_now) = leads[-2:]
        per_doubling = max(per_doubling, (lead_now - lead_before) / math.log2(now / before))
    return per_doubling * doublings


def _why_dropped(panel: Panel, name: str, arm_names: Sequence[str]) -> str | None:
    contender = panel.contenders[name]
    budgets = panel.budgets(name)
    if not budgets or (contender.uses_labels and budgets[-1] < LEAST_TELLING_N):
        return None
    n = budgets[-1] if contender.uses_labels else max(m for other in arm_names for m in panel.budgets(other))
    others = {other: value for other, value in _rivals(panel, arm_names, n).items() if other != name}
    own = panel.cell(name, n)
    if own is None or not others:
        return None
    rival = max(others, key=lambda other: others[other])
    met = panel.cell(rival, n) or panel.cell(rival, max(m for m in panel.budgets(rival) if m <= n))
    if met is None:
        return None
    gap = estimate_difference(panel, own, met, rows="validation", resamples=1_000)
    assumed = (contender.seeded + met.contender.seeded) * ASSUMED_SEED_DEVIATION**2 / gap.seeds
    spread = math.sqrt(gap.rows_variance + max(gap.seeds_variance, assumed))
    bound = gap.mean + _BOUND * spread + _catch_up(panel, name, rival, n)
    if not bound < -panel.evidence.assumptions.margin:
        return None
    return (
        f"validation score {phrases.score(panel.mean_score(own, 'validation'))} at n = {own.n}, "
        f"{phrases.points(-gap.mean, signed=False)} below {rival}; at best it would end "
        f"{phrases.points(-bound, signed=False)} below"
    )


def _protected(panel: Panel, going: Mapping[str, str]) -> set[str]:
    """Give the contenders that must stay so that each same-base pair keeps a member of either arm."""
    kept = set()
    models = {contender.model for contender in panel.contenders.values() if contender.model}
    for model in models:
        sides = [[c.name for c in panel.arm(arm) if c.model == model] for arm in ("finetune", "prompt")]
        if not all(sides):
            continue
        for side in sides:
            if all(name in going or name in panel.evidence.dropped for name in side):
                latest = {name: max(_rivals(panel, [name], 10**9).values(), default=0.0) for name in side}
                kept.add(max(latest, key=lambda name: latest[name]))
    return kept


def droppable(evidence: Evidence) -> Mapping[str, str]:
    """Say which contenders need no further trials, from validation answers alone.

    A contender goes if it trails the best of its own arm by so much that even its optimistic bound stays below by more
    than the margin. The bound is the 99% bound of the paired difference over rows and seeds (a standard deviation of 3
    points over seeds is assumed where less was seen), plus what it could still gain until all labels are used: its gain
    on the rival per doubling so far, at least 2 points. A contender that learns is not judged below 32 labels.

    Where error costs are given none goes: a lower score may cost less.

    Floors and today's system never go, nor the last tuned or last prompted contender of a same-base pair.

    Parameters
    ----------
    evidence : Evidence
        Of the study so far.

    Returns
    -------
    mapping of str to str
        Contender's name to the reason, for those that were not dropped before.
    """
    panel = Panel(evidence)
    going: dict[str, str] = {}
    if not evidence.validation_labels or evidence.assumptions.priced:
        return going
    for arm in ("finetune", "prompt", "both"):
        names = [contender.name for contender in panel.arm(arm)]
        for name in names:
            reason = None if name in evidence.dropped else _why_dropped(panel, name, names)
            if reason is not None:
                going[name] = reason
    kept = _protected(panel, going)
    return {name: reason for name, reason in going.items() if name not in kept}
