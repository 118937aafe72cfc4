"""Write a study's report again from its records."""

from __future__ import annotations

from pathlib import Path

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
        return Outcome(study, store.fact("name"), evidence, decision, bundle if bundle.is_dir() else None, "")
