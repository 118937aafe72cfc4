"""What would flip the choice: found by searching on the rule itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.decision.bills import mixed_bill
from bakeoff.decision.choice import Choice, Figures, Miss, Side, choose
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.knobs import Knob, find_flip
from bakeoff.decision.losses import table_span
from bakeoff.decision.stakes import Stakes, mixed_estimate, mixed_stakes, with_answer_cost
from bakeoff.decision.sweep import assumption_knobs, sweep_of
from bakeoff.records import Flip, Sweep

__all__ = ["Knob", "at_labels", "distance_of_flip", "find_flip", "flips_of", "knobs_of", "measured_knobs"]

_LABELS = "labelled rows"

#: Each arm's finalist in words, and the choice of it.
_FINALISTS = {"finetune": ("fine-tuned", "fine-tune"), "prompt": ("prompted", "prompt"), "both": ("mixed", "both")}


def _moved_side(side: Side, by: float) -> Side:
    return replace(
        side,
        score=side.score + by,
        against_floor=side.against_floor.moved(by) if side.against_floor else None,
        against_current=side.against_current.moved(by) if side.against_current else None,
    )


def with_score(figures: Figures, arm: str, score: float) -> Figures:
    """Give the figures as they would be if an arm's finalist scored otherwise, with the spread that was seen."""
    side = _side_of(figures, arm)
    if side is None:
        return figures
    by, moved = score - side.score, _moved_side(side, score - side.score)
    if arm == "both":
        return replace(figures, both=moved, over={name: one.moved(by) for name, one in figures.over.items()})
    over = {name: one.moved(-by) if name == arm else one for name, one in figures.over.items()}
    difference = figures.difference.moved(by if arm == "finetune" else -by) if figures.difference else None
    if arm == "finetune":
        return replace(figures, finetune=moved, difference=difference, over=over)
    return replace(figures, prompt=moved, difference=difference, over=over)


def _side_of(figures: Figures, arm: str) -> Side | None:
    return {"finetune": figures.finetune, "prompt": figures.prompt, "both": figures.both}[arm]


def _mixed(a: Estimate | None, b: Estimate | None, share: float) -> Estimate | None:
    return None if a is None or b is None else mixed_estimate(a, b, share)


def _mixed_side(a: Side | None, b: Side | None, share: float) -> Side | None:
    if a is None or b is None:
        return None
    return replace(
        b,
        score=(1 - share) * a.score + share * b.score,
        against_floor=_mixed(a.against_floor, b.against_floor, share),
        against_current=_mixed(a.against_current, b.against_current, share),
        bill=mixed_bill(a.bill, b.bill, share),
    )


def at_labels(measured: Sequence[tuple[float, Figures]], n: float) -> Figures:
    """Give the figures of the same finalists at another number of labelled rows.

    Parameters
    ----------
    measured : sequence of (float, Figures)
        At the measured n, rising; the last is the decision budget.
    n : float
        Between the first and the last.

    Returns
    -------
    Figures
        Straight in log(1 + n) between the measured.
    """
    sizes = [size for size, _ in measured]
    right = int(np.clip(np.searchsorted(sizes, n), 1, len(sizes) - 1))
    (low, a), (high, b) = measured[right - 1], measured[right]
    share = (math.log1p(n) - math.log1p(low)) / (math.log1p(high) - math.log1p(low))
    further = tuple(
        math.exp((1 - share) * math.log(max(p, 1e-300)) + share * math.log(max(q, 1e-300)))
        for p, q in zip(a.further_p, b.further_p, strict=False)
    )
    return replace(
        b,
        finetune=_mixed_side(a.finetune, b.finetune, share),
        prompt=_mixed_side(a.prompt, b.prompt, share),
        difference=_mixed(a.difference, b.difference, share),
        further_p=further,
        both=_mixed_side(a.both, b.both, share),
        over={arm: mixed_estimate(a.over[arm], one, share) for arm, one in b.over.items() if arm in a.over},
        stakes=mixed_stakes(a.stakes, b.stakes, share, b.assumptions),
    )


def _score_knobs(figures: Figures, present: Choice) -> list[Knob]:
    if figures.stakes is not None:
        # Which answers are wrong then counts, not only how many: the cost of the answers is turned instead.
        return _answer_knobs(figures, figures.stakes, present)
    knobs = []
    for arm, (word, to) in _FINALISTS.items():
        side = _side_of(figures, arm)
        if side is None or math.isnan(side.score):
            continue
        if to == present.choice:
            # The winner: how far it may fall.
            grid, wanted = np.linspace(side.score, 0.0, 400)[1:], None
        else:
            grid, wanted = np.linspace(side.score, 1.0, 400)[1:], to
        turn = _scorer(figures, arm)
        knobs.append(Knob(f"score of the {word} finalist", "score", side.score, turn, tuple(grid.tolist()), wanted))
    return sorted(knobs, key=lambda knob: knob.to is None)


def _answer_knobs(figures: Figures, stakes: Stakes, present: Choice) -> list[Knob]:
    knobs = []
    dearest = table_span(stakes.tables, figures.assumptions)
    unit = f"{figures.assumptions.currency} a prediction"
    for arm, (word, to) in _FINALISTS.items():
        if arm not in stakes.answers or figures.finetune is None or figures.prompt is None:
            continue
        now = stakes.answers[arm].at(figures.assumptions).mean
        wins = to == present.choice
        grid = np.linspace(now, max(dearest, now) if wins else 0.0, 400)[1:]
        turn = _answer_coster(figures, stakes, arm, now)
        what = f"expected cost of the {word} finalist's answers"
        knobs.append(Knob(what, unit, now, turn, tuple(grid.tolist()), None if wins else to))
    return sorted(knobs, key=lambda knob: knob.to is None)


def _answer_coster(figures: Figures, stakes: Stakes, arm: str, now: float) -> Callable[[float], Figures]:
    return lambda cost: replace(figures, stakes=with_answer_cost(stakes, arm, cost - now))


def _scorer(figures: Figures, arm: str) -> Callable[[float], Figures]:
    return lambda score: with_score(figures, arm, score)


def knobs_of(figures: Figures, present: Choice, measured: Sequence[tuple[float, Figures]]) -> list[Knob]:
    """Give all figures that are worth turning for a choice: those measured, and those assumed."""
    assumed = assumption_knobs(figures, present).values()
    return [*measured_knobs(figures, present, measured), *(knob for pair in assumed for knob in pair)]


def measured_knobs(figures: Figures, present: Choice, measured: Sequence[tuple[float, Figures]]) -> list[Knob]:
    """Give the measured figures, and the limits, that are worth turning for a choice.

    Parameters
    ----------
    figures : Figures
    present : Choice
    measured : sequence of (float, Figures)
        The figures at every measured n up to the decision budget, for the number of labels.

    Returns
    -------
    list of Knob
    """
    knobs = _score_knobs(figures, present)
    if len(measured) > 1:
        grid = np.geomspace(1 + measured[-1][0], 1 + measured[0][0], 400)[1:] - 1
        grid[-1] = measured[0][0]
        knobs.append(Knob(_LABELS, "rows", measured[-1][0], lambda n: at_labels(measured, n), tuple(grid.tolist())))
    sides = {"fine-tune": (figures.finetune, figures.prompt), "prompt": (figures.prompt, figures.finetune)}
    winner, other = sides.get(present.choice, (None, None))
    if winner is not None and other is not None and other.p95_ms < winner.p95_ms:
        # Just under the quickest of the winner's arm, so that the limit shuts out the whole arm.
        knobs.append(
            Knob(
                f"limit of p95_ms for the {present.choice} arm",
                "ms",
                winner.p95_ms,
                lambda limit: replace(figures, p95_limit=limit),
                (winner.p95_ms * (1 - 1e-9),),
            )
        )
    return [*knobs, *_limit_knobs(figures)]


def _limit_knobs(figures: Figures) -> list[Knob]:
    """Give the limits that alone keep a finalist out, to be loosened until it is in."""
    knobs = []
    for arm, side in (("finetune", figures.finetune), ("prompt", figures.prompt)):
        if side is None or len(side.missed) != 1:
            continue
        miss = side.missed[0]
        knobs.append(
            Knob(
                f"limit of {miss.figure} for {side.contender}", "", miss.limit, _loosen(figures, arm, miss), (miss.at,)
            )
        )
    return knobs


def _loosen(figures: Figures, arm: str, miss: Miss) -> Callable[[float], Figures]:
    def apply(limit: float) -> Figures:
        side = figures.finetune if arm == "finetune" else figures.prompt
        reached = limit >= miss.at if miss.at > miss.limit else limit <= miss.at
        loosened = replace(side, missed=() if reached else (miss,)) if side is not None else None
        return replace(figures, finetune=loosened) if arm == "finetune" else replace(figures, prompt=loosened)

    return apply


def flips_of(
    figures: Figures, measured: Sequence[tuple[float, Figures]], sweep: Sequence[Sweep] | None = None
) -> tuple[Flip, ...]:
    """Find what would flip the choice.

    Parameters
    ----------
    figures : Figures
    measured : sequence of (float, Figures)
        The figures at every measured n up to the decision budget.
    sweep : sequence of Sweep, optional
        What the assumptions flip; found here where not given.

    Returns
    -------
    tuple of Flip
        Each with a value at which `choose` gives another choice, those of the assumptions last and nearest first;
        empty where an arm is missing.
    """
    present = choose(figures)
    if figures.finetune is None or figures.prompt is None:
        return ()
    found = [find_flip(knob, present) for knob in measured_knobs(figures, present, measured)]
    kept = [flip for flip in found if flip is not None and not _by_chance(flip, figures, measured)]
    swept = sweep_of(figures) if sweep is None else sweep
    assumed = [flip for one in swept for flip in (one.below, one.above) if flip is not None]
    return (*kept, *sorted(assumed, key=distance_of_flip))


def distance_of_flip(flip: Flip) -> float:
    """Give how far a flip is, as a ratio; one from or to nothing stands after all others."""
    return abs(math.log(flip.at / flip.now)) if flip.at > 0 and flip.now > 0 else math.inf


def _by_chance(flip: Flip, figures: Figures, measured: Sequence[tuple[float, Figures]]) -> bool:
    """Say whether fewer labels turn the choice by a smaller spread there, and bring the loser no nearer."""
    if flip.what != _LABELS or figures.difference is None:
        return False
    there = at_labels(measured, flip.at).difference
    return there is None or there.mean >= figures.difference.mean
