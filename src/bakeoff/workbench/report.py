"""Write a study's report again from its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bakeoff.records import Assumptions
from bakeoff.ship import read_bundle
from bakeoff.study.evidence import read_task
from bakeoff.study.store import StudyStore
from bakeoff.workbench.assume import assume, check_cost_labels, check_costs_fit
from bakeoff.workbench.conclude import Outcome, conclude
from bakeoff.workbench.next_command import seconds_to_go_on
from bakeoff.workbench.shown_rows import choose_texts

__all__ = ["report"]


def report(
    study: Path, assumed: Sequence[str] = (), cost_matrix: Path | None = None, *, texts: bool | None = None
) -> Outcome:
    """Decide again on the records of a study, and write its files anew.

    Parameters
    ----------
    study : Path
    assumed : sequence of str
        ``NAME=VALUE`` for assumptions that shall be others from now on; the study keeps them.
    cost_matrix : Path, optional
        File of costs by true and answered label, likewise.
    texts : bool, optional
        Whether test rows are shown with their texts; likewise.

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the folder holds no study.
    NoVerdictError
        If no trial was finished.
    OptionError, DataError
        If an assumption is not allowed.
    """
    with StudyStore(study) as store:
        if assumed or cost_matrix is not None:
            before = Assumptions(**(store.fact("assumptions") or {}))
            after = assume(before, {}, assumed, cost_matrix)
            check_costs_fit(after, read_task(store).kind)
            check_cost_labels(after, read_task(store).labels)
            store.set_fact("assumptions", asdict(after))
            store.note("assumptions", f"{', '.join(assumed)}{f' {cost_matrix}' if cost_matrix else ''}")
        choose_texts(store, texts)
        evidence, decision = conclude(store)
        more = seconds_to_go_on(store, decision)
        bundle = study / "bundle"
        chosen = decision.verdict.contender or decision.verdict.meanwhile
        ours = bundle.is_dir() and read_bundle(bundle).facts.contender.name == chosen
        return Outcome(study, store.fact("name"), evidence, decision, bundle if ours else None, "", more)
