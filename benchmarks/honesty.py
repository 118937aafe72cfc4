"""Is the verdict honest? Whole studies are simulated with a known truth, and decided as real ones are.

Each simulated study selects, drops and tests by the package's own functions: `bakeoff.decision.droppable` after each
round of trials, `bakeoff.decision.settle` at the end (`decide` without its prose and plots; the first studies of each
case, and all of the odd ones, go through `decide` itself).

    python benchmarks/honesty.py --output honesty

Records are appended to a file a case in the output folder; what is there is not simulated again. The last line printed
is one JSON object; each figure in it is that of the worst of its cases.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kept import append_records, read_records
from simulated import BUDGET, CROWD, OVERLAP, Case, Entrant, run_study

from bakeoff.data import FOLDS
from bakeoff.decision import Settled, decide, detectable_difference, settle
from bakeoff.records import Decision

CHOICES = ("fine-tune", "prompt", "keep-current", "floor", "unresolved")
#: Of each case, so many studies are decided by `decide`, too, and compared with `settle`.
COMPARED = 20
#: Studies that a worker takes at a time.
CHUNK = 20

#: One contender an arm.
_DUEL = (CROWD[0], CROWD[3], CROWD[-1])


def equal_cases() -> Iterator[Case]:
    """Give studies of equal arms: every contender of both has the same true accuracy, or the best of each has."""
    for rows in (100, 300, 1000):
        for deviation in (0.0, 0.01, 0.03):
            yield Case(f"equal, {rows} rows, {_points(deviation)}", rows, min(rows, 300), deviation)
    trailing = tuple(replace(one, behind=one.behind or 0.03 * (place % 4)) for place, one in enumerate(CROWD))
    for rows in (300, 1000):
        for deviation in (0.01, 0.03):
            yield Case(f"equal, {rows} rows cross-fitted, {_points(deviation)}", rows, 0, deviation, folded=True)
        for deviation in (0.01, 0.03):
            name = f"equal, {rows} rows, finalists five seeds, {_points(deviation)}"
            yield Case(name, rows, 300, deviation, finalist_seeds=5)
    yield Case("equal at best, others trail", 300, 300, 0.02, entrants=trailing)


def gap_cases() -> Iterator[Case]:
    """Give studies in which one arm truly leads, by what is printed as the smallest detectable difference."""
    for rows in (100, 300, 1000):
        for deviation in (0.0, 0.01, 0.03):
            gap = detectable_difference(rows, 3, seed_deviation=deviation) / 100
            yield Case(f"fine-tuning leads, {rows} rows, {_points(deviation)}", rows, min(rows, 300), deviation, gap)
    for rows in (300, 1000):
        for deviation in (0.01, 0.03):
            gap = detectable_difference(rows, 3, folds=FOLDS, overlap=OVERLAP, seed_deviation=deviation) / 100
            name = f"fine-tuning leads, {rows} rows cross-fitted, {_points(deviation)}"
            yield Case(name, rows, 0, deviation, gap, folded=True)
        for deviation in (0.01, 0.03):
            gap = detectable_difference(rows, 5, seed_deviation=deviation) / 100
            name = f"fine-tuning leads, {rows} rows, finalists five seeds, {_points(deviation)}"
            yield Case(name, rows, 300, deviation, gap, finalist_seeds=5)
    for deviation in (0.01, 0.03):
        gap = detectable_difference(300, 3, seed_deviation=deviation) / 100
        yield Case(f"prompting leads, 300 rows, {_points(deviation)}", 300, 300, deviation, -gap)


def odd_cases() -> Iterator[Case]:
    """Give studies that go wrong, in which the arms are equal unless the name says otherwise."""
    without = {arm: tuple(one for one in CROWD if one.arm != arm) for arm in ("finetune", "prompt", "floor")}
    yield Case("30 test rows", 30, 30, 0.01)
    yield Case("30 rows cross-fitted", 30, 0, 0.01, folded=True)
    uneven = (0.99, 0.01)
    yield Case("99:1, macro-F1", 1000, 300, 0.0, accuracy=0.95, shares=uneven, metric="macro-F1")
    yield Case("a collapsed seed, fine-tuning leads by 10 points", 300, 300, 0.01, 0.1, entrants=_DUEL, collapsed=1)
    yield Case("the prompt arm abstains", 300, 300, 0.01, silent=frozenset({"prompt"}))
    yield Case("both arms abstain", 300, 300, 0.01, silent=frozenset({"finetune", "prompt"}))
    yield Case("all abstain, the floor too", 300, 300, 0.01, silent=frozenset({"finetune", "prompt", "floor"}))
    yield Case("no prompt arm", 300, 300, 0.01, entrants=without["prompt"])
    yield Case("no fine-tuning arm", 300, 300, 0.01, entrants=without["finetune"])
    yield Case("no floor", 300, 300, 0.01, entrants=without["floor"])
    tuned = (Entrant("full minilm-l6", "finetune", seeded=False), *CROWD[1:])
    yield Case("nothing differs between seeds", 300, 300, 0.0, entrants=(tuned[0], CROWD[2], CROWD[-1]))


def _points(deviation: float) -> str:
    return f"seeds differ by {100 * deviation:.0f}"


def record_of(case: Case, number: int, *, whole: bool) -> dict[str, Any]:
    """Simulate and decide one study, and say in plain values what came of it; an error is no sane verdict."""
    try:
        return _record_of(case, number, whole=whole)
    except Exception as error:  # whatever it is, it is what this benchmark looks for
        return {"study": number, "choice": "error", "basis": repr(error), "mde": 100.0, "dropped": 0, "sane": False}


def _record_of(case: Case, number: int, *, whole: bool) -> dict[str, Any]:
    evidence = run_study(case, number)
    record: dict[str, Any] = {"study": number}
    settled = settle(evidence)
    record |= {"choice": settled.choice.choice, "basis": settled.choice.basis, "mde": round(settled.mde, 3)}
    record |= {"dropped": len(evidence.dropped)}
    seen = settled.difference
    if seen is not None and settled.finetune and settled.prompt and not math.isnan(seen.mean):
        truth = case.truth(settled.finetune) - case.truth(settled.prompt)
        low, high = seen.interval()
        record |= {"truth": truth, "difference": seen.mean, "p": seen.p_value(), "p_holm": settled.p_holm}
        record |= {"covered": low <= truth <= high}
    if whole:
        decision = decide(evidence)
        record |= {"same": _is_same(decision, settled), "sane": _is_sane(decision, case)}
    return record


def _is_same(decision: Decision, settled: Settled) -> bool:
    verdict = next((one for one in decision.comparisons if one.role == "verdict"), None)
    if verdict is not None and settled.difference is not None:
        figures = settled.finetune, settled.prompt, settled.difference.mean, settled.p_holm
        if (verdict.a, verdict.b, verdict.difference, verdict.p_holm) != figures:
            return False
    same = decision.verdict.choice == settled.choice.choice and decision.verdict.n == settled.n
    return same and math.isclose(decision.mde, settled.mde)


def _is_sane(decision: Decision, case: Case) -> bool:
    verdict = decision.verdict
    said = " ".join((verdict.scope, verdict.confidence, *verdict.reasons))
    sane = verdict.choice in CHOICES and "nan" not in said.split() and bool(verdict.reasons)
    if case.collapsed is not None and verdict.n == BUDGET:
        sane = sane and f"Seed {case.collapsed} of {case.entrants[0].name} collapsed" in said
    arms = {one.arm for one in case.entrants}
    if not {"finetune", "prompt"} <= arms:
        sane = sane and verdict.choice in ("unresolved", "floor")
    if "prompt" in case.silent:
        sane = sane and verdict.choice != "prompt"
    return sane


def _many(case: Case, numbers: Sequence[int], odd: bool) -> list[dict[str, Any]]:
    return [record_of(case, number, whole=odd or number < COMPARED) for number in numbers]


def file_of(folder: Path, case: Case) -> Path:
    """Name a case's file; a case that is changed gets another."""
    digest = hashlib.sha256(repr(replace(case, silent=frozenset())).encode() + repr(sorted(case.silent)).encode())
    words = "".join(letter if letter.isalnum() else "-" for letter in case.name)
    return folder / f"{words}-{digest.hexdigest()[:8]}.jsonl"


def simulate(
    pool: ProcessPoolExecutor, folder: Path, case: Case, studies: int, *, odd: bool
) -> dict[int, dict[str, Any]]:
    """Bring a case to so many studies, and give their records by number."""
    path = file_of(folder, case)
    known = {int(record["study"]): record for record in read_records(path)}
    missing = [number for number in range(studies) if number not in known]
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    for records in pool.map(_many, [case] * len(chunks), chunks, [odd] * len(chunks)):
        append_records(path, records)
        known |= {record["study"]: record for record in records}
    return {number: known[number] for number in range(studies)}


def figures_of(case: Case, records: Mapping[int, Mapping[str, Any]]) -> dict[str, float]:
    """Give the shares of a case's studies."""
    studies = list(records.values())
    met = [record for record in studies if "covered" in record]
    right = "fine-tune" if case.gap > 0 else "prompt"
    wins = [record for record in studies if record["choice"] in ("fine-tune", "prompt")]
    shares = {
        # The cheaper of two that are shown to be equal is no winner on the metric.
        "win": sum(record["basis"] != "equal-cheaper" for record in wins) / len(studies),
        "right": sum(record["choice"] == right for record in wins) / len(studies),
        "wrong": sum(record["choice"] != right for record in wins) / len(studies),
        "coverage": sum(record["covered"] for record in met) / len(met) if met else math.nan,
        "p_under_5": sum(record["p"] < 0.05 for record in met) / len(met) if met else math.nan,
        "dropped": sum(record["dropped"] for record in studies) / len(studies),
        "sane": sum(record.get("sane", True) and record.get("same", True) for record in studies) / len(studies),
    }
    middle = sorted(record["mde"] for record in studies)[len(studies) // 2]
    return shares | {"mde": middle}


def _print_table(title: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for line in lines:
        print(f"| {' | '.join(line)} |", flush=True)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}%"


def run(folder: Path, studies: int, odd_studies: int, workers: int) -> dict[str, float]:
    """Simulate all cases, print their tables, and give the worst figures."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    found: dict[str, dict[Case, dict[str, float]]] = {"equal": {}, "gap": {}, "odd": {}}
    choices: dict[Case, str] = {}
    groups = {"equal": equal_cases(), "gap": gap_cases(), "odd": odd_cases()}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for group, cases in groups.items():
            for case in cases:
                number = odd_studies if group == "odd" else studies
                records = simulate(pool, folder, case, number, odd=group == "odd")
                found[group][case] = figures_of(case, records)
                counted = Counter(record["choice"] for record in records.values()).most_common()
                choices[case] = ", ".join(f"{choice} {_share(count / number)}" for choice, count in counted)
                print(f"{case.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    _print_table(
        f"Equal arms, {studies} studies a case",
        ("case", "called a win", "uncorrected p under .05", "95% interval covers", "contenders dropped"),
        [
            (case.name, _share(one["win"]), _share(one["p_under_5"]), _share(one["coverage"]), f"{one['dropped']:.1f}")
            for case, one in found["equal"].items()
        ],
    )
    _print_table(
        f"A true lead of the detectable difference, {studies} studies a case",
        ("case", "lead", "right arm", "wrong arm", "95% interval covers", "said after the run (median)"),
        [
            (case.name, f"{100 * abs(case.gap):.1f}", _share(one["right"]), _share(one["wrong"]),
             _share(one["coverage"]), f"{one['mde']:.1f}")
            for case, one in found["gap"].items()
        ],
    )  # fmt: skip
    _print_table(
        f"Odd studies, {odd_studies} a case",
        ("case", "choices", "sane"),
        [(case.name, choices[case], _share(one["sane"])) for case, one in found["odd"].items()],
    )
    usual = {**found["equal"], **found["gap"]}
    unlike = [case.name for case, one in usual.items() if one["sane"] < 1]
    print(f"\n`settle` and `decide` differ in: {', '.join(unlike) or 'no case'}; {time.monotonic() - started:.0f} s")
    return {
        "false_win_rate": max(one["win"] for one in found["equal"].values()),
        "coverage": min((one["coverage"] for one in usual.values()), key=lambda share: -abs(share - 0.95)),
        "right_arm_rate": min(one["right"] for one in found["gap"].values()),
        "wrong_arm_rate": max(one["wrong"] for one in found["gap"].values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("honesty"), help="folder of the records")
    parser.add_argument("--studies", type=int, default=2000, help="a case (default: %(default)s)")
    parser.add_argument("--odd-studies", type=int, default=300, help="an odd case (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args()
    rates = run(options.output, options.studies, min(options.studies, options.odd_studies), options.workers)
    print(json.dumps({name: round(value, 4) for name, value in rates.items()}))


if __name__ == "__main__":
    main()
