"""The executor on Ray: jobs as tasks of a cluster, each with the processors and memory that it needs.

Rows and models go through Ray's object store: put once by the study's process, fetched once a node. A task is not
tried again by Ray: what crashed and why is the study's to know, and it tries again.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from bakeoff.catalog.servers import is_server
from bakeoff.errors import UserError
from bakeoff.methods.registry import method_spec
from bakeoff.study.executors.cluster import Cluster, Node
from bakeoff.study.executors.jobs import (
    CLOCK_STARTS,
    FitJob,
    FitResult,
    Job,
    JobFailed,
    JobResult,
    MeasureJob,
    RefitJob,
)
from bakeoff.study.executors.local import LOADING_SECONDS, LocalExecutor, seconds_allowed
from bakeoff.study.executors.node import BEGAN, PROGRESS, RESULT, ROWS, NodeCall, answer_on_node, with_rows
from bakeoff.study.executors.sent_models import FETCHING, SentModel, describe_model, pieces_of

__all__ = ["RayExecutor"]

#: A job has failed where in this time there is no node that has what it needs.
WAITING_SECONDS = 3600.0
#: The label that Ray gives each node; of those with it that jobs may go to, the scheduler chooses.
NODE_LABEL = "ray.io/node-id"
#: Jobs that are under way when the executor is stopped get so long before the cluster is left.
ENDING_SECONDS = 10.0
#: A job is sent again where its node went away under it, so often at most. A trial is not: its study counts its tries.
MOST_LOST = 5
#: Takes the place of what a node says where it said nothing for a moment.
_NOTHING = "nothing"
#: Rows of fewer characters go with the job.
_LEAST_PUT = 20_000

Tell = Callable[[str, float], None]


class RayExecutor:
    """Run jobs on a Ray cluster that is there, as many at a time as its nodes have processors for.

    Parameters
    ----------
    address : str or None
        ``HOST:PORT`` of the head node; where None that of ``RAY_ADDRESS``, or the cluster of this machine.
    threads : int
        Threads of torch, and processors of a task; 0 stands for all of the smallest node, so that trials do not share
        one and their seconds tell how long they take.

    Raises
    ------
    MissingExtraError, OptionError
        As `Cluster` does.
    """

    def __init__(self, address: str | None = None, threads: int = 0) -> None:
        self.cluster = Cluster(address)
        self.threads = threads or int(min(node.processors for node in self.cluster.nodes()))
        self._ray = self.cluster.ray
        self._task = self._ray.remote(max_retries=0, num_returns="streaming", scheduling_strategy="SPREAD")(
            answer_on_node
        )
        self._lock = threading.Lock()
        self._rows: dict[str, Any] = {}
        self._models: dict[str, SentModel] = {}
        self._pieces: dict[str, dict[str, list[Any]]] = {}
        self._peaks: dict[tuple[str, str | None], float] = {}
        #: Servers are asked from here alone: their key stays here, and so do the counts of what was spent on them.
        self._local, self._asking = LocalExecutor(self.threads), threading.Lock()
        #: Jobs that are under way, and whether they are to end and none may come.
        self._state, self._jobs, self._stopped = threading.Condition(), 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def at_a_time(self) -> int:
        """How many jobs the nodes that are alive have processors for; at least one."""
        nodes = self.cluster.nodes()
        return max(1, sum(int(node.processors // self._processors(nodes)) for node in nodes))

    def told(self) -> str:
        """Tell in one sentence where jobs run."""
        nodes, at_a_time = len(self.cluster.nodes()), self.at_a_time
        return (
            f"on the Ray cluster {self.cluster.address}, to whose nodes rows and models go: "
            f"{nodes} {'node' if nodes == 1 else 'nodes'}, {at_a_time} {'trial' if at_a_time == 1 else 'trials'} at a "
            f"time, {self.threads} {'thread' if self.threads == 1 else 'threads'} each"
        )

    def run(self, job: Job, progress: Tell | None = None) -> JobResult:
        """Run one job to its end, on a node that has room for it; from several threads, several.

        Parameters
        ----------
        job : Job
        progress : callable, optional
            Told what is being done and the share done.

        Returns
        -------
        JobResult
            `JobFailed` where the method gave up, or the worker died or hung, or its node went away (`lost`).
        """
        with self._state:
            self._go_on()
            self._jobs += 1
        try:
            return self._run(job, progress or _tell_nobody)
        finally:
            with self._state:
                self._jobs -= 1
                self._state.notify_all()

    def stop(self) -> None:
        """End what runs for this study, here and there, and leave the cluster, which itself stays."""
        end = time.monotonic() + ENDING_SECONDS
        with self._state:
            self._stopped = True
            # Each ends its task. Ray would join the cluster anew for a thread that asks it anything after it was left.
            while self._jobs and time.monotonic() < end:
                self._local.interrupt()
                self._state.wait(0.1)
        self._local.stop()
        self.cluster.leave()

    def _go_on(self) -> None:
        """End the thread of a job as soon as the executor is stopped; called before anything is sent or asked."""
        if self._stopped:
            raise RuntimeError("the executor was stopped")

    def _run(self, job: Job, tell: Tell) -> JobResult:
        models = _models_of(job)
        if any(map(is_server, models)):
            with self._asking:
                self._go_on()
                return self._local.run(job, tell)
        result = self._tried(job, models, tell)
        for _ in range(0 if isinstance(job, FitJob) else MOST_LOST):
            if not (isinstance(result, JobFailed) and result.lost):
                break
            result = self._tried(job, models, tell)
        return result

    def _tried(self, job: Job, models: Sequence[str], tell: Tell) -> JobResult:
        """Send a job to the cluster, and follow it to its end."""
        needs, places = self._room(job, tell)
        if not places:
            return JobFailed("hung waiting for a node", crashed=True)
        try:
            call, rows = self._packed(job, models)  # once its places are known, any of which may lack the models
        except UserError as error:  # a model cannot be found
            return JobFailed(str(error), crashed=False)
        # Ray takes a space behind the comma for a part of the name.
        task = self._task.options(**needs, label_selector={NODE_LABEL: f"in({','.join(sorted(places))})"})
        self._go_on()
        stream = task.remote(call, **rows)
        try:
            return self._followed(job, stream, places, tell)
        except BaseException:
            self._cancel(stream)
            raise

    def _processors(self, nodes: Sequence[Node]) -> float:
        """Give the processors of a task: as many as threads, and no more than a node has."""
        return min(float(self.threads or 1), max((node.processors for node in nodes), default=1.0))

    def _needs(self, job: Job) -> tuple[dict[str, Any], list[Node]]:
        """Give what a job needs of a node, and the nodes that have it.

        That is processors, a GPU where its device is one, and the memory that its like took.
        """
        nodes = self.cluster.nodes()
        fit = job if isinstance(job, FitJob | MeasureJob) else job.fit
        needs: dict[str, Any] = {"num_cpus": self._processors(nodes), "num_gpus": int(fit.device.startswith("cuda"))}
        able = [one for one in nodes if one.processors >= needs["num_cpus"] and one.gpus >= needs["num_gpus"]]
        peak = self._peaks.get((fit.method, fit.model)) if isinstance(fit, FitJob) else None
        largest = max((node.memory for node in able), default=0.0)
        if peak is not None and largest:
            needs["memory"] = int(min(peak * 1e6, largest))
        return needs, [node for node in able if node.memory >= needs.get("memory", 0)]

    def _room(self, job: Job, tell: Tell) -> tuple[dict[str, Any], frozenset[str]]:
        """Wait until there are nodes that a job may go to, but not for ever; give what it needs, and their ids."""
        end = time.monotonic() + WAITING_SECONDS
        tell("waiting for a node", 0.0)
        while True:
            self._go_on()
            needs, nodes = self._needs(job)
            if nodes or time.monotonic() > end:
                return needs, frozenset(node.id for node in nodes)
            time.sleep(0.5)

    def _packed(self, job: Job, models: Sequence[str]) -> tuple[NodeCall, dict[str, Any]]:
        """Part a job from its rows and models, which are put into the object store once."""
        rows: dict[str, Any] = {}
        no_rows: dict[str, Any] = dict.fromkeys(ROWS, ())

        def bare(fit: FitJob) -> FitJob:
            for name in ROWS:
                rows[name] = self._put_rows(getattr(fit, name))
            return replace(fit, **no_rows)

        light = with_rows(job, bare)
        with self._lock:
            sent = tuple((self._model(name), self._pieces_of(name)) for name in models)
        return NodeCall(light, self.threads, self.cluster.home, sent), rows

    def _put_rows(self, values: tuple[str, ...]) -> Any:
        if sum(map(len, values)) < _LEAST_PUT:
            return values
        key = hashlib.sha256("\0".join(values).encode()).hexdigest()
        with self._lock:
            if key not in self._rows:
                self._rows[key] = self._put(values)
            return self._rows[key]

    def _put(self, value: Any) -> Any:
        self._go_on()
        return self._ray.put(value)

    def _model(self, name: str) -> SentModel:
        if name not in self._models:
            self._models[name] = describe_model(name)
        return self._models[name]

    def _pieces_of(self, name: str) -> Mapping[str, list[Any]]:
        """Put a model's files into the object store, where another node than this machine's may fetch them."""
        if name not in self._pieces and any(node.id != self.cluster.home for node in self.cluster.nodes()):
            model = self._models[name]
            self._pieces[name] = {
                file.name: [self._put(piece) for piece in pieces_of(model.path_of(file))] for file in model.files
            }
        return self._pieces.get(name, {})

    def _followed(self, job: Job, stream: Any, places: Collection[str], tell: Tell) -> JobResult:
        """Take what a node says of a job, until it ends or hangs; it waits as long as one of its places is there."""
        ray = self._ray
        node, phase, end = "", "", math.inf
        while True:
            ready = ray.wait([stream], timeout=0.5)[0]
            self._go_on()
            try:
                said: tuple[Any, ...] = ray.get(next(stream)) if ready else (_NOTHING,)
            except StopIteration:
                return JobFailed("its task ended without a result", crashed=True)
            except ray.exceptions.RayError as error:
                return self._why_lost(error, node)
            if said[0] == RESULT:
                return self._taken(job, said[1], said[2])
            if said[0] == BEGAN:
                node, phase, end = said[1], "loading its model", time.monotonic() + LOADING_SECONDS
                tell(f"begun on the node {self.cluster.host_of(node)}", 0.0)
            elif said[0] == PROGRESS and said[1] == CLOCK_STARTS:
                phase, end = "past its deadline and grace", time.monotonic() + seconds_allowed(job)
            elif said[0] == PROGRESS:
                tell(said[1], said[2])
                if said[1] == FETCHING:  # as long as pieces come, however large it is
                    end = time.monotonic() + LOADING_SECONDS
            if time.monotonic() > end:
                self._cancel(stream)
                return JobFailed(f"hung {phase}", crashed=True)
            if not node and not any(one.id in places for one in self.cluster.nodes()):
                self._cancel(stream)
                return JobFailed("the nodes went away that it could go to", crashed=True, lost=True)

    def _taken(self, job: Job, result: JobResult, files: Mapping[str, bytes]) -> JobResult:
        """Take a result: what it says of memory, and the files that it brings."""
        if isinstance(job, FitJob) and isinstance(result, FitResult):
            with self._lock:
                known = self._peaks.get((job.method, job.model), 0.0)
                self._peaks[job.method, job.model] = max(known, result.usage.peak_memory_mb)
        if isinstance(job, RefitJob) and files:
            folder = Path(job.folder)
            shutil.rmtree(folder, ignore_errors=True)
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return result

    def _why_lost(self, error: Exception, node: str) -> JobFailed:
        """Say why a task gave nothing, and whether its node went away with it."""
        kinds, host = self._ray.exceptions, self.cluster.host_of(node) or "that it was sent to"
        if isinstance(error, kinds.NodeDiedError) or self.cluster.went_away(node):
            return JobFailed(f"the node {host} went away", crashed=True, lost=True)
        if isinstance(error, kinds.OutOfMemoryError):
            reason = f"out of memory on the node {host}"
        elif isinstance(error, kinds.WorkerCrashedError):
            reason = f"the worker process ended on the node {host}"
        else:
            last_line = str(error).strip().rpartition("\n")[2]
            reason = f"{type(error).__name__} on the node {host}: {last_line}"
        # Nothing was run yet of a job that had not begun, so what befell it is no fault of its own.
        return JobFailed(reason, crashed=True, lost=not node)

    def _cancel(self, stream: Any) -> None:
        if self._ray.is_initialized():
            self._ray.cancel(stream, force=True, recursive=False)


def _models_of(job: Job) -> tuple[str, ...]:
    """Give the names of the models that a job needs."""
    if isinstance(job, MeasureJob):
        return (job.model,)
    fit = job if isinstance(job, FitJob) else job.fit
    spec = method_spec(fit.method)
    second = fit.parameters.get("prompt_model") if spec.second_model is not None else None
    return tuple(dict.fromkeys(name for name in (fit.model, second) if name is not None))


def _tell_nobody(_what: str, _share: float) -> None:
    """Take the place of who is told of progress."""
