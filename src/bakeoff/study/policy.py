"""Which trial to run next, where a study is to end as soon as its verdict is decided.

First each contender once, where that is cheap (the floors and the unlabelled where the arms meet, the dear at fewer
labels). Then, where the arms meet, those that may still become their arm's finalist. Then the other seeds of the
finalists and of those that cannot be told from them. All by validation rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bakeoff.decision import in_the_race
from bakeoff.records import Arm, Evidence
from bakeoff.study.plan import Plan, PlannedTrial

__all__ = ["next_trial", "next_trials"]

#: A contender is first tried at fewer labels where a trial at the decision budget would take so many times as long.
_SCOUT_FACTOR = 2.0
#: Labels that a first try has at most, where it is not made at the decision budget; fewer tell too little.
_SCOUT_LABELS = 256
#: A contender is dear that would take so many times as long at the decision budget as the leader of its arm.
_DEAR_FACTOR = 4.0
_ARMS: tuple[Arm, ...] = ("finetune", "prompt", "both")


@dataclass(frozen=True, slots=True)
class _Round:
    """The trials that make one seed of a contender at one n."""

    contender: str
    n: int
    seed: int
    trials: tuple[PlannedTrial, ...]


class _Course:
    """A plan by contender, n and seed, and what of it has ended."""

    def __init__(
        self,
        plan: Plan,
        evidence: Evidence,
        ended: Collection[tuple[str, int, int]],
    ) -> None:
        self.plan, self.evidence, self.ended = plan, evidence, ended
        self.rounds: dict[tuple[str, int, int], _Round] = {}
        found: dict[tuple[str, int, int], list[PlannedTrial]] = {}
        for trial in plan.trials:
            found.setdefault((trial.contender, trial.n, trial.seed // plan.round_folds), []).append(trial)
        for place, trials in found.items():
            self.rounds[place] = _Round(*place, tuple(trials))
        self.contenders = [one for one in evidence.contenders if one.name not in evidence.dropped]
        self.deciding = {trial.contender for trial in plan.trials if trial.core}

    def budgets(self, name: str) -> list[int]:
        most = self.plan.decision_budget
        return sorted({n for contender, n, _seed in self.rounds if contender == name and n <= most})

    def seconds(self, name: str, n: int) -> float:
        """Give what the first seed of a contender takes at n."""
        return sum(trial.cost for trial in self.rounds[name, n, 0].trials)

    def left(self, name: str, n: int, seed: int) -> tuple[PlannedTrial, ...]:
        """Give the trials of a round that have not ended."""
        known = self.rounds.get((name, n, seed))
        trials = known.trials if known is not None else ()
        return tuple(trial for trial in trials if (trial.contender, trial.n, trial.seed) not in self.ended)


def next_trial(plan: Plan, evidence: Evidence, ended: Collection[tuple[str, int, int]]) -> PlannedTrial | None:
    """Choose the trial that tells most about the verdict for what it costs.

    Costs are the plan's forecasts, not what trials took so far, so that a study that was stopped and resumed chooses as
    an unbroken one.

    Parameters
    ----------
    plan : Plan
        All that may be run.
    evidence : Evidence
        Of the study so far; only its validation answers are looked at.
    ended : collection of (str, int, int)
        Contender, n and seed of trials that have a record, or that time does not allow.

    Returns
    -------
    PlannedTrial or None
        None as soon as no trial of the plan would tell more about who meets, or how they compare.
    """
    return next(iter(next_trials(plan, evidence, ended)), None)


def next_trials(plan: Plan, evidence: Evidence, ended: Collection[tuple[str, int, int]]) -> tuple[PlannedTrial, ...]:
    """Choose the trials that can run beside one another, the one of `next_trial` first.

    They are those that would be chosen one after another whatever the others of them give: all first tries of a part;
    then one round of seeds for each arm, since a round tells who of the arm goes on; and the floors', which nobody
    leaves out. So a study that runs several at a time runs those that it would run one after another.

    Parameters
    ----------
    plan : Plan
        All that may be run.
    evidence : Evidence
        Of the study so far; only its validation answers are looked at.
    ended : collection of (str, int, int)
        Contender, n and seed of trials that have a record, or that time does not allow. Those under way are not among
        them, and are chosen again.

    Returns
    -------
    tuple of PlannedTrial
        Empty as soon as no trial of the plan would tell more about who meets, or how they compare.
    """
    course = _Course(plan, evidence, ended)
    steps = (_deciding_scouts, _meetings, _seeds, _other_scouts, _meetings, _seeds)
    return next((found for step in steps if (found := tuple(step(course)))), ())


def _deciding_scouts(course: _Course) -> Iterator[PlannedTrial]:
    return _scouts(course, [one.name for one in course.contenders if one.name in course.deciding])


def _other_scouts(course: _Course) -> Iterator[PlannedTrial]:
    return _scouts(course, [one.name for one in course.contenders if one.name not in course.deciding])


def _scouts(course: _Course, names: Sequence[str]) -> Iterator[PlannedTrial]:
    """Give the first seed of each contender, the cheapest first."""
    places = [(name, n) for name in names if (n := _scouted(course, name)) is not None]
    for name, n in sorted(places, key=lambda place: course.seconds(*place)):
        yield from course.left(name, n, 0)


def _scouted(course: _Course, name: str) -> int | None:
    """Give the n at which a contender is tried first; None where nothing of it is planned."""
    budgets = [n for n in course.budgets(name) if (name, n, 0) in course.rounds]
    if not budgets:
        return None
    smaller = [n for n in budgets[:-1] if n <= _SCOUT_LABELS]
    dear = smaller and course.seconds(name, budgets[-1]) > _SCOUT_FACTOR * course.seconds(name, smaller[-1])
    return smaller[-1] if dear else budgets[-1]


def _meetings(course: _Course) -> Iterator[PlannedTrial]:
    """Give the first seed, at the decision budget, of those that may still become finalists: a likely one first."""
    for arm in _ARMS:
        meeting = (course.left(name, _met(course, name), 0) for name in _racing(course, arm))
        yield from next(filter(None, meeting), ())


def _seeds(course: _Course) -> Iterator[PlannedTrial]:
    """Give further seeds of the floors, and the next round of each arm's that may still become finalists."""
    floors = _rounds(course, [one.name for one in course.contenders if one.arm == "floor"])
    arms = (_rounds(course, _racing(course, arm))[:1] for arm in _ARMS)
    for trials in sorted((*floors, *(one for first in arms for one in first)), key=_turn):
        yield from trials


def _rounds(course: _Course, names: Sequence[str]) -> list[tuple[PlannedTrial, ...]]:
    """Give the rounds of seeds behind the first that contenders have left at the decision budget, in their turn."""
    places = ((name, seed) for name in names for seed in range(1, course.plan.seeds))
    found = (course.left(name, _met(course, name), seed) for name, seed in places)
    return sorted(filter(None, found), key=_turn)


def _turn(trials: Sequence[PlannedTrial]) -> tuple[int, float]:
    return trials[0].seed, sum(one.cost for one in trials)


def _racing(course: _Course, arm: Arm) -> Sequence[str]:
    n = course.plan.decision_budget
    known = [one.name for one in course.contenders if one.arm == arm and course.budgets(one.name)]
    costs = {name: _fit_at(course, name) for name in known}
    ranked = in_the_race(course.evidence, arm, n)
    if not ranked:
        return ()
    least = costs.get(ranked[0], 0.0)
    dear = {name for name in known if costs[name] > _DEAR_FACTOR * max(least, 1.0)}
    return [name for name in in_the_race(course.evidence, arm, n, dear) if name in known]


def _fit_at(course: _Course, name: str) -> float:
    n = _met(course, name)
    return course.seconds(name, n) if (name, n, 0) in course.rounds else 0.0


def _met(course: _Course, name: str) -> int:
    """Give the n at which a contender stands at the decision budget: that, or where it uses no labels its own."""
    return max(course.budgets(name), default=course.plan.decision_budget)
