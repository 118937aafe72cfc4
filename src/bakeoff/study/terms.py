"""On what terms a study asks servers: as they were settled when it began, or changed when it was resumed."""

from __future__ import annotations

from bakeoff.catalog.terms import ServerTerms
from bakeoff.study.store import StudyStore

__all__ = ["JOURNAL", "read_terms", "write_terms"]

#: File in the study's folder in which every call to a server is written down before it is made; it holds no text.
JOURNAL = "server-calls.jsonl"


def read_terms(store: StudyStore) -> ServerTerms:
    """Give the terms of a study, whose calls are written down in its folder.

    Parameters
    ----------
    store : StudyStore

    Returns
    -------
    ServerTerms
    """
    return ServerTerms.from_json(store.fact("server_terms"), store.folder / JOURNAL)


def write_terms(store: StudyStore, terms: ServerTerms) -> None:
    """Change the terms of a study.

    Parameters
    ----------
    store : StudyStore
    terms : ServerTerms
    """
    store.set_fact("server_terms", terms.to_json())
