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
from bakeoff.decision.settling import Prices, Remedy, Spread, cheapest, labels_to_settle, remedies, spread_of
from bakeoff.decision.stakes import Stakes
from bakeoff.records import NextStep

__all__ = ["next_step"]

_Rows = tuple[int | None, int | None]


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
    if math.isnan(saved.mean) or saved.se == 0 or (choice.basis != "too-close" and saved.mean <= 0):
        return None
    return Spread.of(panel, saved, stake.loss.apart(figures.assumptions) * figures.volume**2)


def _money(amount: float, panel: Panel) -> str:
    if amount <= 0:
        return "nothing"
    said = phrases.currency(amount, panel.evidence.assumptions.currency)
    return said if amount < phrases.LEAST_MONEY else f"about {said}"


def _band(rows: Sequence[int | None], most: int) -> str:
    ends = [f"more than {phrases.about(most)}" if number is None else phrases.about(number) for number in rows]
    return f"90% band {' to '.join(ends)}" if ends[0] != ends[1] else f"90% band {ends[0]}"


def _seed_costs(panel: Panel, field: Field) -> tuple[float, float]:
    """Give the seconds and the money of one further seed, or round of folds, of both finalists."""
    folds = panel.evidence.round_folds if panel.evidence.folds else 1
    seconds, charged = 0.0, 0.0
    for cell in (field.finetune, field.prompt):
        if cell is not None and cell.contender.seeded:
            known = [trial.fit_seconds for trial in cell.trials if not math.isnan(trial.fit_seconds)]
            seconds += folds * sum(known) / len(known) if known else 0.0
            charged += folds * sum(trial.usage.money for trial in cell.trials) / len(cell.trials)
    return seconds, charged + seconds * panel.evidence.assumptions.machine_hour_cost / 3600


def _labels_detail(panel: Panel, remedy: Remedy, prices: Prices, band: str, seeds: str) -> str:
    what = "use more of the labelled rows" if prices.unused >= remedy.rows else "label more (label-more)"
    return (
        f"Next: {what}. If the curves go on, about {phrases.about(remedy.rows)} further rows{seeds} would settle it "
        f"({band}), at {_money(remedy.cost, panel)}."
    )


def _rows_to_test(rows: int, idle: int) -> str:
    """Say where further test rows come from: those that are labelled and were not answered, then new ones."""
    told = f"that is {phrases.about(rows)} more to label"
    if idle >= rows:
        told = f"the {phrases.about(rows)} more are labelled, and were not answered (--test-rows)"
    elif idle:
        told = f"{phrases.about(idle)} more are labelled, and were not answered (--test-rows); then "
        told += f"{phrases.about(rows - idle)} to label"
    return told


def _step(panel: Panel, field: Field, seen: Spread, remedy: Remedy, prices: Prices, band: _Rows | None) -> NextStep:
    """Put a remedy into words."""
    noun = "rounds of folds" if panel.evidence.folds else "seeds"
    seconds, _ = _seed_costs(panel, field)
    fits = phrases.span(remedy.seeds * seconds)
    seeds = f" and {phrases.about(remedy.seeds)} more {noun} ({fits} of fitting)" if remedy.seeds else ""
    if remedy.what == "label-more" and band is not None:
        detail = _labels_detail(panel, remedy, prices, _band(band, field.n), seeds)
    elif remedy.what == "bigger-test":
        detail = (
            f"Next: a bigger test (bigger-test). About {phrases.about(seen.rows + remedy.rows)} test rows{seeds} would "
            f"settle it if the difference stays; {_rows_to_test(remedy.rows, prices.idle)}, at "
            f"{_money(remedy.cost, panel)}."
        )
    else:
        detail = (
            f"Next: more {noun} (more-seeds). About {phrases.about(seen.seeds + remedy.seeds)} would settle it with "
            f"these test rows; {phrases.about(remedy.seeds)} more take {fits} to fit, at {_money(remedy.cost, panel)}."
        )
    return NextStep(remedy.what, remedy.rows or None, band, remedy.seeds or None, remedy.cost, detail)


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
        ``nothing`` where the choice is made, and where neither labels (up to twice as many) nor test rows would settle
        it, with more seeds or without.
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
    unused = max(panel.evidence.rows.get("train", 0) - field.n, 0)
    idle = 0 if panel.evidence.folds else max(panel.evidence.rows.get("test", 0) - len(panel.evidence.test_labels), 0)
    prices = Prices(panel.evidence.assumptions.further_label, unused, _seed_costs(panel, field)[1], idle)
    gap = None
    # Curves are of scores: what more labels would do to costs is not forecast.
    by_score = between and figures.stakes is None
    if by_score and field.finetune is not None and field.prompt is not None and field.n > 0:
        gap = gap_ahead(panel, field.finetune, field.prompt, field.n)
    remedy = cheapest(remedies(seen, margin, prices, gap=gap, alpha=alpha))
    if remedy is None:
        small = "the difference is too small beside its spread over rows and seeds"
        return NextStep("nothing", detail=f"Next: nothing within reach would settle it: {small}.")
    band = None
    if remedy.what == "label-more" and gap is not None:
        wider = seen.resized(seeds=seen.seeds + remedy.seeds)
        ends = [labels_to_settle(wider, gap, margin, alpha=alpha, side=side) for side in (1.0, -1.0)]
        # Either edge may settle it, each in its own direction; the middle does not always lie between the two.
        known = sorted(number for number in (remedy.rows, *ends) if number is not None)
        band = known[0], (known[-1] if None not in ends else None)
    return _step(panel, field, seen, remedy, prices, band)
