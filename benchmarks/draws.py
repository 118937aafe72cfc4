"""Does the verdict on a small draw hold on the rows that were left out? Real rows, cheap contenders.

From each data set up to 4,000 rows are taken (`--pool`). A draw is 800 of them, divided as a study divides them
(`bakeoff.data.cross_fit_rows`), answered by the package's own methods, and decided by `bakeoff.decision.decide`. The
truth of a draw is how the same fits do on the rows outside of it. Wherever the gap between the finalists is 5 points or
more there, the arm ahead is to be named by their comparison. The choice is among three, since the floor stands where no
arm is shown to beat it; wherever one of them leads the others by 5 points or more outside, it is to be chosen. With
`--full` the encoder is tuned as a whole, too: 72 fits a set, half an hour.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/draws.py --output draws

Vectors, label scores and what tuned encoders answer are computed once, and kept in the output folder beside the
records; what is there is not computed again. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records
from numpy.typing import NDArray

from bakeoff.data import FOLDS, Columns, Rows, Source, cross_fit_rows, fold_overlap, nested_order, read_rows
from bakeoff.decision import decide
from bakeoff.methods import loaded
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.probe import fit_probe_head
from bakeoff.methods.floors import Majority, TfidfLogistic
from bakeoff.methods.outputs import outputs_of
from bakeoff.methods.prompt import calibrate
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.models.encoder import encode
from bakeoff.records import Contender, Evidence, Trial, Usage
from bakeoff.tasks import Task, choose_metric, classification_task, label_codes, score_codes

SETS = ("ag_news", "trec", "banking77")
ENCODER, DECODER = "minilm-l6", "smollm2-135m"
DRAW, SEEDS = 800, 3
#: Most rows on which batch calibration rests, as in the method.
CALIBRATION_ROWS = 64
#: A gap from which on the right arm is to be named.
CLEAR = 0.05
CHUNK = 200
#: Level of the finalists' comparison, after Holm's correction.
ALPHA = 0.05

FULL = Contender(f"full {ENCODER}", "full", "1", "finetune", ENCODER, None, {}, True, True)
PROBE = Contender(f"probe {ENCODER}", "probe", "1", "finetune", ENCODER, None, {}, True, True)
ZERO = Contender(f"zero-shot {DECODER}", "zero-shot", "1", "prompt", DECODER, None, {}, False, False)
CONTEXTUAL = Contender(
    f"zero-shot-calibrated {DECODER}", "zero-shot-calibrated", "1", "prompt", DECODER, None, {}, False, False
)
BATCH = Contender(f"zero-shot-batch {DECODER}", "zero-shot-batch", "1", "prompt", DECODER, None, {}, True, True)
TFIDF = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, True, True)
MAJORITY = Contender("majority", "majority", "1", "floor", None, None, {}, True, True)
CONTENDERS = (PROBE, ZERO, CONTEXTUAL, BATCH, TFIDF, MAJORITY)

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Known:
    """A data set's pool, and all that costs time to know of it.

    Parameters
    ----------
    name : str
    rows : Rows
        The pool, in random order.
    vectors : ndarray of float32, shape (rows, dimensions)
        Of the encoder.
    scores : ndarray of float64, shape (rows, labels)
        Logarithms of the zero-shot prompt's probabilities.
    shift : ndarray of float64, shape (labels,)
        Of contextual calibration.
    """

    name: str
    rows: Rows
    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    shift: NDArray[np.float64]


def read_pool(folder: Path, size: int) -> Rows:
    """Read a data set's rows, without copies, and take the pool."""
    source = read_rows(str(folder), text=("text",), label="label")
    texts: dict[str, str] = {}
    for _, rows in source.splits:
        for text, label in zip(rows.texts, rows.labels, strict=True):
            texts.setdefault(text, label)
    drawn = np.random.default_rng(0).permutation(len(texts))[:size]
    items = list(texts.items())
    return Rows.of([items[i][0] for i in drawn], [items[i][1] for i in drawn])


def _filled(path: Path, rows: int, compute: Callable[[int, int], NDArray[Any]]) -> NDArray[Any]:
    """Compute an array chunk by chunk, and keep what is there of it, so that it can be interrupted."""
    found = np.load(path) if path.exists() else None
    start = 0 if found is None else len(found)
    while start < rows:
        part = compute(start, min(start + CHUNK, rows))
        found = part if found is None else np.concatenate([found, part])
        aside = path.with_suffix(".part.npy")
        np.save(aside, found)
        aside.replace(path)
        start = len(found)
        print(f"{path.name}: {start} of {rows} rows", file=sys.stderr, flush=True)
    if found is None:
        raise ValueError(f"{path} would hold no rows.")
    # A larger pool begins with the rows of a smaller one.
    return found[:rows]


def know(name: str, folder: Path, output: Path, size: int) -> Known:
    """Compute, or read from earlier runs, vectors and label scores of a data set's pool."""
    rows = read_pool(folder, size)
    labels = sorted(set(rows.labels))
    task = classification_task(name="label", labels=labels, metric="accuracy")
    context = RunContext(dtype="bfloat16")

    def vectors(start: int, stop: int) -> NDArray[Any]:
        return np.asarray(encode(loaded.encoder(ENCODER, context.device), rows.texts[start:stop]))

    def scores(start: int, stop: int) -> NDArray[Any]:
        answers = _prompt(task, "none", context).answer(rows.texts[start:stop])
        shares = [answer.probabilities or (np.nan,) * len(labels) for answer in answers]
        return np.log(np.maximum(np.array(shares, dtype=np.float64), np.finfo(np.float64).tiny))

    def shift(_start: int, _stop: int) -> NDArray[Any]:
        return np.asarray(_prompt(task, "contextual", context).shift_)

    return Known(
        name,
        rows,
        _filled(output / f"{name}-vectors.npy", len(rows.texts), vectors),
        _filled(output / f"{name}-scores.npy", len(rows.texts), scores),
        _filled(output / f"{name}-shift.npy", len(labels), shift),
    )


def _prompt(task: Task, calibration: str, context: RunContext) -> LabelScorePrompt:
    return LabelScorePrompt(task, DECODER, calibration=calibration).within(context).fit([], [])


class _Draw:
    """One draw: its task, and what every contender answers to every row of the pool after learning from a fold."""

    def __init__(self, known: Known, number: int, tuned: Path | None) -> None:
        self.known, self.number, self.tuned = known, number, tuned
        self.contenders = CONTENDERS if tuned is None else (FULL, *CONTENDERS)
        self.places = np.random.default_rng([1, number]).permutation(len(known.rows.texts))[:DRAW]
        drawn = known.rows.take(self.places)
        # Labels that the draw does not hold are no part of its task, and their rows no part of its truth.
        labels = sorted(set(drawn.labels))
        metric = choose_metric(Counter(drawn.labels))
        self.task = classification_task(name="label", labels=labels, metric=metric)
        self.kept = [position for position, label in enumerate(sorted(set(known.rows.labels))) if label in labels]
        self.codes = label_codes(known.rows.labels, labels)
        self.split = cross_fit_rows(_source_of(drawn, known.name), seed=number, seeds=SEEDS)
        assert self.split.rows is not None
        by_text = {text: place for place, text in enumerate(known.rows.texts)}
        #: Places in the pool of the draw's rows, in the order in which folds count them.
        self.at = np.array([by_text[text] for text in self.split.rows.texts])
        self.outside = np.setdiff1d(np.flatnonzero(self.codes >= 0), self.places)

    def answers(self, one: Contender, fold: int, n: int) -> Codes:
        """Give a contender's answers to all rows of the pool, as codes of the draw's labels."""
        scores = self.known.scores[:, self.kept]
        if one is ZERO:
            return _likeliest(scores)
        shift = self.known.shift[self.kept]
        if one is CONTEXTUAL:
            return _likeliest(calibrate.calibrated(scores, shift))
        train = self.at[np.array(self.split.folds[fold].train)]
        order = nested_order([self.known.rows.labels[place] for place in train], 1000 + fold)
        learned = train[order[:n]]
        if one is BATCH:
            seen = scores[learned[:CALIBRATION_ROWS]]
            counts = np.bincount(self.codes[learned], minlength=len(self.task.labels)).astype(np.float64)
            batch = calibrate.batch_shift(seen, calibrate.label_prior(counts))
            return _likeliest(calibrate.calibrated(scores, calibrate.blended_shift(batch, len(seen), shift)))
        if one is FULL:
            return self._full(fold, learned)
        if one is PROBE:
            outputs = outputs_of(self.task)
            labels = [self.task.labels[code] for code in self.codes[learned]]
            head, _ = fit_probe_head(self.known.vectors[learned], labels, outputs, fold)
            return _likeliest(head.probabilities(self.known.vectors))
        floor = (TfidfLogistic if one is TFIDF else Majority)(self.task, None, fold)
        floor.fit([self.known.rows.texts[i] for i in learned], [self.known.rows.labels[i] for i in learned])
        return label_codes(list(floor.predict(list(self.known.rows.texts))), self.task.labels)

    def _full(self, fold: int, learned: NDArray[np.int64]) -> Codes:
        """Tune the whole encoder on a fold's rows; what it answers is kept, since that takes half a minute."""
        assert self.tuned is not None
        path = self.tuned / f"{self.known.name}-{len(self.known.rows.texts)}-{self.number}-{fold}-full.npy"
        if not path.exists():
            texts, labels = self.known.rows.texts, self.known.rows.labels
            method = FullFineTuning(self.task, ENCODER, fold).within(RunContext())
            method.fit([texts[place] for place in learned], [labels[place] for place in learned])
            aside = path.with_suffix(".part.npy")
            np.save(aside, label_codes(list(method.predict(list(texts))), self.task.labels))
            aside.replace(path)
        return np.asarray(np.load(path))


def _likeliest(scores: NDArray[np.float64]) -> Codes:
    return np.where(np.isnan(scores).any(axis=1), -1, scores.argmax(axis=1)).astype(np.int64)


def _source_of(rows: Rows, name: str) -> Source:
    return Source(name, (("all", rows),), Columns(("text",), None, "label", None, None, "text and label"))


def _trial(one: Contender, n: int, seed: int, validation: Sequence[str | None], test: Sequence[str | None]) -> Trial:
    return Trial(
        f"{one.name} {n} {seed}", one.name, n, seed, "done", None, tuple(validation), tuple(test),
        1.0, 10.0, 15.0, 100.0, 100.0, Usage(seconds=1.0), {},
    )  # fmt: skip


def decide_draw(known: Known, number: int, tuned: Path | None = None) -> dict[str, Any]:
    """Draw, fit, decide, and compare with the rows that were left out.

    Where a folder is given for what it answers, the encoder is tuned as a whole, too.
    """
    draw = _Draw(known, number, tuned)
    folds, labels = draw.split.folds, np.array([*draw.task.labels, None], dtype=object)
    n = min(len(fold.train) for fold in folds)
    trials: list[Trial] = []
    outside: dict[str, list[float]] = {}
    for one in draw.contenders:
        for seed in range(len(folds)) if one.seeded else (0,):
            codes = draw.answers(one, seed, n)
            said = labels[codes[draw.at]]
            fold = folds[seed]
            parts = (said[list(fold.validation)], said[list(fold.test)]) if one.seeded else (said, said)
            trials.append(_trial(one, n if one.uses_labels else 0, seed, *parts))
            rows = draw.outside
            value = score_codes(draw.task.metric, draw.codes[rows], codes[rows], len(draw.task.labels))
            outside.setdefault(one.name, []).append(float(value))
    decision = decide(_evidence(draw, trials, n))
    verdict = next(one for one in decision.comparisons if one.role == "verdict")
    truth = {name: float(np.mean(values)) for name, values in outside.items()}
    return {
        "set": known.name,
        "draw": number,
        "metric": draw.task.metric,
        "n": n,
        "choice": decision.verdict.choice,
        "chosen": decision.verdict.contender,
        "finetune": verdict.a,
        "prompt": verdict.b,
        "difference": verdict.difference,
        "low": verdict.ci[0],
        "high": verdict.ci[1],
        "p_holm": verdict.p_holm,
        "gap_outside": truth[verdict.a] - truth[verdict.b],
        "outside": truth,
        "mde": decision.mde,
    }


def _evidence(draw: _Draw, trials: Sequence[Trial], n: int) -> Evidence:
    rows, folds = draw.split.rows, draw.split.folds
    assert rows is not None
    return Evidence(
        task=draw.task,
        contenders=draw.contenders,
        trials=tuple(trials),
        validation_labels=rows.labels,
        test_labels=rows.labels,
        rows={"train": n, "validation": len(folds[0].validation), "test": len(folds[0].test)},
        fingerprint="0" * 64,
        checks=(),
        text_words=10.0,
        folds=folds,
        round_folds=FOLDS,
        fold_overlap=fold_overlap(folds),
    )


def named(record: dict[str, Any]) -> int:
    """Give the arm that the finalists' comparison names: 1 for fine-tuning, -1 for prompting, 0 for neither."""
    return int(np.sign(record["difference"])) if record["p_holm"] < ALPHA else 0


def is_right(record: dict[str, Any]) -> bool:
    """Say whether the arm that is ahead on the rows outside of the draw was named."""
    return named(record) == np.sign(record["gap_outside"])


def ahead_outside(record: dict[str, Any]) -> tuple[str, float]:
    """Give the choice that is right on the rows outside, an arm or the floor, and its lead over the next best."""
    best: dict[str, float] = {}
    for one in (FULL, *CONTENDERS):
        if one.name in record["outside"]:
            choice = {"finetune": "fine-tune"}.get(one.arm, one.arm)
            best[choice] = max(best.get(choice, 0.0), record["outside"][one.name])
    first, second = sorted(best, key=lambda choice: -best[choice])[:2]
    return first, best[first] - best[second]


def behind_best(record: dict[str, Any]) -> float:
    """Give by how much what was chosen is behind the best contender on the rows outside; NaN without a choice."""
    outside = record["outside"]
    return float(max(outside.values()) - outside[record["chosen"]]) if record["chosen"] else float("nan")


def run(
    data: Path, output: Path, sets: Sequence[str], draws: int, pool: int, *, full: bool
) -> dict[tuple[str, int], dict[str, Any]]:
    """Bring all sets to so many draws, and give their records."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"draws-{pool}{'-full' if full else ''}.jsonl"
    records = {(record["set"], record["draw"]): record for record in read_records(path)}
    wanted = [(name, number) for name in sets for number in range(draws)]
    for name in sets:
        missing = [number for of, number in wanted if of == name and (name, number) not in records]
        known = know(name, data / name, output, pool) if missing else None
        for number in missing:
            assert known is not None
            began = time.monotonic()
            records[name, number] = decide_draw(known, number, output if full else None)
            append_records(path, [records[name, number]])
            print(f"{name}, draw {number}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return {key: records[key] for key in wanted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("draws"), help="folder of records and kept arrays")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--draws", type=int, default=8, help="of each set (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=4_000, help="rows of a set at most (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help="tune the whole encoder, too")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds data/ag_news, data/trec, data/banking77.")
    records = run(
        Path(root) / "data", options.output, options.set or SETS, options.draws, options.pool, full=options.full
    )
    header = ("set", "draw", "metric", "finalists", "in the draw", "outside", "can show", "choice", "behind the best")
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for record in records.values():
        inside = f"{100 * record['difference']:+.1f} [{100 * record['low']:+.1f}, {100 * record['high']:+.1f}]"
        pair = f"{record['finetune']}, {record['prompt']}"
        points = f"{100 * record['gap_outside']:+.1f} | {record['mde']:.1f}"
        cells = (record["set"], record["draw"], record["metric"], pair, inside, points, record["choice"])
        print(f"| {' | '.join(map(str, cells))} | {100 * behind_best(record):.1f} |")
    clear = [record for record in records.values() if abs(record["gap_outside"]) >= CLEAR]
    covered = [record["low"] <= record["gap_outside"] <= record["high"] for record in records.values()]
    lost = [behind_best(record) for record in records.values() if record["chosen"]]
    decided = [(record["choice"], ahead_outside(record)) for record in records.values()]
    right = [choice == best for choice, (best, lead) in decided if lead >= CLEAR]
    rates = {
        "right_arm_rate": float(np.mean([is_right(record) for record in clear])) if clear else None,
        "clear_draws": len(clear),
        "right_choice_rate": float(np.mean(right)) if right else None,
        "clear_choices": len(right),
        "wrong_arm_rate": float(np.mean([named(one) == -np.sign(one["gap_outside"]) for one in records.values()])),
        "choice_within_1_point_rate": float(np.mean([value <= 0.01 for value in lost])) if lost else None,
        "coverage": float(np.mean(covered)),
    }
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
