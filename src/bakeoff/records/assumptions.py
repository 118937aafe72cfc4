"""What nobody measured, and a person may set: prices, hours, volumes, and what a wrong answer costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ASSUMED", "HOURS_A_MONTH", "RETRAINS_PER_MONTH", "Assumed", "Assumptions"]

#: Hours of a mean month: 365 days of 24 hours, by 12.
HOURS_A_MONTH = 730.0

#: Trainings a month after the first, where neither a person nor measured decay says how many: once in four months.
RETRAINS_PER_MONTH = 0.25


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody measured, and a person may set; all shown beside what rests on them.

    Hours of people's work are the same for both ways by default: nobody measured them, and so they tip no choice until
    someone says how they differ.

    Parameters
    ----------
    machine_hour_cost : float
        Price of one busy hour of this machine, in `currency`. 0.20 is about that of four cores in a cloud, on demand.
    label_cost : float
        Price of one further label; labels already owned, and test labels, cost nothing. 0.10 is the order of what a
        crowd takes: 0.012 USD a worker and text, three to five workers, and the service's fee (Amazon SageMaker Ground
        Truth's price list, 2025).
    label_hours : float
        Hours of your own people for one further label, paid by `hour_cost` on top of `label_cost`. Assumed: none, the
        label is bought.
    volume : float
        Predictions a month. Assumed.
    horizon_months : float
        Months over which one-off costs are spread. Assumed: a year.
    margin : float
        Difference in score under which two contenders count as equal (0.01 is one point). Assumed.
    currency : str
        Name of the currency.
    hour_cost : float
        Price of one hour of people's work. 50 is about what an hour costs a civilian employer in the USA, 48.05 USD
        (Bureau of Labor Statistics, Employer Costs for Employee Compensation, June 2025).
    finetune_hours, prompt_hours : float
        People's hours to set up a fine-tuned contender (or a floor), and to write a prompt, once. Assumed.
    finetune_upkeep_hours, prompt_upkeep_hours, current_upkeep_hours : float
        People's hours of upkeep a month: of a fine-tuned contender (or a floor), of a prompted one, of today's system.
        Assumed.
    retrains_per_month : float or None
        How often a contender that was trained on labels is trained again. None: where the fine-tuned finalist is shown
        to lose score on later rows, as often as that loss takes to reach `margin`
        (`bakeoff.decision.bills.retrains_from_decay`); else `RETRAINS_PER_MONTH`, assumed.
    retrain_hours, retrain_labels : float
        People's hours, and bought labels, of one such training. Assumed: it is one command, on labels that come in by
        themselves.
    revalidation_hours : float
        People's hours to check a prompt again when the hosted model under it retires. Assumed.
    retirement_months : float
        Months between retirements. 12 is what Microsoft grants generally available Azure OpenAI models at least ("Model
        retirements", 2025).
    host_hour_cost : float
        Price of one hour of an instance that is always on; 0 where none is, and busy time alone is paid.
    peak_factor : float
        Busiest rate of calls over their mean rate, which sets the number of instances that are always on. Assumed.
    price_in, price_cached, price_out : float (None for `price_cached`)
        Price of a million tokens that a hosted model reads, reads from a cached prefix, and writes. 0 for the first and
        last where no price is known: the server's time is then paid as this machine's. No discount on cached tokens
        where `price_cached` is None.
    cached_share : float or None
        Share of the tokens read that come from a cached prefix; as measured where None.
    current_cost : float
        Price of one prediction of today's system. Assumed: nothing, which favours keeping it.
    error_cost, review_cost : float or None
        Cost of one wrong answer, and of one abstention, which a person then reviews. An abstention costs what a wrong
        answer does where `review_cost` is None.
    cost_matrix : mapping of str to mapping of str to float, or None
        Cost of an answer by true label and answered label, ``"<abstain>"`` among the latter where abstentions have
        costs of their own. It stands before `error_cost`.
    matrix_factor : float
        Times by which all costs of `cost_matrix` are taken.
    """

    machine_hour_cost: float = 0.20
    label_cost: float = 0.10
    volume: float = 100_000.0
    horizon_months: float = 12.0
    margin: float = 0.01
    currency: str = "USD"
    hour_cost: float = 50.0
    finetune_hours: float = 4.0
    prompt_hours: float = 4.0
    finetune_upkeep_hours: float = 0.5
    prompt_upkeep_hours: float = 0.5
    current_upkeep_hours: float = 0.5
    retrains_per_month: float | None = None
    retrain_hours: float = 0.0
    retrain_labels: float = 0.0
    revalidation_hours: float = 4.0
    retirement_months: float = 12.0
    host_hour_cost: float = 0.0
    peak_factor: float = 4.0
    price_in: float = 0.0
    price_cached: float | None = None
    price_out: float = 0.0
    cached_share: float | None = None
    current_cost: float = 0.0
    error_cost: float | None = None
    review_cost: float | None = None
    cost_matrix: Mapping[str, Mapping[str, float]] | None = None
    matrix_factor: float = 1.0
    label_hours: float = 0.0

    @property
    def further_label(self) -> float:
        """What one further label costs, its price and people's hours together, in `currency`."""
        return self.label_cost + self.label_hours * self.hour_cost

    @property
    def priced(self) -> bool:
        """Whether wrong answers have a cost, so that the choice is by expected total cost."""
        return self.error_cost is not None or self.cost_matrix is not None


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is known of one assumption before any study.

    Parameters
    ----------
    name : str
        Field of `Assumptions`.
    what : str
        In words.
    unit : str
        ``"money"`` stands for the currency.
    low, high : float
        Range over which it is swept for a value that flips the choice.
    least, most : float
        Range that is allowed.
    to_zero : bool
        Whether 0 is tried as well, where it is allowed.
    """

    name: str
    what: str
    unit: str
    low: float
    high: float
    least: float = 0.0
    most: float = 1e15
    to_zero: bool = True


#: Every assumption that is a number, in the order in which people are shown them.
ASSUMED: tuple[Assumed, ...] = (
    Assumed("volume", "volume", "predictions a month", 1.0, 1e10, to_zero=False),
    Assumed("horizon_months", "months over which one-off costs are spread", "months", 0.1, 240.0, least=0.01),
    Assumed("margin", "margin of equality", "score", 1e-4, 0.25, most=1.0),
    Assumed("error_cost", "cost of a wrong answer", "money", 1e-6, 1e5),
    Assumed("review_cost", "cost of an abstention", "money", 1e-6, 1e5),
    Assumed("matrix_factor", "factor of all costs of the cost matrix", "times", 1e-4, 1e4),
    Assumed("hour_cost", "price of an hour of people's work", "money", 0.01, 1e4),
    Assumed("finetune_hours", "hours to set up a fine-tuned contender", "hours", 0.01, 1e4),
    Assumed("prompt_hours", "hours to write a prompt", "hours", 0.01, 1e4),
    Assumed("finetune_upkeep_hours", "hours of upkeep a month, fine-tuned", "hours", 0.01, 730.0),
    Assumed("prompt_upkeep_hours", "hours of upkeep a month, prompted", "hours", 0.01, 730.0),
    Assumed("current_upkeep_hours", "hours of upkeep a month, today's system", "hours", 0.01, 730.0),
    Assumed("retrains_per_month", "trainings a month after the first", "trainings", 0.01, 730.0),
    Assumed("retrain_hours", "hours of work for a training after the first", "hours", 0.01, 1e4),
    Assumed("retrain_labels", "labels bought for a training after the first", "labels", 1.0, 1e6),
    Assumed("label_cost", "price of a further label", "money", 1e-3, 1e3),
    Assumed("label_hours", "hours of people's work for a further label", "hours", 1e-4, 100.0),
    Assumed("revalidation_hours", "hours to check a prompt when its hosted model retires", "hours", 0.01, 1e4),
    Assumed("retirement_months", "months between retirements of a hosted model", "months", 0.1, 240.0, least=0.01),
    Assumed("machine_hour_cost", "price of a busy hour of this machine", "money", 1e-3, 1e3),
    Assumed("host_hour_cost", "price of an hour of an instance that is always on", "money", 1e-3, 1e3),
    Assumed("peak_factor", "busiest rate of calls over their mean rate", "times", 1.0, 1e3, least=1.0),
    Assumed("price_in", "price of a million tokens read", "money", 1e-3, 1e4),
    Assumed("price_cached", "price of a million tokens read from a cached prefix", "money", 1e-3, 1e4),
    Assumed("price_out", "price of a million tokens written", "money", 1e-3, 1e4),
    Assumed("cached_share", "share of the tokens that come from a cached prefix", "share", 0.01, 1.0, most=1.0),
    Assumed("current_cost", "price of a prediction of today's system", "money", 1e-7, 1e2),
)
