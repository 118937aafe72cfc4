"""One study on this machine alone, and on a Ray cluster of two nodes: how much sooner by the clock, with what answers.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/two_nodes.py --output two-nodes [--set trec] [--cores 0,1]

Both nodes are processes of this machine on loopback, with one processor, one thread and a cache of their own each, so
that models and rows are sent to them as to other machines; what a network between machines takes is not in it. The
driver has no processor of its own. *Local* is the same command without a cluster, on the first of the two processors.
Trials are the whole plan of `--budgets 0,16,64` with 120 test rows, without shipping. Seconds are those of the whole
command; *trials* are those that the records have. Nothing else may run beside it.

A side that stands in the output is not run again. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scale import make_span, read, whole_grid

from bakeoff.study.store import StudyStore

METHODS = ("probe", "full", "zero-shot", "few-shot", "lora")
#: `bakeoff run` ends with these where a study was measured: with a verdict, and without one.
_ENDED = (0, 3)
_OBJECT_STORE_BYTES = 1_500_000_000


@contextmanager
def two_nodes(cores: list[int], folder: Path) -> Iterator[str]:
    """Start a cluster of two nodes, each on one processor with a cache of its own; give its address."""
    from ray.cluster_utils import Cluster

    before, cache = os.sched_getaffinity(0), os.environ.get("BAKEOFF_CACHE")
    os.environ |= {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    cluster = Cluster()
    try:
        for number, core in enumerate(cores):
            os.sched_setaffinity(0, {core})  # which the node's processes inherit
            os.environ["BAKEOFF_CACHE"] = str(folder / f"cache-{number}")
            cluster.add_node(
                num_cpus=1, num_gpus=0, node_ip_address=f"127.0.0.{2 + number}", include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
            )  # fmt: skip
        os.sched_setaffinity(0, before)
        os.environ.pop("BAKEOFF_CACHE")
        if cache is not None:
            os.environ["BAKEOFF_CACHE"] = cache
        yield cluster.address
    finally:
        cluster.shutdown()


def measured(rows: Path, folder: Path, on: str, cores: list[int]) -> float:
    """Measure the study, and give the seconds of its command."""
    command = [
        sys.executable, "-m", "bakeoff", "run", str(rows), "--split", "one", "--until", "measured", "--no-ship",
        "--budgets", "0,16,64", "--finalist-seeds", "3", "--test-rows", "120", "--on", on, "-o", str(folder),
        *(part for name in METHODS for part in ("--method", name)),
    ]  # fmt: skip
    began = time.perf_counter()
    with folder.with_suffix(".log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        ).returncode  # fmt: skip
    if ended not in _ENDED:
        raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log.name}.")
    return time.perf_counter() - began


def records(folder: Path) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    """Give each trial's status and answers."""
    with StudyStore(folder) as store:
        trials = store.trials()
    return {(one.contender, one.n, one.seed): (one.status, one.validation_answers, one.test_answers) for one in trials}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("two-nodes"), help="folder of both studies")
    parser.add_argument("--set", default="trec", help="a data set (default: %(default)s)")
    parser.add_argument("--cores", default="0,1", help="the two processors (default: %(default)s)")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data" / options.set).is_dir():
        raise SystemExit(f"BAKEOFF_TEST_DATA must name the folder that holds data/{options.set}.")
    options.output.mkdir(parents=True, exist_ok=True)
    rows, cores = Path(root) / "data" / options.set, [int(core) for core in options.cores.split(",")]
    kept = options.output / "seconds.json"
    seconds: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    sides = {"local": options.output / "local", "nodes": options.output / "nodes"}
    if "local" not in seconds:
        seconds["local"] = measured(rows, sides["local"], "local", cores[:1])
        kept.write_text(json.dumps(seconds))
    if "nodes" not in seconds:
        with tempfile.TemporaryDirectory(dir="/tmp") as place, two_nodes(cores, Path(place)) as address:
            seconds["nodes"] = measured(rows, sides["nodes"], f"ray:{address}", cores)
        kept.write_text(json.dumps(seconds))
    local, nodes = records(sides["local"]), records(sides["nodes"])
    study = read(sides["local"])
    foretold = {workers: make_span(whole_grid(study), study.seconds, workers)[0] for workers in (1, 2)}
    print(
        json.dumps(
            {
                "trials": len(local),
                "same": sum(nodes.get(place) == one for place, one in local.items()),
                "local_seconds": round(seconds["local"], 1),
                "nodes_seconds": round(seconds["nodes"], 1),
                "times_as_fast": round(seconds["local"] / seconds["nodes"], 3),
                "trial_seconds_local": round(sum(study.seconds.values()), 1),
                "trial_seconds_nodes": round(sum(read(sides["nodes"]).seconds.values()), 1),
                "foretold_times_as_fast": round(foretold[1] / foretold[2], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
