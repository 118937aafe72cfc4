"""Whether a bundle scores, on rows that its study never had, inside the interval that its model card gives.

Of each open classification set seed 0 draws rows to learn from, 100 validation and 200 test rows, and up to `--fresh`
rows that the study never has; no text of these is a text of the study's, whatever its case and white space. Where the
set's test file has rows enough, test rows and fresh rows are both from it; else all parts are from all files together.
`bakeoff run` ends in a bundle, `bakeoff predict` answers the fresh rows, without their labels, in a process of its own,
and the answers are scored on the study's metric.

    BAKEOFF_TEST_DATA=FOLDER OMP_NUM_THREADS=1 python benchmarks/fresh_rows.py --output fresh     # resumable
    BAKEOFF_TEST_DATA=FOLDER OMP_NUM_THREADS=1 python benchmarks/fresh_rows.py --output fresh --set trec
    python benchmarks/fresh_rows.py --output fresh --scored-only                   # the table of what was answered

A card gives two intervals: that of the procedure as it was measured, with n rows, and what to expect of the bundle,
which is a refit on all rows of the study (`bakeoff.decision.refit`). It lies inside by the second; `inside_at_n` counts
the first. What to expect of the share inside is not 95%: the fresh score has noise of its own, by its rows (a
bootstrap) and by being that of one fit (the deviation of the study's seeds). *expected* is the chance to be inside if
the bundle scores as its procedure did with n rows, by the normal approximation; *z* is the difference from that score
over all of the noise.
A wide interval holds anything; `mean_width` tells how wide they are. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from bakeoff.decision.panel import Panel
from bakeoff.ship import read_bundle
from bakeoff.ship.card import score_told
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.store import StudyStore
from bakeoff.tasks import scoring_of

VALIDATION_ROWS, TEST_ROWS, LEAST_FRESH, RESAMPLES = 100, 200, 300, 2000
#: Exit codes of a study that has a verdict, or ended without one.
_ENDED = (0, 3)
_Z = 1.959964
_PROMPTS = ("zero-shot-calibrated", "few-shot-calibrated")
_FIELDS = ("text", "text_pair", "label")

Row = dict[str, str]


@dataclass(frozen=True)
class OpenSet:
    """A data set, and how its study is run.

    Parameters
    ----------
    rows : int
        Rows to learn from; where labels are many, enough for each.
    prompts : tuple of str
        Methods that prompt; none where scoring so many labels takes a quarter of an hour a trial.
    """

    rows: int = 256
    prompts: tuple[str, ...] = _PROMPTS


SETS = {
    "amazon_reviews": OpenSet(),
    "trec": OpenSet(),
    "sst2": OpenSet(),
    "financial_phrasebank": OpenSet(),
    "tweet_offensive": OpenSet(),
    "ag_news": OpenSet(),
    "poem_sentiment": OpenSet(),
    "tweet_emoji": OpenSet(rows=400, prompts=()),
    "banking77": OpenSet(rows=770, prompts=()),
    "sick": OpenSet(),
}


def text_key(row: Row) -> tuple[str, ...]:
    """Give what makes two rows copies of each other: their texts, whatever their case and white space."""
    return tuple(" ".join(row.get(field, "").split()).casefold() for field in ("text", "text_pair"))


def read_part(folder: Path, part: str) -> list[Row]:
    """Read the rows of one of a set's files, with text and label alone."""
    lines = (folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [{field: row[field] for field in _FIELDS if field in row} for row in map(json.loads, lines)]


def draw(folder: Path, counts: Sequence[int], fresh: int, seed: int = 0) -> tuple[dict[str, list[Row]], str]:
    """Draw the study's parts and the fresh rows, of which no text is in any other part.

    Parameters
    ----------
    folder : Path
        With the set's three files.
    counts : sequence of int
        Rows to learn from, validation and test rows.
    fresh : int
        Most fresh rows.
    seed : int

    Returns
    -------
    parts : dict
        Rows by the names train, validation, test and fresh.
    source : str
        Which files they are from.
    """
    files = {part: read_part(folder, part) for part in ("train", "validation", "test")}
    chance, source = np.random.default_rng(seed), "each part from its file, fresh rows from the test file"
    if len(files["test"]) < counts[2] + LEAST_FRESH:
        pooled, source = [row for rows in files.values() for row in rows], "all files together"
        files = {"test": pooled}
    parts: dict[str, list[Row]] = {}
    seen: set[tuple[str, ...]] = set()
    drawn = {part: [rows[at] for at in chance.permutation(len(rows))] for part, rows in files.items()}
    wanted = dict(zip(("train", "validation", "test"), counts, strict=True)) | {"fresh": fresh}
    for part, most in wanted.items():
        parts[part] = []
        rows = iter(drawn.get(part, drawn["test"]) if part != "fresh" else drawn["test"])
        while len(parts[part]) < most and (row := next(rows, None)) is not None:
            if text_key(row) not in seen:
                seen.add(text_key(row))
                parts[part].append(row)
    study = {text_key(row) for part in ("train", "validation", "test") for row in parts[part]}
    assert not study & {text_key(row) for row in parts["fresh"]}
    if len(parts["fresh"]) < min(fresh, LEAST_FRESH):
        raise SystemExit(f"{folder.name} leaves {len(parts['fresh'])} fresh rows; {LEAST_FRESH} are needed.")
    return parts, source


def write_parts(folder: Path, parts: dict[str, list[Row]]) -> None:
    """Write the study's rows as a folder of three files, and the fresh rows as a table without labels."""
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    for part in ("train", "validation", "test"):
        lines = "".join(json.dumps(row) + "\n" for row in parts[part])
        (folder / "rows" / f"{part}.jsonl").write_text(lines, encoding="utf-8")
    columns = [field for field in _FIELDS if field in parts["fresh"][0] and field != "label"]
    with (folder / "fresh.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(parts["fresh"])
    (folder / "fresh-labels.json").write_text(json.dumps([row["label"] for row in parts["fresh"]]), encoding="utf-8")


def bakeoff(log: Path, *arguments: object) -> float:
    """Run a command in a process of its own; give its seconds by the clock."""
    command, began = [sys.executable, "-m", "bakeoff", *map(str, arguments)], time.monotonic()
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if ended not in _ENDED:
        raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log}.")
    return time.monotonic() - began


def run_study(folder: Path, one: OpenSet, limit: str) -> None:
    """Run a set's study to its bundle, or go on with it."""
    study, log = folder / "study", folder / "log"
    if not (study / "verdict.json").exists():
        if (study / "study.sqlite").exists():
            bakeoff(log, "resume", study)
        else:
            methods = [word for name in ("probe", "full", *one.prompts) for word in ("--method", name)]
            plan = ["--label", "label", "--split", "one", "--budgets", "0,all", "--until", "decided"]
            bakeoff(log, "run", folder / "rows", *plan, *methods, "--time-limit", limit, "-o", study)
    if not (study / "bundle" / "bundle.json").exists():
        bakeoff(log, "ship", study, "--contender", to_ship(json.loads((study / "verdict.json").read_text("utf-8"))))


def to_ship(verdict: dict[str, Any]) -> str:
    """Name what to ship of a study that shipped nothing: the best on validation rows, where its verdict names none."""
    named = verdict["verdict"].get("contender") or verdict["verdict"].get("meanwhile")
    return str(named or max(verdict["leaderboard"], key=lambda row: row["validation_score"])["contender"])


def told_by_card(bundle: Path) -> dict[str, Any]:
    """Give the metric, score, interval and n of a bundle's model card, and the range that it expects of the bundle."""
    card = (bundle / "README.md").read_text(encoding="utf-8")
    told = score_told(card)
    found = re.match(r"(\S+) (-?[\d.]+), 95% interval \[(-?[\d.]+), (-?[\d.]+)\]", told)
    if found is None:
        raise SystemExit(f"The card of {bundle} gives no score with an interval: {told!r}.")
    n = re.search(r"with n = ([\d,]+) labelled rows", told)
    score, low, high = (float(found[place]) for place in (2, 3, 4))
    rows = int(n[1].replace(",", "")) if n else 0
    expected = re.search(r"\*\*Expected of this bundle: \S+ in \[(-?[\d.]+), (-?[\d.]+)\]", card)
    # A bundle that has learned from no further rows is expected to score as its procedure did.
    ends = [float(expected[1]), float(expected[2])] if expected else [low, high]
    return {"metric": found[1], "card": score, "low": low, "high": high, "n": rows, "of_bundle": ends}


def seeds_deviation(study: Path, contender: str, n: int) -> float:
    """Give the standard deviation of a contender's test scores over seeds; 0 where only one is known."""
    with StudyStore(study) as store:
        panel = Panel(gather_evidence(store))
    cell = panel.cell(contender, n)
    return float(panel.scores(cell).std(ddof=1)) if cell is not None and len(cell.seeds) > 1 else 0.0


def held(bundle: Path, truth: Sequence[str], answers: Sequence[str | None], deviation: float) -> dict[str, Any]:
    """Hold answers of fresh rows to the interval of a bundle's card.

    Parameters
    ----------
    bundle : Path
    truth, answers : sequence of str
        Labels, in the same order; None is an abstention, and wrong.
    deviation : float
        Of the study's test scores over seeds.

    Returns
    -------
    dict
        What the card tells, the fresh score with its own interval, where it lies, and what was to be expected.
    """
    facts, told = read_bundle(bundle).facts, told_by_card(bundle)
    unknown = sorted(set(truth) - set(facts.task.labels))
    if unknown:
        raise SystemExit(
            f"{bundle} knows no label {unknown[0]!r}, which fresh rows have: learn from more rows (--rows)."
        )
    assert told["metric"] == facts.task.metric
    scoring = scoring_of(facts.task)
    codes = scoring.codes(truth), scoring.codes(answers)
    weights = np.random.default_rng(0).multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=RESAMPLES)
    drawn = np.asarray(scoring.score(*codes, weights.astype(np.float64)))
    fresh, low, high = float(scoring.score(*codes)), told["low"], told["high"]
    least, most = told["of_bundle"]
    noise = float(np.hypot(drawn.std(ddof=1), deviation))
    spread = NormalDist(told["card"], max(float(np.hypot(noise, (high - low) / 2 / _Z)), 1e-9))
    return told | {
        "contender": facts.contender.name,
        "refit_rows": facts.rows,
        "fresh_rows": len(truth),
        "fresh": round(fresh, 4),
        "fresh_interval": [round(float(bound), 4) for bound in np.quantile(drawn, (0.025, 0.975))],
        "place": "below" if fresh < least else "above" if fresh > most else "inside",
        "inside_at_n": low <= fresh <= high,
        "expected": round(spread.cdf(most) - spread.cdf(least), 4),
        "z": round((fresh - told["card"]) / spread.stdev, 2),
    }


def measured(name: str, folder: Path, source: str = "") -> dict[str, Any]:
    """Score a set's answers to its fresh rows."""
    bundle = folder / "study" / "bundle"
    truth = json.loads((folder / "fresh-labels.json").read_text(encoding="utf-8"))
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line)["prediction"] for line in lines]
    facts, told = read_bundle(bundle).facts, told_by_card(bundle)
    deviation = seeds_deviation(folder / "study", facts.contender.name, told["n"])
    return {"set": name} | held(bundle, truth, answers, deviation) | ({"source": source} if source else {})


def chance_of_at_least(chances: Sequence[float], least: int) -> float:
    """Give the chance that at least so many of independent events happen."""
    counts = np.ones(1)
    for chance in chances:
        counts = np.convolve(counts, (1 - chance, chance))
    return float(counts[least:].sum())


def print_table(found: Sequence[dict[str, Any]]) -> None:
    """Print a line a set, and the benchmark's figures."""
    print("| set | shipped | n, refit on | measured at n | of the bundle | fresh | score | it lies | expected | z |")
    print("|" + " --- |" * 10)
    for one in found:
        low, high = one["fresh_interval"]
        print(
            f"| {one['set']} | {one['contender']} | {one['n']}, {one['refit_rows']} "
            f"| {one['metric']} {one['card']:.3f} [{one['low']:.3f}, {one['high']:.3f}] "
            f"| [{one['of_bundle'][0]:.3f}, {one['of_bundle'][1]:.3f}] | {one['fresh_rows']} "
            f"| {one['fresh']:.3f} [{low:.3f}, {high:.3f}] | {one['place']} | {one['expected']:.2f} | {one['z']:+.1f} |"
        )
    places, chances = [one["place"] for one in found], [one["expected"] for one in found]
    figures = {
        "inside": places.count("inside"),
        "sets": len(found),
        "below": places.count("below"),
        "above": places.count("above"),
        "expected_inside": round(sum(chances), 2),
        "chance_of_all_but_one": round(chance_of_at_least(chances, len(found) - 1), 3),
        "inside_at_n": sum(one["inside_at_n"] for one in found),
        "mean_width": round(float(np.mean([one["of_bundle"][1] - one["of_bundle"][0] for one in found])), 3),
        "mean_width_at_n": round(float(np.mean([one["high"] - one["low"] for one in found])), 3),
        "beyond_noise": sum(abs(one["z"]) > _Z for one in found),
        "fresh_rows": sum(one["fresh_rows"] for one in found),
    }
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("fresh"), help="folder of the studies and answers")
    parser.add_argument("--set", action="append", choices=sorted(SETS), help="a data set; all where not given")
    parser.add_argument("--rows", type=int, help="rows to learn from; by default 256, and more where labels are many")
    parser.add_argument("--fresh", type=int, default=600, help="most fresh rows (default: %(default)s)")
    parser.add_argument("--time-limit", default="6m", help="of each study (default: %(default)s)")
    parser.add_argument("--scored-only", action="store_true", help="only the sets whose fresh rows were answered")
    options = parser.parse_args()
    root = Path(os.environ.get("BAKEOFF_TEST_DATA", "")) / "data"
    if not options.scored_only and not (root / "trec").is_dir():
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds data/trec and the other sets.")
    found = []
    for name in options.set or SETS:
        one, folder = SETS[name], options.output / name
        if not options.scored_only and not (folder / "source").exists():
            parts, source = draw(root / name, (options.rows or one.rows, VALIDATION_ROWS, TEST_ROWS), options.fresh)
            write_parts(folder, parts)
            (folder / "source").write_text(source, encoding="utf-8")
        if not options.scored_only and not (folder / "answers.jsonl").exists():
            run_study(folder, one, options.time_limit)
            answers = folder / "answers.jsonl"
            bakeoff(folder / "log", "predict", folder / "study" / "bundle", folder / "fresh.csv", "-o", answers)
        if (folder / "answers.jsonl").exists():
            found.append(measured(name, folder, (folder / "source").read_text(encoding="utf-8")))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    if not found:
        raise SystemExit(f"{options.output} holds no answers to fresh rows.")
    print_table(found)


if __name__ == "__main__":
    main()
