"""A study on a real Ray cluster of two nodes on loopback: the same results, and what kills of nodes and drivers cost.

The cluster is one for the module, and so is the executor. What needs models stands at the end, since a worker imports
their classes once, and ends where others take its place.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from ray_nodes import LoopbackCluster
from study_builders import FLOORS, PARTS, TASK, make_study

from bakeoff.data import fingerprint
from bakeoff.decision import decide
from bakeoff.errors import OptionError
from bakeoff.records import Assumptions, Trial
from bakeoff.study.contenders import CandidateModel, build_contenders, contender_to_json
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.executors import cluster as cluster_module
from bakeoff.study.executors import ray as ray_module
from bakeoff.study.executors.cluster import find_cluster
from bakeoff.study.executors.jobs import Job, JobFailed, JobResult, MeasureJob, RefitJob, RefitResult
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.executors.node import answer_on_node
from bakeoff.study.executors.ray import RayExecutor
from bakeoff.study.executors.under_way import UnderWay
from bakeoff.study.measure import plan_study
from bakeoff.study.progress import StudyProgress
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore
from bakeoff.testing.executors import ExecutorSuite, fit_job
from in_process import Program
from small_models import write_decoder_folder, write_encoder_folder

DRIVER = Path(__file__).parent / "study_process.py"
Answers = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster(nodes=2) as running:
        yield running


@pytest.fixture(scope="module")
def on_ray(cluster: LoopbackCluster) -> Iterator[RayExecutor]:
    with RayExecutor(cluster.address, threads=1) as running:
        yield running


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, on_ray: RayExecutor) -> Path:
    """Plan a study of an encoder that is tuned and a decoder that is prompted; its models are measured on a node."""
    place = tmp_path_factory.mktemp("on-ray")
    models = [
        CandidateModel(write_encoder_folder(place / "encoder"), "encoder", "ab" * 32, 30_000, "encoder"),
        CandidateModel(write_decoder_folder(place / "decoder"), "decoder", "cd" * 32, 20_000, "decoder"),
    ]
    contenders, _missing = build_contenders(models, kind="classification", methods=("full", "few-shot"), train_rows=80)
    facts = {
        "name": "made", "task": TASK.to_json(), "contenders": [contender_to_json(one) for one in contenders],
        "missing": [], "row_counts": {part: len(rows) for part, rows in PARTS.items()}, "checks": [],
        "fingerprint": fingerprint(PARTS, TASK.labels), "text_words": 4.0, "assumptions": asdict(Assumptions()),
        "seed": 0, "command": "", "text_columns": ["text"], "text_pair": None,
        "wanted": {"budgets": [-1], "seeds": 3, "finalist_seeds": 4, "time_limit": None, "dtype": "float32",
                   "test_rows": None, "allow_send": [], "ship": True, "until": "measured"},
    }  # fmt: skip
    with StudyStore.create(place / "study", facts, PARTS) as store:
        plan = plan_study(store, on_ray, threads=1)
        assert {trial.contender.split()[0] for trial in plan.trials} == {"majority", "tfidf", "full", "few-shot"}
    return place / "study"


@pytest.fixture(scope="module")
def alone(planned: Path, executor: LocalExecutor) -> tuple[Answers, list[tuple[Any, ...]]]:
    """Run that study on this machine; give its answers and its leaderboard."""
    return run_copy(planned, planned.parent / "alone", executor)


def run_copy(
    planned: Path, folder: Path, executor: Any, listener: Callable[[StudyProgress], None] | None = None
) -> tuple[Answers, list[tuple[Any, ...]]]:
    shutil.copytree(planned, folder)
    with StudyStore(folder) as store:
        run_study(store, executor, listener=listener)
        return answers(store.trials()), leaderboard(store)


def answers(trials: tuple[Trial, ...]) -> Answers:
    """Give by key what a trial answered; its seconds are no one else's."""
    return {trial.key: (trial.status, trial.validation_answers, trial.test_answers) for trial in trials}


def leaderboard(store: StudyStore) -> list[tuple[Any, ...]]:
    """Give what the leaderboard says, seconds left out."""
    rows = decide(gather_evidence(store)).leaderboard
    return [(row.contender, row.n, row.score, row.ci, row.validation_score, row.valid_rate, row.seeds) for row in rows]


class TestRayExecutor(ExecutorSuite):
    @pytest.fixture
    def executor(self, on_ray: RayExecutor) -> RayExecutor:
        return on_ray


def test_a_killed_worker_is_a_crash_and_no_loss_of_its_node(cluster: LoopbackCluster, on_ray: RayExecutor) -> None:
    told: list[str] = []

    def kill_once_begun(what: str, _share: float) -> None:
        if what.startswith("begun on the node") and not told:
            told.append(what)
            for pid in cluster.workers(int(what[-1]) - 2):
                os.kill(pid, signal.SIGKILL)

    many = tuple(f"text number {number}" for number in range(60_000))
    result = on_ray.run(replace(fit_job(), test_texts=many), kill_once_begun)
    assert isinstance(result, JobFailed), told
    assert (result.crashed, result.lost) == (True, False)
    assert result.reason == f"the worker process ended on the node {told[0].rpartition(' ')[2]}"
    assert not isinstance(on_ray.run(fit_job()), JobFailed)


def test_what_is_lost_before_it_began_is_no_fault_of_the_trial_and_is_sent_again_where_it_is_none(
    tmp_path: Path, on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = tmp_path / "died"

    def dies_once(call: Any, **rows: Any) -> Iterator[Any]:
        if not died.exists():
            died.touch()
            os._exit(1)
        yield from answer_on_node(call, **rows)

    run_on_nodes(on_ray, monkeypatch, dies_once)
    result = on_ray.run(fit_job())
    assert isinstance(result, JobFailed)
    assert (result.crashed, result.lost) == (True, True), "its study sends a trial again, and counts how often"
    died.unlink()
    refit = on_ray.run(RefitJob(fit_job(), str(tmp_path / "method"), ("good",)))
    assert isinstance(refit, RefitResult), refit

    def is_not_there(_call: Any, **_rows: Any) -> Iterator[Any]:
        raise ModuleNotFoundError("No module named 'bakeoff'")
        yield

    run_on_nodes(on_ray, monkeypatch, is_not_there)
    result = on_ray.run(fit_job())
    assert isinstance(result, JobFailed)
    assert result.lost
    assert "No module named 'bakeoff'" in result.reason


def run_on_nodes(on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch, body: Callable[..., Iterator[Any]]) -> None:
    """Have nodes run something else than a job."""
    task = on_ray._ray.remote(max_retries=0, num_returns="streaming", scheduling_strategy="SPREAD")(body)
    monkeypatch.setattr(on_ray, "_task", task)


@pytest.mark.parametrize(
    ("says", "reason"), [("fetching its model", "ended"), ("converting it", "hung loading its model")]
)
def test_a_job_that_talks_is_held_to_its_end_and_a_fetch_moves_that(
    on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch, says: str, reason: str
) -> None:
    """A model of any size may come, piece by piece; what else takes too long has hung, however much it tells."""

    def talks(_call: Any, **_rows: Any) -> Iterator[Any]:
        yield "began", "a node"
        for _ in range(12):
            time.sleep(0.2)
            yield "progress", says, 0.5
        yield "result", "ended", {}

    run_on_nodes(on_ray, monkeypatch, talks)
    monkeypatch.setattr(ray_module, "LOADING_SECONDS", 1.2)
    result = on_ray.run(fit_job())
    assert (result.reason if isinstance(result, JobFailed) else result) == reason


def test_a_stopped_executor_ends_what_is_under_way(
    cluster: LoopbackCluster, on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process had joined the cluster before, too: no task is left there, and no call is made any more."""

    def sleeps_on_node(_call: Any, **_rows: Any) -> Iterator[Any]:
        yield "began", "a node"
        time.sleep(600)

    stopped, begun = RayExecutor(cluster.address, threads=1), list[str]()
    run_on_nodes(stopped, monkeypatch, sleeps_on_node)

    def interrupt_once_both_have_begun(what: str, _share: float) -> None:
        begun.append(what)
        if sum(told.startswith("begun on") for told in begun) == 2:
            raise KeyboardInterrupt

    jobs = UnderWay[str](stopped)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60.0)
        asked = MeasureJob("server", f"http://127.0.0.1:{server.getsockname()[1]}/v1#m", ("a text",), "float32", "cpu")
        for name in ("asks", "waits to ask"):
            jobs.start(name, asked, lambda *_: None)
        call, _from = server.accept()
        for name in ("sleeps", "sleeps too"):
            jobs.start(name, fit_job(), interrupt_once_both_have_begun)
        with pytest.raises(KeyboardInterrupt):
            jobs.next()
        stopped.stop()
        assert not stopped._jobs, "no thread asks the cluster anything any more"
        assert (stopped._local.worker_pid, stopped._local.restarts) == (None, 0), "who waited to ask did not begin"
        call.close()
    with pytest.raises(RuntimeError, match="stopped"):
        stopped.run(fit_job())
    end = time.monotonic() + 20.0
    while left := [*cluster.workers(0, "sleeps_on_node"), *cluster.workers(1, "sleeps_on_node")]:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    assert not isinstance(on_ray.run(fit_job()), JobFailed), "who had joined the cluster is still there"


def test_a_node_that_joins_later_is_used_once_it_has_this_version(
    on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, later = sorted(on_ray.cluster.nodes(), key=lambda node: node.id != on_ray.cluster.home)

    def joins(own: str) -> None:
        """Have the node as one that was never heard of, by who has a version."""
        monkeypatch.setattr(cluster_module, "version", lambda _package: own)
        on_ray.cluster._asked.pop(later.id)
        on_ray.cluster._alike.discard(later.id)
        on_ray.cluster.nodes()
        on_ray._ray.wait([on_ray.cluster._asked[later.id]], timeout=60.0)

    joins("9.9")
    assert (on_ray.cluster.nodes(), on_ray.at_a_time) == ([first], 1)
    ran_on = {on_ray.run(fit_job()).details["node"] for _ in range(4)}  # type: ignore[union-attr]
    assert ran_on == {first.id}, "nothing is sent to the other"
    monkeypatch.undo()
    joins(version("bakeoff"))
    assert on_ray.at_a_time == 2


def test_a_task_asks_for_what_its_job_needs(on_ray: RayExecutor) -> None:
    job = fit_job()
    assert on_ray.run(job).usage.peak_memory_mb > 0  # type: ignore[union-attr]
    needs, nodes = on_ray._needs(job)
    assert len(nodes) == 2
    assert (needs["num_cpus"], needs["num_gpus"]) == (1.0, 0)
    assert needs["memory"] > 10e6, "as much as the last trial of its kind took"
    assert "memory" not in on_ray._needs(replace(job, method="majority", model="never run"))[0]
    needs, nodes = on_ray._needs(replace(job, device="cuda:0"))
    assert (needs["num_gpus"], nodes) == (1, []), "none of them has one"


def test_a_study_that_ends_when_decided_runs_the_same_trials(
    tmp_path: Path, on_ray: RayExecutor, executor: LocalExecutor
) -> None:
    tuned = replace(FLOORS[1], name="tuned", arm="finetune", version="2")
    asked = replace(FLOORS[0], name="asked", arm="prompt", version="3")
    found = []
    for name, where in (("here", executor), ("there", on_ray)):
        with make_study(tmp_path / name, (*FLOORS, tuned, asked), budgets=(16, 80), finalist_seeds=5) as store:
            run_study(store, where, until="decided")
            found.append((answers(store.trials()), leaderboard(store), dict(gather_evidence(store).dropped)))
    assert found[0] == found[1]
    assert len(found[0][0]) > 10


class _Counting:
    """Counts the trials that it is given."""

    def __init__(self, executor: RayExecutor) -> None:
        self.executor, self.threads, self.given = executor, executor.threads, 0

    @property
    def at_a_time(self) -> int:
        return self.executor.at_a_time

    def run(self, job: Job, progress: Any = None) -> JobResult:
        self.given += 1
        return self.executor.run(job, progress)


def test_a_killed_driver_is_resumed_and_repeats_nothing(
    tmp_path: Path, cluster: LoopbackCluster, on_ray: RayExecutor, executor: LocalExecutor
) -> None:
    folder = tmp_path / "s"
    make_study(folder, budgets=(0, 16, 80)).close()
    with subprocess.Popen(
        [sys.executable, str(DRIVER), str(folder), "--ray", cluster.address], stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "begun\n"
        told = [driver.stdout.readline() for _ in range(3)]
        os.kill(driver.pid, signal.SIGKILL)
    assert told == ["recorded 1\n", "recorded 2\n", "recorded 3\n"]
    with StudyStore(folder) as store:
        before, counting = store.trials(), _Counting(on_ray)
        plan = read_plan(store)
        assert plan is not None
        assert 3 <= len(before) < len(plan.trials)
        run_study(store, counting)
        assert counting.given == len(plan.trials) - len(before), "nothing finished ran again"
        after = store.trials()
        assert after[: len(before)] == before, "no record changed"
        assert not [kind for _at, kind, _detail in store.events() if kind == "attempt failed"]
    with make_study(tmp_path / "unbroken", budgets=(0, 16, 80)) as store:
        run_study(store, executor)
        assert answers(store.trials()) == answers(after)


def test_a_node_with_another_version_is_refused(on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "version", lambda _package: "9.9")
    told = r"Every node must have bakeoff 9\.9, as this machine has; 127\.0\.0\.\d has \d+\.\d+\.\d+\. Install it there"
    with pytest.raises(OptionError, match=told):
        on_ray.cluster._greet(on_ray.cluster.nodes())


def test_servers_are_asked_from_the_machine_of_the_study(
    on_ray: RayExecutor, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is in the environment here is on no node, and what was spent is counted in one place."""
    monkeypatch.setattr(on_ray, "_local", executor)
    monkeypatch.setattr(on_ray, "_task", None)
    result = on_ray.run(MeasureJob("server", "http://127.0.0.1:9/v1#none", ("a text",), "float32", "cpu"))
    assert isinstance(result, JobFailed)
    assert "127.0.0.1:9" in result.reason


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("ray:127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1: nothing listens there. Start one with `ray start"),
        ("ray:head", "is HOST:PORT of its head node; 'head' came. Give the one that `ray start --head` printed"),
        ("slurm", "Trials run on this machine (local) or on a Ray cluster (ray, ray:HOST:PORT); 'slurm' came."),
    ],
)
def test_a_place_that_is_not_there_is_refused_before_anything_is_written(
    tmp_path: Path, program: Program, on: str, told: str
) -> None:
    ended = program("run", "none.csv", "--on", on, "-o", tmp_path / "s")
    assert ended.code == 2
    assert told in " ".join(ended.err.split())
    assert not (tmp_path / "s").exists()


def test_a_cluster_that_is_named_elsewhere_is_looked_for_at_once(
    tmp_path: Path, program: Program, on_ray: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_cluster(None) == on_ray.cluster.address == find_cluster(on_ray.cluster.address)
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(OptionError, match=rf"has joined the Ray cluster .*; {told} came\. Give --on ray to use it"):
            RayExecutor(told)
    monkeypatch.setattr(on_ray._ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    ended = program("run", "none.csv", "--on", "ray", "-o", tmp_path / "s")
    assert ended.code == 2
    assert "No Ray cluster answers at 127.0.0.1:1: nothing listens there." in " ".join(ended.err.split())
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert find_cluster(None).rpartition(":")[2].isdigit(), "Ray's word for whatever runs on this machine"


def test_without_ray_the_extra_is_named(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = program("run", "none.csv", "--on", "ray")
    assert ended.code == 2
    assert "Install it with: pip install 'bakeoff[ray]'" in " ".join(ended.err.split())


def test_a_study_on_two_nodes_gives_the_leaderboard_of_one_machine(
    cluster: LoopbackCluster,
    planned: Path,
    alone: tuple[Answers, list[tuple[Any, ...]]],
    on_ray: RayExecutor,
    tmp_path: Path,
    program: Program,
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(planned, folder)
    ended = program("resume", folder, "--on", f"ray:{cluster.address}")
    assert ended.code in (0, 3), ended
    assert f"on the Ray cluster {cluster.address}, to whose nodes rows and models go: 2 nodes" in ended.out
    assert "2 trials at a time, 1 thread each" in " ".join(ended.out.split())
    with StudyStore(folder) as store:
        assert answers(store.trials()) == alone[0]
        assert leaderboard(store) == alone[1]
        trials = store.trials()
        assert any(trial.seed == 3 for trial in trials), "the finalists got a further seed"
        assert len({trial.details["node"] for trial in trials}) == 2, "both nodes ran trials"
        asked = {trial.contender.split()[-1] for trial in trials if trial.details["node"] != on_ray.cluster.home}
    assert (folder / "bundle" / "bundle.json").is_file(), "what a node refitted was shipped from here"
    sent = [list((cluster.cache(number) / "derived").glob("sent-models/*")) for number in (0, 1)]
    assert len(sent[0]) == 0, "models go to no node that has them"
    assert len(asked & {"encoder", "decoder"}) <= len(sent[1]) <= 2, "and once to another, where it runs them"


def test_a_killed_node_costs_the_retry_of_its_trial_and_nothing_else(
    cluster: LoopbackCluster,
    planned: Path,
    alone: tuple[Answers, list[tuple[Any, ...]]],
    on_ray: RayExecutor,
    tmp_path: Path,
) -> None:
    """Stands last, since it costs the module a node."""
    killed: list[str] = []

    def kill_in_mid_trial(progress: StudyProgress) -> None:
        tuned = progress.now.startswith("full") and "n = 80" in progress.now
        if tuned and progress.doing == f"begun on the node {cluster.host(1)}" and not killed:
            killed.append(progress.now)
            cluster.kill(1)

    counting = _Counting(on_ray)
    found, board = run_copy(planned, tmp_path / "s", counting, kill_in_mid_trial)
    assert len(killed) == 1, "a trial ran on the node"
    assert found == alone[0]
    assert board == alone[1]
    with StudyStore(tmp_path / "s") as store:
        failed = [detail for _at, kind, detail in store.events() if kind == "attempt failed"]
        lost = [trial for trial in store.trials() if detail_of(trial) in failed[0]]
    assert failed == [f"{detail_of(lost[0])}, attempt 1: the node {cluster.host(1)} went away"]
    assert killed[0].startswith(f"{lost[0].contender}, n = {lost[0].n}, seed {lost[0].seed}")
    assert counting.given == len(found) + 1, "one trial was tried again"


def detail_of(trial: Trial) -> str:
    return f"{trial.contender} n={trial.n} seed={trial.seed}"
