"""Whether both ways together win where few rows are labelled and many are not.

Of each data set at most `--rows` rows to learn from, 100 validation rows and `--test-rows` test rows are taken;
every method is given the labels of `--labelled` of them, and `distil` the texts of the others too. `bakeoff run`
measures. The verdict is by the same rules as any: with these labels and with none, without limits, and where 95 of 100
answers must come within `LIMIT_MS`, which a prompted decoder misses on two cores and a tuned encoder does not.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/mixtures.py --output mixtures
    BAKEOFF_TEST_DATA=FOLDER python benchmarks/mixtures.py --output mixtures --set trec --set sst2

A study that was stopped is resumed; one that has its verdict is not run again. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from verdicts import SETS, smaller

from bakeoff.decision import decide
from bakeoff.records import Decision, Evidence, Requirement
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.store import StudyStore

METHODS = ("probe", "full", "zero-shot-calibrated", "few-shot-calibrated", "prompt-ensemble", "distil")
LIMIT_MS = 50.0
#: Exit codes of a study that has a verdict, or ended without one.
_ENDED = (0, 3)


def measure(rows: Path, folder: Path, labelled: int, seeds: int, log: Path) -> None:
    """Measure a set's study, or go on with it, unless its verdict is there."""
    if (folder / "verdict.json").exists():
        return
    program = [sys.executable, "-m", "bakeoff"]
    if (folder / "study.sqlite").exists():
        command = [*program, "resume", str(folder)]
    else:
        methods = [word for name in METHODS for word in ("--method", name)]
        plan = ["--budgets", f"0,{labelled}", "--seeds", str(seeds), "--finalist-seeds", str(seeds), "--split", "one"]
        command = [*program, "run", str(rows), *plan, *methods, "--until", "measured", "-o", str(folder), "--no-ship"]
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if ended not in _ENDED:
        raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log}.")


def within(evidence: Evidence, milliseconds: float) -> Evidence:
    """Give the evidence with a hard limit on the 95th percentile of the time that an answer takes."""
    return replace(evidence, requirements=(Requirement("p95_ms", "<=", milliseconds),))


def compared(name: str, folder: Path) -> list[dict[str, Any]]:
    """Give a set's mixture beside the finalists, and the two verdicts: with the labels, and with none."""
    with StudyStore(folder) as store:
        evidence = gather_evidence(store)
    bare = replace(evidence, trials=tuple(trial for trial in evidence.trials if trial.n == 0))
    return [_decided(name, given) for given in (evidence, bare)]


def _decided(name: str, evidence: Evidence) -> dict[str, Any]:
    free, limited = decide(evidence), decide(within(evidence, LIMIT_MS))
    return {
        "set": name,
        "labelled": max(trial.n for trial in evidence.trials),
        "against": [_against(free, one.b, one) for one in free.comparisons if one.role == "mixture"],
        "choice": free.verdict.choice,
        "names": free.verdict.contender or free.verdict.meanwhile,
        "choice_within": limited.verdict.choice,
        "names_within": limited.verdict.contender or limited.verdict.meanwhile,
    }


def _against(decision: Decision, name: str, one: Any) -> dict[str, Any]:
    # A prompted finalist may stand on the leaderboard with no labels, where it has no row at this number of them.
    rows = {row.contender: row for n in (0, one.n) for row in decision.leaderboard if row.n == n}
    return {
        "mixture": one.a,
        "finalist": name,
        "mixture_score": round(rows[one.a].score, 3),
        "score": round(rows[name].score, 3),
        "p95_ms": [round(rows[who].p95_ms, 1) for who in (one.a, name)],
        "difference": round(100 * one.difference, 1),
        "ci": [round(100 * end, 1) for end in one.ci],
        "p_holm": round(one.p_holm, 3),
    }


def print_table(found: Sequence[dict[str, Any]]) -> None:
    """Print a line for each finalist that a mixture met, and the benchmark's figures."""
    print(f"| set | labels | mixture | finalist | difference, points | verdict | p95 within {LIMIT_MS:g} ms |")
    print("|" + " --- |" * 7)
    for each in found:
        for one in each["against"]:
            print(
                f"| {each['set']} | {each['labelled']} | {one['mixture']} {one['mixture_score']:.3f} "
                f"| {one['finalist']} {one['score']:.3f} "
                f"| {one['difference']:+.1f} [{one['ci'][0]:+.1f}, {one['ci'][1]:+.1f}] "
                f"| {each['choice']}: {each['names']} | {each['choice_within']}: {each['names_within']} |"
            )
    figures: dict[str, int] = {"sets": len({each["set"] for each in found})}
    for what, choice in (("wins", "choice"), ("wins_within_limit", "choice_within")):
        for suffix, labelled in (("", True), ("_without_labels", False)):
            of = [each for each in found if (each["labelled"] > 0) == labelled]
            figures[f"mixture_{what}{suffix}"] = sum(each[choice] == "both" for each in of)
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("mixtures"), help="folder of the studies")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--rows", type=int, default=432, help="most rows to learn from (default: %(default)s)")
    parser.add_argument("--labelled", type=int, default=16, help="rows whose label is known (default: %(default)s)")
    parser.add_argument("--test-rows", type=int, default=300, help="most test rows (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="draws of these rows (default: %(default)s)")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit(f"BAKEOFF_TEST_DATA must name the folder that holds data/{SETS[0]} and the other sets.")
    options.output.mkdir(parents=True, exist_ok=True)
    found = []
    for name in options.set or SETS:
        rows, folder = options.output / f"{name}-rows", options.output / name
        smaller(Path(root) / "data" / name, rows, options.rows, test_rows=options.test_rows)
        measure(rows, folder, options.labelled, options.seeds, options.output / f"{name}.log")
        found += compared(name, folder)
        print(json.dumps(found[-2:]), file=sys.stderr, flush=True)
    print_table(found)


if __name__ == "__main__":
    main()
