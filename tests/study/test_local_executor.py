"""The local executor: a real worker process that is killed, stopped, and given jobs that cannot be done."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.methods.contract import Deadline
from bakeoff.methods.floors import Majority
from bakeoff.study.executors import local
from bakeoff.study.executors.jobs import FitResult, JobFailed
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.executors.worker import _latencies
from bakeoff.testing.executors import ExecutorSuite, fit_job

JOB = fit_job()


class TestLocalExecutor(ExecutorSuite):
    """What every executor does; the fixture is that of all tests."""


def test_the_worker_outlives_its_jobs(executor: LocalExecutor) -> None:
    executor.run(JOB)
    again, worker = executor.restarts, executor.worker_pid
    assert isinstance(executor.run(replace(JOB, labels=("positive", "unheard of") * 4)), JobFailed)
    assert isinstance(executor.run(JOB), FitResult)
    assert (executor.restarts, executor.worker_pid) == (again, worker)


def test_a_killed_worker_costs_one_job(executor: LocalExecutor) -> None:
    executor.run(JOB)
    pid, before = executor.worker_pid, executor.restarts
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert isinstance(executor.run(JOB), FitResult)
    assert executor.restarts == before + 1


def test_a_worker_killed_in_mid_job_is_reported(executor: LocalExecutor) -> None:
    executor.run(JOB)

    many = tuple(f"text number {i}" for i in range(30_000))
    threading.Timer(0.3, os.kill, (executor.worker_pid, signal.SIGKILL)).start()
    result = executor.run(replace(JOB, test_texts=many))
    assert isinstance(result, JobFailed)
    assert result.crashed
    assert "exit code -9" in result.reason


def test_a_hung_worker_is_replaced(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    executor.run(JOB)
    for name, seconds in (("LOADING_SECONDS", 1.0), ("IDLE_SECONDS", 0.2), ("ENDING_SECONDS", 0.2)):
        monkeypatch.setattr(local, name, seconds)
    os.kill(executor.worker_pid or 0, signal.SIGSTOP)
    result = executor.run(JOB)
    assert isinstance(result, JobFailed)
    assert result.reason.startswith("hung")
    monkeypatch.undo()
    assert isinstance(executor.run(JOB), FitResult)


def test_the_worker_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from bakeoff.study.executors.local import LocalExecutor\n"
        "from tests_job import JOB\n"
        "if __name__ == '__main__':\n"
        "    executor = LocalExecutor(threads=1)\n"
        "    executor.run(JOB)\n"
        "    print(executor.worker_pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    (tmp_path / "tests_job.py").write_text(
        "from bakeoff.study.executors.jobs import FitJob\n"
        "from bakeoff.tasks import classification_task\n"
        "task = classification_task(name='s', labels=['a', 'b'], metric='accuracy')\n"
        "JOB = FitJob('majority', task, None, 0, {}, ('x', 'y'), ('a', 'b'), (), (), 9.0, 'float32', 'cpu')\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    for _ in range(50):
        if not _alive(worker):
            return
        time.sleep(0.2)
    pytest.fail("the worker outlived its parent by ten seconds")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_no_latency_is_read_past_the_deadline() -> None:
    """A method that abstains because time is up answers in no time: .09 ms stood where a prompt takes 340."""
    method = Majority(task=JOB.task).fit(list(JOB.texts), list(JOB.labels))
    texts = tuple(f"text {number}" for number in range(30))
    assert len(_latencies(method, texts, Deadline())) == 20
    assert _latencies(method, texts, Deadline.after(-1.0)) == []


def test_a_worker_that_cannot_be_started_costs_one_job() -> None:
    """No file descriptor is left for it: a machine that is short of what a process needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with LocalExecutor(threads=1) as other:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            result = other.run(JOB)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(result, JobFailed)
        assert result.crashed
        assert "could not be started: [Errno 24]" in result.reason
        assert isinstance(other.run(JOB), FitResult)
