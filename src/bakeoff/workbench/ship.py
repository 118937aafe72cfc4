"""Ship a contender: refit it on every labelled row, write its bundle, and compare that with what was trained."""

from __future__ import annotations

import difflib
import shlex
import shutil
from pathlib import Path

from bakeoff.catalog import entries, resolve_model
from bakeoff.catalog.servers import is_server
from bakeoff.data import nested_order, strata_of
from bakeoff.errors import BundleError, OptionError, StudyError, TrialError
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender, Decision, Evidence
from bakeoff.ship import BundleFacts, model_card, reference_of, write_bundle
from bakeoff.study.contenders import check_versions
from bakeoff.study.evidence import read_plan, read_task
from bakeoff.study.executors.jobs import FitJob, JobFailed, JobResult, RefitJob, RefitResult
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.executors.under_way import Executor
from bakeoff.study.grid import MOST_UNLABELLED
from bakeoff.study.parts import drawn_unlabelled
from bakeoff.study.plan import COMPARED_ROWS, Plan
from bakeoff.study.store import PARTS, StudyStore
from bakeoff.study.terms import read_terms
from bakeoff.workbench.conclude import conclude
from bakeoff.workbench.opened import begun_store
from bakeoff.workbench.options import Watcher

__all__ = ["ship", "ship_contender"]

#: Without a time limit a refit still has an end.
MOST_SECONDS = 6 * 3600.0


def ship(
    study: Path,
    *,
    contender: str | None = None,
    output: Path | None = None,
    with_weights: bool = False,
    watcher: Watcher | None = None,
) -> tuple[Path, str]:
    """Ship a contender of a finished study: the chosen one, or any other by its name.

    Parameters
    ----------
    study : Path
    contender : str, optional
    output : Path, optional
        Where the bundle will stand; ``bundle`` in the study's folder where not given, with the contender's name where
        it is not the chosen one.
    with_weights : bool
        Whether a prompt's bundle holds its model.
    watcher : Watcher, optional

    Returns
    -------
    bundle : Path
    note : str
        How the reload compared.

    Raises
    ------
    OptionError
        If the study has no such contender, or it cannot be shipped.
    """
    with begun_store(study) as store:
        judged = evidence, decision = conclude(store)
        chosen = decision.verdict.contender or decision.verdict.meanwhile
        name = contender or chosen
        if name is None:
            raise OptionError(
                "The study has no verdict, so there is no winner to ship.",
                next_step=f"Name one with --contender: {', '.join(c.name for c in evidence.contenders)}.",
            )
        suffix = "" if name == chosen else "-" + "".join(c if c.isalnum() else "-" for c in name)
        target = output or study / f"bundle{suffix}"
        plan = _plan_of(store)
        with LocalExecutor(plan.threads) as executor:
            return ship_contender(store, judged, name, target, executor, with_weights=with_weights, watcher=watcher)


def ship_contender(
    store: StudyStore,
    judged: tuple[Evidence, Decision],
    name: str,
    target: Path,
    executor: Executor,
    *,
    seconds: float = MOST_SECONDS,
    with_weights: bool = False,
    watcher: Watcher | None = None,
) -> tuple[Path, str]:
    """Refit one contender on all labelled rows and write its bundle.

    Parameters
    ----------
    store : StudyStore
    judged : (Evidence, Decision)
        What `conclude` gave.
    name : str
    target : Path
    executor : Executor
    seconds : float
        Deadline of the refit.
    with_weights : bool
        Whether a prompt's bundle holds its model.
    watcher : Watcher, optional

    Returns
    -------
    bundle : Path
    note : str
        How many rows the trained and the reloaded method answered alike.

    Raises
    ------
    OptionError, StudyError, TrialError, BundleError
        If it is not ours to ship, its method has changed, the refit fails, or the reloaded one answers otherwise.
    """
    contender, folder = _contender(judged[0], name), store.folder / ".refit"
    job = _refit_job(store, contender, seconds)
    (watcher or Watcher()).step(f"refitting {name} on all {len(job.texts):,} labelled rows")
    try:
        result = executor.run(RefitJob(job, str(folder), job.texts[:COMPARED_ROWS]))
        refit = _checked(contender, result)
        written = _write(store, judged, contender, job, refit, folder, target, with_weights)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    note = _note(store, refit)
    store.note("shipped", f"{name} to {written}")
    return written, note


def _note(store: StudyStore, refit: RefitResult) -> str:
    told = f"reloaded: {refit.compared_rows - refit.changed_rows} of {refit.compared_rows} answers equal"
    if refit.changed_rows:
        told += "; a server may answer otherwise when it is asked again"
    if refit.share_of_steps < 1:
        again = f"bakeoff ship {shlex.quote(str(store.folder))}"
        told += f"; time allowed {refit.share_of_steps:.0%} of its training steps, all are taken by: {again}"
    return told


def _refit_job(store: StudyStore, contender: Contender, seconds: float) -> FitJob:
    plan = _plan_of(store)
    parts = [store.rows(part) for part in PARTS]
    texts = [text for rows in parts for text in rows.texts]
    labels = [label for rows in parts for label in rows.labels]
    # As samples come: a method that reads a part of its rows must not read those of one label of a sorted file.
    bare: tuple[str, ...] = ()
    if method_spec(contender.method).learns_from_unlabelled:
        bare = drawn_unlabelled(store.unlabelled(), 0, store.fact("seed"), MOST_UNLABELLED)
    order = nested_order(strata_of(read_task(store).kind, labels), store.fact("seed")).tolist()
    return FitJob(
        method=contender.method,
        task=read_task(store),
        model=contender.model,
        seed=store.fact("seed"),
        parameters=contender.parameters,
        texts=tuple(texts[place] for place in order),
        labels=tuple(labels[place] for place in order),
        validation_texts=(),
        test_texts=(),
        seconds=seconds,
        dtype=plan.dtype,
        device=plan.device,
        allow_send=frozenset(store.fact("wanted")["allow_send"]),
        terms=read_terms(store),
        unlabelled=bare,
    )


def _checked(contender: Contender, result: JobResult) -> RefitResult:
    name = contender.name
    if not isinstance(result, RefitResult):
        reason = result.reason if isinstance(result, JobFailed) else "no result came"
        raise TrialError(f"Refitting {name} failed: {reason}")
    if result.cut:
        raise TrialError(
            f"Time was up before {name} was refitted on all rows, and a bundle of a part of them would not be what was "
            "measured."
        )
    # A server's answers to the same request differ now and then (near ties, other company in its batch): the bundle is
    # what is asked. More than a quarter would be another prompt.
    most = result.compared_rows // 4 if is_server(contender.model or "") else 0
    if result.changed_rows > most:
        raise BundleError(
            f"The reloaded {name} answers {result.changed_rows} of {result.compared_rows} rows otherwise than the "
            "trained one; no bundle was written.",
            next_step="Ship another contender, and report this with the study's folder.",
        )
    return result


def _write(
    store: StudyStore,
    judged: tuple[Evidence, Decision],
    contender: Contender,
    job: FitJob,
    refit: RefitResult,
    folder: Path,
    target: Path,
    with_weights: bool,
) -> Path:
    facts = BundleFacts(
        contender=contender,
        task=job.task,
        seed=job.seed,
        rows=len(job.texts),
        fingerprint=judged[0].fingerprint,
        dtype=refit.dtype,
        text_columns=tuple(store.fact("text_columns")),
        text_pair=store.fact("text_pair"),
        reference=reference_of(*judged, contender, job.texts),
    )
    card = model_card(
        *judged,
        contender,
        rows_refitted=len(job.texts),
        seconds=refit.seconds,
        share_of_steps=refit.share_of_steps,
        seed=job.seed,
        demonstrations=refit.demonstrations,
        licence=_licence(contender),
        repeat=(store.fact("command"), f"bakeoff ship {shlex.quote(str(store.folder))}"),
        bundle_name=target.name,
    )
    weights = _weights(contender) if with_weights else None
    return write_bundle(target, method_folder=folder, facts=facts, card=card, weights=weights)


def _weights(contender: Contender) -> Path | None:
    """Give the folder of a prompt's model in the Hugging Face layout; None for what holds its weights anyway."""
    if contender.arm == "both":
        raise OptionError(
            f"--with-weights is for a prompt alone; {contender.name} holds its tuned weights, and names the model that "
            "it asks.",
            next_step="Ship it without --with-weights.",
        )
    if contender.arm != "prompt" or contender.model is None:
        return None
    if contender.model_sha256 is None:
        raise OptionError(
            f"{contender.model} is a server, whose weights cannot be shipped.",
            next_step="Ship it without --with-weights.",
        )
    from bakeoff.models.decoder import converted_folder

    return converted_folder(resolve_model(contender.model))


def _contender(evidence: Evidence, name: str) -> Contender:
    found = [contender for contender in evidence.contenders if contender.name == name]
    if not found:
        names = [contender.name for contender in evidence.contenders]
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
        raise OptionError(
            f"A contender of the study is one of {', '.join(names)}; {name!r} came.",
            next_step=f"Did you mean {' or '.join(map(repr, near))}?" if near else "Name one of these, in quotes.",
        )
    if found[0].arm == "current":
        raise OptionError(
            "Today's system is known here by its answers alone and cannot be shipped.",
            next_step="Name a contender that was fitted in the study.",
        )
    check_versions(found)
    return found[0]


def _plan_of(store: StudyStore) -> Plan:
    plan = read_plan(store)
    if plan is None:
        raise StudyError(
            f"The study {store.folder} was stopped before it had a plan.",
            next_step=f"Continue it with: bakeoff resume {shlex.quote(str(store.folder))}",
        )
    return plan


def _licence(contender: Contender) -> str | None:
    return next((entry.licence for entry in entries("model") if entry.name == contender.model), None)
