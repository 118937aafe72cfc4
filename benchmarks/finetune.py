"""Fine-tuning against Hugging Face's Trainer, SetFit and sentence-transformers: scores, seconds and memory.

The same rows, the same encoder and the same threads for both sides, which take turns, each fit in a process of its own;
importing and loading are left out of the seconds. The peers run in an environment of their own, made in the output
folder at the first run, or named by `--peer-python`.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/finetune.py --output finetune

Each fit is kept in the output folder as soon as it is done, and what is there is not repeated. `--case` names cases.
The last line printed is one JSON object: how many times a peer's seconds are ours (`speed`; medians over turns, or over
seeds where each turn is a seed), the same of the processor's seconds, all threads together (`processor`: other work on
the machine changes them less), and by how many points our score is ahead (means).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records
from peer import peer_environment, pinned

from bakeoff.catalog import resolve_model
from bakeoff.data import Rows, read_rows
from bakeoff.models.facts import choose_dtype

ENCODER = "minilm-l6"
PEERS = ["setfit==1.2.0", "sentence-transformers==6.2.0", "datasets==5.2.0"]
SCRIPT = Path(__file__).with_name("finetune_side.py")
#: Steps at which SetFit is stopped in its second mode.
CAPPED_STEPS = {"amazon_reviews_8": 4, "amazon_reviews_64": 60, "trec_8": 60}


@dataclass(frozen=True, slots=True)
class Side:
    """One way to fit: whose, in which mode, and its settings."""

    name: str
    side: str
    mode: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    method: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A set, rows a label (all of train where None), and the sides that take turns."""

    name: str
    folder: str
    rows_a_label: int | None
    turns: int
    sides: tuple[Side, ...]


def _trainer_case(folder: str) -> Case:
    ours = Side("ours", "ours", method="full")
    peers = (Side("trainer_default", "trainer", "default"), Side("trainer_best", "trainer", "best"))
    return Case(folder, folder, None, 3, (ours, *peers))


def _setfit_case(name: str, folder: str, rows: int) -> Case:
    capped = Side("setfit_best", "setfit", "capped", {"steps": CAPPED_STEPS[name]})
    ours = Side("ours", "ours", method="contrastive")
    return Case(name, folder, rows, 5, (ours, Side("setfit_default", "setfit", "default"), capped))


CASES = (
    _trainer_case("amazon_reviews"),
    _trainer_case("trec"),
    _setfit_case("amazon_reviews_8", "amazon_reviews", 8),
    _setfit_case("trec_8", "trec", 8),
    _setfit_case("amazon_reviews_64", "amazon_reviews", 64),
    Case(
        "encode",
        "amazon_reviews",
        0,
        3,
        (Side("ours", "our encoder"), Side("st", "sentence-transformers")),
    ),
)


def drawn(train: Rows, labels: Sequence[str], rows_a_label: int | None, seed: int) -> Rows:
    """Draw so many rows of each label; all rows where None."""
    if rows_a_label is None:
        return train
    generator = np.random.default_rng(seed)
    found: list[int] = []
    for label in labels:
        own = [place for place, given in enumerate(train.labels) if given == label]
        found += generator.permutation(own)[:rows_a_label].tolist()
    return train.take(generator.permutation(found).astype(int).tolist())


def run_side(python: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Run one fit in a process of its own, whose idle threads sleep: what they would spin away is not its work."""
    threads = {"OMP_NUM_THREADS": str(asked["threads"]), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [str(python), str(SCRIPT)], input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, **threads, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(case: Case, side: Side, turn: int, data: Path, python: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Fit one side once, and score it."""
    parts = dict(read_rows(str(data / case.folder), text=("text",), label="label").splits)
    labels = sorted(set(parts["train"].labels))
    train, held = drawn(parts["train"], labels, case.rows_a_label, turn), parts[options.split]
    files = resolve_model(ENCODER)
    asked = {
        "side": side.side, "mode": side.mode, "method": side.method, **side.settings,
        "texts": list(train.texts), "codes": [labels.index(label) for label in train.labels], "labels": len(labels),
        "asked": list(held.texts), "model": str(files.path), "max_tokens": 256, "seed": turn,
        "threads": options.threads, "dtype": choose_dtype(),
    }  # fmt: skip
    found = run_side(Path(sys.executable) if side.side in ("ours", "our encoder") else python, asked)
    record = {"case": case.name, "side": side.name, "turn": turn, "split": options.split, "rows": len(train)}
    record |= {name: value for name, value in found.items() if name != "answers"}
    if case.rows_a_label == 0:
        return record | {"vectors": np.round(np.array(found["answers"])[:50], 6).tolist()}
    right = np.array([labels[code] if code >= 0 else "" for code in found["answers"]]) == np.array(held.labels)
    return record | {"score": float(right.mean())}


def figures_of(case: Case, records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Name a case's ratios and differences, from the turns that both sides have had."""
    by_side: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_side[record["side"]].append(record)
    all_ours = by_side.pop("ours", [])
    figures = {}
    for name, theirs in by_side.items():
        turns = {one["turn"] for one in theirs} & {one["turn"] for one in all_ours}
        theirs, ours = ([one for one in each if one["turn"] in turns] for each in (theirs, all_ours))
        if not turns:
            continue

        def times(
            measured: str, theirs: Sequence[dict[str, Any]] = theirs, ours: Sequence[dict[str, Any]] = ours
        ) -> float:
            middle = [statistics.median(one[measured] for one in each) for each in (theirs, ours)]
            return round(middle[0] / middle[1], 2)

        if case.name == "encode":
            figures["encode_speed_vs_st"] = times("answer_seconds")
            figures["encode_processor_vs_st"] = times("answer_processor_seconds")
            one, other = (np.array(each[0]["vectors"]) for each in (theirs, ours))
            figures["encode_least_cosine"] = round(float((one * other).sum(axis=1).min()), 6)
            continue
        scores = [statistics.mean(one["score"] for one in each) for each in (theirs, ours)]
        peer, mode = name.rsplit("_", 1)
        figures[f"{case.name}_speed_vs_{peer}_{mode}"] = times("fit_seconds")
        figures[f"{case.name}_processor_vs_{peer}_{mode}"] = times("fit_processor_seconds")
        figures[f"{case.name}_score_difference_{peer}_{mode}"] = round(100 * (scores[1] - scores[0]), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("finetune"), help="folder of records and the peers")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="all where not given")
    parser.add_argument("--side", action="append", help="sides to run, by name; all where not given")
    parser.add_argument("--peer-python", type=Path, help=f"interpreter of an environment with {', '.join(PEERS)}")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="what is answered")
    parser.add_argument("--turns", type=int, help="in place of a case's own, for a first look")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds data/amazon_reviews and data/trec.")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "records.jsonl"
    records = {(r["case"], r["side"], r["turn"]): r for r in read_records(path) if r["split"] == options.split}
    python = options.peer_python or peer_environment(
        options.output / "peer", [*PEERS, *pinned("torch", "transformers", "accelerate", "numpy")]
    )
    wanted = [case for case in CASES if not options.case or case.name in options.case]
    for case in wanted:
        for turn in range(options.turns or case.turns):
            for side in case.sides:
                if (case.name, side.name, turn) in records or (options.side and side.name not in options.side):
                    continue
                record = measure(case, side, turn, Path(root) / "data", python, options)
                records[case.name, side.name, turn] = record
                append_records(path, [record])
                told = f"{case.name}, {side.name}, turn {turn}: {record.get('score', float('nan')):.3f}"
                print(f"{told}, {record['fit_seconds']:.1f} s", file=sys.stderr, flush=True)
    print_table(wanted, list(records.values()))


def print_table(cases: Sequence[Case], records: Sequence[dict[str, Any]]) -> None:
    """Print each side's mean score and median seconds, and the named figures."""
    print("| case | side | turns | rows | accuracy | to fit, s | of the processor, s | to answer, s | memory, MB |")
    print("|" + " --- |" * 9)
    figures: dict[str, float] = {}
    for case in cases:
        own = [record for record in records if record["case"] == case.name]
        for side in case.sides:
            found = [record for record in own if record["side"] == side.name]
            if not found:
                continue
            score = f"{100 * statistics.mean(one['score'] for one in found):.1f}" if "score" in found[0] else ""
            middle = [
                statistics.median(one[key] for one in found)
                for key in ("fit_seconds", "fit_processor_seconds", "answer_seconds", "peak_memory_mb")
            ]
            print(
                f"| {case.name} | {side.name} | {len(found)} | {found[0]['rows']} | {score} | {middle[0]:.1f} "
                f"| {middle[1]:.1f} | {middle[2]:.1f} | {middle[3]:.0f} |"
            )
        figures |= figures_of(case, own)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
