"""The local executor: one spawned worker process; a crash, a hang or lack of memory costs one job."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from typing import Self

from bakeoff.study.executors.jobs import CLOCK_STARTS, FitJob, Job, JobFailed, JobResult, MeasureJob
from bakeoff.study.executors.worker import serve_jobs

__all__ = ["LOADING_SECONDS", "LocalExecutor", "seconds_allowed"]

#: Past its deadline a job gets this share of it more, and never less than so many seconds, before it counts as hung.
GRACE_SHARE = 0.10
GRACE_SECONDS = 15.0
#: Importing the model libraries, and reading or converting a model, before a job's own clock starts.
LOADING_SECONDS = 900.0
#: An idle worker leaves within this time.
IDLE_SECONDS = 2.0
#: A busy one that was told to end gets so long before it is killed.
ENDING_SECONDS = 5.0
#: Measuring a loaded model's speed.
MEASURING_SECONDS = 120.0


class LocalExecutor:
    """Run jobs in one long-lived worker process, started when the first job comes.

    Parameters
    ----------
    threads : int
        Threads of torch in the worker; 0 leaves its default.
    """

    #: Jobs are run one after another: two at a time would tell nothing of how long either takes.
    at_a_time = 1

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads
        self._context = multiprocessing.get_context("spawn")
        self._process: SpawnProcess | None = None
        self.restarts = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, or None while there is none."""
        return self._process.pid if self._process is not None else None

    def run(self, job: Job, progress: Callable[[str, float], None] | None = None) -> JobResult:
        """Run one job to its end.

        Parameters
        ----------
        job : Job
        progress : callable, optional
            Told what is being done and the share done.

        Returns
        -------
        JobResult
            `JobFailed` where the method gave up, or the worker died or hung.
        """
        try:
            self._ensure_started()
        except OSError as error:  # no memory or no process to be had, which may pass
            return JobFailed(f"the worker process could not be started: {error}", crashed=True)
        end, phase = time.monotonic() + LOADING_SECONDS, "loading its model"
        try:
            self._connection.send(job)
            while True:
                if self._connection.poll(0.2):
                    message = self._connection.recv()
                    if message[0] == "result":
                        result: JobResult = message[1]
                        return result
                    if message[1] == CLOCK_STARTS:
                        end, phase = time.monotonic() + seconds_allowed(job), "past its deadline and grace"
                    elif progress is not None:
                        progress(message[1], message[2])
                elif self._process is None or not self._process.is_alive():
                    raise EOFError
                if time.monotonic() > end:
                    self.stop()
                    return JobFailed(f"hung {phase}", crashed=True)
        except (EOFError, OSError):
            code = self._exit_code()
            self.stop()
            return JobFailed(f"the worker process ended (exit code {code})", crashed=True)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the worker: an idle one leaves by itself when the connection closes, a busy one is ended."""
        if self._process is None:
            return
        self._connection.close()
        self._process.join(IDLE_SECONDS)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(ENDING_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None

    def interrupt(self) -> None:
        """End the worker under a job that another thread waits for; that job's `run` gives a crash."""
        process = self._process
        if process is not None:
            process.terminate()

    def _ensure_started(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        self._process = None
        self._connection, theirs = self._context.Pipe()
        process = self._context.Process(target=serve_jobs, args=(theirs, self.threads), daemon=True)
        try:
            process.start()
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._process = process
        self.restarts += 1

    def _exit_code(self) -> int | None:
        if self._process is None:
            return None
        self._process.join(2.0)
        return self._process.exitcode


def seconds_allowed(job: Job) -> float:
    """Give the seconds that a job may take once its model is loaded, before it counts as hung.

    Parameters
    ----------
    job : Job

    Returns
    -------
    float
        Its deadline and a grace.
    """
    if isinstance(job, MeasureJob):
        return MEASURING_SECONDS
    fit = job if isinstance(job, FitJob) else job.fit
    return fit.seconds + max(GRACE_SECONDS, GRACE_SHARE * fit.seconds) + fit.answer_seconds
