"""A served bundle under load for minutes: whether its memory stays flat.

`bakeoff serve` runs in a process of its own; clients ask one row after another, or 16 in one request, of texts of all
lengths, some of them wrong on purpose. Its resident memory is read once a second. The slope of memory over time, after
the first fifth of the time, is that of a straight line; its 95% interval is a bootstrap over blocks of 30 seconds,
since neighbouring readings are alike.

    python benchmarks/soak.py --minutes 15 --clients 4 --rate 50

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from tiny_bundle import BAD, GOOD, served, write_tiny_bundle

WARM_UP = 0.2
BLOCK_SECONDS = 30


def resident_mb(pid: int) -> float:
    """Give the resident memory of a process, in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"the process {pid} has gone")


def bodies(chance: random.Random) -> bytes:
    """Draw a request: a row, several, a long one, or one that must be refused."""
    words = [word for text in (*GOOD, *BAD) for word in text.split()]
    text = " ".join(chance.choices(words, k=chance.choice((1, 5, 20, 200)))) + f" {chance.getrandbits(64):x}"
    kind = chance.random()
    if kind < 0.1:
        return chance.choice((b"{", b"[]", b'{"texts": []}', b'{"text": 3}', b"\xff"))
    told: dict[str, object] = {"texts": [f"{text} {number}" for number in range(16)]} if kind < 0.2 else {"text": text}
    return json.dumps(told).encode()


class Client(threading.Thread):
    """Asks at a rate of its own until it is stopped."""

    def __init__(self, address: str, rate: float, seed: int, stop: threading.Event) -> None:
        super().__init__()
        self.address, self.rate, self.chance, self.stop = address, rate, random.Random(seed), stop
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()

    def run(self) -> None:
        """Ask."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            while not self.stop.is_set():
                began = time.monotonic()
                head = {"Content-Type": "application/json"}
                self.statuses[client.post("/predict", content=bodies(self.chance), headers=head).status_code] += 1
                taken = time.monotonic() - began
                self.seconds.append(taken)
                self.stop.wait(max(0.0, 1 / self.rate - taken))


def slope(times: np.ndarray, memory: np.ndarray) -> tuple[float, float, float]:
    """Give the slope of memory in MB an hour, with its 95% interval."""
    kept = times >= WARM_UP * times[-1]
    times, memory = times[kept], memory[kept]
    blocks = np.array_split(np.arange(len(times)), max(2, round((times[-1] - times[0]) / BLOCK_SECONDS)))
    draws = np.random.default_rng(0)

    def fitted(where: np.ndarray) -> float:
        return float(np.polyfit(times[where] / 3600, memory[where], 1)[0])

    drawn = [
        fitted(np.concatenate([blocks[place] for place in draws.integers(len(blocks), size=len(blocks))]))
        for _ in range(1000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return fitted(np.arange(len(times))), float(low), float(high)


def main() -> None:
    """Load, read, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second, all clients together, at most")
    asked = parser.parse_args()
    times, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with served(write_tiny_bundle(place), place / "log.txt") as (address, pid):
            stop = threading.Event()
            clients = [Client(address, asked.rate / asked.clients, seed, stop) for seed in range(asked.clients)]
            for client in clients:
                client.start()
            began = time.monotonic()
            while time.monotonic() - began < 60 * asked.minutes:
                time.sleep(1.0)
                times.append(time.monotonic() - began)
                memory.append(resident_mb(pid))
            stop.set()
            for client in clients:
                client.join()
    seconds = np.array([taken for client in clients for taken in client.seconds])
    statuses = sum((client.statuses for client in clients), Counter())
    middle, low, high = slope(np.array(times), np.array(memory))
    told = {
        "minutes": asked.minutes,
        "requests": len(seconds),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "p50_ms": round(1000 * float(np.percentile(seconds, 50)), 1),
        "p95_ms": round(1000 * float(np.percentile(seconds, 95)), 1),
        "resident_mb_first": round(memory[0], 1),
        "resident_mb_after_warm_up": round(memory[int(WARM_UP * len(memory))], 1),
        "resident_mb_last": round(memory[-1], 1),
        "slope_mb_per_hour": round(middle, 2),
        "slope_interval": [round(low, 2), round(high, 2)],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
