"""Expected costs of a month, by which the rule chooses where error costs are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.bills import Bill, mixed_bill, spending
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.losses import Loss, SettledLoss, table_span
from bakeoff.records import Assumptions

__all__ = ["Stake", "Stakes", "mixed_estimate", "mixed_stakes", "with_answer_cost"]


@dataclass(frozen=True, slots=True)
class Stake:
    """What a costs more than b.

    Parameters
    ----------
    a, b : Bill
    loss : Loss
        Cost of the answers of a less that of b, for one prediction.
    shift : float
        Added to it, in money for one prediction.
    """

    a: Bill
    b: Bill
    loss: Loss
    shift: float = 0.0

    def a_month(self, assumptions: Assumptions) -> Estimate:
        """Estimate the difference of the expected costs of a month: what was measured of the bills is taken as known.

        Its uncertainty is that of the answers: over seeds and rows, times the volume.
        """
        certain = [spending(bill, assumptions).total_a_month(assumptions) for bill in (self.a, self.b)]
        answers = self.loss.at(assumptions).moved(self.shift).scaled(assumptions.volume)
        return answers.moved(certain[0] - certain[1])


@dataclass(frozen=True, slots=True, eq=False)
class Stakes:
    """All declared comparisons, in money.

    Parameters
    ----------
    difference : Stake or None
        The fine-tuned finalist less the prompted one.
    against_floor, against_current : mapping of str to Stake
        Each arm's finalist less the best floor, and less today's system.
    further : tuple of Stake
        Those that cannot change the choice.
    answers : mapping of str to Loss
        Cost of each arm's finalist's own answers, for one prediction.
    tables : ndarray of float64, shape (2, labels, labels + 1)
        See `bakeoff.decision.losses.cost_tables`.
    mixture : mapping of str to Stake
        The best mixture less each arm's finalist.
    """

    difference: Stake | None
    against_floor: Mapping[str, Stake]
    against_current: Mapping[str, Stake]
    further: tuple[Stake, ...]
    answers: Mapping[str, Loss]
    tables: NDArray[np.float64]
    mixture: Mapping[str, Stake] = field(default_factory=dict)

    def margin(self, assumptions: Assumptions) -> float:
        """Give the difference of a month that counts as equal: the margin of the score, in the dearest answers.

        With one cost for every wrong answer, that is what a difference in accuracy of the margin costs.
        """
        return assumptions.margin * assumptions.volume * table_span(self.tables, assumptions)


def with_answer_cost(stakes: Stakes, arm: str, by: float) -> Stakes:
    """Give the stakes as they would be if an arm's finalist's answers cost so much more for one prediction."""

    def moved(stake: Stake, change: float) -> Stake:
        return replace(stake, shift=stake.shift + change)

    def own(stakes_by_arm: Mapping[str, Stake]) -> dict[str, Stake]:
        return {name: moved(stake, by if name == arm else 0.0) for name, stake in stakes_by_arm.items()}

    def over(name: str) -> float:
        return by if arm == "both" else -by if arm == name else 0.0

    difference = stakes.difference
    ahead = {"finetune": by, "prompt": -by}.get(arm, 0.0)
    return replace(
        stakes,
        difference=moved(difference, ahead) if difference is not None else None,
        mixture={name: moved(stake, over(name)) for name, stake in stakes.mixture.items()},
        against_floor=own(stakes.against_floor),
        against_current=own(stakes.against_current),
    )


def mixed_estimate(a: Estimate, b: Estimate, share: float) -> Estimate:
    """Give what lies between two estimates: `a` at share 0, `b` at share 1."""

    def between(before: float, after: float) -> float:
        return (1 - share) * before + share * after

    return Estimate(
        between(a.mean, b.mean),
        between(a.rows_variance, b.rows_variance),
        between(a.seeds_variance, b.seeds_variance),
        between(a.df, b.df),
        min(a.seeds, b.seeds),
        a.rows,
    )


def mixed_stakes(a: Stakes | None, b: Stakes | None, share: float, assumptions: Assumptions) -> Stakes | None:
    """Give what lies between the stakes at two numbers of labels, under prices that stay."""
    if a is None or b is None:
        return None

    def mixed(one: Stake, other: Stake) -> Stake:
        before, after = (stake.loss.at(assumptions).moved(stake.shift) for stake in (one, other))
        bills = mixed_bill(one.a, other.a, share), mixed_bill(one.b, other.b, share)
        return Stake(*bills, SettledLoss(mixed_estimate(before, after, share)))

    def both(one: Mapping[str, Stake], other: Mapping[str, Stake]) -> dict[str, Stake]:
        return {arm: mixed(one[arm], other[arm]) for arm in other if arm in one}

    return replace(
        b,
        difference=mixed(a.difference, b.difference) if a.difference and b.difference else None,
        against_floor=both(a.against_floor, b.against_floor),
        against_current=both(a.against_current, b.against_current),
        mixture=both(a.mixture, b.mixture),
        further=tuple(mixed(one, other) for one, other in zip(a.further, b.further, strict=False)),
    )
