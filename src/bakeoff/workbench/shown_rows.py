"""Test rows for a study's report: whether their texts are shown is the study's choice, and showing them is noted."""

from __future__ import annotations

from bakeoff.decision.panel import Panel
from bakeoff.records import Decision, Evidence
from bakeoff.report.disagreements import shown_trials
from bakeoff.report.row_layout import ShownRows
from bakeoff.study.evidence import read_plan
from bakeoff.study.parts import read_parts
from bakeoff.study.seen import note_test_rows_shown
from bakeoff.study.store import StudyStore

__all__ = ["answered_rows", "choose_texts", "shown_rows"]

_FACT = "report_texts"


def choose_texts(store: StudyStore, texts: bool | None) -> None:
    """Keep whether reports of a study show rows with their texts; None leaves it as it is."""
    if texts is not None:
        store.set_fact(_FACT, texts)


def shown_rows(store: StudyStore, evidence: Evidence, decision: Decision) -> ShownRows:
    """Gather the test rows for a report, and note that they are shown where their texts are.

    Parameters
    ----------
    store : StudyStore
    evidence : Evidence
        Of the store.
    decision : Decision

    Returns
    -------
    ShownRows
    """
    trials = shown_trials(Panel(evidence), decision)
    with_texts = store.fact(_FACT) is not False
    # Kinds of which no row is shown show no text.
    if with_texts and trials and evidence.task.kind != "regression":
        count = len(read_parts(store, read_plan(store)).test)
        note_test_rows_shown(store, f"report.html, with the texts of {count} rows")
    return answered_rows(store, evidence, decision, with_texts=with_texts)


def answered_rows(store: StudyStore, evidence: Evidence, decision: Decision, *, with_texts: bool) -> ShownRows:
    """Gather the test rows with what the verdict's contenders answered; whoever shows them notes that.

    Parameters
    ----------
    store : StudyStore
    evidence : Evidence
        Of the store.
    decision : Decision
    with_texts : bool

    Returns
    -------
    ShownRows
    """
    rows, trials = read_parts(store, read_plan(store)).test, shown_trials(Panel(evidence), decision)
    return ShownRows(
        ids=rows.ids,
        numbers=rows.row_numbers,
        texts=rows.texts if with_texts else None,
        probabilities={trial.key: store.probabilities(trial.key, "test") for trial in trials},
        written={trial.key: store.written(trial.key, "test") for trial in trials},
    )
