"""A Ray cluster of several nodes on loopback, each with addresses, processes and a cache of its own.

``python ray_nodes.py start ...``: Ray's own command, which ends with the process that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PR_SET_PDEATHSIG = 1


class LoopbackCluster:
    """Nodes at 127.0.0.2, 127.0.0.3 and so on, with one processor each; the first is the head.

    Parameters
    ----------
    nodes : int
    """

    def __init__(self, nodes: int) -> None:
        # A path of a socket has at most 107 bytes, so the folder is not pytest's.
        self.folder = Path(tempfile.mkdtemp(prefix="bo-", dir="/tmp"))
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.address = ""
        try:
            self._start("--head", "--port=0", f"--temp-dir={self.folder}", "--include-dashboard=false")
            self.address = self._said()
            for _ in range(nodes - 1):
                self._start(f"--address={self.address}")
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def host(self, number: int) -> str:
        """Give the address of a node."""
        return f"127.0.0.{2 + number}"

    def cache(self, number: int) -> Path:
        """Give a node's own cache."""
        return self.folder / f"cache-{number}"

    def _start(self, *told: str) -> None:
        number = len(self.nodes)
        home = self.folder / f"home-{number}"
        home.mkdir()
        own = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "BAKEOFF_CACHE": str(self.cache(number)),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            # Ray would have its workers wait for whatever else the machine does.
            "RAY_worker_niceness": "0",
        }
        command = [sys.executable, __file__, "start", *told, f"--node-ip-address={self.host(number)}", "--num-cpus=1",
                   "--num-gpus=0", "--object-store-memory=80000000", "--include-log-monitor=false",
                   "--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats", "--block"]  # fmt: skip
        with (self.folder / f"said-{number}").open("wb") as said:
            self.nodes.append(
                subprocess.Popen(
                    command, env={**os.environ, **own}, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
                )
            )

    def _said(self) -> str:
        """Wait for the head, and give its address."""
        end, place = time.monotonic() + 120.0, self.folder / "ray_current_cluster"
        while time.monotonic() < end and self.nodes[0].poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if told := place.read_text().strip():
                    return told
            time.sleep(0.1)
        raise RuntimeError((self.folder / "said-0").read_text())

    def processes(self, number: int) -> list[int]:
        """Give the ids of all processes of a node."""
        found, new = [self.nodes[number].pid], [self.nodes[number].pid]
        while new:
            new = [child for parent in new for child in _children(parent)]
            found += new
        return found

    def workers(self, number: int, task: str = "answer_on_node") -> list[int]:
        """Give the ids of a node's processes that are running a task, which is a job where no other is named."""
        found = []
        for pid in self.processes(number):
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
                if title.startswith(b"ray::") and task.encode() in title:
                    found.append(pid)
        return found

    def kill(self, number: int) -> None:
        """Kill a node as a loss of power would: all of its processes at once."""
        for pid in self.processes(number):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.nodes[number].wait()

    def stop(self) -> None:
        """End all nodes, and leave no process and no file behind."""
        for number in reversed(range(len(self.nodes))):
            self.kill(number)
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _left(self) -> list[int]:
        """Give what outlived its parent: processes that have the cluster's folder in their environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"HOME={self.folder}/home-".encode() in place.read_bytes():
                    found.append(int(place.parent.name))
        return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def main() -> Any:
    """Run Ray's command; ended when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    from ray.scripts.scripts import main as ray_command

    return ray_command()


if __name__ == "__main__":
    sys.exit(main())
