"""How well a small model writes when it is tuned for longer: texts about restaurants from slots, against prompts.

`write-full` is tuned on as many rows as `--rows` says (all that there are by default), with the task's metric on
held-out rows choosing the weights, and writes for test rows that no fit has seen; so do prompts of the same model with
demonstrations from the same rows. Scores are chrF and BLEU against all references, and the slot error rate: slots that
are missing or made up, of all slots.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/writing.py --output writing        # --time-limit MINUTES: 45

Each contender's texts are kept in the output folder, and what is there is not written again. Intervals are 95%
bootstrap intervals over test rows. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records

from bakeoff.data import Rows, nested_order, read_rows
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import Task, knowing_values, read_checks, scoring_of, task_of_kind, truths

MODEL, SET = "smollm2-135m", "e2e_nlg"
CHECKS = Path(__file__).parents[1] / "examples" / "checks" / "restaurants.yaml"
INSTRUCTION = "Describe the restaurant in one or two sentences, with every fact that is given and no other."
CONTENDERS = ("write-full", "write-few-shot", "write-retrieved", "nearest-target")
METRICS = ("chrf", "bleu", "slot-accuracy")
RESAMPLES = 1_000


def read_data(folder: Path, rows: int, test_rows: int) -> tuple[Task, Rows, Rows]:
    """Read the task, the rows to learn from, and the rows to write for, drawn by seed 0."""
    parts = dict(read_rows(str(folder), text=("source",), label="target", kind="generation").splits)
    train, test = parts["train"], parts["test"]
    drawn = nested_order(list(train.labels), 0)[:rows]
    asked = np.sort(np.random.default_rng(0).permutation(len(test))[:test_rows])
    checks = tuple(knowing_values(check, train.texts) for check in read_checks(CHECKS))
    task = task_of_kind("generation", name="target", labels=(), metric="chrf", instruction=INSTRUCTION)
    return replace(task, checks=checks), train.take(np.array(drawn)), test.take(asked)


def write(task: Task, rows: Rows, asked: Rows, contender: str, minutes: float) -> dict[str, Any]:
    """Fit one contender, and let it write for every asked row."""
    spec = method_spec(contender)
    model = None if spec.model is None else MODEL
    made = load_method(contender)(task=task, model=model, seed=0, **spec.parameters)
    made.within(RunContext(deadline=Deadline.after(60 * minutes), dtype="bfloat16", may_shorten=True))
    began = time.monotonic()
    made.fit(list(rows.texts), list(rows.labels))
    fitted = time.monotonic() - began
    # What is served has no deadline of a fit.
    made.context_ = replace(made.context_, deadline=Deadline())
    answers = made.answer(list(asked.texts))
    keys = ("epochs", "steps", "history", "held_out_rows", "trained_tokens", "stopped")
    return {
        "contender": contender,
        "rows": len(rows.texts),
        "answers": [answer.value for answer in answers],
        "fit_seconds": round(fitted, 1),
        "answer_seconds": round(time.monotonic() - began - fitted, 1),
        "cut": bool(made.cut_),
        "details": {key: made.details_[key] for key in keys if key in made.details_},
    }


def scored(task: Task, asked: Rows, answers: Sequence[str | None]) -> dict[str, tuple[float, float, float]]:
    """Give each metric's value with its interval over rows."""
    truth, found = truths(task, list(asked.texts), list(asked.labels)), {}
    drawn = np.random.default_rng(0).integers(0, len(answers), size=(RESAMPLES, len(answers)))
    for metric in METRICS:
        scoring = scoring_of(task).with_metric(metric)
        right, said = scoring.codes(truth), scoring.codes(answers)
        sums = scoring.tally(right, said)
        values = scoring.of_sums(sums[drawn].sum(axis=1))
        low, high = np.nanquantile(values, [0.025, 0.975])
        found[metric] = (float(scoring.of_sums(sums.sum(axis=0)[None])[0]), float(low), float(high))
    return found


def main() -> None:
    """Write with what is missing, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("writing"))
    parser.add_argument("--rows", type=int, default=1_000_000, help="most rows to learn from")
    parser.add_argument("--test-rows", type=int, default=300)
    parser.add_argument("--time-limit", type=float, default=45.0, help="minutes of a fit")
    parser.add_argument("--contender", action="append", choices=CONTENDERS)
    given = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root:
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds the open data sets in 'data'.")
    task, rows, asked = read_data(Path(root) / "data" / SET, given.rows, given.test_rows)
    given.output.mkdir(parents=True, exist_ok=True)
    file = given.output / "texts.jsonl"
    kept = {one["contender"]: one for one in read_records(file)}
    figures: dict[str, Any] = {"rows": len(rows.texts), "test_rows": len(asked.texts)}
    for contender in given.contender or CONTENDERS:
        if contender not in kept:
            kept[contender] = write(task, rows, asked, contender, given.time_limit)
            append_records(file, [kept[contender]])
        one = kept[contender]
        values = scored(task, asked, one["answers"])
        chrf, bleu, slots = (values[metric] for metric in METRICS)
        error = tuple(1 - value for value in (slots[0], slots[2], slots[1]))
        print(
            f"| {contender} | {one['rows']} | {one['fit_seconds']:,.0f} | {_figure(chrf)} | {_figure(bleu)} "
            f"| {_figure(error)} |",
            flush=True,
        )
        name = contender.replace("-", "_")
        figures |= {f"{name}_chrf": round(chrf[0], 4), f"{name}_slot_error": round(error[0], 4)}
    print(json.dumps(figures))


def _figure(value: Sequence[float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]"


if __name__ == "__main__":
    main()
