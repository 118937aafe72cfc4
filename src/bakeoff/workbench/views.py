"""Parts of a study's report for the app, computed of its records when they are looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from bakeoff.decision import decide
from bakeoff.errors import NoVerdictError, StudyError
from bakeoff.report.sections import Sections, render_sections
from bakeoff.study.folder import STORE_FILE
from bakeoff.study.measured import measured_evidence
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.workbench.opened import note_shown, opened_study, refuse_undecided
from bakeoff.workbench.shown_rows import answered_rows

__all__ = ["allow_view", "row_view", "score_view"]

#: What headings of sections begin with.
_SCORES = ("Score over", "Score against", "Leaderboard")
_ROWS = ("Rows where the finalists differ",)
_SHOWN = "the app, rows where the finalists differ"
#: Studies whose sections are kept, since drawing them takes seconds.
_MOST_KEPT = 8
_KEPT: OrderedDict[tuple[object, ...], Sections] = OrderedDict()
_LOCK = threading.Lock()


def allow_view(study: Path) -> None:
    """Note that the test rows on which the finalists differ are shown; refused where there is no verdict yet."""
    refuse_undecided(study)
    note_shown(study, _SHOWN)


def score_view(study: Path) -> Sections:
    """Give the sections on scores: curves, latency and leaderboard; no test row is in them.

    Parameters
    ----------
    study : Path

    Returns
    -------
    Sections

    Raises
    ------
    StudyError
        If the study runs, or has no verdict yet.
    """
    return _sections(study, rows=False)


def row_view(study: Path) -> Sections | None:
    """Give the section of the test rows on which the finalists differ, with their texts.

    Parameters
    ----------
    study : Path

    Returns
    -------
    Sections or None
        None until `allow_view` was called.

    Raises
    ------
    StudyError
        If the study runs, or has no verdict yet.
    """
    refuse_undecided(study)
    with opened_study(study) as store:
        if not were_test_rows_shown(store, _SHOWN):
            return None
    return _sections(study, rows=True)


def _sections(study: Path, *, rows: bool) -> Sections:
    refuse_undecided(study)
    key = (str(study), rows, *_state(study))
    with _LOCK:
        if key in _KEPT:
            _KEPT.move_to_end(key)
            return _KEPT[key]
    with opened_study(study) as store:
        evidence = measured_evidence(store)
    key = (str(study), rows, *_state(study))
    try:
        decision = decide(evidence)  # takes seconds, in which the records are free
    except NoVerdictError as error:
        raise StudyError(str(error), next_step="Resume the study on its page Progress.") from error
    shown = None
    if rows:
        with opened_study(study) as store:
            shown = answered_rows(store, evidence, decision, with_texts=True)
    found = render_sections(evidence, decision, _ROWS if rows else _SCORES, rows=shown)
    with _LOCK:
        _KEPT[key] = found
        while len(_KEPT) > _MOST_KEPT:
            _KEPT.popitem(last=False)
    return found


def _state(study: Path) -> tuple[int, ...]:
    """Tell whether records may have changed: when their files were last written, and how long they are."""
    files = (study / STORE_FILE, study / f"{STORE_FILE}-wal")
    facts = [path.stat() for path in files if path.exists()]
    return tuple(value for fact in facts for value in (fact.st_mtime_ns, fact.st_size))
