"""The sentences of a verdict: why, for what, how sure, and what next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.decision import phrases
from bakeoff.decision.choice import ALPHA, Choice, Figures, Side, expected_costs
from bakeoff.decision.comparisons import Field, chosen_in_folds
from bakeoff.decision.expected import cost_sentence, money_beaten, money_reason
from bakeoff.decision.next_step import next_step
from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel
from bakeoff.decision.requirements import standings
from bakeoff.decision.seeds import collapsed_seeds
from bakeoff.records import Comparison, CostComparison, Flip, NextStep

__all__ = ["Case", "confidence_of", "next_of", "reasons_of", "scope_of"]

#: Rows in all under which a single split is too small to settle much.
_SMALL_DATA = 2_000

#: Parameters from which a prompted model counts as more than a small one.
_STRONGER_MODEL = 1e9


@dataclass(frozen=True, slots=True)
class Case:
    """All that the sentences are made from."""

    panel: Panel
    field: Field
    figures: Figures
    choice: Choice
    comparisons: tuple[Comparison, ...]
    flips: tuple[Flip, ...]
    cost_comparisons: tuple[CostComparison, ...] = ()


def _comparison(case: Case, role: str, name: str | None = None) -> Comparison | None:
    return next((one for one in case.comparisons if one.role == role and name in (None, one.a, one.b)), None)


def _statistic(one: Comparison) -> str:
    """Write a comparison's figures, with the p-value that the rule looks at: corrected, but for what stands."""
    p = phrases.p_value(one.p) if one.role in ("floor", "current") else f"{phrases.p_value(one.p_holm)} (Holm)"
    return f"{phrases.points(one.difference)} {phrases.interval_points(one.ci)}, {p}"


def _sides(case: Case) -> list[Side]:
    figures = case.figures
    return [side for side in (figures.finetune, figures.prompt, figures.both) if side is not None]


def _side_of(case: Case, name: str | None) -> Side | None:
    return next((side for side in _sides(case) if side.contender == name), None)


def _cost_clause(case: Case, name: str) -> str:
    """Say what a finalist costs beside the other: ``costs 12 USD less over ...``; nothing to say gives ``""``."""
    sides = [side for side in (case.figures.finetune, case.figures.prompt) if side is not None]
    one = _side_of(case, name)
    other = _side_of(case, case.choice.against) if one is case.figures.both else None
    other = other or next((side for side in sides if side is not one), None)
    if one is None or other is None:
        return ""
    totals = expected_costs(case.figures, {"one": one, "other": other})
    costs = totals["one"], totals["other"]
    if any(math.isnan(cost) for cost in costs):
        return "has the higher score (costs are not known for both)" if one.score > other.score else ""
    currency = case.panel.evidence.assumptions.currency
    return (
        f"costs {phrases.more_or_less(costs[0] - costs[1], currency)} over {case.figures.horizon_months:g} months at "
        f"{phrases.predictions(case.figures.volume)} a month"
    )


def _meanwhile(case: Case, name: str) -> str:
    stands = {case.figures.floor: "the floor", case.figures.current: "today's system"}.get(name)
    if stands is not None and case.choice.basis == "few-seeds":
        ahead = [side for side in _sides(case) if side.against_floor is not None and side.against_floor.mean > 0]
        best = max(ahead, key=lambda side: side.score, default=None)
        ship = f"; to ship the best so far: bakeoff ship STUDY --contender '{best.contender}'" if best else ""
        return f"Meanwhile use {name}: with under {MIN_SEEDS} seeds nothing is shown to beat it, however apart{ship}."
    if stands is not None:
        return f"Meanwhile use {name}: {stands} stands until a finalist is shown to beat it."
    clause = _cost_clause(case, name)
    if " more over " in clause:
        return f"Meanwhile use {name}: the other finalist costs less, but is not shown to beat what stands."
    return f"Meanwhile use {name}{f', which {clause}' if clause else ''}."


def _missing_arm(case: Case) -> str:
    absent = [
        word
        for word, side in (("fine-tuned", case.figures.finetune), ("prompted", case.figures.prompt))
        if side is None
    ]
    arms = {"fine-tuned": "finetune", "prompted": "prompt"}
    unfinished = [
        trial
        for trial in case.panel.evidence.trials
        if trial.status != "done"
        and trial.contender in case.panel.contenders
        and case.panel.contenders[trial.contender].arm in [arms[word] for word in absent]
    ]
    missing = [one for one in case.panel.evidence.missing if one.startswith("Prompting is missing")]
    if absent == ["prompted"] and missing:
        return f"{missing[0]} Fine-tuning is compared with the floors alone."
    if case.figures.no_labels and case.figures.both is not None:
        return "Without labelled rows nothing can be tuned but what a prompt labels: that is not shown to be worth it."
    why = f" ({len(unfinished)} of its trials were cut or failed)" if unfinished else ""
    return f"No {phrases.listed(absent)} contender has a finished trial{why}: there is nothing to choose between."


def _main_reason(case: Case) -> str:
    choice = case.choice
    in_money = money_reason(choice, case.figures, case.cost_comparisons)
    if in_money is not None:
        return in_money
    mixed = choice.choice == "both"
    verdict = _comparison(case, "mixture", choice.against) if mixed else _comparison(case, "verdict")
    statistic = _statistic(verdict) if verdict else "not compared"
    pair = f"{verdict.a} minus {verdict.b}: {statistic}" if verdict else statistic
    equality = phrases.points(case.figures.margin, signed=False)
    who = f"{choice.contender} and {choice.against}" if mixed else "The finalists"
    equal = f"{who} are equal within {equality} ({pair})"
    sentences = {
        "better": f"{choice.contender} scores higher than {choice.against}. {pair}.",
        "equal-cheaper": f"{equal}; {choice.contender} {_cost_clause(case, choice.contender or '')}.",
        "only-one-left": f"{choice.against} misses a hard limit; {choice.contender} does not.",
        "floor": f"Neither finalist is shown to beat the floor {choice.contender}.",
        "current": f"Neither finalist is shown to beat today's system {choice.contender}.",
        "too-close": f"Neither a difference nor equality within {equality} is shown ({pair}).",
        "few-seeds": f"A finalist has under {MIN_SEEDS} seeds, so what a refit would change is not known ({pair}).",
        "missing-arm": _missing_arm(case),
        "none-left": "Every finalist misses a hard limit.",
    }
    return sentences[choice.basis]


def _beaten(case: Case) -> list[str]:
    if case.cost_comparisons:
        return money_beaten(case.cost_comparisons, case.panel.evidence.assumptions.currency)
    found = []
    for one in case.comparisons:
        if one.role in ("floor", "current"):
            what = "the floor" if one.role == "floor" else "today's system"
            verb = "beats" if one.p < ALPHA and one.difference > 0 else "is not shown to beat"
            if one.p < ALPHA and one.difference < 0:
                verb = "is worse than"
            found.append(f"{one.a} {verb} {what} {one.b}: {_statistic(one)}.")
        if one.role == "same-base":
            found.append(f"Same model both ways, {one.a} minus {one.b}: {_statistic(one)}.")
        if one.role == "mixture":
            found.append(f"Both ways together, {one.a} minus {one.b}: {_statistic(one)}.")
    return found


def _limits(case: Case) -> list[str]:
    found = []
    for name in sorted(case.field.out):
        cell = case.panel.cell(name, case.field.n)
        if cell is not None:
            missed = [one.sentence() for one in standings(case.panel, cell) if one.state == "missed"]
            found.append(f"{name} is out: {', '.join(missed)}.")
    for cell in (case.field.finetune, case.field.prompt, case.field.both):
        if cell is not None and cell.contender.name not in case.field.out:
            unsettled = [one.sentence() for one in standings(case.panel, cell) if one.state == "open"]
            if unsettled:
                found.append(f"{cell.contender.name} leaves open: {', '.join(unsettled)}.")
    return found


def _collapses(case: Case) -> list[str]:
    found = []
    for cell in (case.field.finetune, case.field.prompt, case.field.both):
        for seed in collapsed_seeds(case.panel, cell) if cell is not None else ():
            assert cell is not None
            scores = dict(zip(cell.seeds, case.panel.scores(cell), strict=True))
            rest = [value for other, value in scores.items() if other != seed]
            found.append(
                f"Seed {seed} of {cell.contender.name} collapsed: {phrases.score(float(scores[seed]))}, the others "
                f"{phrases.score(sum(rest) / len(rest))} on average; it counts, since a refit may collapse, too."
            )
    return found


def _gaps(case: Case) -> list[str]:
    evidence = case.panel.evidence
    found = []
    for status, words in (("cut", "ended at the deadline"), ("failed", "failed")):
        number = sum(trial.status == status for trial in evidence.trials)
        if number:
            found.append(f"{number} {'trial' if number == 1 else 'trials'} {words} and decided nothing.")
    if not evidence.validation_labels:
        found.append("There are no validation rows: the finalists are the first planned of each arm.")
    if case.field.both is not None and case.figures.both is None:
        found.append(f"{case.field.both.contender.name} has under {MIN_SEEDS} seeds, so the rule does not choose it.")
    return [*found, *evidence.missing]


def next_of(case: Case) -> NextStep:
    """Say what would settle an open choice."""
    return next_step(case.panel, case.field, case.figures, case.choice, len(case.comparisons))


def reasons_of(case: Case) -> tuple[str, ...]:
    """Say why, the weightiest first, one sentence or two each."""
    reasons = [_main_reason(case)]
    if case.choice.meanwhile is not None:
        reasons.append(_meanwhile(case, case.choice.meanwhile))
    step = next_of(case)
    if step.detail:
        reasons.append(step.detail)
    return (*reasons, *_limits(case), *_beaten(case), *_collapses(case), *_gaps(case))


def _named(cell: Cell) -> str:
    model = cell.contender.model
    return f"{cell.contender.name}{f' ({model})' if model and model not in cell.contender.name else ''}"


def _largest_prompted(panel: Panel, n: int) -> float | None:
    """Give the parameters of the largest prompted model; None where a server hides them, or nothing tells."""
    sizes = []
    for contender in panel.arm("prompt"):
        cell = panel.cell(contender.name, n)
        if cell is None:
            continue
        size = cell.trials[0].details.get("model_parameters")
        if not isinstance(size, (int, float)) or isinstance(size, bool):
            continue
        sizes.append(float(size))
    return max(sizes) if sizes else None


def _stronger(case: Case) -> str | None:
    """Say that stronger prompt models were not measured, and what one would have to reach."""
    size = _largest_prompted(case.panel, case.field.n)
    if case.field.prompt is None or size is None or size >= _STRONGER_MODEL:
        return None
    said = f"No verdict on prompting at large: the largest prompt model here has {phrases.count(size)} parameters"
    found = {one.what: one for one in case.flips if one.to == "prompt"}
    flip = found.get("score of the prompted finalist")
    paid = found.get("expected cost of the prompted finalist's answers")
    if paid is not None:
        price = phrases.rate_price(paid.at, case.figures.assumptions.currency)
        return f"{said}; the answers of a stronger one, as dear to run, may cost about {price} at most to be chosen."
    if flip is not None:
        needed = phrases.score(phrases.score_beyond(flip.now, flip.at))
        return f"{said}; a stronger one would need {needed} or more to be chosen."
    return f"{said}."


def _beyond(case: Case) -> str:
    """Say that the time limit kept the study from larger label budgets."""
    evidence = case.panel.evidence
    if evidence.time_limit is None or not evidence.budgets_beyond:
        return ""
    return f": larger budgets did not fit in {phrases.span(evidence.time_limit)}"


def scope_of(case: Case) -> str:
    """Say what the verdict holds for, and what it says nothing about."""
    evidence, field = case.panel.evidence, case.field
    chosen = field.both if case.choice.choice == "both" else None
    names = [_named(cell) for cell in (chosen, field.finetune, field.prompt) if cell is not None]
    parts = [
        f"{' against '.join(names) or 'No finalist'}, {field.n} labelled rows, {len(evidence.test_labels)} test rows."
    ]
    train = evidence.rows.get("train", field.n)
    if field.n < train:
        parts.append(f"Decided at {field.n} of {train} labelled rows{_beyond(case)}.")
    if field.n < len(evidence.task.labels):
        parts.append(f"At n = {field.n} not all {len(evidence.task.labels)} labels are seen: no verdict for more rows.")
    stronger = _stronger(case)
    if stronger is not None:
        parts.append(stronger)
    total = sum(evidence.rows.values())
    if evidence.folds:
        rounds = f"{len(evidence.folds) // evidence.round_folds} rounds of {evidence.round_folds} folds"
        parts.append(f"Cross-fitted in {rounds}: every row was tested by methods that did not see it.")
        parts += _chosen_otherwise(case)
    elif 0 < total < _SMALL_DATA:
        parts.append(f"One split of {total} rows: another split could change small differences.")
    return " ".join(parts)


def _chosen_otherwise(case: Case) -> list[str]:
    """Say in which folds the validation rows chose another contender than the finalist of all folds."""
    found = []
    for cell in (case.field.finetune, case.field.prompt):
        if cell is None:
            continue
        chosen = chosen_in_folds(case.panel, case.field, cell)
        others = sorted({name for name in chosen.values() if name != cell.contender.name})
        if others:
            number = sum(name != cell.contender.name for name in chosen.values())
            found.append(
                f"In {number} of {len(chosen)} folds the validation rows chose {' or '.join(others)} in place of "
                f"{cell.contender.name}; what is compared is choosing so."
            )
    return found


def _weighed(case: Case) -> Sequence[Comparison]:
    """Give the comparison on which the choice rests."""
    choice = case.choice
    if choice.choice == "both":
        found = _comparison(case, "mixture", choice.against)
    elif choice.basis in ("floor", "current"):
        found = _comparison(case, choice.basis, choice.against)
    else:
        found = _comparison(case, "verdict")
    return [found] if found else []


def confidence_of(case: Case) -> str:
    """Say how sure, in one sentence with figures; what could not show is half of the interval."""
    weighed = _weighed(case)
    if not weighed:
        return "Nothing was compared, so nothing can be said about chance."
    one = weighed[0]
    paid = next((c for c in case.cost_comparisons if (c.role, c.a, c.b) == (one.role, one.a, one.b)), None)
    rows = len(case.panel.evidence.test_labels)
    seeds = one.n_pairs // rows if rows else 0
    told = f"{one.a} minus {one.b}: {_statistic(one)}"
    if paid is not None:
        told = cost_sentence(paid, case.panel.evidence.assumptions.currency)
    counted = f"{seeds} {'seed' if seeds == 1 else 'seeds'} x {rows} test rows"
    if case.panel.evidence.folds:
        counted = f"{seeds} {'round' if seeds == 1 else 'rounds'} of folds x {rows} rows"
    half = (one.ci[1] - one.ci[0]) / 2
    if paid is not None or math.isnan(half):
        return f"{told}, {counted}."
    return f"{told}, {counted}: a difference under {phrases.points(half, signed=False)} could not show."
