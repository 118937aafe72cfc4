"""A person settles, blind, the labels of the test rows on which the finalists differ; then all is decided again.

For accuracy only these rows decide between the finalists: a wrong label of a row that both answer alike takes as much
from either.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bakeoff.data import Rows, read_predictions, safe_cell
from bakeoff.decision import decide, finalists
from bakeoff.errors import OptionError, StudyError
from bakeoff.records import Decision, Evidence
from bakeoff.report.aside import write_aside
from bakeoff.study.evidence import gather_evidence, read_adjudicated, read_plan, read_task
from bakeoff.study.parts import read_parts
from bakeoff.study.seen import note_test_rows_shown, were_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.workbench.conclude import conclude, is_decided_by_settled
from bakeoff.workbench.opened import note_shown, opened_study, refuse_undecided
from bakeoff.workbench.options import Watcher

__all__ = [
    "Adjudication",
    "Ask",
    "BlindRow",
    "DecideAgain",
    "adjudicate",
    "allow_settling",
    "blind_row",
    "labels_of",
    "settle",
    "take_back_label",
    "write_sheet",
]

_SHOWN = "the app, for settling labels"

#: Asked for a row's label: the text, how many rows were shown before, and how many are shown in all. None leaves the
#: row open; `StopIteration` ends the asking.
Ask = Callable[[str, int, int], str | None]


@dataclass(frozen=True, slots=True)
class Adjudication:
    """What settling labels came to.

    Parameters
    ----------
    rows : int
        Test rows on which the finalists differ.
    settled, changed : int
        How many of them a person has settled, and given another label than the data.
    before, after : Decision
        By the labels of the data, and by the settled ones.
    """

    rows: int
    settled: int
    changed: int
    before: Decision
    after: Decision


def adjudicate(
    study: Path, *, ask: Ask | None = None, sheet: Path | None = None, most: int | None = None
) -> Adjudication:
    """Let a person settle labels, one by one or by a filled sheet, and decide again; both verdicts are kept.

    Parameters
    ----------
    study : Path
    ask : callable, optional
        Asked for each row that is open yet, in random order; what it gives is kept at once.
    sheet : Path, optional
        A table with a column of row ids (or texts) and one of labels; rows without one stay open.
    most : int, optional
        Rows to ask for.

    Returns
    -------
    Adjudication

    Raises
    ------
    StudyError
        If the study has no two finalists yet, or its rows have no single label.
    DataError
        If the sheet answers none of the rows.
    """
    with StudyStore(study) as store:
        rows = _open_rows(store)
        known = read_adjudicated(store)
        if sheet is not None:
            found = read_predictions(sheet, rows, read_task(store).labels)
            _keep(store, {row: label for row, label in zip(rows.ids, found.values, strict=True) if label is not None})
        if ask is not None:
            asked = [place for place in range(len(rows)) if rows.ids[place] not in known][:most]
            _ask_all(store, rows, asked, ask)
        return _decided(store, rows)


def labels_of(study: Path) -> tuple[str, ...]:
    """Give the labels of a study's task."""
    with StudyStore(study) as store:
        return tuple(read_task(store).labels)


def write_sheet(study: Path, path: Path) -> int:
    """Write the rows that are open yet as a table to fill in: id, text, and an empty label.

    Parameters
    ----------
    study : Path
    path : Path
        Must not be there.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    OptionError
        If the file is there already.
    """
    if path.exists():
        raise OptionError(f"The sheet {path} is there already.", next_step="Name a file that is not, or remove it.")
    with StudyStore(study) as store:
        rows, known = _open_rows(store), read_adjudicated(store)
        note_test_rows_shown(store, f"a sheet for settling labels: {path}")
    left = [(row, text) for row, text in zip(rows.ids, rows.texts, strict=True) if row not in known]
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["id", "text", "label"])
    writer.writerows([row, safe_cell(text), ""] for row, text in left)
    write_aside(path, sheet.getvalue())
    return len(left)


@dataclass(frozen=True, slots=True)
class BlindRow:
    """A row whose label is to be settled, and how far that is.

    Parameters
    ----------
    rows, settled : int
        Test rows on which the finalists differ, and those that were settled.
    labels : tuple of str
    place : int
        Of the row, in an order that tells nothing; `rows` where no open row is left from here on.
    row, text : str or None
        None where no open row is left from here on.
    decided : bool
        Whether ``verdict-adjudicated.json`` is by the labels that are settled now.
    """

    rows: int
    settled: int
    labels: tuple[str, ...]
    place: int
    row: str | None
    text: str | None
    decided: bool = False


def allow_settling(study: Path) -> None:
    """Note that test rows are shown for settling their labels; refused where there is no verdict yet."""
    refuse_undecided(study)
    note_shown(study, _SHOWN)


def blind_row(study: Path, place: int = 0) -> BlindRow | None:
    """Give the first row from a place on that is open yet: neither its label nor who answered what.

    Parameters
    ----------
    study : Path
    place : int

    Returns
    -------
    BlindRow or None
        None until `allow_settling` was called.

    Raises
    ------
    StudyError
        As `adjudicate` does; and while the study runs, or has no verdict yet.
    """
    refuse_undecided(study)
    with opened_study(study) as store:
        rows, known = _open_rows(store), read_adjudicated(store)
        if not were_test_rows_shown(store, _SHOWN):
            return None
        labels, decided = tuple(read_task(store).labels), is_decided_by_settled(store)
    settled = sum(row in known for row in rows.ids)
    at = next((at for at in range(max(place, 0), len(rows)) if rows.ids[at] not in known), None)
    if at is None:
        return BlindRow(len(rows), settled, labels, len(rows), None, None, decided)
    return BlindRow(len(rows), settled, labels, at, rows.ids[at], rows.texts[at], decided)


def settle(study: Path, row: str, label: str) -> None:
    """Keep at once the label that a person gives a row.

    Parameters
    ----------
    study : Path
    row : str
        Id of a row on which the finalists differ.
    label : str

    Raises
    ------
    OptionError
        If there is no such row or label.
    """
    refuse_undecided(study)
    with opened_study(study) as store:
        if row not in _open_rows(store).ids or label not in read_task(store).labels:
            raise OptionError(
                "That is no row on which the finalists differ, or no label.", next_step="Load the page again."
            )
        _keep(store, {row: label})


def take_back_label(study: Path) -> int:
    """Open the row again that was settled last.

    Parameters
    ----------
    study : Path

    Returns
    -------
    int
        Its place; 0 where none was settled.
    """
    refuse_undecided(study)
    with opened_study(study) as store:
        ids, known = _open_rows(store).ids, read_adjudicated(store)
        last = next((row for row in reversed(known) if row in ids), None)
        if last is None:
            return 0
        del known[last]
        store.set_fact("adjudicated", known)
        return ids.index(last)


@dataclass(frozen=True, slots=True)
class DecideAgain:
    """Decide by the labels of the data and by the settled ones, as a piece of work for a process of its own."""

    study: Path

    def do(self, watcher: Watcher) -> tuple[int, int, int]:
        """Write both verdicts, and give how many rows there are, are settled, and have another label now."""
        watcher.step("deciding by the labels of the data, and by the settled ones")
        found = adjudicate(self.study)
        return found.rows, found.settled, found.changed


def _open_rows(store: StudyStore) -> Rows:
    """Give the test rows on which the finalists differ with any seed, in an order that tells nothing."""
    evidence = gather_evidence(store)
    if evidence.task.kind != "classification":
        raise StudyError(
            f"Labels are settled where each text has one; the rows of this study are of the kind {evidence.task.kind}.",
            next_step="Say blind which answers are the better: bakeoff rate STUDY"
            if evidence.task.kind == "generation"
            else "Mend the labels in the file, and run the study again.",
        )
    places = _differing(evidence)
    order = np.random.default_rng(evidence.seed).permutation(len(places))
    return read_parts(store, read_plan(store)).test.take([places[at] for at in order])


def _differing(evidence: Evidence) -> list[int]:
    met = finalists(evidence)
    tuned, asked = met.get("finetune", ()), met.get("prompt", ())
    if not tuned or not asked or evidence.folds:
        why = "cross-fits its rows" if evidence.folds else "has no finalist of both ways yet"
        raise StudyError(
            f"Labels are settled between the finalists of a study with one test part; this one {why}.",
            next_step="Run it with --split one." if evidence.folds else "Go on with 'bakeoff resume'.",
        )
    # A contender without seeds stands beside every seed of the other.
    seeds = max(len(tuned), len(asked))
    pairs = [(tuned[min(seed, len(tuned) - 1)], asked[min(seed, len(asked) - 1)]) for seed in range(seeds)]
    rows = range(len(evidence.test_labels))
    return [row for row in rows if any(a.test_answers[row] != b.test_answers[row] for a, b in pairs)]


def _keep(store: StudyStore, settled: dict[str, str]) -> None:
    known = {row: label for row, label in read_adjudicated(store).items() if row not in settled}
    store.set_fact("adjudicated", {**known, **settled})  # what was settled last stands last


def _ask_all(store: StudyStore, rows: Rows, places: Sequence[int], ask: Ask) -> None:
    note_test_rows_shown(store, f"{len(places)} for settling labels")
    for number, place in enumerate(places):
        try:
            label = ask(rows.texts[place], number, len(places))
        except StopIteration:
            return
        if label is not None:
            _keep(store, {rows.ids[place]: label})


def _decided(store: StudyStore, rows: Rows) -> Adjudication:
    settled = read_adjudicated(store)
    changed = sum(settled.get(row, label) != label for row, label in zip(rows.ids, rows.labels, strict=True))
    _evidence, before = conclude(store)
    after = decide(gather_evidence(store, adjudicated=True)) if settled else before
    return Adjudication(len(rows), sum(row in settled for row in rows.ids), changed, before, after)
