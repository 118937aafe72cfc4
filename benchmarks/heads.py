"""Fine-tuning on every kind of task: the scores of one method a set, with all of its train rows, over seeds.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/heads.py --output heads

Each fit is kept in the output folder as soon as it is done, and what is there is not repeated. `--set` names sets,
`--split validation` answers the validation rows instead, for choosing settings (`--setting NAME=VALUE`), which are then
kept apart. The last line printed is one JSON object: the median score of each set.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kept import append_records, read_records

from bakeoff.data import read_rows, split_rows
from bakeoff.methods.contract import RunContext
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.models.facts import choose_dtype
from bakeoff.tasks import scoring_of
from bakeoff.workbench.finetune import settings_of
from bakeoff.workbench.options import StudyOptions
from bakeoff.workbench.prepare import task_of

ENCODER = "minilm-l6"
#: Sets, the metric of each, the method that is usual for its kind, and settings that did better on validation rows.
SETS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "amazon_reviews": ("accuracy", "full", ()),
    "trec": ("accuracy", "full", ()),
    "banking77": ("accuracy", "full", ()),
    "ag_news": ("accuracy", "full", ()),
    "goemotions": ("micro-F1", "full", ()),
    "tweets_valence": ("pearson", "full", ("double_from=0", "max_epochs=8", "learning_rate=2e-4")),
    "sick": ("accuracy", "full", ("double_from=0", "max_epochs=8", "learning_rate=2e-4")),
    "wikigold_ner": ("entity-F1", "tagger", ()),
    "restaurant8k_slots": ("entity-F1", "tagger", ()),
}


def measure(name: str, seed: int, split: str, given: Sequence[str], data: Path) -> dict[str, Any]:
    """Fit one set with one seed, and score it."""
    metric, method_name, usual = SETS[name]
    read = read_rows(str(data / name))
    # The sets have splits of their own, so that the seed changes the fit alone.
    rows = split_rows(read, seed=0)
    task = task_of(read, rows, StudyOptions(metric=metric))
    spec = method_spec(method_name)
    settings = {**spec.parameters, **settings_of(method_name, given or usual)}
    method = load_method(method_name)(task=task, model=ENCODER, seed=seed, **settings)
    held = rows.test if split == "test" else rows.validation
    began = time.perf_counter()
    method.within(RunContext(dtype=choose_dtype())).fit(rows.train.texts, rows.train.labels)
    fitted = time.perf_counter()
    answers = [answer.value for answer in method.answer(held.texts)]
    score = scoring_of(task).score_values(held.labels, answers)
    return {
        "set": name, "seed": seed, "split": split, "given": list(given), "method": f"{spec.name} {spec.version}",
        "settings": list(given or usual), "metric": metric, "rows": len(rows.train), "score": score,
        "fit_seconds": fitted - began, "answer_seconds": time.perf_counter() - fitted,
        "steps": method.details_.get("steps"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("heads"), help="folder of records")
    parser.add_argument("--set", action="append", choices=list(SETS), dest="sets", help="all where not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="what is answered")
    parser.add_argument("--setting", action="append", default=[], help="of the method, NAME=VALUE")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds data/amazon_reviews and the other sets.")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "records.jsonl"
    known = [one for one in read_records(path) if one["split"] == options.split and one["given"] == options.setting]
    records = {(one["set"], one["seed"]): one for one in known}
    wanted = options.sets or list(SETS)
    for seed in range(options.seeds):
        for name in wanted:
            if (name, seed) in records:
                continue
            record = measure(name, seed, options.split, options.setting, Path(root) / "data")
            records[name, seed] = record
            append_records(path, [record])
            told = f"{name}, seed {seed}: {record['score']:.4f} in {record['fit_seconds']:.0f} s"
            print(told, file=sys.stderr, flush=True)
    print("| set | rows | method | metric | scores by seed | median | to fit, s |")
    print("|" + " --- |" * 7)
    medians = {}
    for name in wanted:
        own = [record for (of, _), record in sorted(records.items()) if of == name]
        if not own:
            continue
        medians[name] = round(statistics.median(one["score"] for one in own), 4)
        scores = " ".join(f"{one['score']:.3f}".lstrip("0") for one in own)
        seconds = statistics.median(one["fit_seconds"] for one in own)
        print(
            f"| {name} | {own[0]['rows']} | {own[0]['method']} | {own[0]['metric']} | {scores} | {medians[name]:.3f} "
            f"| {seconds:.0f} |"
        )
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
