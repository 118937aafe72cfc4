"""Measure how fast labels are scored: against lm-evaluation-harness, and against the bare forward calls.

Rows, prompt, model, data type and threads are the same. The harness runs in its own environment, which is made in the
output folder at the first run, or is named by `--peer-python`; the two take turns, and load their model before the
clock starts.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/scoring.py --output scoring

A case that was measured is kept in the output folder and not measured again. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept import append_records, read_records
from numpy.typing import NDArray
from peer import peer_environment, pinned

from bakeoff.catalog import resolve_model
from bakeoff.data import read_rows
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.template import Demonstration, RenderedPrompt, design_for
from bakeoff.models.decoder import Decoder, converted_folder, load_decoder
from bakeoff.models.scoring import LabelScorer
from bakeoff.tasks import classification_task

DECODER = "smollm2-135m"
PEER = "lm-eval[hf]==0.4.13"
#: Batch sizes that the harness is tried with; it is measured with its fastest.
PEER_BATCHES = (1, 8, 32)
TURNS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A set, so many demonstrations, and the rows on which time is taken and figures are compared."""

    name: str
    folder: str
    shots: int
    rows: int
    exact_rows: int


CASES = (
    Case("amazon_reviews_8", "amazon_reviews", 8, 300, 8),
    Case("amazon_reviews_16", "amazon_reviews", 16, 200, 8),
    Case("banking77_8", "banking77", 8, 24, 2),
)


def prompt_of(case: Case, data: Path, special_tokens: Sequence[str]) -> tuple[RenderedPrompt, list[str]]:
    """Design a case's prompt from training rows, and give it with the texts of its first validation rows."""
    parts = dict(read_rows(str(data / case.folder), text=("text",), label="label").splits)
    train, held = parts["train"], parts["validation"]
    labels = sorted(set(train.labels))
    task = classification_task(name="label", labels=labels, metric="accuracy")
    shown = choose_demonstrations(train.texts, train.labels, case.shots, seed=0)
    demonstrations = tuple(Demonstration(row, train.texts[row], train.labels[row]) for row in shown)
    prompt = design_for(task, demonstrations).render(special_tokens=special_tokens)
    return prompt, list(held.texts[: case.rows])


def score_alone(decoder: Decoder, text: str, label: str, ending: str) -> float:
    """Score one full string by itself, with nothing of the scorer: the reference."""
    import torch

    found = decoder.tokenizer(text + label + ending, return_offsets_mapping=True, verbose=False)
    ids = found["input_ids"]
    given = sum(1 for _, end in found["offset_mapping"] if end <= len(text))
    with torch.inference_mode():
        logs = torch.log_softmax(decoder.model(torch.tensor([ids])).logits[0].float(), dim=-1)
    return float(sum(logs[at - 1, ids[at]] for at in range(given, len(ids))))


def difference_from_alone(decoder: Decoder, prompt: RenderedPrompt, texts: Sequence[str]) -> float:
    """Give the largest difference, in nats, between the scorer and every full string scored alone."""
    queries = [prompt.query(text) for text in texts]
    found = LabelScorer(decoder).score(prompt.prefix, queries, prompt.continuations, terminator=prompt.terminator)
    ending = (prompt.terminator or "") if found.terminated else ""
    alone = [
        [score_alone(decoder, prompt.prefix + query, label, ending) for label in prompt.continuations]
        for query in queries
    ]
    return float(np.abs(found.log_probabilities - np.array(alone)).max())


class _Recorder:
    """Keeps the arguments of every forward call of a model, to make the same calls again."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.calls: list[dict[str, Any]] = []
        self._handle = model.register_forward_pre_hook(self._keep, with_kwargs=True)

    def _keep(self, _model: Any, _args: Any, given: dict[str, Any]) -> None:
        self.calls.append(dict(given))

    def stop(self) -> None:
        """Stop recording."""
        self._handle.remove()

    def repeat(self) -> float:
        """Make all calls again, and give the seconds that they took."""
        import torch
        from transformers.cache_utils import DynamicCache

        # The call that reads the prefix fills a cache: it needs an empty one each time.
        calls = [
            {**given, "past_key_values": DynamicCache()} if isinstance(given.get("past_key_values"), DynamicCache)
            else given for given in self.calls
        ]  # fmt: skip
        began = time.perf_counter()
        with torch.inference_mode():
            for given in calls:
                self.model(**given)
        return time.perf_counter() - began


def timed(decoder: Decoder, prompt: RenderedPrompt, texts: Sequence[str]) -> tuple[float, NDArray[np.float64]]:
    """Score a case's rows with no cache from before, the prefix included, and give seconds and scores."""
    queries = [prompt.query(text) for text in texts]
    scorer = LabelScorer(decoder, packed=True)
    began = time.perf_counter()
    found = scorer.score(prompt.prefix, queries, prompt.continuations, terminator=prompt.terminator)
    return time.perf_counter() - began, found.log_probabilities


def share_of_forward(decoder: Decoder, prompt: RenderedPrompt, texts: Sequence[str]) -> float:
    """Give the time of the bare forward calls for each second of scoring: the same calls, caches and shapes.

    The middle one of several turns.
    """
    recorder = _Recorder(decoder.model)
    timed(decoder, prompt, texts)
    recorder.stop()
    shares = []
    for _ in range(TURNS):
        bare = recorder.repeat()
        whole, _ = timed(decoder, prompt, texts)
        shares.append(bare / whole)
    return float(np.median(shares))


class Peer:
    """The harness in a process of its own, which is asked in lines of JSON."""

    def __init__(self, python: Path, model: Path, dtype: str) -> None:
        script = Path(__file__).with_name("scoring_peer.py")
        self._process = subprocess.Popen(
            [str(python), str(script), str(model), dtype],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip

    def ask(self, contexts: Sequence[str], continuations: Sequence[str], batch: int) -> tuple[float, Any]:
        """Give the seconds of a request, and its log-probabilities, shape (rows, labels)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"contexts": list(contexts), "continuations": list(continuations), "batch": batch})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"The harness ended with {self._process.wait()}; its message stands above.")
        found = json.loads(answer)
        return float(found["seconds"]), np.array(found["log_probabilities"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def measure(case: Case, data: Path, decoder: Decoder, exact: Decoder, peer: Peer) -> dict[str, Any]:
    """Measure one case: ours, the harness, ours again, and the exactness."""
    prompt, texts = prompt_of(case, data, tuple(decoder.tokenizer.all_special_tokens))
    contexts = [prompt.prefix + prompt.query(text) for text in texts]
    few = contexts[:1] if len(prompt.continuations) > 10 else contexts[:8]
    tried = {size: peer.ask(few, prompt.continuations, size)[0] for size in PEER_BATCHES}
    batch = min(tried, key=lambda size: tried[size])
    timed(decoder, prompt, texts[:2])
    first, scores = timed(decoder, prompt, texts)
    theirs, their_scores = peer.ask(contexts, prompt.continuations, batch)
    second, _ = timed(decoder, prompt, texts)
    ours = (first + second) / 2
    return {
        "case": case.name,
        "rows": len(texts),
        "labels": len(prompt.continuations),
        "peer_batch": batch,
        "ours_rows_per_second": len(texts) / ours,
        "peer_rows_per_second": len(texts) / theirs,
        "speed_vs_lm_eval": theirs / ours,
        "same_label": float(np.mean(scores.argmax(axis=1) == their_scores.argmax(axis=1))),
        "share_of_bare_forward": share_of_forward(decoder, prompt, texts),
        "max_difference_fp32": difference_from_alone(exact, prompt, texts[: case.exact_rows]),
    }


def run(data: Path, output: Path, cases: Sequence[Case], peer_python: Path | None) -> dict[str, dict[str, Any]]:
    """Measure what is not measured yet, and give all records."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "records.jsonl"
    records = {record["case"]: record for record in read_records(path)}
    missing = [case for case in cases if case.name not in records]
    if not missing:
        return records
    python = peer_python or peer_environment(output / "peer", [PEER, *pinned("torch")])
    files = resolve_model(DECODER)
    peer = Peer(python, converted_folder(files), "bfloat16")
    decoder, exact = load_decoder(files, dtype="bfloat16"), load_decoder(files, dtype="float32")
    for case in missing:
        records[case.name] = measure(case, data, decoder, exact, peer)
        append_records(path, [records[case.name]])
        print(f"{case.name}: {records[case.name]}", file=sys.stderr, flush=True)
    peer.close()
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("scoring"), help="folder of records and the harness")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="all where not given")
    parser.add_argument("--peer-python", type=Path, help=f"interpreter of an environment with {PEER}")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds data/amazon_reviews and data/banking77.")
    wanted = [case for case in CASES if not options.case or case.name in options.case]
    found = run(Path(root) / "data", options.output, wanted, options.peer_python)
    records = [found[case.name] for case in wanted]
    print("| case | rows | labels | ours, rows/s | lm-eval, rows/s | times | same label | of bare forward | fp32 |")
    print("|" + " --- |" * 9)
    for one in records:
        print(
            f"| {one['case']} | {one['rows']} | {one['labels']} | {one['ours_rows_per_second']:.1f} "
            f"| {one['peer_rows_per_second']:.3f} (batch {one['peer_batch']}) | {one['speed_vs_lm_eval']:.1f} "
            f"| {100 * one['same_label']:.0f}% | {100 * one['share_of_bare_forward']:.0f}% "
            f"| {one['max_difference_fp32']:.1e} |"
        )
    figures = {f"{one['case']}_speed_vs_lm_eval": round(one["speed_vs_lm_eval"], 2) for one in records}
    figures["share_of_bare_forward"] = round(min(one["share_of_bare_forward"] for one in records), 3)
    figures["max_difference_fp32"] = max(one["max_difference_fp32"] for one in records)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
