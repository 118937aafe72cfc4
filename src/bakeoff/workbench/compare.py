"""Look at two contenders of a study, or at two files of answers, side by side."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data import Predictions, Rows, read_predictions
from bakeoff.decision.look import Look, look_at
from bakeoff.decision.panel import Panel
from bakeoff.errors import DataError, OptionError
from bakeoff.records import Contender, Evidence, Trial, Usage
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.store import StudyStore
from bakeoff.tasks import ONE_LABEL, Task, default_metric, task_of_kind
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.rows import read_source
from bakeoff.workbench.studies import read_verdict

__all__ = ["Compared", "compare_answers", "compare_contenders"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A look at two, and what has to be known to read it.

    Parameters
    ----------
    where : str
        The study, or the labelled rows.
    look : Look
    declared : bool
        Whether the study declared this comparison before it ran; then its verdict.json holds the corrected p-value.
    notes : tuple of str
        One sentence each.
    """

    where: str
    look: Look
    declared: bool
    notes: tuple[str, ...] = ()


def compare_contenders(study: Path, a: str, b: str, *, n: int | None = None) -> Compared:
    """Compare two contenders of a study on its test rows; the study notes that someone looked.

    Parameters
    ----------
    study : Path
        With a verdict: before it, nobody sees test answers.
    a, b : str
        Names, as on the leaderboard.
    n : int, optional
        Label budget; that of the verdict where both were measured there, else the largest that both have.

    Returns
    -------
    Compared

    Raises
    ------
    StudyError
        If the folder holds no study, or one without a verdict.
    OptionError
        If there is no such contender, or the two do not meet at `n`.
    """
    with StudyStore(study) as store:
        verdict = read_verdict(study)
        panel = Panel(gather_evidence(store))
        for name in (a, b):
            _check_name(panel, name)
        _check_different(a, b)
        at = _meeting(panel, a, b, n, verdict["verdict"].get("n"))
        one, other = panel.cell(a, at), panel.cell(b, at)
        assert one is not None
        assert other is not None
        store.note("compared", f"{a} with {b} at n = {at}")
    declared = any({found["a"], found["b"]} == {a, b} and found["n"] == at for found in verdict["comparisons"])
    return Compared(str(study), look_at(panel, one, other, at), declared)


def compare_answers(source: str, data: DataOptions, a: Path, b: Path) -> Compared:
    """Compare two files of answers on labelled rows.

    Parameters
    ----------
    source : str
        Rows with their labels; of a folder with splits, its test rows.
    data : DataOptions
        How to read them; one label a row.
    a, b : Path
        Tables with the texts or ids of the rows, and a column of answers.

    Returns
    -------
    Compared

    Raises
    ------
    DataError
        If a file cannot be read, or answers none of the rows.
    OptionError
        If a row has not just one label.
    """
    _check_different(str(a), str(b))
    read = read_source(source, data)
    if read.kind not in ONE_LABEL:
        raise OptionError(
            f"Files of answers are compared where a row has one label; {read.name} is of the kind {read.kind}.",
            next_step="Give rows with one label each.",
        )
    rows = _tested(read.splits)
    labels = tuple(sorted(set(rows.labels)))
    found = [read_predictions(path, rows, labels, encoding=data.encoding) for path in (a, b)]
    kept = [place for place in range(len(rows)) if any(one.values[place] is not None for one in found)]
    if not kept:
        raise DataError(
            f"{a} and {b} must hold labels of {source} ({', '.join(labels[:8])}); no answer is one.",
            next_step="Name the column of answers 'prediction'.",
        )
    metric = default_metric(read.kind, rows.labels)
    task = task_of_kind(read.kind, name=read.columns.label or "label", labels=labels, metric=metric)
    names = (a.name, b.name) if a.name != b.name else (str(a), str(b))
    answers = {name: tuple(one.values[place] for place in kept) for name, one in zip(names, found, strict=True)}
    panel = Panel(_evidence(task, answers, tuple(rows.labels[place] for place in kept)))
    one, other = (panel.cell(name, 0) for name in names)
    assert one is not None
    assert other is not None
    return Compared(str(source), look_at(panel, one, other, 0), declared=False, notes=_notes(names, found, rows, kept))


def _evidence(task: Task, answers: Mapping[str, tuple[str | None, ...]], labels: tuple[str, ...]) -> Evidence:
    """Give answers that no seed changes as evidence, on which all figures are computed as those of a study are."""
    return Evidence(
        task=task,
        contenders=tuple(_given(name) for name in answers),
        trials=tuple(_answered(name, values) for name, values in answers.items()),
        validation_labels=(),
        test_labels=labels,
        rows={"test": len(labels)},
        fingerprint="",
        checks=(),
        text_words=math.nan,
    )


def _tested(splits: Sequence[tuple[str, Rows]]) -> Rows:
    known = dict(splits)
    return known.get("test") or known.get("all") or splits[0][1]


def _check_name(panel: Panel, name: str) -> None:
    known = [one for one in panel.contenders if panel.budgets(one)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
        raise OptionError(
            f"A contender of the study is one of {', '.join(known)}; {name!r} came.",
            next_step=f"Did you mean {' or '.join(map(repr, near))}?" if near else "Name one of these, in quotes.",
        )


def _check_different(a: str, b: str) -> None:
    if a == b:
        raise OptionError(f"Two are compared; {a!r} came twice.", next_step="Name another one.")


def _meeting(panel: Panel, a: str, b: str, n: int | None, decided: int | None) -> int:
    budgets = {budget for name in (a, b) for budget in panel.budgets(name)}
    common = sorted(at for at in budgets if panel.cell(a, at) is not None and panel.cell(b, at) is not None)
    if n is not None and n in common:
        return n
    if not common or n is not None:
        told = ", ".join(map(str, common)) if common else "no label budget"
        raise OptionError(
            f"{a!r} and {b!r} meet at {told}{'' if n is None else f'; --n {n} came'}.",
            next_step="Choose one of these with --n, or leave it away." if common else "Compare two that meet.",
        )
    return decided if decided in common else common[-1]


def _given(name: str) -> Contender:
    return Contender(
        name=name,
        method="predictions",
        version="1",
        arm="current",
        model=None,
        model_sha256=None,
        parameters={},
        seeded=False,
        uses_labels=False,
    )


def _answered(name: str, values: tuple[str | None, ...]) -> Trial:
    return Trial(
        key=name,
        contender=name,
        n=0,
        seed=0,
        status="done",
        reason=None,
        validation_answers=(),
        test_answers=values,
        fit_seconds=0.0,
        p50_ms=math.nan,
        p95_ms=math.nan,
        rows_per_second=math.nan,
        size_mb=math.nan,
        usage=Usage(),
        details={},
    )


def _notes(names: Sequence[str], found: Sequence[Predictions], rows: Rows, kept: Sequence[int]) -> tuple[str, ...]:
    notes = []
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept):,} of {len(rows):,} rows, which neither file answers, are left out.")
    for name, one in zip(names, found, strict=True):
        missing = sum(one.values[place] is None for place in kept)
        if missing:
            notes.append(f"{name} has no answer to {missing:,} of the rows; they count as wrong.")
    return tuple(notes)
