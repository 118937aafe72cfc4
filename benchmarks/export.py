"""Measure what exporting costs: a tuned encoder as a bundle, as ONNX in float32, and as ONNX of 8-bit integers.

    python benchmarks/export.py $BAKEOFF_TEST_DATA/data/amazon_reviews --output export
    python benchmarks/export.py FOLDER --bundle BUNDLE --output export

The folder holds train.jsonl, validation.jsonl and test.jsonl with `text` and `label`. Without a bundle, `full` of
minilm-l6 is tuned on the first two. All three answer the test rows; intervals are paired bootstrap intervals over those
rows, of these weights. Rows a second are those of processor seconds, in turn, best of three: what else runs
on the machine says little there. The last line printed is one JSON object; its `int8_loss_points` is the bundle's score
less that of the 8-bit model, in points of accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from bakeoff.data import read_rows
from bakeoff.ship import read_bundle
from bakeoff.ship.onnx_predict import Exported
from bakeoff.workbench.export import export
from bakeoff.workbench.finetune import FinetuneOptions, finetune
from bakeoff.workbench.options import DataOptions

ENCODER, TURNS, DRAWS = "minilm-l6", 3, 10_000


def tuned(data: Path, folder: Path, seed: int) -> Path:
    """Tune the encoder on the train and validation rows, and write it as a bundle."""
    place = folder / f"bundle-{seed}"
    if not (place / "bundle.json").is_file():
        settings = FinetuneOptions(method="full", model=ENCODER, seed=seed)
        finetune(str(data), DataOptions(text=("text",), label="label"), settings, output=place)
    return place


def interval(right: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Give the difference of two shares of right answers, in points, and its paired 95% bootstrap interval."""
    gaps = 100 * (right.astype(float) - other.astype(float))
    draws = np.random.default_rng(0).integers(0, len(gaps), (DRAWS, len(gaps)))
    low, high = np.quantile(gaps[draws].mean(axis=1), (0.025, 0.975))
    return float(gaps.mean()), float(low), float(high)


def rates(sides: dict[str, Callable[[Sequence[str]], object]], texts: Sequence[str]) -> dict[str, float]:
    """Give rows a second of the processor, each side in turn, its best of several."""
    best = dict.fromkeys(sides, 0.0)
    for _ in range(TURNS):
        for name, answer in sides.items():
            began = time.process_time()
            answer(texts)
            best[name] = max(best[name], len(texts) / (time.process_time() - began))
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, help="folder with train, validation and test rows")
    parser.add_argument("--output", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--bundle", type=Path, default=None, help="one that did not learn from the test rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", default=None, help="processors to work on, such as 1")
    given = parser.parse_args()
    if given.cores is not None:
        os.sched_setaffinity(0, {int(core) for core in given.cores.split(",")})
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    given.output.mkdir(parents=True, exist_ok=True)
    bundle = given.bundle or tuned(given.data, given.output, given.seed)
    test = read_rows(str(given.data), text=("text",), label="label").split("test")
    texts, labels = list(test.texts), np.array(test.labels)
    shipped = read_bundle(bundle)
    method = shipped.load()
    with tempfile.TemporaryDirectory() as place:
        rows = given.data / "test.jsonl"
        done = export(bundle, Path(place) / "exported", int8=True, rows=rows, text=("text",), label="label")
        for model in done.models:
            print(f"{model.name:<16} {model.size_mb:6.1f} MB, scores differ by {model.largest_difference:.2g} at most")
        models = {name: Exported(done.folder, f"{file}.onnx", threads) for name, file in (
            ("onnx", "model"), ("int8", "model.int8"),
        )}  # fmt: skip
        found = {"bundle": [answer.value for answer in method.answer(texts)]}
        found |= {name: [one["prediction"] for one in model.answers(texts)] for name, model in models.items()}
        speed = rates({"bundle": method.answer, **{name: model.answers for name, model in models.items()}}, texts)
    right = {name: np.array(values) == labels for name, values in found.items()}
    told: dict[str, object] = {"rows": len(texts), "dtype": shipped.facts.dtype, "threads": threads}
    for name, own in right.items():
        told |= {f"{name}_accuracy": float(own.mean()), f"{name}_rows_per_processor_second": speed[name]}
    for name in ("onnx", "int8"):
        lost, low, high = interval(right["bundle"], right[name])
        same = float(np.mean([one == other for one, other in zip(found["bundle"], found[name], strict=True)]))
        told |= {f"{name}_loss_points": lost, f"{name}_loss_low": low, f"{name}_loss_high": high, f"{name}_same": same}
        print(f"{name:<8} loses {lost:+.2f} points [{low:+.2f}, {high:+.2f}]; {same:.1%} of the answers are the same")
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
