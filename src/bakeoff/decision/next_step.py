"""What to do next where the choice is open: label more, test on more rows, or run more seeds, whichever is cheapest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.decision import phrases
from bakeoff.decision.choice import ALPHA, Choice, Figures, money_margin
from bakeoff.decision.comparisons import Field, as_chosen
from bakeoff.decision.crossover import gap_ahead
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel
from bakeoff.decision.settling import Spread, labels_to_settle, rows_to_settle, spread_of
from bakeoff.decision.stakes import Stakes
from bakeoff.records import NextStep

__all__ = ["next_step"]


def _open_spread(panel: Panel, field: Field, figures: Figures, choice: Choice) -> Spread | None:
    """Give the difference on which an open choice rests; None where the choice is made."""
    if figures.stakes is not None:
        return _open_costs(panel, figures, figures.stakes, choice)
    arms = ((figures.finetune, field.finetune), (figures.prompt, field.prompt))
    side, cell = next(((one, of) for one, of in arms if one and one.contender == choice.against), (None, None))
    against: tuple[Estimate | None, Cell | None, Cell | None]
    if choice.basis == "too-close":
        against = figures.difference, field.finetune, field.prompt
    elif choice.basis == "floor" and side is not None:
        against = side.against_floor, cell, field.floor
    elif choice.basis == "current" and side is not None:
        against = side.against_current, cell, field.current
    else:
        return None
    estimate, a, b = against
    if estimate is None or a is None or b is None or math.isnan(estimate.mean):
        return None
    # A finalist that is not ahead of what stands would not come ahead by being tested longer.
    a, b = as_chosen(panel, field, a) or a, as_chosen(panel, field, b) or b
    return spread_of(panel, a, b, estimate) if choice.basis == "too-close" or estimate.mean > 0 else None


def _open_costs(panel: Panel, figures: Figures, stakes: Stakes, choice: Choice) -> Spread | None:
    """Do as `_open_spread`, of the expected costs of a month that the first of a pair saves."""
    sides = (figures.finetune, figures.prompt)
    arm = next((side.bill.arm for side in sides if side is not None and side.contender == choice.against), "")
    against = {
        "too-close": stakes.difference,
        "floor": stakes.against_floor.get(arm),
        "current": stakes.against_current.get(arm),
    }
    stake = against.get(choice.basis)
    if stake is None:
        return None
    saved = stake.a_month(figures.assumptions).reversed()
    if math.isnan(saved.mean) or (choice.basis != "too-close" and saved.mean <= 0):
        return None
    apart = stake.loss.apart(figures.assumptions) * figures.volume**2
    return Spread(
        mean=saved.mean,
        of_rows=saved.rows_variance,
        of_seeds=saved.seeds_variance,
        apart=min(apart, saved.rows_variance),
        seeds=saved.seeds,
        rows=saved.rows,
        overlap=panel.evidence.fold_overlap,
    )


def _money(amount: float, panel: Panel) -> str:
    return f"about {phrases.currency(amount, panel.evidence.assumptions.currency)}" if amount > 0 else "nothing"


def _band(rows: Sequence[int | None], most: int) -> str:
    ends = [f"more than {phrases.count(most)}" if number is None else phrases.count(number) for number in rows]
    return f"90% band {' to '.join(ends)}" if ends[0] != ends[1] else f"90% band {ends[0]}"


def _more_labels(panel: Panel, field: Field, figures: Figures, seen: Spread, alpha: float) -> NextStep | None:
    """Say how many further labelled rows would settle it, if the extended curves are right."""
    if field.finetune is None or field.prompt is None or field.n <= 0:
        return None
    gap = gap_ahead(panel, field.finetune, field.prompt, field.n)
    if gap is None:
        return None
    rows, *ends = (labels_to_settle(seen, gap, figures.margin, alpha=alpha, side=side) for side in (0.0, 1.0, -1.0))
    if rows is None:
        return None
    # Either edge may settle it, each in its own direction; the middle does not always lie between the two.
    known = sorted(number for number in (rows, *ends) if number is not None)
    band = known[0], (known[-1] if None not in ends else None)
    unused = max(panel.evidence.rows.get("train", 0) - field.n, 0)
    cost = max(rows - unused, 0) * panel.evidence.assumptions.label_cost
    what = "use more of the labelled rows" if unused >= rows else "label more (label-more)"
    detail = (
        f"Next: {what}. If the curves go on, about {phrases.count(rows)} further rows would settle it "
        f"({_band(band, field.n)}), at {_money(cost, panel)}."
    )
    return NextStep("label-more", rows=rows, rows_band=band, cost=cost, detail=detail)


def _bigger_test(panel: Panel, present: int, rows: int) -> NextStep:
    further = max(rows - present, 1)
    cost = further * panel.evidence.assumptions.label_cost
    detail = (
        f"Next: a bigger test (bigger-test). About {phrases.count(present + further)} test rows would settle it if the "
        f"difference stays; labels for {phrases.count(further)} more cost {_money(cost, panel)}."
    )
    return NextStep("bigger-test", rows=further, cost=cost, detail=detail)


def _more_seeds(panel: Panel, field: Field, present: int, wanted: int) -> NextStep:
    """Say how many seeds, or rounds of folds, to add; the fits cost this machine's time, or what a server charged."""
    further = max(wanted - present, 1)
    folds = panel.evidence.round_folds if panel.evidence.folds else 1
    seconds, money = 0.0, 0.0
    for cell in (field.finetune, field.prompt):
        if cell is not None and cell.contender.seeded:
            known = [trial.fit_seconds for trial in cell.trials if not math.isnan(trial.fit_seconds)]
            seconds += sum(known) / len(known) if known else 0.0
            money += sum(trial.usage.money for trial in cell.trials) / len(cell.trials)
    seconds, money = folds * further * seconds, folds * further * money
    cost = money + seconds * panel.evidence.assumptions.machine_hour_cost / 3600
    detail = (
        f"Next: more {'rounds of folds' if panel.evidence.folds else 'seeds'} (more-seeds). About "
        f"{phrases.count(present + further)} would settle it with these test rows; {phrases.count(further)} more take "
        f"{phrases.span(seconds)} to fit, at {_money(cost, panel)}."
    )
    return NextStep("more-seeds", seeds=further, cost=cost, detail=detail)


def next_step(panel: Panel, field: Field, figures: Figures, choice: Choice, comparisons: int) -> NextStep:
    """Say what would settle an open choice for the least money.

    Parameters
    ----------
    panel : Panel
    field : Field
    figures : Figures
    choice : Choice
    comparisons : int
        Declared comparisons, over which the finalists' test is corrected: each counts at `ALPHA` divided by so many.

    Returns
    -------
    NextStep
        ``nothing`` where the choice is made, and where neither labels (up to twice as many), nor test rows, nor seeds
        would settle it alone. The first of equally dear ones in that order.
    """
    if choice.basis == "few-seeds":
        detail = f"Next: run at least {MIN_SEEDS} seeds of each finalist (more-seeds)."
        present = min(
            (len(cell.seeds) for cell in (field.finetune, field.prompt) if cell and cell.contender.seeded), default=0
        )
        return NextStep("more-seeds", seeds=max(MIN_SEEDS - present, 1), detail=detail)
    seen = _open_spread(panel, field, figures, choice)
    if seen is None:
        return NextStep("nothing")
    # The gates of floor and today's system keep their level without a correction, and know no equality.
    between = choice.basis == "too-close"
    alpha, margin = (ALPHA / max(comparisons, 1), money_margin(figures)) if between else (ALPHA, 0.0)
    # Curves are of scores: what more labels would do to costs is not forecast.
    by_score = between and figures.stakes is None
    labels = _more_labels(panel, field, figures, seen, alpha) if by_score else None
    rows, seeds = rows_to_settle(seen, margin, alpha=alpha)
    steps = [
        labels,
        _bigger_test(panel, seen.rows, rows) if rows is not None else None,
        _more_seeds(panel, field, seen.seeds, seeds) if seeds is not None else None,
    ]
    found = [step for step in steps if step is not None]
    if found:
        return min(found, key=lambda step: step.cost)
    return NextStep("nothing", detail="Next: more seeds, more test rows and more labels; none alone would settle it.")
