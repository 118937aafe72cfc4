"""Workers of studies that begin with the model libraries imported, where a start from nothing is not what is tested.

Each is a process of its own that runs what any worker runs, with nothing loaded or computed before. It is forked from a
server that has imported, once for all tests, what takes a worker five seconds of the processor each time.
`tests/study` has workers that start from nothing, and so has every program that is started as a process.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from typing import Any

from bakeoff.study.executors.local import LocalExecutor

__all__ = ["ReadyExecutor"]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "bakeoff.study.executors.worker",
        "bakeoff.methods.measure",
        "bakeoff.methods.floors",
        "bakeoff.models.encoder",
        "bakeoff.models.scoring",
        "sklearn.linear_model",
        "torch",
        "transformers.models.bert.modeling_bert",
        "transformers.models.llama.modeling_llama",
    ]
)


def _begin(environment: Mapping[str, str], target: Callable[..., None], given: tuple[Any, ...]) -> None:
    """Begin a worker with the environment of the test; that of the server is of whichever test came first."""
    os.environ.clear()
    os.environ.update(environment)
    target(*given)


class _Ready:
    """What a context of multiprocessing is to a `LocalExecutor`."""

    Pipe = staticmethod(_SERVER.Pipe)

    @staticmethod
    def Process(*, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> Any:
        return _SERVER.Process(target=_begin, args=(dict(os.environ), target, args), daemon=daemon)


class ReadyExecutor(LocalExecutor):
    """A `LocalExecutor` whose workers are ready sooner."""

    def __init__(self, threads: int = 0) -> None:
        super().__init__(threads)
        self._context: Any = _Ready()
