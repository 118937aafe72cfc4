"""Measure how fast a bundle is served: against transformers' pipeline behind FastAPI, with its best batching.

Encoder, rows, data type, threads in all, processors and the HTTP server are the same, and the two sides take turns. The
pipeline is tried with every batching of `BATCHINGS` first, on fewer rows: calls that have all threads, calls beside one
another with a thread each, and processes with a thread each. It is measured with the one that answers 32 clients
fastest, with the one that does so in one process, and with the one that answers one client soonest, each by the better
of two tries. The head of its model is not trained: what is compared is time, not labels.

    python benchmarks/serving.py --output serving

Servers and clients share the processors of ``--cores``, as they do on one machine: what the clients take falls on both
sides alike. Where something else works on those, seconds say little, and ``processor_vs_pipeline`` is what to look at.
The last line printed is one JSON object: `throughput_vs_pipeline`, requests a second of 32 clients, ours over theirs
(higher is better), and the same for the pipeline in one process, which holds the model once as ours does;
`p95_vs_pipeline`, the 95th percentile of one client's times, ours over theirs (lower is better);
`processor_vs_pipeline`, processor seconds of the server for a row of 32 clients, theirs over ours (higher is better);
and what they are made of. `--rows` makes it short, for a try.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from bakeoff.catalog import resolve_model
from bakeoff.data import read_rows
from bakeoff.ship import read_bundle
from bakeoff.workbench.finetune import FinetuneOptions, finetune
from bakeoff.workbench.options import DataOptions

ENCODER, DATA = "minilm-l6", "amazon-reviews"
CLIENTS, TURNS, TRIES = 32, 5, 2
#: How the pipeline's texts come together, one a call, or whatever has come up to so many in a call; and who has the
#: threads: each call all of them, calls beside one another one each, or processes one each.
BATCHINGS = (
    ("none", 1, "together"),
    ("none", 1, "one"),
    ("queue", 8, "together"),
    ("queue", 16, "together"),
    ("queue", 32, "together"),
    ("queue", 8, "calls"),
    ("queue", 16, "calls"),
    ("queue", 32, "calls"),
    ("queue", 8, "processes"),
    ("queue", 16, "processes"),
    ("queue", 32, "processes"),
)
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
    """One load on one side: requests a second, 95th percentile in milliseconds, processor milliseconds of a row."""

    rate: float
    p95: float
    processor: float


@dataclass(frozen=True, slots=True)
class Running:
    """A side that answers, on a port, as a process that may have others."""

    side: Side
    port: int
    process: int

    @property
    def processor_seconds(self) -> float:
        """What it has used of the processors since it began, its other processes included."""
        others = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        return sum(map(_processor_seconds, (str(self.process), *others)))


def _processor_seconds(process: str) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def started(side: Side) -> Iterator[Running]:
    """Start a side, and end it."""
    with subprocess.Popen(
        side.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.readline()
        while printed and not side.tells_port and not printed.endswith("\n}\n"):
            printed += process.stdout.readline()
        if not printed:
            raise RuntimeError(f"{side.name} did not start: {' '.join(side.command)}")
        try:
            port = printed if side.tells_port else json.loads(printed)["result"]["url"].rpartition(":")[2]
            yield Running(side, int(port), process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


class Client(asyncio.Protocol):
    """Asks one text after another over one connection, with as little work as can be: it shares the processors."""

    def __init__(self, head: str, texts: Iterator[str], seconds: list[float]) -> None:
        self.head, self.texts, self.seconds = head, texts, seconds
        self.came, self.whole, self.asked_at = b"", 0, 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first text."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.ask()

    def ask(self) -> None:
        """Ask the next text; end where there is none."""
        text = next(self.texts, None)
        if text is None:
            self.transport.close()
            self.ended.set_result(None)
            return
        body = json.dumps({"text": text}).encode()
        self.came, self.whole, self.asked_at = b"", 0, time.perf_counter()
        self.transport.write(f"{self.head}{len(body)}\r\n\r\n".encode() + body)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; ask again when it is whole."""
        self.came += data
        if not self.whole and b"\r\n\r\n" in self.came:
            head = self.came[: self.came.index(b"\r\n\r\n") + 4]
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length"))
            self.whole = len(head) + int(length.partition(b":")[2])
        if self.whole and len(self.came) >= self.whole:
            self.seconds.append(time.perf_counter() - self.asked_at)
            if not self.came.startswith(b"HTTP/1.1 200"):
                self.ended.set_exception(RuntimeError(self.came.decode()))
                return
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail where the server ended the connection."""
        if not self.ended.done():
            self.ended.set_exception(error or RuntimeError("the server closed the connection"))


async def load(running: Running, texts: Sequence[str], clients: int) -> Measured:
    """Ask every text once, by so many clients at a time."""
    seconds: list[float] = []
    waiting = iter(texts)
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Type: application/json\r\n"
        "Content-Length: "
    )
    loop = asyncio.get_running_loop()
    used, started_at = running.processor_seconds, time.perf_counter()
    connected = [
        loop.create_connection(lambda: Client(head, waiting, seconds), "127.0.0.1", running.port)
        for _ in range(clients)
    ]
    await asyncio.gather(*(each.ended for _transport, each in await asyncio.gather(*connected)))
    rate = len(texts) / (time.perf_counter() - started_at)
    used = running.processor_seconds - used
    return Measured(rate, 1000 * statistics.quantiles(seconds, n=20)[-1], 1000 * used / len(texts))


def measure(running: Running, texts: Sequence[str], clients: int) -> Measured:
    """Measure one load on a side that is warm."""
    found = uvloop.run(load(running, texts, clients))
    print(
        f"{clients:>2} clients  {running.side.name:<34}{found.rate:8.1f} rows/s {found.p95:8.1f} ms"
        f"{found.processor:8.2f} processor ms/row",
        flush=True,
    )
    return found


def warm(running: Running, texts: Sequence[str]) -> None:
    """Ask a side by many and by one: the first answers of every size take longer, on either side."""
    for clients in (CLIENTS, 1):
        uvloop.run(load(running, texts, clients))


def ours(bundle: Path, threads: int, *more: str) -> Side:
    """Give the command of ``bakeoff serve``."""
    command = (sys.executable, "-m", "bakeoff", "serve", str(bundle), "--port", "0", "--quiet", "--json")
    return Side(f"bakeoff serve {' '.join(more)}".strip(), (*command, "--threads", str(threads), *more), False)


def peers(folder: Path, threads: int, dtype: str) -> tuple[Side, ...]:
    """Give the pipeline with every batching that it is tried with."""
    found = {}
    for batching, most, kind in BATCHINGS:
        beside = {"calls": "--calls", "processes": "--processes"}.get(kind)
        own = {"together": threads}.get(kind, 1)
        command = [sys.executable, str(HERE / "serving_pipeline.py"), str(folder), "--threads", str(own)]
        command += ["--dtype", dtype, "--batching", batching, "--most", str(most)]
        command += [beside, str(threads)] if beside else []
        name = f"pipeline {batching} {most}" + (f", {threads} {kind}" if beside else f", {own} threads")
        if threads > 1 or kind == "together":  # one thread can be divided in one way alone
            found[name] = Side(name, tuple(command), True)
    return tuple(found.values())


def written_bundle(folder: Path) -> Path:
    """Tune the encoder for a moment, and write it as a bundle: how it is served does not hang on how good it is."""
    place = folder / "bundle"
    if not (place / "bundle.json").is_file():
        settings = FinetuneOptions(method="full", model=ENCODER, n=64, settings=("max_epochs=1", "least_steps=2"))
        finetune(DATA, DataOptions(text=("text",), label="label"), settings, output=place)
    return place


def turns(sides: Sequence[Running], texts: Sequence[str], clients: int) -> dict[str, Measured]:
    """Measure the sides in turn, the first one first in every other round; give the medians of each."""
    found: dict[str, list[Measured]] = {running.side.name: [] for running in sides}
    for number in range(TURNS):
        for running in sides if number % 2 == 0 else tuple(reversed(sides)):
            found[running.side.name].append(measure(running, texts, clients))
    return {
        name: Measured(*(statistics.median(getattr(one, field) for one in all_) for field in Measured.__slots__))
        for name, all_ in found.items()
    }


def chosen(sides: Sequence[Side], texts: Sequence[str]) -> tuple[Side, Side, Side]:
    """Give the sides that answer many clients fastest, that do so in one process, and that answer one soonest."""
    many, one = {}, {}
    few = texts[: max(len(texts) // 3, 20)]
    for side in sides:
        with started(side) as running:
            warm(running, few)
            many[side] = max(measure(running, texts, CLIENTS).rate for _ in range(TRIES))
            one[side] = min(measure(running, few, 1).p95 for _ in range(TRIES))
    single = [side for side in sides if "processes" not in side.name]
    return max(many, key=many.__getitem__), max(single, key=many.__getitem__), min(one, key=one.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--rows", type=int, default=1600, help="requests of 32 clients; one client asks a quarter")
    parser.add_argument("--cores", default=None, help="processors of both sides and of the clients, such as 0,1")
    parser.add_argument("--threads", type=int, default=None, help="of each model; by default one a processor")
    given = parser.parse_args()
    if given.cores is not None:  # processes that are started from here have the same
        os.sched_setaffinity(0, {int(core) for core in given.cores.split(",")})
    threads = given.threads or len(os.sched_getaffinity(0))
    given.output.mkdir(parents=True, exist_ok=True)
    texts = [text for _, rows in read_rows(DATA, text=("text",), label="label").splits for text in rows.texts]
    many = [texts[row % len(texts)] for row in range(given.rows)]
    few = many[: max(given.rows // 4, 20)]
    bundle = written_bundle(given.output)
    dtype = read_bundle(bundle).facts.dtype
    most, in_one, quickest = chosen(peers(resolve_model(ENCODER).path, threads, dtype), few)
    with contextlib.ExitStack() as stack:
        names = {side.name: side for side in (ours(bundle, threads), most, in_one, quickest)}
        running = {name: stack.enter_context(started(side)) for name, side in names.items()}
        for each in running.values():
            warm(each, few)
        own = running[ours(bundle, threads).name]
        others = {side.name: running[side.name] for side in (most, in_one)}
        busy, single = turns((own, *others.values()), many, CLIENTS), turns((own, running[quickest.name]), few, 1)
    us, them, soon, sooner = (busy[own.side.name], busy[most.name], single[own.side.name], single[quickest.name])
    told = {
        "throughput_vs_pipeline": us.rate / them.rate,
        "throughput_vs_pipeline_in_one_process": us.rate / busy[in_one.name].rate,
        "p95_vs_pipeline": soon.p95 / sooner.p95,
        "processor_vs_pipeline": them.processor / us.processor,
        "processor_of_one_vs_pipeline": sooner.processor / soon.processor,
        "rows_per_second": us.rate,
        "pipeline_rows_per_second": them.rate,
        "p95_ms_of_many": us.p95,
        "pipeline_p95_ms_of_many": them.p95,
        "pipeline_rows_per_second_in_one_process": busy[in_one.name].rate,
        "p95_ms": soon.p95,
        "pipeline_p95_ms": sooner.p95,
        "processor_ms_a_row": us.processor,
        "pipeline_processor_ms_a_row": them.processor,
        "rows": len(many),
        "threads": threads,
        "dtype": dtype,
        "pipeline_of_many": most.name,
        "pipeline_of_many_in_one_process": in_one.name,
        "pipeline_of_one": quickest.name,
    }
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
