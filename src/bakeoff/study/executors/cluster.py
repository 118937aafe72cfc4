"""A Ray cluster that a study runs on: joined, heard from, and left as it was."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from bakeoff.errors import OptionError
from bakeoff.extras import require

__all__ = ["Cluster", "Node", "find_cluster"]

#: Reaching a node, and hearing from every node.
REACH_SECONDS, GREET_SECONDS = 5.0, 120.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is alive: its id, its host, and what it has; `memory` is in bytes."""

    id: str
    host: str
    processors: float
    gpus: float
    memory: float


class Cluster:
    """A cluster that this process has joined as a driver.

    Parameters
    ----------
    address : str or None
        ``HOST:PORT`` of the head node; where None that of ``RAY_ADDRESS``, or the cluster of this machine.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    OptionError
        If no cluster answers, this process has joined another one, none of its nodes has a processor, or one has
        another version of this package.
    """

    def __init__(self, address: str | None) -> None:
        found = find_cluster(address)
        self.ray = _imported()
        self.ours = not self.ray.is_initialized()
        if self.ours:
            _join(self.ray, found)
        about = self.ray.get_runtime_context()
        self.address = str(about.gcs_address)
        #: Id of the node on this machine.
        self.home = str(about.get_node_id())
        #: What nodes were asked for their version, by id: not answered yet, or None; and which have the right one.
        self._asked, self._alike, self._lock = dict[str, Any](), set[str](), threading.Lock()
        try:
            self._greet(self._alive())
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Leave the cluster, which ends what runs there for this process; the cluster itself stays."""
        if self.ours and self.ray.is_initialized():
            self.ray.shutdown()

    def nodes(self) -> list[Node]:
        """Give the nodes that jobs may go to: alive, with a processor, and with the version of this machine.

        A node that has joined meanwhile is asked for its version, and counts from its answer on.

        Returns
        -------
        list of Node
        """
        alive = self._alive()
        with self._lock:
            for node in alive:
                if node.id not in self._asked:
                    self._asked[node.id] = self._ask(node)
                answer = self._asked[node.id]
                if answer is not None and self.ray.wait([answer], timeout=0)[0]:
                    with contextlib.suppress(OptionError):
                        self._hear(node, answer)
        return [node for node in alive if node.id in self._alike]

    def _alive(self) -> list[Node]:
        alive = ((one, one["Resources"]) for one in self.ray.nodes() if one["Alive"])
        return [
            Node(one["NodeID"], one["NodeManagerAddress"], has["CPU"], has.get("GPU", 0.0), has.get("memory", 0.0))
            for one, has in alive
            if has.get("CPU", 0.0) >= 1
        ]

    def host_of(self, node: str) -> str:
        """Give the host of a node, alive or not.

        Parameters
        ----------
        node : str
            Its id.

        Returns
        -------
        str
            Empty for a node that was never heard of.
        """
        return next((str(one["NodeManagerAddress"]) for one in self.ray.nodes() if one["NodeID"] == node), "")

    def went_away(self, node: str) -> bool:
        """Say whether a node does not answer any more; the cluster itself notices that some time later.

        Parameters
        ----------
        node : str
            Its id.

        Returns
        -------
        bool
        """
        known = [one for one in self.ray.nodes() if one["NodeID"] == node]
        return any(not one["Alive"] or not _answers(one["NodeManagerAddress"], one["NodeManagerPort"]) for one in known)

    def _ask(self, node: Node) -> Any:
        """Ask a node which version of this package it has."""

        def found_version() -> str:  # it is sent as it stands: a node may lack the package
            from importlib.metadata import version

            return version("bakeoff")

        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        return self.ray.remote(max_retries=0, num_cpus=0, scheduling_strategy=there)(found_version).remote()

    def _hear(self, node: Node, answer: Any) -> str:
        """Take a node's answer: its version, or why it has none. One that gave none is asked again."""
        try:
            told = str(self.ray.get(answer, timeout=GREET_SECONDS))
        except self.ray.exceptions.RayTaskError:
            told = "none"
        except self.ray.exceptions.RayError as error:
            self._asked.pop(node.id, None)
            raise _unreached(f"its node {node.host}", type(error).__name__) from error
        self._asked[node.id] = None
        if told == version("bakeoff"):
            self._alike.add(node.id)
        return told

    def _greet(self, nodes: Sequence[Node]) -> None:
        """Hear from each node which version of this package it has; the first job would fail otherwise."""
        if not nodes:
            raise OptionError(
                f"No node of the Ray cluster {self.address} has a processor.",
                next_step="Start one that has: ray start --address=HOST:6379 --num-cpus=4",
            )
        asked, own = [self._ask(node) for node in nodes], version("bakeoff")
        for node, answer in zip(nodes, asked, strict=True):
            if (told := self._hear(node, answer)) != own:
                raise OptionError(
                    f"Every node must have bakeoff {own}, as this machine has; {node.host} has {told}.",
                    next_step=f"Install it there with: pip install 'bakeoff[ray]=={own}'",
                )


def find_cluster(address: str | None) -> str:
    """Find a cluster without joining it; refuse at once one that is not there, for which Ray would try a minute.

    Parameters
    ----------
    address : str or None
        As `Cluster` takes it.

    Returns
    -------
    str
        ``HOST:PORT`` of its head node.

    Raises
    ------
    MissingExtraError, OptionError
        As `Cluster` does, but for what only the nodes can say.
    """
    ray = _imported()
    joined = str(ray.get_runtime_context().gcs_address) if ray.is_initialized() else ""
    named = address or joined or os.environ.get("RAY_ADDRESS") or "auto"
    services: Any = importlib.import_module("ray._private.services")
    if named == "auto":  # Ray's own word for the cluster of this machine
        try:
            named = services.canonicalize_bootstrap_address(named)
        except (ConnectionError, ValueError) as error:
            raise _unreached("this machine", "Ray knows of none") from error
    _check_address(named)
    if joined and not _is_one(*map(services.canonicalize_bootstrap_address, (named, joined))):
        raise OptionError(
            f"This process has joined the Ray cluster {joined}, and cannot join another one; {named} came.",
            next_step="Give --on ray to use it, or call ray.shutdown() before.",
        )
    return named


def _imported() -> Any:
    # Read by Ray when it is imported: nothing is told to its makers, and no GPU is hidden from those without one.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    return require("ray", extra="ray", purpose="Trials on a cluster")


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise OptionError(
            f"The address of a Ray cluster is HOST:PORT of its head node; {address!r} came.",
            next_step="Give the one that `ray start --head` printed, such as --on ray:192.168.0.1:6379.",
        )
    if not _answers(host, int(port)):
        raise _unreached(address, "nothing listens there")


def _join(ray: Any, address: str) -> None:
    # Ray prints what befalls its nodes to standard output, where a program reads one document. What befalls a trial is
    # kept with the study; the rest is in Ray's own logs.
    worker: Any = importlib.import_module("ray._private.worker")
    worker.print_to_stdstream = _say_nothing
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, namespace="bakeoff")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise _unreached(address, reason) from error
    finally:
        if in_main and before is not None:  # Ray takes the signal for itself
            signal.signal(signal.SIGTERM, before)


def _is_one(address: str, other: str) -> bool:
    """Say whether two addresses are of one cluster, whose host may be named or numbered."""
    (host, _, port), (other_host, _, other_port) = address.rpartition(":"), other.rpartition(":")
    return port == other_port and not _numbers(host).isdisjoint(_numbers(other_host))


def _numbers(host: str) -> set[str]:
    return {str(info[4][0]) for info in socket.getaddrinfo(host.strip("[]"), None)}


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host.strip("[]"), port), REACH_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def _unreached(where: str, reason: str) -> OptionError:
    return OptionError(
        f"No Ray cluster answers at {where}: {reason}.",
        next_step="Start one with `ray start --head`, and `ray start --address=HOST:6379` on each further machine; or "
        "leave --on out to run on this machine alone.",
    )


def _say_nothing(*_said: object, **_more: object) -> None:
    """Take notice of nothing."""
