"""Whether a person could have read test rows: a study notes every time that it shows some."""

from __future__ import annotations

from bakeoff.study.store import StudyStore

__all__ = ["note_test_rows_shown", "were_test_rows_shown"]

_KIND = "test rows shown"


def note_test_rows_shown(store: StudyStore, detail: str) -> None:
    """Note that test rows are shown to a person, before they are; the same detail is noted once.

    Parameters
    ----------
    store : StudyStore
    detail : str
        Where, and how many.
    """
    if not any((kind, told) == (_KIND, detail) for _at, kind, told in store.events()):
        store.note(_KIND, detail)


def were_test_rows_shown(store: StudyStore, detail: str | None = None) -> bool:
    """Say whether test rows were ever shown, wherever that was; or in one place, as it was noted."""
    return any(kind == _KIND and detail in (None, told) for _at, kind, told in store.events())
