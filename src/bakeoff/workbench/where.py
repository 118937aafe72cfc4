"""Where a study's trials run: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bakeoff.errors import OptionError
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.executors.under_way import Executor
from bakeoff.workbench.options import Watcher

__all__ = ["check_where", "executor_on"]


def check_where(on: str | None) -> None:
    """Refuse a place where trials cannot run, before anything is read or written.

    Parameters
    ----------
    on : str or None
        ``"local"``, ``"ray"`` (the cluster of this machine, or of ``RAY_ADDRESS``) or ``"ray:HOST:PORT"``; this machine
        where None.

    Raises
    ------
    OptionError
        If it is none of these, nothing listens there, or this process has joined another cluster.
    MissingExtraError
        If Ray is not installed.
    """
    kind, _, address = (on or "local").partition(":")
    if kind == "local" and not address:
        return
    if kind != "ray":
        raise OptionError(
            f"Trials run on this machine (local) or on a Ray cluster (ray, ray:HOST:PORT); {on!r} came.",
            next_step="Leave --on out, or give --on ray.",
        )
    from bakeoff.study.executors.cluster import find_cluster

    find_cluster(address or None)


@contextmanager
def executor_on(on: str | None, threads: int, watcher: Watcher) -> Iterator[Executor]:
    """Give the executor of a place, for the time of a study.

    Parameters
    ----------
    on : str or None
        As `check_where` takes it.
    threads : int
        Threads of a trial; 0 where nothing is planned yet.
    watcher : Watcher
        Told where trials run, if not here.

    Yields
    ------
    Executor
    """
    check_where(on)
    kind, _, address = (on or "local").partition(":")
    if kind == "local":
        with LocalExecutor(threads) as executor:
            yield executor
        return
    from bakeoff.study.executors.ray import RayExecutor

    with RayExecutor(address or None, threads) as cluster:
        watcher.step(cluster.told())
        yield cluster
