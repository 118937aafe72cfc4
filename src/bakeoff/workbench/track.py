"""Tell an MLflow server of a study: a run for every trial, one above them for the verdict, and the bundle as a model.

A second call adds what is new. What is on the server already is found by tags, so that nothing is kept in the study.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bakeoff import __version__
from bakeoff.catalog.servers import is_loopback
from bakeoff.errors import MissingExtraError, OptionError, SourceError
from bakeoff.extras import require
from bakeoff.records import Decision, Evidence, Trial
from bakeoff.study.growth import fingerprint_at
from bakeoff.study.store import StudyStore
from bakeoff.workbench.conclude import conclude
from bakeoff.workbench.opened import begun_store
from bakeoff.workbench.track_values import contender_values, study_values, trial_values

__all__ = ["Tracked", "track"]

#: Tags by which runs are found again.
_STUDY, _TRIAL, _STATUS, _BUNDLE = "bakeoff.study", "bakeoff.trial", "bakeoff.status", "bakeoff.bundle"
_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"
_FILES = ("report.html", "memo.md", "verdict.json", "leaderboard.csv")
#: Module by which MLflow loads a bundle, and what the model is called in the run.
_LOADER, _MODEL = "bakeoff.workbench.mlflow_model", "bundle"
_PAGE_RUNS = 1000


@dataclass(frozen=True, slots=True)
class Tracked:
    """What an MLflow server knows of a study now.

    Parameters
    ----------
    experiment : str
    run : str
        Id of the study's own run.
    added, known : int
        Trials that this call added, and those that were there.
    model : str or None
        Address under which MLflow loads the bundle; None where the study has none.
    """

    experiment: str
    run: str
    added: int
    known: int
    model: str | None


def track(study: Path, uri: str, *, experiment: str = "bakeoff", allow_send: frozenset[str] = frozenset()) -> Tracked:
    """Add a study's trials, verdict, report and bundle to an MLflow server; what is there already is left.

    Parameters
    ----------
    study : Path
        With a verdict.
    uri : str
        Of the server, or of a store: ``http://localhost:5000``, ``sqlite:///mlflow.db``.
    experiment : str
        Name of MLflow's experiment; made where there is none.
    allow_send : frozenset of str
        Hosts to which a report with rows, and a bundle, may be sent; a server on this machine, a path, ``file:`` and
        ``sqlite:`` need none.

    Returns
    -------
    Tracked

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    OptionError
        If rows would be sent to a host that is not allowed.
    SourceError
        If the server cannot be reached, or refuses.
    """
    _settle()
    mlflow = require("mlflow", extra="mlflow", purpose="Tracking")
    _check_host(uri, allow_send)
    with begun_store(study) as store, _told(uri):
        evidence, decision = conclude(store)
        client = mlflow.MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        place = found.experiment_id if found is not None else client.create_experiment(experiment)
        run = _parent(client, place, store, evidence, decision)
        added, known = _trials(client, place, run, evidence, decision)
        _artifacts(client, run, store, evidence, decision)
        model = _bundle(client, uri, run, study / "bundle")
        client.set_terminated(run)
    return Tracked(experiment, run, added, known, model)


def _settle() -> None:
    """Have MLflow say after seconds that nobody listens, where by itself it tries for minutes, and draw no bars."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def _check_host(uri: str, allow_send: frozenset[str]) -> None:
    host = _host_needed(uri)
    if host is not None and host not in allow_send:
        raise OptionError(
            f"The report shows rows of the data, and a bundle may hold some; they are sent to hosts that are allowed "
            f"alone, and {host} is not.",
            next_step=f"If it may have them, add: --allow-send {host}",
        )


def _host_needed(uri: str) -> str | None:
    """Name what must be allowed to have rows: a host, or the service of an address that has none; None on this machine.

    MLflow also takes addresses of databases and services, and packages add kinds of them: only what is known to stay
    here needs nobody's word.
    """
    parts = urlsplit(uri.strip())
    scheme, host = parts.scheme, (parts.hostname or "").lower()
    if not uri.strip():
        raise OptionError(
            "The address of an MLflow server is empty, and MLflow would take another one from its settings.",
            next_step="Name it, such as http://localhost:5000 or sqlite:///mlflow.db.",
        )
    if "databricks" in (scheme, parts.path.lower()):
        return "databricks"
    if scheme in ("http", "https"):
        return None if is_loopback(host) else host or scheme
    on_this_machine = scheme in ("", "file", "sqlite") or len(scheme) == 1  # a drive's letter
    return None if on_this_machine and not parts.netloc else host or scheme or parts.netloc


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turn what MLflow raises into an error that names the server, and keep what it prints from what programs read."""
    from mlflow.exceptions import MlflowException

    try:
        with redirect_stdout(io.StringIO()):
            yield
    except ImportError as error:
        raise MissingExtraError(
            f"A store such as {uri} needs the package mlflow as a whole, of which the extra brings the client alone: "
            f"{error}.",
            next_step="Give the address of a server, or install it with: pip install mlflow",
        ) from error
    except (MlflowException, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SourceError(
            f"The MLflow server {uri} could not be told of the study: {reason}.",
            next_step="Check the address, and that it runs: mlflow server --port 5000",
        ) from error


def _key_of(store: StudyStore) -> str:
    """Name a study by what never changes of it: its rows before any were added, its beginning, its name."""
    first = fingerprint_at(0, store.growths(), store.fact("fingerprint"))
    told = f"{first} {store.fact('created')} {store.fact('name')}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _parent(client: Any, place: str, store: StudyStore, evidence: Evidence, decision: Decision) -> str:
    """Find or make the study's own run, and give it what is decided now."""
    key = _key_of(store)
    found = client.search_runs([place], f"tags.`{_STUDY}` = '{key}' and tags.`{_TRIAL}` = 'none'", max_results=1)
    tags = {_STUDY: key, _TRIAL: "none", _NAME: Path(store.fact("name")).name, "bakeoff.version": __version__}
    run = str(found[0].info.run_id if found else client.create_run(place, tags=tags).info.run_id)
    params, metrics, told = study_values(evidence, decision)
    # A call that was cut off may have told some of them; what stands there cannot be changed.
    told_before: dict[str, str] = found[0].data.params if found else {}
    for name in params.keys() - told_before.keys():
        client.log_param(run, name, params[name])
    for name, number in metrics.items():
        client.log_metric(run, name, number)
    for name, value in told.items():
        client.set_tag(run, name, value)
    return run


def _trials(client: Any, place: str, parent: str, evidence: Evidence, decision: Decision) -> tuple[int, int]:
    """Add a run for each trial that has none; one that was cut or failed, and ran again since, gets another.

    So does one whose run was not told to its end, which has no status.
    """
    runs = client.search_runs([place], f"tags.`{_PARENT}` = '{parent}'", max_results=_PAGE_RUNS * 10)
    tags = {run.info.run_id: (run.data.tags.get(_TRIAL), run.data.tags.get(_STATUS)) for run in runs}
    new = [trial for trial in evidence.trials if (trial.key, trial.status) not in tags.values()]
    now = {trial.key: trial.status for trial in evidence.trials}
    for run, (key, status) in tags.items():
        if key in now and status != now[key]:
            client.delete_run(run)
    for trial in new:
        _add_trial(client, place, parent, evidence, decision, trial)
    return len(new), len(evidence.trials) - len(new)


def _add_trial(client: Any, place: str, parent: str, evidence: Evidence, decision: Decision, trial: Trial) -> None:
    from mlflow.entities import Metric, Param

    params, metrics = trial_values(evidence, trial)
    metrics |= contender_values(decision, trial)
    tags = {_PARENT: parent, _TRIAL: trial.key, "bakeoff.reason": trial.reason or ""}
    tags[_NAME] = f"{trial.contender}, n = {trial.n}, seed {trial.seed}"
    run = client.create_run(place, tags=tags).info.run_id
    client.log_batch(
        run,
        metrics=[Metric(name, number, 0, 0) for name, number in metrics.items()],
        params=[Param(name, value) for name, value in params.items()],
    )
    client.set_terminated(run, status="FAILED" if trial.status == "failed" else "FINISHED")
    client.set_tag(run, _STATUS, trial.status)  # last: by it a run counts as told


def _artifacts(client: Any, run: str, store: StudyStore, evidence: Evidence, decision: Decision) -> None:
    for name in _FILES:
        client.log_artifact(run, str(store.folder / name))
    client.log_text(run, _card(evidence, decision, Path(store.fact("name")).name), "verdict-card.txt")


def _card(evidence: Evidence, decision: Decision, title: str) -> str:
    from rich.console import Console

    from bakeoff.report import verdict_card

    stream = io.StringIO()
    Console(file=stream, width=80, color_system=None).print(verdict_card(evidence, decision, title=title), crop=False)
    return stream.getvalue()


def _bundle(client: Any, uri: str, run: str, folder: Path) -> str | None:
    """Log the study's bundle as a model, once for each that it ships; give its address."""
    manifest = folder / "bundle.json"
    if not manifest.is_file():
        return None
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    known, _, address = client.get_run(run).data.tags.get(_BUNDLE, "").partition(" ")
    if known == digest:
        return str(address)
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with mlflow.start_run(run_id=run):
            made = mlflow.pyfunc.log_model(
                name=_MODEL,
                loader_module=_LOADER,
                data_path=str(folder),
                pip_requirements=[f"bakeoff=={__version__}"],
            )
    finally:
        mlflow.set_tracking_uri(before)
    client.set_tag(run, _BUNDLE, f"{digest} {made.model_uri}")
    return str(made.model_uri)
