"""A study is told to a real MLflow server, again only what is new, and the bundle loads from it in a fresh process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bakeoff.data import Rows
from bakeoff.errors import MissingExtraError, OptionError, SourceError
from bakeoff.methods.floors import TfidfLogistic
from bakeoff.records import Answer, Contender, Trial, Usage
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.study.growth import Growth
from bakeoff.study.store import StudyStore
from bakeoff.testing import text_rows
from bakeoff.testing.rows import rows_of_kind, task_for_kind
from bakeoff.workbench.track import _check_host, _key_of, track
from in_process import Program
from made_study import TUNED, make_study

CLIENT = find_spec("mlflow") is not None
#: The server is a package of hundreds of MB, which the extra does not bring.
SERVER = CLIENT and find_spec("flask") is not None and find_spec("sqlalchemy") is not None
pytestmark = pytest.mark.filterwarnings("ignore")
needs_server = pytest.mark.skipif(not SERVER, reason="MLflow's server is not installed: pip install mlflow")

LOAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
frame = pandas.DataFrame({"review": json.loads(sys.argv[3])}, index=[5, 3, 1, 0])
done = model.predict(frame)
print(json.dumps([list(done.columns), done.index.tolist(), done["prediction"].tolist()]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/runs.db",
        "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",
    ]  # fmt: skip
    # A process for jobs beside it, which nothing here asks for, would take as long to start as the server.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        _await(address, process, folder / "log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 400
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = make_study(tmp_path / "study")
    with StudyStore(folder) as store:
        store.set_facts({"created": "2026-01-01T00:00:00+00:00", "wanted": {}})
    task, saved = task_for_kind("classification"), tmp_path / "saved"
    saved.mkdir()
    TfidfLogistic(task, seed=0).fit(*rows_of_kind("classification", 24)).save(saved)
    contender = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    facts = BundleFacts(contender, task, seed=0, rows=24, fingerprint="f" * 64, text_columns=("review",))
    write_bundle(folder / "bundle", method_folder=saved, facts=facts, card="# A card\n")
    return folder


@needs_server
def test_a_study_is_told_once_and_its_bundle_answers_alike(server: str, study: Path, program: Program) -> None:
    from mlflow.tracking import MlflowClient

    told = program("track", study, "--mlflow", server, "--experiment", "made", "--json").document["result"]
    assert (told["added"], told["known"]) == (4, 0)
    client = MlflowClient(tracking_uri=server)
    place = client.get_experiment_by_name("made").experiment_id
    runs = client.search_runs([place])
    parent = next(run for run in runs if run.info.run_id == told["run"])
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == told["run"]]
    assert len(runs) == 5
    assert len(trials) == 4
    tuned = [run for run in trials if run.data.params["contender"] == TUNED.name]
    verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    scores = {row["contender"]: row["score"] for row in verdict["leaderboard"]}
    assert sum(run.data.metrics["test.accuracy"] for run in tuned) / 3 == pytest.approx(scores[TUNED.name])
    assert {run.data.params["seed"] for run in tuned} == {"0", "1", "2"}
    assert tuned[0].data.metrics["fit_seconds"] == 2.0
    assert parent.data.tags["bakeoff.choice"] == verdict["verdict"]["choice"]
    files = {file.path for file in client.list_artifacts(told["run"])}
    assert {"report.html", "verdict.json", "leaderboard.csv", "verdict-card.txt"} <= files

    texts, _ = text_rows(4, seed=9)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, server, told["model"], json.dumps(texts)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    columns, index, predictions = json.loads(done.stdout.splitlines()[-1])
    from bakeoff.ship import read_bundle

    assert columns == ["prediction", "abstention"]
    assert index == [5, 3, 1, 0]
    assert predictions == read_bundle(study / "bundle").load().predict(texts).tolist()

    with StudyStore(study) as store:
        store.add(_further(), [Answer("negative")] * 100, [Answer("negative")] * 300)
    again = track(study, server, experiment="made")
    assert (again.run, again.added, again.known, again.model) == (told["run"], 1, 4, told["model"])
    runs = client.search_runs([place])
    assert len(runs) == 6
    (cut,) = [run for run in runs if run.data.tags.get("bakeoff.status") == "cut"]
    assert "test.accuracy" not in cut.data.metrics
    assert len(client.search_logged_models([place])) == 1


@needs_server
def test_a_run_that_was_cut_off_is_told_again(server: str, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_batch", _break_off)
        with pytest.raises(SourceError, match="the line is cut"):
            track(study, server, experiment="cut")
    done = track(study, server, experiment="cut")
    assert (done.added, done.known) == (4, 0)
    client = MlflowClient(tracking_uri=server)
    runs = client.search_runs([client.get_experiment_by_name("cut").experiment_id])
    trials = [run for run in runs if run.info.run_id != done.run]
    assert len(trials) == 4
    assert all(run.data.metrics["fit_seconds"] == 2.0 for run in trials)


def _break_off(*_given: object, **_named: object) -> None:
    raise OSError("the line is cut")


def test_a_study_is_the_same_after_rows_were_added(study: Path) -> None:
    with StudyStore(study) as store:
        key, rows = _key_of(store), Rows.of(("one more",), ("negative",))
        before = Growth(1, "2026-01-02", "more.csv", "0" * 64, 1, 80, store.fact("fingerprint"), "{}", "{}")
        store.grow(rows, before, {"fingerprint": "e" * 64})
        assert _key_of(store) == key


def _further() -> Trial:
    return Trial(
        "another", TUNED.name, 32, 0, "cut", "time was up", ("negative",) * 100, ("negative",) * 300, 2.0, 4.0, 6.0,
        200.0, 90.0, Usage(seconds=3.0), {},
    )  # fmt: skip


@pytest.mark.skipif(not CLIENT, reason="MLflow is not installed: pip install 'bakeoff[mlflow]'")
def test_rows_go_to_no_host_that_is_not_allowed_and_a_silent_server_is_named(study: Path) -> None:
    with pytest.raises(OptionError, match=r"mlflow\.example is not") as caught:
        track(study, "https://mlflow.example/runs")
    assert caught.value.next_step.endswith("--allow-send mlflow.example")
    with pytest.raises(SourceError, match=r"The MLflow server http://127\.0\.0\.1:9 could not be told"):
        track(study, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("databricks", "databricks"),
        ("databricks://profile", "databricks"),
        ("postgresql://runs.example/db", "runs.example"),
        ("postgresql://localhost/db?host=runs.example", "localhost"),
        ("mysql:///db", "mysql"),
        ("a-plugin:runs", "a-plugin"),
        ("file://shares.example/runs", "shares.example"),
        ("HTTPS://Mlflow.Example", "mlflow.example"),
    ],
)
def test_an_address_that_may_lie_elsewhere_is_to_be_allowed(address: str, named: str) -> None:
    with pytest.raises(OptionError) as caught:
        _check_host(address, frozenset({"other.example"}))
    assert caught.value.next_step.endswith(f"--allow-send {named}")
    _check_host(address, frozenset({named}))


def test_a_store_on_this_machine_needs_no_word() -> None:
    for address in (
        "mlruns",
        "/srv/mlruns",
        "file:///srv/mlruns",
        "sqlite:///mlflow.db",
        "http://[::1]:5000",
        "C:\\runs",
    ):
        _check_host(address, frozenset())
    with pytest.raises(OptionError, match="is empty"):
        _check_host(" ", frozenset())


def test_without_mlflow_the_extra_is_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError) as caught:
        track(study, "http://localhost:5000")
    assert "pip install 'bakeoff[mlflow]'" in caught.value.next_step
