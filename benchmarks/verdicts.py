"""What finding the verdict costs when a study ends as soon as it is decided, against measuring its whole grid.

Of each data set at most `--rows` rows to learn from, 100 validation rows and 200 test rows are taken. `bakeoff run
--until measured` measures the whole grid of contenders, label budgets and seeds once; its records are kept. The rule by
which a study chooses its next trial (`bakeoff.study.policy`) is then replayed over these records with their measured
seconds, and `bakeoff.decision.decide` decides on what it chose, and on the whole grid.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/verdicts.py --output verdicts
    BAKEOFF_TEST_DATA=FOLDER python benchmarks/verdicts.py --output verdicts --replay-only     # on what was measured

Seconds are those of the processor, all threads together, where the grid's records have them: they are hardly changed by
other work on the machine.

A grid that was stopped is resumed. A verdict counts as found where it names the grid's choice and contender, or a
contender whose test score in the grid is within a point of that of the grid's. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.decision import decide, droppable, expectation, finalists, further_seeds_tell
from bakeoff.decision.panel import Panel
from bakeoff.decision.prior import LEAST_SETS, OpenSet
from bakeoff.decision.ranking import best_on_validation
from bakeoff.records import Decision, Evidence, Trial
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.further import further_seeds
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.policy import next_trial
from bakeoff.study.store import StudyStore

SETS = (
    "amazon_reviews",
    "trec",
    "sst2",
    "financial_phrasebank",
    "tweet_offensive",
    "ag_news",
    "poem_sentiment",
    "tweet_emoji",
    "banking77",
)
VALIDATION_ROWS, TEST_ROWS = 100, 200
WITHIN = 0.01
#: Exit codes of a study that has a verdict, or ended without one.
_ENDED = (0, 3)

Place = tuple[str, int, int]


@dataclass(frozen=True)
class Replay:
    """What the rule chose of a grid.

    Parameters
    ----------
    evidence : Evidence
        With the chosen trials alone.
    places : tuple of (str, int, int)
        Contender, n and seed, in the order in which they were chosen.
    seconds : float
        Measured, of the chosen trials; see `spent`.
    """

    evidence: Evidence
    places: tuple[Place, ...]
    seconds: float


def spent(record: Trial) -> float:
    """Give a trial's seconds of the processor, or by the clock where these are not known."""
    return record.usage.processor_seconds or record.usage.seconds


def smaller(source: Path, target: Path, rows: int, *, test_rows: int = TEST_ROWS, seed: int = 0) -> None:
    """Write a data set with fewer rows a part, drawn at random; what is there is left as it is."""
    target.mkdir(parents=True, exist_ok=True)
    for part, most in (("train", rows), ("validation", VALIDATION_ROWS), ("test", test_rows)):
        if (target / f"{part}.jsonl").exists():
            continue
        lines = (source / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        drawn = np.random.default_rng(seed).permutation(len(lines))[:most]
        (target / f"{part}.jsonl").write_text("".join(lines[i] + "\n" for i in sorted(drawn)), encoding="utf-8")


def measure_grid(rows: Path, folder: Path, log: Path) -> None:
    """Measure a set's grid, or go on with it, unless its verdict is there."""
    if (folder / "verdict.json").exists():
        return
    program = [sys.executable, "-m", "bakeoff"]
    if (folder / "study.sqlite").exists():
        command = [*program, "resume", str(folder)]
    else:
        command = [*program, "run", str(rows), "--split", "one", "--until", "measured", "-o", str(folder), "--no-ship"]
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if ended not in _ENDED:
        raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log}.")


class Course:
    """A grid's records, and what of them the rule has chosen so far."""

    def __init__(self, plan: Plan, whole: Evidence) -> None:
        self.plan, self.whole = plan, whole
        self.records = {(trial.contender, trial.n, trial.seed): trial for trial in whole.trials}
        self.planned = {(trial.contender, trial.n, trial.seed): trial for trial in plan.trials}
        self.chosen: list[Place] = []
        self.slowness: dict[str, float] = {}
        self.dropped: dict[str, str] = {}
        self.seconds = 0.0

    @property
    def evidence(self) -> Evidence:
        """What the study would know by now."""
        trials = tuple(self.records[place] for place in self.chosen)
        return replace(self.whole, trials=trials, dropped=dict(self.dropped))

    def expected(self, trial: PlannedTrial) -> float:
        """Forecast a trial as a running study does: by what the contender's trials took before."""
        return trial.forecast * self.slowness.get(trial.contender, 1.0)

    def take(self, trial: PlannedTrial) -> None:
        """Choose a trial: its record is known, its seconds are spent."""
        place = (trial.contender, trial.n, trial.seed)
        record = self.records[place]
        seconds = spent(record) + self._lent(trial, record)
        self.seconds += seconds
        self.slowness[trial.contender] = seconds / max(trial.forecast, 0.1)
        self.chosen.append(place)
        for name, why in droppable(self.evidence).items():
            self.dropped.setdefault(name, why)

    def _lent(self, trial: PlannedTrial, record: Trial) -> float:
        """Give what a trial saved in the grid by scores of another trial that was not chosen here."""
        if trial.shares is None or trial.finds_scores(self.chosen):
            return 0.0
        lender = self.records.get((trial.shares, trial.n, trial.seed)) or self.records.get((trial.shares, trial.n, 0))
        return max(0.0, (spent(lender) if lender is not None else trial.forecast) - spent(record))


def replay(plan: Plan, whole: Evidence) -> Replay:
    """Let the rule choose among a grid's trials until it would end the study."""
    original = replace(plan, trials=tuple(trial for trial in plan.trials if trial.seed < plan.seeds))
    course = Course(original, whole)
    while True:
        trial = next_trial(original, course.evidence, course.chosen)
        if trial is None:
            break
        course.take(trial)
    if further_seeds_tell(course.evidence, original.finalist_seeds):
        seeded = frozenset(one.name for one in whole.contenders if one.seeded)
        met = finalists(course.evidence)
        for further in further_seeds(original, met, seeded, expected=course.expected, seconds=float("inf")):
            if (further.contender, further.n, further.seed) in course.records:
                course.take(further)
    return Replay(course.evidence, tuple(course.chosen), course.seconds)


def named(decision: Decision) -> str | None:
    """Give the contender that a decision names: the chosen one, or what to use meanwhile."""
    return decision.verdict.contender or decision.verdict.meanwhile


def test_score(grid: Decision, name: str | None, n: int) -> float:
    """Give a contender's test score in the grid, at n or at the largest budget below; NaN where there is none."""
    rows = [row for row in grid.leaderboard if row.contender == name and row.n <= n]
    return max(rows, key=lambda row: row.n).score if rows else float("nan")


def compared(name: str, folder: Path) -> dict[str, Any]:
    """Replay the rule on a set's grid, and compare verdicts and seconds."""
    with StudyStore(folder) as store:
        plan, whole = read_plan(store), gather_evidence(store)
    if plan is None:
        raise SystemExit(f"{folder} has no plan.")
    found = replay(plan, whole)
    grid, quick = decide(whole), decide(found.evidence)
    grid_seconds = sum(spent(trial) for trial in whole.trials)
    scores = [test_score(grid, named(one), plan.decision_budget) for one in (grid, quick)]
    same = (grid.verdict.choice, named(grid)) == (quick.verdict.choice, named(quick))
    return {
        "set": name,
        "grid_choice": grid.verdict.choice,
        "grid_names": named(grid),
        "choice": quick.verdict.choice,
        "names": named(quick),
        "same": same,
        "points_below": round(100 * (scores[0] - scores[1]), 2),
        "found": same or scores[0] - scores[1] <= WITHIN,
        "grid_trials": len(whole.trials),
        "trials": len(found.places),
        "grid_seconds": round(grid_seconds, 1),
        "seconds": round(found.seconds, 1),
        "share": round(found.seconds / grid_seconds, 3),
        "ahead": ahead(name, plan, whole),
    }


def ahead(name: str, plan: Plan, whole: Evidence) -> list[OpenSet]:
    """Give how the best of both ways, as validation rows choose them, stood on test rows at each label budget."""
    panel, found = Panel(whole), []
    for n in plan.budgets:
        best = {}
        for arm in ("finetune", "prompt"):
            ranked = best_on_validation(panel, [one.name for one in panel.arm(arm)], n)
            cell = panel.cell(ranked[0], n) if ranked else None
            if cell is not None and cell.enough_seeds:
                best[arm] = panel.mean_score(cell)
        if n > 0 and len(best) == 2:
            found.append(OpenSet(name, len(whole.task.labels), n, round(best["finetune"] - best["prompt"], 4)))
    return found


def advised(measured: Sequence[OpenSet], *, least: int = LEAST_SETS) -> dict[str, float]:
    """Hold what is advised for a set, by the other sets alone, to what was measured of it, and to how sure it is."""
    told = []
    for one in measured:
        others = [other for other in measured if other.name != one.name]
        expected = expectation(one.labels, one.n, others, least=least)
        if expected.way is not None and one.difference != 0:
            told.append((expected.probability, expected.way == ("finetune" if one.difference > 0 else "prompt")))
    if not told:
        return {}
    says, agrees = (sum(values) / len(told) for values in zip(*told, strict=True))
    return {"advice_agrees": agrees, "advice_says": says, "advised": len(told), "asked": len(measured)}


def print_table(found: Sequence[dict[str, Any]]) -> None:
    """Print a line a set, and the benchmark's figures."""
    print("| set | grid | when decided | points below | trials | seconds | share |")
    print("|" + " --- |" * 7)
    for one in found:
        print(
            f"| {one['set']} | {one['grid_choice']}: {one['grid_names']} | {one['choice']}: {one['names']} "
            f"| {one['points_below']:.1f} | {one['trials']} of {one['grid_trials']} "
            f"| {one['seconds']:,.0f} of {one['grid_seconds']:,.0f} | {one['share']:.3f} |"
        )
    share = sum(one["seconds"] for one in found) / sum(one["grid_seconds"] for one in found)
    rate = sum(one["found"] for one in found) / len(found)
    figures = {"share_of_grid_seconds": share, "within_1_point_rate": rate, "sets": len(found)}
    figures["worst_share"] = max(one["share"] for one in found)
    figures["same_choice_rate"] = sum(one["choice"] == one["grid_choice"] for one in found) / len(found)
    measured = [OpenSet(*one) for each in found for one in each["ahead"]]
    print("\nWhat `bakeoff advise` counts (`bakeoff.decision.prior.MEASURED`):\n")
    for one in measured:
        print(f'    OpenSet("{one.name}", {one.labels}, {one.n}, {one.difference}),')
    print(json.dumps({key: round(value, 3) for key, value in (figures | advised(measured)).items()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("verdicts"), help="folder of the grids")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--rows", type=int, default=128, help="most rows to learn from (default: %(default)s)")
    parser.add_argument("--replay-only", action="store_true", help="only the sets whose grid was measured")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not options.replay_only and (not root or not (Path(root) / "data").is_dir()):
        raise SystemExit(f"BAKEOFF_TEST_DATA must name the folder that holds data/{SETS[0]} and the other sets.")
    options.output.mkdir(parents=True, exist_ok=True)
    found = []
    for name in options.set or SETS:
        folder = options.output / name
        if not options.replay_only:
            rows = options.output / f"{name}-rows"
            smaller(Path(str(root)) / "data" / name, rows, options.rows)
            measure_grid(rows, folder, options.output / f"{name}.log")
        elif not (folder / "verdict.json").exists():
            continue
        found.append(compared(name, folder))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    if not found:
        raise SystemExit(f"{options.output} holds no grid that was measured.")
    print_table(found)


if __name__ == "__main__":
    main()
