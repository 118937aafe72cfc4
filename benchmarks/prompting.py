"""Better answers from the same model: the package's prompts against eight fixed demonstrations, at one label budget.

For each data set and seed, 64 labelled rows are drawn from the train part as a study draws them; every contender is the
package's own method and gets these rows and the bare texts of one seeded subset of the test part. Fixed prompting shows
eight balanced demonstrations, uncalibrated, or batch-calibrated on the other 56 rows. The chosen prompt is
`prompt-search`, which chooses inside the 64 rows.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/prompting.py --output prompting

`--peer` adds an optimizer of DSPy. It gets the same labelled rows and texts, and 20 minutes with the same weights in
the same data type, on a llama.cpp server that the benchmark starts on loopback, with as many threads as our side:

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/prompting.py --output prompting --contender chosen \
        --peer bootstrap --peer mipro --seeds 2 --set amazon_reviews --set trec

DSPy runs in its own environment, made in the output folder at the first run, or named by `--peer-python`. Each result
is kept in the output folder as soon as it is there, and what is there is not computed again. The last line printed is
one JSON object: mean differences in points over sets, of the chosen prompt from each of the others, and how many times
the seconds of DSPy, to compile and to answer, are ours, to fit and to answer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records
from llama_server import SERVED, in_bfloat16, served
from peer import peer_environment, pinned

from bakeoff.catalog import resolve_model
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
    "chosen": "prompt-search",
    "ensemble": "prompt-ensemble",
    "affine": "prompt-affine",
    "neighbours": "prompt-neighbours",
}
RESULTS = "results.jsonl"
DSPY = "3.4.1"
PEER_SCRIPT = Path(__file__).with_name("prompting_peer.py")
#: Optimizers of DSPy, under their contenders' names.
PEERS = {"dspy_bootstrap": "bootstrap", "dspy_mipro": "mipro"}
#: Forms in which DSPy asks for an answer; the first is what it is measured with.
ADAPTERS = ("json", "chat", "xml")
#: Requests that the server answers at a time.
SLOTS = 2

Results = dict[tuple[str, int, str], dict[str, Any]]


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


def labelled_rows(data: Data, n: int, seed: int) -> Rows:
    """Draw the n rows that every contender gets."""
    return data.pool.take(np.array(nested_order(list(data.pool.labels), seed)[:n]))


def scored(data: Data, answers: Sequence[str | None]) -> dict[str, Any]:
    """Score answers, of which None is a wrong one."""
    labels = data.task.labels
    truth, said = label_codes(list(data.asked.labels), labels), label_codes(answers, labels)
    return {
        "rows": len(said),
        "metric": data.task.metric,
        "score": float(score_codes(data.task.metric, truth, said, len(labels))),
        "accuracy": float((truth == said).mean()),
    }


def measure(data: Data, contender: str, n: int, seed: int) -> dict[str, Any]:
    """Fit one contender on n rows and score its answers."""
    method = CONTENDERS[contender]
    spec = method_spec(method)
    rows = labelled_rows(data, n, seed)
    made = load_method(method)(task=data.task, model=MODEL, seed=seed, **spec.parameters)
    made.within(RunContext(deadline=Deadline(), dtype="bfloat16"))
    began = time.monotonic()
    made.fit(list(rows.texts), list(rows.labels))
    answers = made.answer(list(data.asked.texts))
    return {
        "set": data.name,
        "seed": seed,
        "contender": contender,
        "version": spec.version,
        "n": n,
        **scored(data, [answer.value for answer in answers]),
        # What a method reuses is charged as if it had been computed, so that the order of contenders tells nothing.
        "fit_seconds": made.usage_.seconds,
        "answer_seconds": sum(answer.seconds for answer in answers),
        "wall_seconds": time.monotonic() - began,
        "details": {
            key: made.details_.get(key) for key in ("reading", "reading_strength", "calibration", "label_mass")
        },
    }


def peer_version(options: argparse.Namespace) -> str:
    """Name what a peer's results depend on, beside the rows."""
    return f"dspy {DSPY}, {options.peer_adapter}, {options.peer_seconds:g} s"


def threads_here() -> int:
    """Give the threads that our side computes with."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def measure_peer(
    data: Data, contender: str, seed: int, options: argparse.Namespace, python: Path, url: str
) -> dict[str, Any]:
    """Let an optimizer of DSPy compile a prompt on n rows, and score its answers."""
    rows = labelled_rows(data, options.n, seed)
    request = {
        "labelled": list(zip(rows.texts, rows.labels, strict=True)),
        "texts": list(data.asked.texts),
        "labels": list(data.task.labels),
        "optimizer": PEERS[contender],
        "adapter": options.peer_adapter,
        "seed": seed,
        "seconds": options.peer_seconds,
        "url": url,
        "model": SERVED,
        "threads": SLOTS,
    }
    began = time.monotonic()
    ended = subprocess.run(
        [str(python), str(PEER_SCRIPT)], input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=False,
        # What DSPy knows of models' prices comes with it: it need not wait for a newer list.
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "true"},
    )  # fmt: skip
    if ended.returncode or not ended.stdout:
        raise SystemExit(f"DSPy ended with {ended.returncode}; its message stands above.")
    found = json.loads(ended.stdout)
    if found["version"] != DSPY:
        raise SystemExit(f"The peer's environment has dspy {found['version']}: --peer-python needs dspy {DSPY}.")
    return {
        "set": data.name,
        "seed": seed,
        "contender": contender,
        "version": peer_version(options),
        "n": options.n,
        **scored(data, found["answers"]),
        "fit_seconds": found["compile_seconds"],
        "answer_seconds": found["answer_seconds"],
        "wall_seconds": time.monotonic() - began,
        "details": {key: found[key] for key in ("candidates", "cut", "failure", "instruction", "demonstrations")}
        | {"invalid": found["answers"].count(None), "threads": threads_here(), "slots": SLOTS},
    }


class Peers:
    """DSPy and the server that it asks, both started where the first result is wanted, and ended with the benchmark."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._stack = ExitStack()
        self._started: tuple[Path, str] | None = None

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def measure(self, data: Data, contender: str, seed: int) -> dict[str, Any]:
        """Measure one contender of DSPy's."""
        if self._started is None:
            folder: Path = self._options.output
            needed = [f"dspy[optuna]=={DSPY}", *pinned("numpy")]
            python = self._options.peer_python or peer_environment(folder / "dspy", needed)
            weights = in_bfloat16(resolve_model(MODEL).path, folder / f"{MODEL}-bf16.gguf")
            url = self._stack.enter_context(served(weights, slots=SLOTS, threads=threads_here()))
            self._started = python, url
        python, url = self._started
        return measure_peer(data, contender, seed, self._options, python, url)


def read_results(path: Path, options: argparse.Namespace) -> Results:
    """Read what is there of the methods' present versions, and of peers with these options."""
    found = {}
    for record in read_records(path):
        contender = record["contender"]
        present = peer_version(options) if contender in PEERS else method_spec(CONTENDERS[contender]).version
        if record["version"] == present:
            found[record["set"], record["seed"], contender] = record
    return found


def run(options: argparse.Namespace, data: Path) -> Results:
    """Bring all sets to so many seeds, and give the results."""
    output: Path = options.output / f"{options.split}-{options.rows}-{options.n}"
    output.mkdir(parents=True, exist_ok=True)
    path = output / RESULTS
    results = read_results(path, options)
    contenders = [*(options.contender or CONTENDERS), *(c for c, peer in PEERS.items() if peer in options.peer)]
    wanted = [(s, k, c) for k in range(options.seeds) for s in options.set or SETS for c in contenders]
    held: dict[str, Data] = {}
    with Peers(options) as peers:
        for name, seed, contender in wanted:
            if (name, seed, contender) in results:
                continue
            if name not in held:
                held[name] = read_data(name, data / name, options.split, options.rows)
            if contender in PEERS:
                record = peers.measure(held[name], contender, seed)
            else:
                record = measure(held[name], contender, options.n, seed)
            results[name, seed, contender] = record
            append_records(path, [record])
            told = f"{name}, seed {seed}, {contender}: {record['score']:.3f}, {record['wall_seconds']:.0f} s"
            print(told, file=sys.stderr, flush=True)
    return {key: results[key] for key in wanted}


def named_figures(results: Results, key: str = "score") -> dict[str, float]:
    """Give the mean over sets of the chosen prompt's lead over every other contender, in points."""
    contenders = {contender for _, _, contender in results}
    sets = sorted({name for name, _, _ in results})

    def mean(name: str, contender: str) -> float:
        return float(np.mean([record[key] for (s, _, c), record in results.items() if (s, c) == (name, contender)]))

    if "chosen" not in contenders:
        return {}
    return {
        f"over_{contender}": round(100 * float(np.mean([mean(s, "chosen") - mean(s, contender) for s in sets])), 2)
        for contender in (*CONTENDERS, *PEERS)
        if contender in contenders and contender != "chosen"
    }


def speed_figures(results: Results) -> dict[str, float]:
    """Give the seconds of each peer for one of the chosen prompt, both to fit and to answer, over all results."""

    def seconds(contender: str) -> float:
        own = [record for (_, _, c), record in results.items() if c == contender]
        return sum(record["fit_seconds"] + record["answer_seconds"] for record in own)

    ours = seconds("chosen")
    return {f"speed_vs_{peer}": round(seconds(peer) / ours, 2) for peer in PEERS if ours and seconds(peer)}


def print_table(results: Results) -> None:
    """Print every contender's mean score and its deviation over seeds, set by set."""
    sets = list(dict.fromkeys(name for name, _, _ in results))
    contenders = [c for c in (*CONTENDERS, *PEERS) if any(c == contender for _, _, contender in results)]
    print(f"| contender | {' | '.join(sets)} | mean | fit s | answer s |\n|{' --- |' * (len(sets) + 4)}")
    for contender in contenders:
        cells, means, fits, seconds = [], [], [], []
        for name in sets:
            own = [record for (s, _, c), record in results.items() if (s, c) == (name, contender)]
            scores = [100 * record["score"] for record in own]
            spread = f" ({np.std(scores, ddof=1):.1f})" if len(scores) > 1 else ""
            cells.append(f"{np.mean(scores):.1f}{spread}")
            means.append(np.mean(scores))
            fits += [record["fit_seconds"] for record in own]
            seconds += [record["answer_seconds"] for record in own]
        spent = f"{np.mean(fits):.1f} | {np.mean(seconds):.1f}"
        print(f"| {contender} | {' | '.join(cells)} | {np.mean(means):.1f} | {spent} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("prompting"), help="folder of results")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--contender", action="append", choices=tuple(CONTENDERS), help="all where not given")
    parser.add_argument("--peer", action="append", choices=tuple(PEERS.values()), default=[], help="none if not given")
    parser.add_argument("--peer-python", type=Path, help=f"interpreter of an environment with dspy[optuna]=={DSPY}")
    parser.add_argument("--peer-adapter", choices=ADAPTERS, default=ADAPTERS[0], help="form of a peer's answers")
    parser.add_argument("--peer-seconds", type=float, default=1200, help="for a prompt (default: %(default)s)")
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
    accuracy = named_figures(results, "accuracy")
    print(json.dumps({**named_figures(results), **speed_figures(results), "accuracy": accuracy}))


if __name__ == "__main__":
    main()
