"""The finalists, the comparisons that are declared between them, and the figures of the rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bakeoff.decision.bills import bill_of
from bakeoff.decision.choice import Figures, Miss, Side
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.losses import cost_tables, loss_difference, loss_of, validation_cost
from bakeoff.decision.paired import TEST_NAME, holm, mcnemar_mid_p
from bakeoff.decision.panel import Cell, Codes, Panel, pair_codes, paired_means
from bakeoff.decision.permutation import permutation_p
from bakeoff.decision.ranking import best_on_validation, meeting_budget
from bakeoff.decision.requirements import is_out, standings
from bakeoff.decision.resampling import estimate_difference
from bakeoff.decision.stakes import Stake, Stakes
from bakeoff.records import Arm, Comparison

__all__ = [
    "Declared",
    "Field",
    "as_chosen",
    "chosen_in_folds",
    "declare",
    "field_of",
    "figures_at",
    "figures_of",
    "may_meet",
    "of_round",
    "records_of",
    "stakes_of",
]


@dataclass(frozen=True, slots=True)
class Field:
    """Who meets at the decision budget, all chosen on validation rows.

    Parameters
    ----------
    n : int
        Label budget.
    finetune, prompt : Cell or None
        The finalists: best of those of the arm that miss no hard limit; the best of all where every one misses one.
    floor, current : Cell or None
        The best floor, and today's system, where they miss no hard limit.
    pair : tuple of (int, Cell, Cell) or None
        The same-base pair: the n at which it meets, the best tuned and the best prompted contender of one model.
    out : frozenset of str
        Contenders that miss a hard limit.
    both : Cell or None
        The best mixture of the two ways that misses no hard limit.
    """

    n: int
    finetune: Cell | None
    prompt: Cell | None
    floor: Cell | None
    current: Cell | None
    pair: tuple[int, Cell, Cell] | None
    out: frozenset[str]
    both: Cell | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared comparison: a minus b, at n labelled rows."""

    role: str
    a: Cell
    b: Cell
    n: int
    estimate: Estimate


def _best(panel: Panel, arm: Arm, n: int, out: frozenset[str], *, others: bool) -> Cell | None:
    ranked = best_on_validation(panel, [contender.name for contender in panel.arm(arm)], n)
    left = [name for name in ranked if name not in out]
    chosen = left or (list(ranked) if others else [])
    return panel.cell(chosen[0], n) if chosen else None


def _same_base(panel: Panel, n: int) -> tuple[int, Cell, Cell] | None:
    """Find the same-base pair, and the n at which it meets: the largest up to n at which both were measured.

    Tuning the decoder itself is the dearest of all trials, so time may allow it at fewer labels only.
    """

    def best(arm: Arm, model: str, at: int) -> Cell | None:
        ranked = best_on_validation(panel, [c.name for c in panel.arm(arm) if c.model == model], at)
        return panel.cell(ranked[0], at) if ranked else None

    prompted = [contender.name for contender in panel.arm("prompt") if contender.model]
    budgets = {budget for contender in panel.arm("finetune") for budget in panel.budgets(contender.name)}
    for at in sorted((budget for budget in budgets if budget <= n), reverse=True):
        for name in best_on_validation(panel, prompted, at):
            model = panel.contenders[name].model or ""
            tuned, asked = best("finetune", model, at), best("prompt", model, at)
            if tuned is not None and asked is not None:
                return at, tuned, asked
    return None


def field_of(panel: Panel) -> Field:
    """Choose who meets, on validation rows."""
    n = meeting_budget(panel)
    cells = [cell for name in panel.contenders if (cell := panel.cell(name, n)) is not None]
    out = frozenset(cell.contender.name for cell in cells if is_out(panel, cell))
    return Field(
        n=n,
        finetune=_best(panel, "finetune", n, out, others=True),
        prompt=_best(panel, "prompt", n, out, others=True),
        floor=_best(panel, "floor", n, out, others=False),
        current=_best(panel, "current", n, out, others=False),
        pair=_same_base(panel, n),
        out=out,
        both=_best(panel, "both", n, out, others=False),
    )


def chosen_in_folds(panel: Panel, field: Field, cell: Cell) -> dict[int, str]:
    """Give the contender that the validation rows of each fold choose for a finalist's arm.

    Every row is a test row of some fold, so that a choice by all validation rows would have seen test rows. What is
    tested is therefore the choosing too: each fold is answered by the one that its own validation rows put first
    (nested cross-validation, Varma and Simon 2006). The finalist stands first among equals.

    Parameters
    ----------
    panel : Panel
    field : Field
    cell : Cell
        The finalist's.

    Returns
    -------
    dict of int to str
        By the number of the fold, of all rounds in which the finalist stands.
    """
    own, size = cell.contender.name, panel.evidence.round_folds
    names = [own, *(c.name for c in panel.arm(cell.contender.arm) if c.name != own and c.name not in field.out)]
    rivals = [rival for name in names if (rival := panel.cell(name, field.n)) is not None and rival.enough_seeds]
    rounds = cell.seeds if cell.contender.seeded else range(len(panel.evidence.folds) // size)
    found = {}
    for number in (size * round_ + place for round_ in rounds for place in range(size)):
        scores = {rival.contender.name: _fold_score(panel, rival, number) for rival in rivals}
        known = {name: score for name, score in scores.items() if not math.isnan(score)}
        found[number] = max(known, key=lambda name: known[name]) if known else own
    return found


def _fold_score(panel: Panel, cell: Cell, number: int) -> float:
    """Score a contender on the validation rows of one fold, or give what it saves there; NaN where not measured."""
    rows = list(panel.evidence.folds[number].validation)
    codes = of_round(cell, cell.validation, number // panel.evidence.round_folds)
    if codes is None or not rows:
        return math.nan
    if panel.evidence.assumptions.priced:
        return -validation_cost(panel, cell, panel.truth["validation"][rows], codes[rows][None])
    return float(panel.scoring.score(panel.truth["validation"][rows], codes[rows]))


def of_round(cell: Cell, codes: Codes, round_: int) -> Codes | None:
    """Give a contender's answers of one round, those of its only one where it is not seeded; None without."""
    if cell.contender.seeded and round_ not in cell.seeds:
        return None
    return np.asarray(codes[cell.seeds.index(round_) if cell.contender.seeded else 0])


def as_chosen(panel: Panel, field: Field, cell: Cell | None) -> Cell | None:
    """Give a finalist with the answers of what each fold chooses in its place; unchanged without folds."""
    if cell is None or not panel.evidence.folds or cell.contender.arm == "current":
        return cell
    chosen = chosen_in_folds(panel, field, cell)
    size = panel.evidence.round_folds
    rounds = tuple(sorted({number // size for number in chosen}))
    test = np.broadcast_to(cell.test, (len(rounds), cell.test.shape[1])).copy()
    for number, name in chosen.items():
        rival = panel.cell(name, field.n)
        codes = None if rival is None else of_round(rival, rival.test, number // size)
        if codes is not None:
            rows = list(panel.evidence.folds[number].test)
            test[rounds.index(number // size), rows] = codes[rows]
    return replace(cell, seeds=rounds, test=test)


def may_meet(panel: Panel, n: int, most: int | None = None) -> list[tuple[Cell, Cell]]:
    """Give every pair that `declare` could name at n, whoever the finalists are; the same-base pair left out.

    Parameters
    ----------
    panel : Panel
    n : int
    most : int, optional
        Only so many of each arm, the best on validation rows.

    Returns
    -------
    list of (Cell, Cell)
    """
    met: dict[Arm, list[Cell]] = {}
    for arm in ("finetune", "prompt", "both", "floor", "current"):
        names = best_on_validation(panel, [one.name for one in panel.arm(arm)], n)[:most]
        met[arm] = [cell for name in names if (cell := panel.cell(name, n)) is not None]
    ways = [*met["finetune"], *met["prompt"]]
    return [
        *product(met["finetune"], met["prompt"]),
        *product(met["both"], ways),
        *product([*ways, *met["both"]], [*met["floor"], *met["current"]]),
    ]


def declare(panel: Panel, field: Field, *, resamples: int = 5_000) -> tuple[Declared, ...]:
    """Estimate every declared comparison.

    The finalists against each other; the best mixture against each; all of them against the best floor and against
    today's system; the same-base pair, where it is not the finalists themselves.

    Parameters
    ----------
    panel : Panel
    field : Field
    resamples : int

    Returns
    -------
    tuple of Declared
    """
    met = (field.finetune, field.prompt, field.both, field.floor)
    finetune, prompt, both, floor = (as_chosen(panel, field, one) for one in met)
    pairs: list[tuple[str, Cell | None, Cell | None]] = [("verdict", finetune, prompt)]
    pairs += [("mixture", both, side) for side in (finetune, prompt)]
    pairs += [("floor", side, floor) for side in (finetune, prompt, both)]
    pairs += [("current", side, field.current) for side in (finetune, prompt, both)]
    declared = [
        Declared(role, a, b, field.n, estimate_difference(panel, a, b, resamples=resamples))
        for role, a, b in pairs
        if a is not None and b is not None
    ]
    if field.pair is not None and field.pair[1:] != (field.finetune, field.prompt):
        n, tuned, asked = field.pair
        declared.append(
            Declared("same-base", tuned, asked, n, estimate_difference(panel, tuned, asked, resamples=resamples))
        )
    return tuple(declared)


def _of_these_fits(panel: Panel, one: Declared) -> tuple[float, float | None]:
    """Give the p-values that speak of the fits at hand: by permutation, and McNemar's where no seed changes either."""
    truth = panel.truth["test"]
    a, b = pair_codes(one.a, one.b)
    by_permutation = permutation_p(panel.scoring, truth, a, b, seed=panel.evidence.seed)
    if one.a.contender.seeded or one.b.contender.seeded or not panel.rows_are_right:
        return by_permutation, None
    right_a, right_b = a[0] == truth, b[0] == truth
    return by_permutation, mcnemar_mid_p(int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum()))


def records_of(panel: Panel, declared: Sequence[Declared]) -> tuple[Comparison, ...]:
    """Turn declared comparisons into records, with Holm's correction over all of them."""
    beside = [(*_of_these_fits(panel, one), paired_means(panel, one.a, one.b)) for one in declared]
    p_values = [one.estimate.p_value() for one in declared]
    return tuple(
        Comparison(
            a=one.a.contender.name,
            b=one.b.contender.name,
            n=one.n,
            difference=one.estimate.mean,
            ci=one.estimate.interval(),
            p=p,
            p_holm=p_holm,
            test=TEST_NAME if one.estimate.seeds > 1 else f"{TEST_NAME} (one seed)",
            n_pairs=one.estimate.seeds * one.estimate.rows,
            role=one.role,
            p_permutation=by_permutation,
            p_mcnemar=mcnemar,
            rows_variance=one.estimate.rows_variance,
            seeds_variance=one.estimate.seeds_variance,
            df=one.estimate.df,
            score_a=score_a,
            score_b=score_b,
        )
        for one, p, p_holm, (by_permutation, mcnemar, (score_a, score_b)) in zip(
            declared, p_values, holm(p_values), beside, strict=True
        )
    )


def _side(panel: Panel, field: Field, cell: Cell | None, declared: Sequence[Declared]) -> Side | None:
    if cell is None:
        return None
    name = cell.contender.name
    against = {one.role: one.estimate for one in declared if one.a.contender.name == name and one.role != "verdict"}
    rivals = [panel.cell(other.name, field.n) for other in panel.arm(cell.contender.arm) if other.name not in field.out]
    latencies = [t.p95_ms for rival in [*rivals, cell] if rival is not None for t in rival.trials]
    return Side(
        contender=name,
        score=panel.mean_score(as_chosen(panel, field, cell) or cell),
        against_floor=against.get("floor"),
        against_current=against.get("current"),
        bill=bill_of(cell),
        p95_ms=min((value for value in latencies if not math.isnan(value)), default=math.nan),
        missed=tuple(
            Miss(one.requirement.figure, one.requirement.value, one.high if one.requirement.sense == ">=" else one.low)
            for one in standings(panel, cell)
            if one.state == "missed"
        ),
    )


def stakes_of(panel: Panel, finalists: Sequence[Cell], declared: Sequence[Declared], *, resamples: int) -> Stakes:
    """Give every declared comparison in money.

    Parameters
    ----------
    panel : Panel
    finalists : sequence of Cell
    declared : sequence of Declared
    resamples : int

    Returns
    -------
    Stakes
    """
    tables = cost_tables(tuple(panel.labels), panel.evidence.assumptions)

    def stake(one: Declared) -> Stake:
        return Stake(bill_of(one.a), bill_of(one.b), loss_difference(panel, one.a, one.b, tables, resamples=resamples))

    def against(role: str) -> dict[str, Stake]:
        return {one.a.contender.arm: stake(one) for one in declared if one.role == role}

    return Stakes(
        difference=next((stake(one) for one in declared if one.role == "verdict"), None),
        against_floor=against("floor"),
        against_current=against("current"),
        further=tuple(stake(one) for one in declared if one.role == "same-base"),
        mixture={one.b.contender.arm: stake(one) for one in declared if one.role == "mixture"},
        answers={cell.contender.arm: loss_of(panel, cell, tables, resamples=resamples) for cell in finalists},
        tables=tables,
    )


def figures_of(panel: Panel, field: Field, declared: Sequence[Declared], *, resamples: int = 5_000) -> Figures:
    """Bring all that the choice depends on into one record."""
    finalists = [cell for cell in (field.finetune, field.prompt) if cell is not None]
    all_met = [*finalists, *([field.both] if field.both is not None else [])]
    met = [chosen for cell in all_met if (chosen := as_chosen(panel, field, cell)) is not None]
    verdict = next((one.estimate for one in declared if one.role == "verdict"), None)
    return Figures(
        finetune=_side(panel, field, field.finetune, declared),
        prompt=_side(panel, field, field.prompt, declared),
        difference=verdict,
        floor=field.floor.contender.name if field.floor else None,
        current=field.current.contender.name if field.current else None,
        further_p=tuple(one.estimate.p_value() for one in declared if one.role == "same-base"),
        assumptions=panel.evidence.assumptions,
        enough_seeds=all(cell.enough_seeds for cell in finalists),
        stakes=stakes_of(panel, met, declared, resamples=resamples) if panel.evidence.assumptions.priced else None,
        # A mixture whose spread over seeds is not known is shown, and not chosen.
        both=_side(panel, field, field.both, declared) if field.both is not None and field.both.enough_seeds else None,
        over={one.b.contender.arm: one.estimate for one in declared if one.role == "mixture"},
        no_labels=field.n == 0,
    )


def figures_at(panel: Panel, field: Field, n: int) -> Figures | None:
    """Give the rule's figures of the same finalists at another n; None where one of those who meet was not measured."""

    def at(cell: Cell | None) -> Cell | None:
        return panel.cell(cell.contender.name, n) if cell is not None else None

    before = field.finetune, field.prompt, field.floor, field.current, field.both
    finetune, prompt, floor, current, both = (at(cell) for cell in before)
    if finetune is None or prompt is None or not (finetune.enough_seeds and prompt.enough_seeds):
        return None
    if (field.floor is not None and floor is None) or (field.current is not None and current is None):
        return None
    tuned, asked = (at(cell) for cell in (field.pair or (None, None, None))[1:])
    pair = (n, tuned, asked) if tuned is not None and asked is not None else field.pair
    moved = Field(n, finetune, prompt, floor, current, pair, field.out, both)
    return figures_of(panel, moved, declare(panel, moved, resamples=1_000), resamples=1_000)
