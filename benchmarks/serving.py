"""Measure how fast a bundle is served: against transformers' pipeline behind FastAPI, with its best batching.

Encoder, rows, threads and the HTTP server are the same; each side is a process of its own, and the two take turns. The
pipeline is tried with every batching and data type of `PEERS` first, on fewer rows, and is measured with its fastest, of
32 clients and of one client apart. The head of its model is not trained: what is compared is time, not labels.

    python benchmarks/serving.py --output serving

The last line printed is one JSON object: `throughput_vs_pipeline`, requests a second of 32 clients, ours over theirs
(higher is better); `p95_vs_pipeline`, the 95th percentile of one client's times, ours over theirs (lower is better); and
what they are made of. `--rows` makes it short, for a try.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog import resolve_model
from bakeoff.data import read_rows
from bakeoff.workbench.finetune import FinetuneOptions, finetune
from bakeoff.workbench.options import DataOptions

ENCODER, DATA = "minilm-l6", "amazon-reviews"
CLIENTS, TURNS = 32, 3
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Side:
    """A server: its name, and the command that starts it."""

    name: str
    command: tuple[str, ...]
    #: Whether its first line is a port, and not the document of ``bakeoff serve --json``.
    tells_port: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """One load on one side: requests a second, and the 95th percentile in milliseconds."""

    rate: float
    p95: float


@contextlib.contextmanager
def started(side: Side) -> Iterator[int]:
    """Start a side, give its port, and end it."""
    with subprocess.Popen(side.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.readline()
        while printed and not side.tells_port and not printed.endswith("\n}\n"):
            printed += process.stdout.readline()
        if not printed:
            raise RuntimeError(f"{side.name} did not start: {' '.join(side.command)}")
        try:
            port = printed if side.tells_port else json.loads(printed)["result"]["url"].rpartition(":")[2]
            yield int(port)
        finally:
            process.terminate()


async def client(port: int, texts: Iterator[str], seconds: list[float]) -> None:
    """Ask one text after another over one connection, with as little work as can be: it shares the processors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    for text in texts:
        body = json.dumps({"text": text}).encode()
        started_at = time.perf_counter()
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in told.lower().splitlines() if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
        seconds.append(time.perf_counter() - started_at)
        if not told.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(told.decode())
    writer.close()


async def load(port: int, texts: Sequence[str], clients: int) -> Measured:
    """Ask every text once, by so many clients at a time."""
    seconds: list[float] = []
    waiting = iter(texts)
    started_at = time.perf_counter()
    await asyncio.gather(*(client(port, waiting, seconds) for _ in range(clients)))
    rate = len(texts) / (time.perf_counter() - started_at)
    return Measured(rate, 1000 * statistics.quantiles(seconds, n=20)[-1])


def measure(side: Side, texts: Sequence[str], clients: int) -> Measured:
    """Start a side, warm it up, and measure one load."""
    with started(side) as port:
        asyncio.run(load(port, texts[: 4 * clients + 16], clients))
        return asyncio.run(load(port, texts, clients))


def ours(bundle: Path, threads: int, *more: str) -> Side:
    """Give the command of ``bakeoff serve``."""
    command = (sys.executable, "-m", "bakeoff", "serve", str(bundle), "--port", "0", "--quiet", "--json")
    return Side(f"bakeoff serve {' '.join(more)}".strip(), (*command, "--threads", str(threads), *more), False)


def peers(folder: Path, threads: int) -> tuple[Side, ...]:
    """Give the pipeline with every batching and data type that it is tried with."""
    command = (sys.executable, str(HERE / "serving_pipeline.py"), str(folder), "--threads", str(threads))
    return tuple(
        Side(
            f"pipeline {dtype} {batching} {most}",
            (*command, "--dtype", dtype, "--batching", batching, "--most", most),
            True,
        )
        for dtype in ("float32", "bfloat16")
        for batching, most in (("none", "1"), ("queue", "8"), ("queue", "32"))
    )


def written_bundle(folder: Path) -> Path:
    """Tune the encoder for a moment, and write it as a bundle: how it is served does not hang on how good it is."""
    place = folder / "bundle"
    if not (place / "bundle.json").is_file():
        settings = FinetuneOptions(method="full", model=ENCODER, n=64, settings=("max_epochs=1", "least_steps=2"))
        finetune(DATA, DataOptions(text=("text",), label="label"), settings, output=place)
    return place


def turns(sides: Sequence[Side], texts: Sequence[str], clients: int) -> dict[str, list[Measured]]:
    """Measure the sides in turn, the first one first in every other round."""
    found: dict[str, list[Measured]] = {side.name: [] for side in sides}
    for number in range(TURNS):
        for side in sides if number % 2 == 0 else tuple(reversed(sides)):
            measured = measure(side, texts, clients)
            found[side.name].append(measured)
            print(
                f"{clients:>2} clients  {side.name:<34}{measured.rate:8.1f} rows/s {measured.p95:8.1f} ms", flush=True
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True, help="folder for the bundle and the records")
    parser.add_argument("--rows", type=int, default=2400, help="requests of 32 clients; one client asks a quarter")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    texts = [text for _, rows in read_rows(DATA, text=("text",), label="label").splits for text in rows.texts]
    many = [texts[row % len(texts)] for row in range(given.rows)]
    few = many[: max(given.rows // 4, 20)]
    bundle = written_bundle(given.output)
    tried = {}
    for side in peers(resolve_model(ENCODER).path, given.threads):
        tried[side] = (measure(side, few, CLIENTS), measure(side, few[: len(few) // 2 + 1], 1))
        both = f"{tried[side][0].rate:8.1f} rows/s of {CLIENTS} clients, {tried[side][1].p95:6.1f} ms of one"
        print(f"tried       {side.name:<34}{both}", flush=True)
    most = max(tried, key=lambda side: tried[side][0].rate)
    quickest = min(tried, key=lambda side: tried[side][1].p95)
    served, unwaiting = ours(bundle, given.threads), ours(bundle, given.threads, "--batch-wait", "0")
    busy, single = turns((served, most, unwaiting), many, CLIENTS), turns((served, quickest), few, 1)
    rate = {name: statistics.median(one.rate for one in found) for name, found in busy.items()}
    p95 = {name: statistics.median(one.p95 for one in found) for name, found in single.items()}
    told = {
        "throughput_vs_pipeline": rate[served.name] / rate[most.name],
        "p95_vs_pipeline": p95[served.name] / p95[quickest.name],
        "rows_per_second": rate[served.name],
        "pipeline_rows_per_second": rate[most.name],
        "rows_per_second_without_wait": rate[unwaiting.name],
        "p95_ms": p95[served.name],
        "pipeline_p95_ms": p95[quickest.name],
        "rows": len(many),
        "threads": given.threads,
        "pipeline_of_many": most.name,
        "pipeline_of_one": quickest.name,
    }
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
