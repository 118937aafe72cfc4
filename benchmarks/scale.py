"""How long a finished study's trials would take on more workers, from the seconds that were measured of each.

    python benchmarks/scale.py --study STUDY [--workers 1,2,4,8] [--faster lora=20]

List scheduling: a worker that is free takes the next trial of the study's own order that hangs on none under way, as
`bakeoff.study.run` does. Two courses are followed: the whole grid (`--until measured`), whose one wait is that of
the finalists' further seeds for all trials that decide; and the policy's (`--until decided`), replayed on the
study's own records. The second is left out where the study lacks trials that the policy asks for.

Seconds are those of the study's records: fitting and answering, each trial alone, so that label scores that one trial
had from another are paid for again. Loading models, and sending rows, models and answers, are not among them.
`--faster METHOD=TIMES` asks what if a method's trials took that part of their seconds: an estimate, and named so.

Printed beside the make-span: the speed-up, the share of the workers' time that is used, and what the longest first
would give. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import heapq
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.decision import droppable, further_seeds_tell
from bakeoff.records import Evidence, Trial
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.plan import Plan
from bakeoff.study.policy import next_trials
from bakeoff.study.store import StudyStore

WORKERS = (1, 2, 4, 8, 16, 32, 64)

Place = tuple[str, int, int]
#: Gives the trials that may run by now, in order, from those that have ended; none means that the course is over.
Course = Callable[[Collection[Place]], Sequence[Place]]


@dataclass(frozen=True)
class Measured:
    """A study as it was measured: its plan, its evidence, and the seconds of each trial."""

    plan: Plan
    evidence: Evidence
    seconds: Mapping[Place, float]

    @property
    def first_further(self) -> int:
        """The first seed that the finalists alone have."""
        return self.plan.seeds * self.plan.round_folds


def read(folder: Path) -> Measured:
    """Read a study from a copy, so that nothing of it is changed."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(folder / "study.sqlite", copy)
        with StudyStore(Path(copy)) as store:
            plan, evidence = read_plan(store), gather_evidence(store)
    if plan is None:
        raise SystemExit(f"The study {folder} was stopped before its plan.")
    planned = {(trial.contender, trial.n, trial.seed) for trial in plan.trials}
    seconds = {place_of(trial): trial.usage.seconds for trial in evidence.trials if place_of(trial) in planned}
    if not seconds:
        raise SystemExit(f"The study {folder} has measured no trial.")
    return Measured(plan, evidence, seconds)


def hastened(study: Measured, faster: Sequence[str]) -> Measured:
    """Divide the seconds of some methods' trials: what a faster device or server might make of them."""
    factors = {name: float(times) for name, _, times in (one.partition("=") for one in faster)}
    methods = {one.name: one.method for one in study.evidence.contenders}
    if unknown := set(factors) - set(methods.values()):
        raise SystemExit(f"The study has no method {sorted(unknown)}; it has {sorted(set(methods.values()))}.")
    seconds = {place: spent / factors.get(methods[place[0]], 1.0) for place, spent in study.seconds.items()}
    return replace(study, seconds=seconds)


def place_of(trial: Trial) -> Place:
    return trial.contender, trial.n, trial.seed


def whole_grid(study: Measured) -> Course:
    """Follow all of the plan: the trials that decide, further seeds when these have ended, and the others."""
    places = [((one.contender, one.n, one.seed), one.core) for one in study.plan.trials]
    further = [place for place, _core in places if place[2] >= study.first_further]
    core = [place for place, core in places if core and place not in further]
    others = [place for place, core in places if not core and place not in further]

    def course(ended: Collection[Place]) -> Sequence[Place]:
        waits = any(place not in ended for place in core if place in study.seconds)
        found = (*core, *others) if waits else (*further, *others)
        return [place for place in found if place not in ended and place in study.seconds]

    return course


def as_decided(study: Measured) -> Course:
    """Follow the policy over the records of what has ended, and then the finalists' further seeds where these tell."""
    records = {place_of(trial): trial for trial in study.evidence.trials}
    dropped: dict[str, str] = {}
    further = [place for place in study.seconds if place[2] >= study.first_further]

    def course(ended: Collection[Place]) -> Sequence[Place]:
        if not ended:
            dropped.clear()
        known = [place for place in records if place in ended]
        evidence = replace(study.evidence, trials=tuple(records[place] for place in known), dropped=dict(dropped))
        dropped.update({name: why for name, why in droppable(evidence).items() if name not in dropped})
        evidence = replace(evidence, dropped=dict(dropped))
        found = [(one.contender, one.n, one.seed) for one in next_trials(study.plan, evidence, ended)]
        if missing := [place for place in found if place not in records]:
            raise LookupError(f"the study has not measured {missing[0]}")
        if not found and further_seeds_tell(evidence, study.plan.finalist_seeds):
            return [place for place in further if place not in ended]
        return found

    return course


def make_span(course: Course, seconds: Mapping[Place, float], workers: int) -> tuple[float, list[Place]]:
    """Give the seconds until the last trial ends, and the trials that were run, in the order in which they ended."""
    now, ended, running = 0.0, list[Place](), list[tuple[float, int, Place]]()
    begun: set[Place] = set()
    while True:
        ready = [place for place in course(ended) if place not in begun]
        for place in ready[: workers - len(running)]:
            begun.add(place)
            heapq.heappush(running, (now + seconds[place], len(begun), place))
        if not running:
            return now, ended
        now, _, place = heapq.heappop(running)
        ended.append(place)


def longest_first(places: Collection[Place], seconds: Mapping[Place, float], workers: int) -> float:
    """Give the make-span where nothing waits for anything and the longest begin first."""
    order = sorted(places, key=lambda place: -seconds[place])
    return make_span(lambda ended: [place for place in order if place not in set(ended)], seconds, workers)[0]


def table(name: str, course: Course, study: Measured, workers: Sequence[int]) -> dict[str, object]:
    """Print the make-span by number of workers; give the figures."""
    _alone, ran = make_span(course, study.seconds, 1)
    spent, longest = sum(study.seconds[place] for place in ran), max(ran, key=lambda place: study.seconds[place])
    least, _ = make_span(course, study.seconds, len(ran))
    print(f"\n{name}: {len(ran)} trials, {spent:,.0f} s in all")
    print("workers   make-span s   speed-up   used   longest first s")
    spans: dict[int, float] = {}
    for count in workers:
        spans[count], _ = make_span(course, study.seconds, count)
        first = longest_first(ran, study.seconds, count)
        share = spent / spans[count] / count if spans[count] else 1.0
        gain = spent / spans[count] if spans[count] else 1.0
        print(f"{count:7}   {spans[count]:11,.0f}   {gain:8.1f}   {share:4.0%}   {first:15,.0f}")
    counts = range(1, len(ran) + 1)
    stops = next(count for count in counts if make_span(course, study.seconds, count)[0] <= 1.01 * least)
    print(f"From {stops} workers on it falls no further (within 1%): {least:,.0f} s.")
    print(f"The longest trial: {longest[0]}, n = {longest[1]}, seed {longest[2]}: {study.seconds[longest]:,.0f} s.")
    return {
        "trials": len(ran),
        "seconds": round(spent, 1),
        "longest": round(study.seconds[longest], 1),
        "make_span": {str(count): round(span, 1) for count, span in spans.items()},
        "least_make_span": round(least, 1),
        "workers_at_which_it_stops": stops,
        "largest_speed_up": round(spent / least, 2) if least else 1.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--study", type=Path, required=True, help="folder of a finished study")
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)), help="numbers of workers, divided by commas")
    parser.add_argument("--faster", action="append", default=[], metavar="METHOD=TIMES", help="an estimate: what if")
    told = parser.parse_args()
    study, workers = hastened(read(told.study), told.faster), [int(one) for one in told.workers.split(",")]
    if told.faster:
        print(f"An estimate, not measured: {', '.join(told.faster)} times as fast.")
    found: dict[str, object] = {
        "study": told.study.name,
        "threads": study.plan.threads,
        "estimated": told.faster,
        "measured": table("The whole grid (--until measured)", whole_grid(study), study, workers),
    }
    try:
        found["decided"] = table("No more than the verdict needs (--until decided)", as_decided(study), study, workers)
    except LookupError as missing:
        print(f"\nThe policy's course cannot be followed: {missing.args[0]}.")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
