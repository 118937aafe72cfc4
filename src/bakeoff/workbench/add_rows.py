"""Add labelled rows to a study: its training rows grow, and the verdict is decided again on the same test rows."""

from __future__ import annotations

import datetime
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.data import (
    Check,
    Rows,
    Table,
    find_columns,
    fingerprint,
    label_names,
    least_likeness,
    near_by_keys,
    read_table,
    same_key,
    written_texts,
)
from bakeoff.data.cells import single_texts
from bakeoff.errors import DataError, StudyError
from bakeoff.study.contenders import check_versions
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.growth import Growth
from bakeoff.study.measure import plan_grown
from bakeoff.study.store import PARTS, StudyStore
from bakeoff.workbench.conclude import Outcome
from bakeoff.workbench.labelled import rows_with_label, task_labels
from bakeoff.workbench.opened import begun_store
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.run import carry_on
from bakeoff.workbench.where import check_where

if TYPE_CHECKING:
    from bakeoff.tasks import Task

__all__ = ["MoreRows", "add_rows"]


@dataclass(frozen=True, slots=True)
class MoreRows:
    """A file of further labelled rows.

    Parameters
    ----------
    path : Path
    label, group : str or None
        Columns; the label's is that of the study where None, the group's must be named where the study has groups.
    encoding, delimiter, header
        As for `bakeoff.data`.
    """

    path: Path
    label: str | None = None
    group: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True


def add_rows(
    study: Path,
    more: MoreRows,
    *,
    time_limit: float | None = None,
    on: str | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Add labelled rows to a study's training rows, measure at the larger budget, and decide again.

    Test and validation rows stay, and what was measured stays measured: budgets up to the old training rows hold the
    same rows. All is written in one transaction; whoever is stopped after that gives the same command again.

    Parameters
    ----------
    study : Path
    more : MoreRows
    time_limit : float, optional
        Seconds from now.
    on : str, optional
        Where trials run, as in `bakeoff.workbench.run.run`.
    watcher : Watcher, optional

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the study has no verdict yet, cross-fits its rows, or puts the latest into the test.
    DataError
        If the rows have labels that the study has not, or none of them is new.
    """
    watcher = watcher or Watcher()
    check_where(on)
    with begun_store(study) as store:
        check_versions(read_contenders(store))
        _refuse(store)
        digest = hashlib.sha256(more.path.read_bytes()).hexdigest() if more.path.is_file() else ""
        known = next((growth for growth in store.growths() if growth.digest == digest), None)
        if known is None:
            _grow(store, more, digest, time_limit, watcher)
        elif known != store.growths()[-1] or not _is_unfinished(store, known):
            raise DataError(
                f"The rows of {more.path} were added to this study on {known.at[:10]}.",
                next_step=f"See what came of it: bakeoff report {shlex.quote(str(study))}",
            )
        watcher.started(study)
        return carry_on(store, watcher, time_limit, above=store.growths()[-1].train_rows, on=on)


def _refuse(store: StudyStore) -> None:
    """Refuse studies to which rows cannot be added soundly."""
    folder = shlex.quote(str(store.folder))
    anew = "Measure all rows in a study of their own: bakeoff run ALL-ROWS"
    if store.folds():
        raise StudyError(
            f"The study {store.folder} cross-fits its rows: each of them is tested, and its intervals rest on folds of "
            "one size, so rows to learn from alone cannot be added.",
            next_step=f"{anew}, or run that with --split one to add to it later.",
        )
    if store.rows("train").times is not None:
        raise StudyError(
            f"The study {store.folder} tests on its latest rows; later ones to learn from would tell of the time that "
            "is tested.",
            next_step=f"{anew} --time COLUMN.",
        )
    if read_plan(store) is None or not (store.folder / "verdict.json").is_file():
        raise StudyError(
            f"The study {store.folder} has no verdict yet, which is to be kept beside the new one.",
            next_step=f"Finish it first: bakeoff resume {folder}",
        )


def _is_unfinished(store: StudyStore, growth: Growth) -> bool:
    """Say whether trials with more labels are left to run, or what comes after them: the verdict and the bundle."""
    if (store.folder / "verdict.json").read_text(encoding="utf-8") == growth.verdict or _is_bundle_older(store):
        return True
    plan, dropped = read_plan(store), store.fact("dropped") or {}
    done = {(trial.contender, trial.n, trial.seed) for trial in store.trials()}
    return plan is not None and any(
        trial.n > growth.train_rows
        and trial.contender not in dropped
        and (trial.contender, trial.n, trial.seed) not in done
        for trial in plan.trials
    )


def _is_bundle_older(store: StudyStore) -> bool:
    """Say whether the study's bundle is that of other rows, though it was to be shipped anew."""
    from bakeoff.ship.contents import MANIFEST

    manifest = store.folder / "bundle" / MANIFEST
    if not store.fact("wanted").get("ship") or not manifest.is_file():
        return False
    try:
        shipped = json.loads(manifest.read_bytes())
    except ValueError:
        return True
    return not isinstance(shipped, dict) or shipped.get("fingerprint") != store.fact("fingerprint")


def _grow(store: StudyStore, more: MoreRows, digest: str, time_limit: float | None, watcher: Watcher) -> None:
    """Write the new rows with the plan that uses them, and how the study stood before, all or nothing."""
    watcher.step("reading the rows")
    parts = {part: store.rows(part) for part in PARTS}
    added, check = _new_rows(store, more, parts)
    watcher.step(check.detail)
    plan = plan_grown(store, len(added), time_limit)
    before = Growth(
        number=len(store.growths()) + 1,
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        source=str(more.path),
        digest=digest,
        added=len(added),
        train_rows=len(parts["train"]),
        fingerprint=store.fact("fingerprint"),
        plan=json.dumps(store.fact("plan")),
        verdict=(store.folder / "verdict.json").read_text(encoding="utf-8"),
    )
    whole = {**parts, "train": _joined(parts["train"], added)}
    facts: dict[str, Any] = {
        "row_counts": {**store.fact("row_counts"), "train": len(whole["train"])},
        "fingerprint": fingerprint(whole, read_task(store).labels),
        "plan": plan.to_json(),
        "checks": [*store.fact("checks"), asdict(check)],
    }
    store.grow(added, before, facts)
    store.note("rows added", check.detail)


def _joined(one: Rows, other: Rows) -> Rows:
    from bakeoff.data.rows import joined

    return joined([one, other])


def _new_rows(store: StudyStore, more: MoreRows, parts: dict[str, Rows]) -> tuple[Rows, Check]:
    """Give the rows that may be learned from, and tell what was left out."""
    task = read_task(store)
    texts, labels, groups, numbers = _read(store, more, task, parts["train"].groups is not None)
    _refuse_labels(labels, task, more.path)
    held = (*parts["validation"].texts, *parts["test"].texts)
    near, passed_over = near_by_keys(map(same_key, [*held, *texts]), least_likeness(task.kind))
    alike = near.tolist()
    tested = set(alike[: len(held)])
    known = {same_key(text) for text in parts["train"].texts}
    theirs = {group for part in ("validation", "test") for group in parts[part].groups or ()}
    left: Counter[str] = Counter()
    kept: list[int] = []
    for place, text in enumerate(texts):
        if alike[len(held) + place] in tested:
            left["like a test or validation row"] += 1
        elif groups is not None and groups[place] in theirs:
            left["of a group that is tested"] += 1
        elif same_key(text) in known:
            left["copies of training rows"] += 1
        else:
            known.add(same_key(text))
            kept.append(place)
    told = "; ".join(f"{count:,} {why}" for why, count in left.items())
    if not kept:
        raise DataError(f"No row of {more.path} is new to the study: {told}.", next_step="Give other rows.")
    rows = Rows.of(
        [texts[at] for at in kept],
        [labels[at] for at in kept],
        groups=None if groups is None else [groups[at] for at in kept],
        row_numbers=[numbers[at] for at in kept],
        source=str(more.path),
        seen=Counter(text for part in parts.values() for text in part.texts),
        kind=task.kind,
    )
    detail = f"{len(kept):,} training rows added from {more.path.name}{f'; left out: {told}' if told else ''}."
    if passed_over:
        detail += " Of so many rows alike not all pairs were compared: some that were added may be like a test row."
    return rows, Check("rows added", "WARN" if told or passed_over else "PASS", detail)


def _read(
    store: StudyStore, more: MoreRows, task: Task, grouped: bool
) -> tuple[list[str], list[str], list[str] | None, list[int]]:
    """Read texts, labels, groups and row numbers; rows without text or label are passed over."""
    table = read_table(more.path, encoding=more.encoding, delimiter=more.delimiter, header=more.header)
    if grouped and more.group is None:
        raise DataError(
            "The study keeps groups of rows on one side of the split, so those of the new rows must be known.",
            next_step="Name their column with --group.",
        )
    label = more.label or (task.name if task.name in table.columns else None)
    names, pair = tuple(store.fact("text_columns")), store.fact("text_pair")
    _refuse_lacking(table, [name for name in (*names, pair) if name is not None])
    columns = find_columns(table, text=names, text_pair=pair, label=label, group=more.group, kind=task.kind)
    if columns.label is None:
        raise DataError(f"{more.path} has no column of labels.", next_step="Name it with --label.")
    texts = written_texts(table, columns, task.kind)
    told, part = rows_with_label(table, texts, columns.label)
    if not told:
        raise DataError(f"{more.path} has no row with both a text and a label.", next_step="Check --label.")
    groups = None
    if grouped and columns.group is not None:
        groups = [group.strip() for group in single_texts(part, columns.group, "group")]
    return [texts[at] for at in told], task_labels(part, columns, task), groups, list(part.row_numbers)


def _refuse_lacking(table: Table, names: Sequence[str]) -> None:
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise DataError(
            f"{table.source} must have the text columns of the study ({', '.join(names)}); it has "
            f"{', '.join(table.columns)}.",
            next_step="Name its columns as those of the study's rows.",
        )


def _refuse_labels(labels: Sequence[str], task: Task, path: Path) -> None:
    """Refuse labels that the study does not know: no test row has them, so what they change could not be seen."""
    strange = Counter(_strange(labels, task))
    if task.labels and strange:
        shown = ", ".join(f"{label!r} ({count:,})" for label, count in strange.most_common(5))
        raise DataError(
            f"The labels of {path} must be those of the study ({', '.join(task.labels[:8])}); {shown} came, of which "
            "no test row tells anything.",
            next_step="Correct or drop these rows; or measure all rows, the new labels among them, in a study of their "
            "own: bakeoff run ALL-ROWS",
        )


def _strange(labels: Sequence[str], task: Task) -> list[str]:
    """Give the labels, one by one, that a task does not have."""
    known = frozenset(task.labels)
    return [name for label in labels for name in label_names(task.kind, [label]) if name not in known]
