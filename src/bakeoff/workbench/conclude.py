"""From records to a verdict and its files; the last part of every verb that ends a study."""

from __future__ import annotations

import datetime
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from bakeoff import __version__
from bakeoff.decision import decide
from bakeoff.errors import NoVerdictError
from bakeoff.records import Decision, Evidence
from bakeoff.study.evidence import read_adjudicated
from bakeoff.study.growth import verdict_file
from bakeoff.study.measured import measured_evidence
from bakeoff.study.store import StudyStore
from bakeoff.workbench.next_command import next_command, seconds_to_go_on

__all__ = ["Outcome", "conclude", "is_decided_by_settled"]

_SETTLED_FILE = "verdict-adjudicated.json"
#: Fact of a study: which settled labels that file is by.
_SETTLED_FACT = "adjudicated_decided"


class _Told(TypedDict):
    """What page and memo are told beside evidence and decision."""

    created: str
    version: str
    title: str
    commands: tuple[str, ...]
    next_command: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study came to.

    Parameters
    ----------
    folder : Path
        The study's.
    title : str
        What was measured.
    evidence : Evidence
    decision : Decision
    bundle : Path or None
        The shipped winner; None where nothing was shipped.
    shipped_note : str
        Why nothing was shipped, or how the reload compared.
    seconds_to_go_on : float or None
        Time limit with which `bakeoff resume` runs the seeds that the verdict lacks; None where it lacks none.
    """

    folder: Path
    title: str
    evidence: Evidence
    decision: Decision
    bundle: Path | None
    shipped_note: str
    seconds_to_go_on: float | None = None

    @property
    def resolved(self) -> bool:
        """Whether there is a verdict."""
        return self.decision.verdict.choice != "unresolved"


def conclude(store: StudyStore) -> tuple[Evidence, Decision]:
    """Decide on what was measured, and write ``verdict.json``, ``leaderboard.csv``, ``report.html`` and ``memo.md``.

    Where a person settled labels, what is decided by these is written to ``verdict-adjudicated.json``, and told among
    the reasons; the verdict stays that by the labels of the data. Where nothing is settled any more, that file is
    removed.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    evidence : Evidence
    decision : Decision

    Raises
    ------
    NoVerdictError
        If no trial was finished.
    """
    from bakeoff.report.leaderboard_file import write_leaderboard
    from bakeoff.report.verdict_file import verdict_document, write_verdict

    evidence = measured_evidence(store)
    try:
        if read_adjudicated(store):
            evidence = replace(evidence, missing=(*evidence.missing, _settled(store)))
        else:
            (store.folder / _SETTLED_FILE).unlink(missing_ok=True)
        evidence = replace(evidence, missing=(*evidence.missing, *_before_rows(store)))
        decision = decide(evidence)
    except NoVerdictError as error:
        again = f"bakeoff resume {shlex.quote(str(store.folder))} --time-limit 10m"
        raise NoVerdictError(f"{error} Give it more time with: {again}") from error
    created = _now()
    write_verdict(
        store.folder / "verdict.json", verdict_document(evidence, decision, created=created, version=__version__)
    )
    write_leaderboard(store.folder / "leaderboard.csv", decision.leaderboard, _further(evidence, decision))
    _write_pages(store, evidence, decision, created)
    return evidence, decision


def _further(evidence: Evidence, decision: Decision) -> Mapping[tuple[str, int], Mapping[str, float]]:
    """Give what the leaderboard tells beside, where texts are written."""
    from bakeoff.decision.panel import Panel
    from bakeoff.report.written import written

    found = written(Panel(evidence), decision) if evidence.task.kind == "generation" else None
    return {} if found is None else found.rows


def is_decided_by_settled(store: StudyStore) -> bool:
    """Say whether ``verdict-adjudicated.json`` is there, and by the labels that are settled now."""
    settled = read_adjudicated(store)
    return (
        bool(settled)
        and (store.folder / _SETTLED_FILE).is_file()
        and store.fact(_SETTLED_FACT) == _settled_digest(settled)
    )


def _settled_digest(settled: dict[str, str]) -> str:
    """Name settled labels, in whatever order they were settled."""
    return hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest()


def _write_pages(store: StudyStore, evidence: Evidence, decision: Decision, created: str) -> None:
    """Write what people read: ``report.html`` and ``memo.md``."""
    from bakeoff.report.aside import write_aside
    from bakeoff.report.memo import render_memo
    from bakeoff.report.page import render_report
    from bakeoff.workbench.shown_rows import shown_rows

    told: _Told = {
        "created": created,
        "version": __version__,
        "title": Path(store.fact("name")).name,
        "commands": (store.fact("command"), f"bakeoff report {shlex.quote(str(store.folder))}"),
        "next_command": next_command(store.folder, seconds_to_go_on(store, decision)),
    }
    rows = shown_rows(store, evidence, decision)
    write_aside(store.folder / "report.html", render_report(evidence, decision, **told, rows=rows))
    write_aside(store.folder / "memo.md", render_memo(evidence, decision, **told))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _before_rows(store: StudyStore) -> tuple[str, ...]:
    """Write the verdicts that stood before training rows were added, as they were, and tell each in one sentence."""
    from bakeoff.report.aside import write_aside

    told = []
    for growth in store.growths():
        document, path = json.loads(growth.verdict), store.folder / verdict_file(growth.number)
        if not path.is_file():
            write_aside(path, growth.verdict)
        verdict = document["verdict"]
        named = f" ({verdict['contender']})" if verdict.get("contender") else ""
        told.append(
            f"With {growth.train_rows:,} training rows the choice was {verdict['choice']}{named}, "
            f"{document['created'][:10]}; see {path.name}."
        )
    return tuple(told)


def _settled(store: StudyStore) -> str:
    """Decide by the labels that a person settled, write that verdict, and tell it in one sentence."""
    from bakeoff.report.verdict_file import verdict_document, write_verdict

    evidence = measured_evidence(store, adjudicated=True)
    decision = decide(evidence)
    path = store.folder / _SETTLED_FILE
    write_verdict(path, verdict_document(evidence, decision, created=_now(), version=__version__))
    store.set_fact(_SETTLED_FACT, _settled_digest(read_adjudicated(store)))
    verdict = decision.verdict
    named = f" ({verdict.contender})" if verdict.contender else ""
    return (
        f"By the labels of {len(read_adjudicated(store))} test rows that a person settled blind the choice is "
        f"{verdict.choice}{named}; see {path.name}."
    )
