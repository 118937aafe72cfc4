"""Better answers from the same model: the package's prompts against eight fixed demonstrations, at one label budget.

For each data set and seed, 64 labelled rows are drawn from the train part as a study draws them; every contender is the
package's own method and gets these rows and the bare texts of one seeded subset of the test part. Fixed prompting shows
eight balanced demonstrations, uncalibrated, or batch-calibrated on the other 56 rows. The chosen prompt is
`prompt-ensemble`, which chooses inside the 64 rows.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/prompting.py --output prompting

Each result is kept in the output folder as soon as it is there, and what is there is not computed again. The last line
printed is one JSON object: mean differences in points over sets, of the chosen prompt from each of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records

from bakeoff.data import Rows, nested_order, read_rows
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import Task, choose_metric, classification_task, label_codes, score_codes

SETS = ("amazon_reviews", "trec", "ag_news", "sst2", "financial_phrasebank")
MODEL = "smollm2-135m"
#: The names that the last line uses, and the methods behind them. What shares label scores stands together.
CONTENDERS = {
    "uncalibrated_8": "few-shot",
    "batch_calibrated_8": "few-shot-calibrated",
    "zero_shot": "zero-shot",
    "zero_shot_calibrated": "zero-shot-calibrated",
    "chosen": "prompt-ensemble",
    "affine": "prompt-affine",
    "neighbours": "prompt-neighbours",
}
RESULTS = "results.jsonl"


@dataclass(frozen=True, eq=False)
class Data:
    """A data set: its task, the pool that labelled rows come from, and the rows to answer."""

    name: str
    task: Task
    pool: Rows
    asked: Rows


def read_data(name: str, folder: Path, split: str, rows: int) -> Data:
    """Read a data set, and take the same rows of a split for every contender."""
    parts = dict(read_rows(str(folder), text=("text",), label="label").splits)
    pool, whole = parts["train"], parts[split]
    counts = Counter(pool.labels)
    # The task as `bakeoff run FOLDER` makes it: the column's name says nothing of the labels.
    task = classification_task(name="label", labels=sorted(counts), metric=choose_metric(counts))
    drawn = np.random.default_rng(0).permutation(len(whole.texts))[:rows]
    return Data(name, task, pool, whole.take(np.sort(drawn)))


def measure(data: Data, contender: str, n: int, seed: int) -> dict[str, Any]:
    """Fit one contender on n rows and score its answers."""
    method = CONTENDERS[contender]
    spec = method_spec(method)
    rows = data.pool.take(np.array(nested_order(list(data.pool.labels), seed)[:n]))
    made = load_method(method)(task=data.task, model=MODEL, seed=seed, **spec.parameters)
    made.within(RunContext(deadline=Deadline(), dtype="bfloat16"))
    began = time.monotonic()
    made.fit(list(rows.texts), list(rows.labels))
    answers = made.answer(list(data.asked.texts))
    labels = data.task.labels
    truth = label_codes(list(data.asked.labels), labels)
    said = label_codes([answer.value for answer in answers], labels)
    return {
        "set": data.name,
        "seed": seed,
        "contender": contender,
        "version": spec.version,
        "n": n,
        "rows": len(said),
        "metric": data.task.metric,
        "score": float(score_codes(data.task.metric, truth, said, len(labels))),
        "accuracy": float((truth == said).mean()),
        # What a method reuses is charged as if it had been computed, so that the order of contenders tells nothing.
        "fit_seconds": made.usage_.seconds,
        "answer_seconds": sum(answer.seconds for answer in answers),
        "wall_seconds": time.monotonic() - began,
        "details": {
            key: made.details_.get(key) for key in ("reading", "reading_strength", "calibration", "label_mass")
        },
    }


def read_results(path: Path) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Read what is there of the methods' present versions."""
    found = {}
    for record in read_records(path):
        if record["version"] == method_spec(CONTENDERS[record["contender"]]).version:
            found[record["set"], record["seed"], record["contender"]] = record
    return found


def run(options: argparse.Namespace, data: Path) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Bring all sets to so many seeds, and give the results."""
    output: Path = options.output / f"{options.split}-{options.rows}-{options.n}"
    output.mkdir(parents=True, exist_ok=True)
    path = output / RESULTS
    results = read_results(path)
    wanted = [
        (s, k, c) for k in range(options.seeds) for s in options.set or SETS for c in options.contender or CONTENDERS
    ]
    held: dict[str, Data] = {}
    for name, seed, contender in wanted:
        if (name, seed, contender) in results:
            continue
        if name not in held:
            held[name] = read_data(name, data / name, options.split, options.rows)
        record = measure(held[name], contender, options.n, seed)
        results[name, seed, contender] = record
        append_records(path, [record])
        told = f"{name}, seed {seed}, {contender}: {record['score']:.3f}, {record['wall_seconds']:.0f} s"
        print(told, file=sys.stderr, flush=True)
    return {key: results[key] for key in wanted}


def named_figures(results: dict[tuple[str, int, str], dict[str, Any]], key: str = "score") -> dict[str, float]:
    """Give the mean over sets of the chosen prompt's lead over every other contender, in points."""
    contenders = {contender for _, _, contender in results}
    sets = sorted({name for name, _, _ in results})

    def mean(name: str, contender: str) -> float:
        return float(np.mean([record[key] for (s, _, c), record in results.items() if (s, c) == (name, contender)]))

    if "chosen" not in contenders:
        return {}
    return {
        f"over_{contender}": round(100 * float(np.mean([mean(s, "chosen") - mean(s, contender) for s in sets])), 2)
        for contender in CONTENDERS
        if contender in contenders and contender != "chosen"
    }


def print_table(results: dict[tuple[str, int, str], dict[str, Any]]) -> None:
    """Print every contender's mean score and its deviation over seeds, set by set."""
    sets = list(dict.fromkeys(name for name, _, _ in results))
    contenders = [c for c in CONTENDERS if any(c == contender for _, _, contender in results)]
    print(f"| contender | {' | '.join(sets)} | mean | answer s |\n|{' --- |' * (len(sets) + 3)}")
    for contender in contenders:
        cells, means, seconds = [], [], []
        for name in sets:
            own = [record for (s, _, c), record in results.items() if (s, c) == (name, contender)]
            scores = [100 * record["score"] for record in own]
            spread = f" ({np.std(scores, ddof=1):.1f})" if len(scores) > 1 else ""
            cells.append(f"{np.mean(scores):.1f}{spread}")
            means.append(np.mean(scores))
            seconds += [record["answer_seconds"] for record in own]
        print(f"| {contender} | {' | '.join(cells)} | {np.mean(means):.1f} | {np.mean(seconds):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("prompting"), help="folder of results")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--contender", action="append", choices=tuple(CONTENDERS), help="all where not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n", type=int, default=64, help="label budget (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=200, help="rows of a set to answer (default: %(default)s)")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="where they are from")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit(f"BAKEOFF_TEST_DATA must name the folder that holds data/{', data/'.join(SETS)}.")
    results = run(options, Path(root) / "data")
    print_table(results)
    print(json.dumps({**named_figures(results), "accuracy": named_figures(results, "accuracy")}))


if __name__ == "__main__":
    main()
