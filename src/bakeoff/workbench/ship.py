"""Ship a contender: refit it on every labelled row, write its bundle, and compare that with what was trained."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from bakeoff.catalog import entries
from bakeoff.errors import BundleError, OptionError, StudyError, TrialError
from bakeoff.records import Contender, Decision, Evidence
from bakeoff.ship import BundleFacts, model_card, write_bundle
from bakeoff.study.evidence import read_plan, read_task
from bakeoff.study.executors.jobs import FitJob, JobFailed, RefitJob, RefitResult
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.plan import Plan
from bakeoff.study.store import PARTS, StudyStore
from bakeoff.workbench.conclude import conclude
from bakeoff.workbench.options import Watcher

__all__ = ["ship", "ship_contender"]

#: Rows that the trained and the reloaded method both answer.
COMPARED_ROWS = 64
#: Without a time limit a refit still has an end.
MOST_SECONDS = 6 * 3600.0


def ship(
    study: Path, *, contender: str | None = None, output: Path | None = None, watcher: Watcher | None = None
) -> tuple[Path, str]:
    """Ship a contender of a finished study: the chosen one, or any other by its name.

    Parameters
    ----------
    study : Path
    contender : str, optional
    output : Path, optional
        Where the bundle will stand; ``bundle`` in the study's folder where not given, with the contender's name where
        it is not the chosen one.
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
    with StudyStore(study) as store:
        evidence, decision = conclude(store)
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
            return ship_contender(store, evidence, decision, name, target, executor, watcher=watcher)


def ship_contender(
    store: StudyStore,
    evidence: Evidence,
    decision: Decision,
    name: str,
    target: Path,
    executor: LocalExecutor,
    *,
    seconds: float = MOST_SECONDS,
    watcher: Watcher | None = None,
) -> tuple[Path, str]:
    """Refit one contender on all labelled rows and write its bundle.

    Parameters
    ----------
    store : StudyStore
    evidence : Evidence
    decision : Decision
    name : str
        The contender's.
    target : Path
        The bundle's folder.
    executor : LocalExecutor
    seconds : float
        Deadline of the refit.
    watcher : Watcher, optional

    Returns
    -------
    bundle : Path
    note : str
        How many rows were answered alike by the trained and by the reloaded method.

    Raises
    ------
    OptionError
        If there is no such contender, or it is not ours to ship.
    TrialError
        If the refit fails.
    BundleError
        If the reloaded method answers otherwise than the trained one.
    """
    watcher = watcher or Watcher()
    contender = _contender(evidence, name)
    plan = _plan_of(store)
    parts = [store.rows(part) for part in PARTS]
    texts = tuple(text for rows in parts for text in rows.texts)
    labels = tuple(label for rows in parts for label in rows.labels)
    job = FitJob(
        method=contender.method,
        task=read_task(store),
        model=contender.model,
        seed=evidence.seed,
        parameters=contender.parameters,
        texts=texts,
        labels=labels,
        validation_texts=(),
        test_texts=(),
        seconds=seconds,
        dtype=plan.dtype,
        device=plan.device,
        allow_send=frozenset(store.fact("wanted")["allow_send"]),
    )
    folder = store.folder / ".refit"
    watcher.step(f"refitting {name} on all {len(texts):,} labelled rows")
    result = executor.run(RefitJob(job, str(folder), texts[:COMPARED_ROWS]))
    try:
        if not isinstance(result, RefitResult):
            reason = result.reason if isinstance(result, JobFailed) else "no result came"
            raise TrialError(f"Refitting {name} failed: {reason}")
        if result.changed_rows:
            raise BundleError(
                f"The reloaded {name} answers {result.changed_rows} of {result.compared_rows} rows otherwise than the "
                "trained one; no bundle was written.",
                next_step="Ship another contender, and report this with the study's folder.",
            )
        facts = BundleFacts(
            contender=contender,
            task=job.task,
            seed=job.seed,
            rows=len(texts),
            fingerprint=evidence.fingerprint,
            dtype=result.dtype,
            text_columns=tuple(store.fact("text_columns")),
        )
        card = model_card(
            evidence,
            decision,
            contender,
            rows_refitted=len(texts),
            seconds=result.seconds,
            seed=job.seed,
            demonstrations=result.demonstrations,
            licence=_licence(contender),
            repeat=(store.fact("command"), f"bakeoff ship {shlex.quote(str(store.folder))}"),
            bundle_name=target.name,
        )
        written = write_bundle(target, method_folder=folder, facts=facts, card=card)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    note = f"reloaded: {result.compared_rows} of {result.compared_rows} answers equal"
    if result.cut:
        note += "; the refit ended at its deadline, with its best so far"
    store.note("shipped", f"{name} to {written}")
    return written, note


def _contender(evidence: Evidence, name: str) -> Contender:
    found = [contender for contender in evidence.contenders if contender.name == name]
    if not found:
        raise OptionError(
            f"The study has no contender {name!r}.",
            next_step=f"Name one of: {', '.join(contender.name for contender in evidence.contenders)}.",
        )
    if found[0].arm == "current":
        raise OptionError(
            "Today's system is known here by its answers alone and cannot be shipped.",
            next_step="Name a contender that was fitted in the study.",
        )
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
