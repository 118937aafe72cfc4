"""What runs on a node of a cluster: one job, with its models fetched once a node and kept loaded in its process."""

from __future__ import annotations

import functools
import queue
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.catalog import ModelFiles
from bakeoff.study.executors.jobs import (
    FitJob,
    FitResult,
    Job,
    JobFailed,
    JobResult,
    RefitJob,
    RefitResult,
    RephraseJob,
)
from bakeoff.study.executors.sent_models import SentModel, find_model, keep_model
from bakeoff.study.executors.worker import Report, run_job, settle_process, sparing

__all__ = ["BEGAN", "PROGRESS", "RESULT", "ROWS", "NodeCall", "answer_on_node", "with_rows"]

#: What comes from a node, in this order: that it began, and on which node; how far it is; the result, and files.
BEGAN, PROGRESS, RESULT = "began", "progress", "result"
#: Fields of a fit that hold rows; they travel apart from it, since most are the same for many jobs.
ROWS = ("texts", "labels", "validation_texts", "test_texts", "beside", "unlabelled")
#: Progress is told at most once in so many seconds, since it goes over a network.
_TOLD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class NodeCall:
    """A job as it is sent to a node.

    Parameters
    ----------
    job : Job
        Without its rows.
    threads : int
        Of torch.
    home : str
        Id of the node on the study's machine, where models stand under their own paths.
    models : tuple of (SentModel, mapping of str to list of object references)
        The models that it needs, with the pieces of their files by name; empty where no node could lack them.
    """

    job: Job
    threads: int
    home: str
    models: tuple[tuple[SentModel, Mapping[str, list[Any]]], ...] = ()


def with_rows(job: Job, change: Callable[[FitJob], FitJob]) -> Job:
    """Change the fit inside a job.

    Parameters
    ----------
    job : Job
    change : callable

    Returns
    -------
    Job
        The job itself where it fits nothing.
    """
    if isinstance(job, FitJob):
        return change(job)
    if isinstance(job, RefitJob | RephraseJob):
        return replace(job, fit=change(job.fit))
    return job


def answer_on_node(call: NodeCall, **rows: Any) -> Iterator[tuple[Any, ...]]:
    """Run a job in this process of a node; the entry of a Ray task.

    Parameters
    ----------
    call : NodeCall
    **rows
        The fields of `ROWS` that the job is sent without.

    Yields
    ------
    tuple
        ``(BEGAN, node id)``, ``(PROGRESS, what, share)`` each half second, ``(RESULT, JobResult, files)`` at the end.
    """
    import ray

    node = str(ray.get_runtime_context().get_node_id())
    yield BEGAN, node
    settle_process(call.threads)
    said: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    report = sparing(lambda what, share: said.put((PROGRESS, what, share)), _TOLD_SECONDS)
    _own_thread().submit(_work, call, rows, node, report, said)
    while (told := said.get())[0] != RESULT:
        yield told
    yield told


@functools.cache
def _own_thread() -> ThreadPoolExecutor:
    """Give the one thread of this process for jobs, so that torch keeps the threads that it made for the first."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bakeoff")


def _work(
    call: NodeCall, rows: Mapping[str, Any], node: str, report: Report, said: queue.SimpleQueue[tuple[Any, ...]]
) -> None:
    result: JobResult
    files: dict[str, bytes] = {}
    try:
        models = {model.name: _placed(model, pieces, node == call.home, report) for model, pieces in call.models}
        job = with_rows(call.job, lambda fit: replace(fit, **rows))
        if isinstance(job, RefitJob):
            result, files = _refitted(job, report, models)
        else:
            result = run_job(job, report, models)
    except Exception as error:  # a model could not be kept here, say, or what was saved not be read
        result = JobFailed(f"on its node: {type(error).__name__}: {error}", crashed=True)
    if isinstance(result, FitResult):
        result = replace(result, details={**result.details, "node": node})
    said.put((RESULT, result, files))


def _placed(model: SentModel, pieces: Mapping[str, list[Any]], here: bool, report: Report) -> ModelFiles:
    """Find a model on this node, or fetch it."""
    import ray

    found = find_model(model, here=here)
    return found or keep_model(model, lambda name: (ray.get(piece) for piece in pieces[name]), report)


def _refitted(job: RefitJob, report: Report, models: Mapping[str, ModelFiles]) -> tuple[JobResult, dict[str, bytes]]:
    """Refit in a folder of this node, and give the files, which belong to the study's machine."""
    with tempfile.TemporaryDirectory(prefix="bakeoff-refit-") as folder:
        own = Path(folder) / "method"
        result = run_job(replace(job, folder=str(own)), report, models)
        if not isinstance(result, RefitResult):
            return result, {}
        paths = (path for path in sorted(own.rglob("*")) if path.is_file())
        return result, {path.relative_to(own).as_posix(): path.read_bytes() for path in paths}
