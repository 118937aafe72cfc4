"""Write a study's report again from its records."""

from __future__ import annotations

from pathlib import Path

from bakeoff.ship import read_bundle
from bakeoff.study.store import StudyStore
from bakeoff.workbench.conclude import Outcome, conclude

__all__ = ["report"]


def report(study: Path) -> Outcome:
    """Decide again on the records of a study, and write its files anew.

    Parameters
    ----------
    study : Path

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the folder holds no study.
    NoVerdictError
        If no trial was finished.
    """
    with StudyStore(study) as store:
        evidence, decision = conclude(store)
        bundle = study / "bundle"
        chosen = decision.verdict.contender or decision.verdict.meanwhile
        ours = bundle.is_dir() and read_bundle(bundle).facts.contender.name == chosen
        return Outcome(study, store.fact("name"), evidence, decision, bundle if ours else None, "")
