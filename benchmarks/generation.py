"""Measure how fast texts are written behind prompts with eight demonstrations: against transformers' text-generation.

Rows, prompts, model, data type, threads and the most tokens are the same, and both write greedily. The pipeline is
tried with several batch sizes and measured with its fastest; the two take turns in one process. Every text is compared
token for token in float32, where rounding seldom decides.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/generation.py

The last line printed is one JSON object.
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

import torch

from bakeoff.catalog import resolve_model
from bakeoff.data import read_rows, target_of
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.rendering import rendered
from bakeoff.methods.prompt.template import Demonstration
from bakeoff.methods.prompt.written_design import written_design
from bakeoff.models.decoder import Decoder, load_decoder
from bakeoff.models.generate import Generator, WriteSettings
from bakeoff.tasks import task_of_kind

MODEL, SET, SHOTS = "smollm2-135m", "e2e_nlg", 8
INSTRUCTION = "Describe the restaurant in one sentence."
#: Batch sizes that the pipeline is tried with, each on the first rows.
BATCHES = (1, 4, 8, 16, 32)


def prompts_of(data: Path, decoder: Decoder, rows: int, shots: int) -> tuple[str, list[str]]:
    """Design the prompt from training rows, and give what all rows share and what follows in each."""
    parts = dict(read_rows(str(data / SET), text=("source",), label="target", kind="generation").splits)
    train, held = parts["train"], parts["validation"]
    task = task_of_kind("generation", name="target", labels=(), metric="chrf", instruction=INSTRUCTION)
    shown = choose_demonstrations(train.texts, [""] * len(train), shots, seed=0)
    demonstrations = [Demonstration(row, train.texts[row], target_of(train.labels[row])) for row in shown]
    prompt = rendered(written_design(task, demonstrations, form="chat"), decoder)
    return prompt.prefix, [prompt.query(text) for text in held.texts[:rows]]


class Pipeline:
    """transformers' pipeline with the same model and tokenizer."""

    def __init__(self, decoder: Decoder, most_tokens: int) -> None:
        from transformers import GenerationConfig, pipeline

        tokenizer = decoder.tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token_id = tokenizer.eos_token_id
        self._most = most_tokens
        self._pipeline = pipeline("text-generation", model=decoder.model, tokenizer=tokenizer)
        # What the model brings must not add other ways to choose a token.
        self._settings = GenerationConfig(
            do_sample=False,
            max_new_tokens=most_tokens,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=decoder.model.generation_config.eos_token_id,
        )

    def write(self, prompts: Sequence[str], batch: int) -> tuple[float, list[str]]:
        """Give the seconds and the texts."""
        began = time.perf_counter()
        found: Any = self._pipeline(
            list(prompts), batch_size=batch, generation_config=self._settings, return_full_text=False
        )
        return time.perf_counter() - began, [one[0]["generated_text"] for one in found]


def ours(decoder: Decoder, prefix: str, queries: Sequence[str], most_tokens: int) -> tuple[float, list[str]]:
    """Give the seconds and the texts of our generator; it has read no prefix before."""
    generator = Generator(decoder)
    began = time.perf_counter()
    found = generator.generate(prefix, queries, WriteSettings(most_tokens))
    return time.perf_counter() - began, [row.text for row in found.rows]


def measure(data: Path, dtype: str, turns: int, given: argparse.Namespace) -> dict[str, Any]:
    """Let both sides write the same rows in turn."""
    rows, most_tokens = given.rows, given.most_tokens
    decoder = load_decoder(resolve_model(MODEL), dtype=dtype)  # type: ignore[arg-type]  # one of the two names
    prefix, queries = prompts_of(data, decoder, rows, given.shots)
    prompts = [prefix + query for query in queries]
    pipe = Pipeline(decoder, most_tokens)
    tried = {
        size: pipe.write(prompts[: max(size, 8)], size)[0] / max(size, 8) for size in given.batches if size <= rows
    }
    batch = min(tried, key=lambda size: tried[size])
    print(f"{dtype}: seconds a row by batch size {tried}; {batch} it is", file=sys.stderr, flush=True)
    ours(decoder, prefix, queries[:2], 4)
    ratios, rates, equal = [], [], 0
    for turn in range(turns):
        mine, texts = ours(decoder, prefix, queries, most_tokens)
        theirs, their_texts = pipe.write(prompts, batch)
        ratios.append(theirs / mine)
        rates.append((len(prompts) / mine, len(prompts) / theirs))
        equal = sum(one == other for one, other in zip(texts, their_texts, strict=True))
        print(
            f"{dtype} turn {turn + 1}: {rates[-1]} rows/s, {equal} of {len(prompts)} alike", file=sys.stderr, flush=True
        )
    return {
        "speed_vs_pipeline": statistics.median(ratios),
        "rows_per_second": statistics.median(rate for rate, _ in rates),
        "pipeline_rows_per_second": statistics.median(rate for _, rate in rates),
        "pipeline_batch": batch,
        "equal_texts": equal,
        "rows": len(prompts),
    }


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=48, help="rows to write, 40 or more for the comparison to count")
    parser.add_argument("--most-tokens", type=int, default=64)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), help="sizes for the pipeline to try")
    parser.add_argument("--shots", type=int, default=SHOTS)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = Path(os.environ["BAKEOFF_TEST_DATA"]).resolve() / "data"
    found = {
        dtype: measure(data, dtype, given.turns if dtype == given.dtypes[0] else 1, given) for dtype in given.dtypes
    }
    first, last = found[given.dtypes[0]], found[given.dtypes[-1]]
    print(json.dumps({
        "speed_vs_pipeline": round(first["speed_vs_pipeline"], 3),
        "equal_texts_fp32": found["float32"]["equal_texts"] if "float32" in found else None,
        "rows": first["rows"],
        "rows_per_second": round(first["rows_per_second"], 3),
        "pipeline_rows_per_second": round(first["pipeline_rows_per_second"], 3),
        "pipeline_batch": first["pipeline_batch"],
        f"speed_vs_pipeline_{given.dtypes[-1]}": round(last["speed_vs_pipeline"], 3),
        "load": os.getloadavg()[0],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
