"""Read and clean labelled rows from a file, a folder, the catalogue or the hub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bakeoff.data.cells import KINDS, divider_of, infer_kind, single_texts, written_labels, written_texts
from bakeoff.data.check import Check, counted, first_rows
from bakeoff.data.columns import Columns, find_columns
from bakeoff.data.forms import label_names
from bakeoff.data.frames import is_in_memory, source_name, tables_in_memory
from bakeoff.data.hub import HUB_PREFIX, read_hub
from bakeoff.data.read import EXTENSIONS, missing_file, read_table
from bakeoff.data.rows import Rows, Source
from bakeoff.data.table import Table
from bakeoff.data.times import sortable_times
from bakeoff.errors import DataError, OptionError

__all__ = ["read_rows"]

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_ORDER = ("all", "train", "validation", "test")
_MERGED = "other"


@dataclass
class _Part:
    """One split while it is cleaned."""

    split: str
    source: str
    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    times: list[str] | None
    numbers: list[int]
    kind: str
    unlabelled: tuple[str, ...] = ()

    def keep(self, wanted: Sequence[bool]) -> None:
        """Drop the rows that are not wanted."""
        for field in ("texts", "labels", "groups", "times", "numbers"):
            values = getattr(self, field)
            if values is not None:
                setattr(self, field, [value for value, keep in zip(values, wanted, strict=True) if keep])


def read_rows(
    source: Any,
    *,
    text: Sequence[str] = (),
    label: str | None = None,
    group: str | None = None,
    time: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    min_label_rows: int = 1,
    rare: Literal["drop", "merge"] = "drop",
    text_pair: str | None = None,
    kind: str = "auto",
) -> Source:
    """Read labelled rows; those without a text are dropped, those without a label kept apart, and all changes noted.

    Parameters
    ----------
    source : str, Path or a table in memory
        A file, a folder with files of splits, a catalogue's name, ``hf:owner/name``, or see `tables_in_memory`.
    text : sequence of str
        Columns of the text, by name or position; several are joined by a line break.
    text_pair, label, group, time : str, optional
        Columns of a pair's second text, the label, the group whose rows stay together, and the time.
    encoding, delimiter, header : see `read_table`
    min_label_rows, rare : Labels with fewer rows over all splits are dropped, or merged into ``other``.
    kind : str
        Kind of the task, one of `KINDS`; ``"auto"`` tells it by the columns.

    Returns
    -------
    Source

    Raises
    ------
    DataError, OptionError, SourceError
        If nothing can be read or reached, no label is found, all rows have one label, or an option is none of these.
    """
    _refuse_options(min_label_rows, rare, kind)
    tables, notes = _tables(source, encoding, delimiter, header)
    columns = find_columns(tables[0][1], text=text, text_pair=text_pair, label=label, group=group, time=time, kind=kind)
    _refuse_lacking(tables, columns, kind)
    parts = _parts(tables, columns, kind, notes)
    _treat_rare(parts, min_label_rows, rare, notes)
    _judge_labels(parts, source_name(source), notes)
    bare = sum((part.unlabelled for part in parts), ())
    return Source(source_name(source), _with_ids(parts), columns, tuple(notes), bare)


def _parts(tables: Sequence[tuple[str, Table]], columns: Columns, kind: str, notes: list[Check]) -> list[_Part]:
    """Write the rows of all splits by the kind of task, and drop the empty ones."""
    found = infer_kind(tables[0][1], columns) if kind == "auto" else kind
    divider = divider_of([table for _, table in tables], columns) if found == "multi-label" else None
    parts = [_part(split, table, columns, (found, divider), notes) for split, table in tables]
    _drop_empty(parts, notes)
    _sort_times(parts)
    return parts


def _refuse_options(min_label_rows: int, rare: str, kind: str) -> None:
    if kind not in ("auto", *KINDS):
        raise OptionError(
            f"The kind of the task is one of auto, {', '.join(KINDS)}; {kind!r} came.",
            next_step="Choose one of these with --task.",
        )
    if min_label_rows < 1 or rare not in ("drop", "merge"):
        raise OptionError(
            f"min_label_rows must be at least 1 and rare 'drop' or 'merge'; got {min_label_rows} and {rare!r}.",
            next_step="Correct the option.",
        )


def _tables(
    source: Any, encoding: str | None, delimiter: str | None, header: bool
) -> tuple[list[tuple[str, Table]], list[Check]]:
    """Find what is meant and read it, the rows to learn from first."""
    notes: list[Check] = []
    path = Path(source_name(source))
    if is_in_memory(source):
        tables = _known_splits(tables_in_memory(source), notes)
    elif str(source).startswith(HUB_PREFIX):
        tables = _known_splits(read_hub(str(source)), notes)
    else:
        if not path.exists():
            path = _pulled(str(source))
        files = _split_files(path) if path.is_dir() else [("all", path)]
        tables = [
            (split, read_table(file, encoding=encoding, delimiter=delimiter, header=header)) for split, file in files
        ]
    for split, table in tables:
        where = f"{split}: " if len(tables) > 1 else ""
        notes.extend(Check(note.name, note.status, where + note.detail) for note in table.notes)
    return sorted(tables, key=lambda part: _ORDER.index(part[0])), notes


def _known_splits(found: Sequence[tuple[str, Table]], notes: list[Check]) -> list[tuple[str, Table]]:
    if len(found) == 1:
        return [("all", found[0][1])]
    tables = [(_SPLIT_NAMES[split], table) for split, table in found if split in _SPLIT_NAMES]
    other = [split for split, _ in found if split not in _SPLIT_NAMES]
    if other:
        notes.append(Check("splits", "WARN", f"Not read: {', '.join(other)}."))
    if "train" not in dict(tables):
        raise DataError(
            f"A data set must have a split named train; it has {', '.join(split for split, _ in found)}.",
            next_step="Download the split that you mean and give its path.",
        )
    return tables


def _pulled(name: str) -> Path:
    from bakeoff.catalog import entries, pull

    names = tuple(entry.name for entry in entries("data"))
    if name not in names:
        raise missing_file(Path(name), names)
    return pull(name)


def _split_files(folder: Path) -> list[tuple[str, Path]]:
    """Find the files of the splits by their names; a folder with one file of rows is that file."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in EXTENSIONS)
    found: dict[str, list[Path]] = {}
    for file in files:
        split = _SPLIT_NAMES.get(re.split(r"[-_.]", file.stem.lower())[0])
        if split:
            found.setdefault(split, []).append(file)
    twice = next((split for split, several in found.items() if len(several) > 1), None)
    if twice:
        raise DataError(
            f"The folder {folder} must have one file of {twice} rows; it has "
            f"{', '.join(file.name for file in found[twice])}.",
            next_step="Keep one of them, or name a file instead of the folder.",
        )
    if "train" in found:
        return [(split, several[0]) for split, several in found.items()]
    # A licence or a description may lie beside the rows.
    rows = [file for file in files if file.suffix.lower() not in (".txt", ".json")] or files
    if len(rows) == 1 and not found:
        return [("all", rows[0])]
    there = ", ".join(file.name for file in rows) or "no file of rows"
    raise DataError(
        f"A folder of rows must have a train file (train.csv, train.jsonl, ...); {folder} has {there}.",
        next_step="Rename the file to learn from, or name one file instead of the folder.",
    )


def _refuse_lacking(tables: Sequence[tuple[str, Table]], columns: Columns, kind: str) -> None:
    source = tables[0][1].source
    if columns.label is None:
        names = ", ".join(repr(name) for name in tables[0][1].columns)
        if len(tables[0][1].columns) == 1 and re.search(r"[^,;\t|][,;\t|][^,;\t|]", columns.text[0]):
            raise DataError(
                f"{source} was read as one column, {names}: its cells seem to be divided by another sign.",
                next_step="Leave --delimiter away, so that the sign is found, or give the right one.",
            )
        raise DataError(
            f"No column of {source} looks like a label beside the text {columns.text[0]!r}; there are {names}.",
            next_step="Name it with --label; or label a sample by hand: bakeoff label DATA --write SHEET",
        )
    if columns.text_pair is not None and kind == "classification":
        raise DataError(
            f"{source} has pairs of texts ({columns.text[0]!r} and {columns.text_pair!r}); one text a row is needed.",
            next_step=f"Say --task pair, join them with --text {columns.text[0]} --text {columns.text_pair}, or name "
            "one with --text.",
        )
    needed = [*columns.text, columns.text_pair, columns.label, columns.group, columns.time]
    for _, table in tables[1:]:
        lacking = [name for name in needed if name is not None and name not in table.columns]
        if lacking:
            raise DataError(
                f"{table.source} must have the columns of {source}; it has no {lacking[0]!r}.",
                next_step="Give all files of the folder the same column names.",
            )


def _part(split: str, table: Table, columns: Columns, form: tuple[str, str | None], notes: list[Check]) -> _Part:
    kind, divider = form
    texts, labels = written_texts(table, columns, kind), written_labels(table, columns, kind, divider)
    groups = None
    if columns.group is not None:
        groups = [group.strip() for group in single_texts(table, columns.group, "group")]
        bare = [number for number, group in zip(table.row_numbers, groups, strict=True) if not group]
        if bare:
            detail = f"{counted(len(bare), 'row')} without a group ({first_rows(bare)}): each is a group of its own."
            notes.append(Check("groups", "WARN", detail))
        numbered = zip(table.row_numbers, groups, strict=True)
        groups = [group or f"row {number} of {table.source}" for number, group in numbered]
    times = list(single_texts(table, columns.time, "time")) if columns.time is not None else None
    return _Part(split, table.source, texts, labels, groups, times, list(table.row_numbers), kind)


def _drop_empty(parts: Sequence[_Part], notes: list[Check]) -> None:
    for part in parts:
        for what in ("text", "label"):
            values = part.texts if what == "text" else part.labels
            empty = [number for number, value in zip(part.numbers, values, strict=True) if not value.strip()]
            if empty:
                # A test row without a label can neither be scored nor be learned from.
                kept = what == "label" and part.split in ("all", "train")
                if kept:
                    part.unlabelled = tuple(
                        text for text, label in zip(part.texts, values, strict=True) if not label.strip()
                    )
                done = "kept apart" if kept else "dropped"
                detail = f"{counted(len(empty), 'row')} of {part.source} without a {what} {done} ({first_rows(empty)})."
                notes.append(Check("empty", "WARN", detail))
                part.keep([bool(value.strip()) for value in values])
        if not part.texts:
            raise DataError(
                f"{part.source} has no row with both a text and a label.",
                next_step="Check --text and --label; or label a sample by hand: bakeoff label DATA --write SHEET",
            )


def _treat_rare(parts: Sequence[_Part], least: int, rare: Literal["drop", "merge"], notes: list[Check]) -> None:
    counts = Counter(label for part in parts for label in part.labels)
    few = {label for label, count in counts.items() if count < least}
    if least > 1 and parts[0].kind not in ("classification", "pair"):
        raise OptionError(
            f"--min-label-rows counts the rows of labels that stand alone; the kind of these rows is {parts[0].kind}.",
            next_step="Leave it away.",
        )
    if not few:
        return
    rows = sum(counts[label] for label in few)
    shown = ", ".join(sorted(few)[:5]) + (", ..." if len(few) > 5 else "")
    for part in parts:
        if rare == "merge":
            part.labels = [_MERGED if label in few else label for label in part.labels]
        else:
            part.keep([label not in few for label in part.labels])
    done = f"merged into {_MERGED!r}" if rare == "merge" else "dropped"
    detail = (
        f"{counted(len(few), 'label')} with fewer than {least} rows {done}, {counted(rows, 'row')} in all: {shown}."
    )
    notes.append(Check("rare labels", "WARN", detail))


def _judge_labels(parts: Sequence[_Part], source: str, notes: list[Check]) -> None:
    """Refuse a single label and a split without rows; note labels that differ by capitals alone."""
    labels = {label for part in parts for label in part.labels}
    if len(labels) < 2:
        left = f"all rows have {min(labels)!r}" if labels else "no rows are left"
        raise DataError(
            f"At least two different labels are needed in {source}; {left}.",
            next_step="Check --label and --min-label-rows, or add rows of another label.",
        )
    empty = next((part for part in parts if not part.labels), None)
    if empty is not None:
        raise DataError(
            f"No rows are left in {empty.source} after rare labels were dropped.", next_step="Lower --min-label-rows."
        )
    folded: dict[str, set[str]] = {}
    for label in label_names(parts[0].kind, labels):
        folded.setdefault(label.casefold(), set()).add(label)
    alike = [" / ".join(sorted(several)) for several in folded.values() if len(several) > 1]
    if alike:
        detail = f"Labels that differ by capitals alone are kept apart: {'; '.join(sorted(alike)[:5])}."
        notes.append(Check("label case", "WARN", detail))


def _sort_times(parts: Sequence[_Part]) -> None:
    """Read the times of all splits in one way, where there are any."""
    if parts[0].times is None:
        return
    values = [time for part in parts for time in part.times or ()]
    places = [f"row {number} of {part.source}" for part in parts for number in part.numbers]
    times = iter(sortable_times(values, places))
    for part in parts:
        part.times = [next(times) for _ in part.numbers]


def _with_ids(parts: Sequence[_Part]) -> tuple[tuple[str, Rows], ...]:
    """Make the rows; test rows get their ids first, so that rows added to train leave them as they are."""
    seen: Counter[str] = Counter()
    made = {
        part.split: Rows.of(
            part.texts,
            part.labels,
            groups=part.groups,
            times=part.times,
            row_numbers=part.numbers,
            source=part.source,
            seen=seen,
            kind=part.kind,
        )
        for part in reversed(parts)
    }
    return tuple((part.split, made[part.split]) for part in parts)
