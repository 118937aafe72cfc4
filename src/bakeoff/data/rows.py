"""Labelled rows, and the source that they came from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.check import Check
from bakeoff.data.columns import Columns
from bakeoff.data.duplicates import least_likeness, near_by_keys, numbered, same_key
from bakeoff.data.forms import counts_of, label_names, strata_of

__all__ = ["Rows", "Source", "fingerprint", "joined"]

_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled texts; all fields are as long as `texts`.

    Parameters
    ----------
    ids : tuple of str
        16 hexadecimal digits, made of the text and of how often it came before: the same file gives the same ids.
    texts : tuple of str
        What a method sees.
    labels : tuple of str
        The true labels.
    groups : tuple of str or None
        Rows of one group stay on one side of a split.
    times : tuple of str or None
        ISO 8601 texts, or numbers with leading zeros: their alphabetical order is that of time.
    row_numbers : tuple of int
        Where each row starts in its file.
    source : str
        Name of the file.
    kind : str
        Kind of the task, which says how texts and labels are written; see `bakeoff.data.forms`.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...] | None
    times: tuple[str, ...] | None
    row_numbers: tuple[int, ...]
    source: str
    kind: str = "classification"

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        times: Sequence[str] | None = None,
        row_numbers: Sequence[int] | None = None,
        source: str = "rows",
        seen: Counter[str] | None = None,
        kind: str = "classification",
    ) -> Self:
        """Make rows and give them ids.

        Parameters
        ----------
        texts, labels, groups, times : sequence of str
            One a row.
        row_numbers : sequence of int, optional
            Positions from 1 where left out.
        source : str
            Name of the file.
        seen : Counter, optional
            Texts of other rows of the same source, so that ids differ between them; it is added to.
        kind : str
            Kind of the task.

        Returns
        -------
        Rows

        Raises
        ------
        ValueError
            If the lengths differ.
        """
        numbers = range(1, len(texts) + 1) if row_numbers is None else row_numbers
        lengths = {len(part) for part in (texts, labels, numbers, groups, times) if part is not None}
        if len(lengths) != 1:
            raise ValueError(f"All fields of rows must be of one length; got {sorted(lengths)}.")
        return cls(
            _make_ids(texts, Counter() if seen is None else seen),
            tuple(texts),
            tuple(labels),
            None if groups is None else tuple(groups),
            None if times is None else tuple(times),
            tuple(numbers),
            source,
            kind,
        )

    @property
    def strata(self) -> tuple[str, ...]:
        """The class of each row by which draws and splits are stratified."""
        return strata_of(self.kind, self.labels)

    @property
    def label_counts(self) -> Counter[str]:
        """Rows of each label, of each type of entity for tagging; empty for numbers and texts."""
        return counts_of(self.kind, self.labels)

    def take(self, indices: Iterable[SupportsIndex]) -> Rows:
        """Give the rows at some positions, in that order.

        Parameters
        ----------
        indices : iterable of int
            Positions from 0, such as a numpy array.

        Returns
        -------
        Rows
        """
        at = [index.__index__() for index in indices]
        return Rows(
            tuple(map(self.ids.__getitem__, at)),
            tuple(map(self.texts.__getitem__, at)),
            tuple(map(self.labels.__getitem__, at)),
            None if self.groups is None else tuple(map(self.groups.__getitem__, at)),
            None if self.times is None else tuple(map(self.times.__getitem__, at)),
            tuple(map(self.row_numbers.__getitem__, at)),
            self.source,
            self.kind,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """All rows that were read, as they were divided by their owner.

    Parameters
    ----------
    name : str
        What the user named: a path, or a data set.
    splits : tuple of (name, Rows)
        ``"all"`` alone for one file; else some of ``"train"``, ``"validation"``, ``"test"``.
    columns : Columns
        Which columns were used.
    notes : tuple of Check
        What reading noticed and did.
    unlabelled : tuple of str
        Texts of rows without a label, which are no rows of any split.
    """

    name: str
    splits: tuple[tuple[str, Rows], ...]
    columns: Columns
    notes: tuple[Check, ...] = ()
    unlabelled: tuple[str, ...] = ()
    #: What was made of the rows once, for checks and split alike; it lives as long as the source.
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self.splits)

    @property
    def kind(self) -> str:
        """Kind of the task."""
        return self.splits[0][1].kind

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set, sorted."""
        return label_names(self.kind, (label for _, rows in self.splits for label in rows.labels))

    def keys(self) -> tuple[NDArray[np.int64], list[str]]:
        """Give the `same_key` of each row.

        Returns
        -------
        numbers : array of int64, shape (rows,)
            Of the key of each row, split after split, in the order of their first appearance.
        names : list of str
            Each key once.
        """
        if "keys" not in self._made:
            self._made["keys"] = numbered(same_key(text) for _, rows in self.splits for text in rows.texts)
        numbers, names = self._made["keys"]
        return numbers, names

    def alike(self) -> tuple[NDArray[np.int64], bool]:
        """Give the keys numbers, one for all near-duplicates; and whether some pairs of keys were passed over."""
        if "alike" not in self._made:
            self._made["alike"] = near_by_keys(self.keys()[1], least_likeness(self.kind))
        found, passed_over = self._made["alike"]
        return found, passed_over

    def split(self, name: str) -> Rows | None:
        """Give one of the splits, or None where there is none of that name."""
        return dict(self.splits).get(name)


def joined(parts: Sequence[Rows]) -> Rows:
    """Put rows one after the other.

    Groups and times are kept where all parts have them.

    Parameters
    ----------
    parts : sequence of Rows
        At least one.

    Returns
    -------
    Rows
    """
    if len(parts) == 1:
        return parts[0]
    groups = [rows.groups for rows in parts if rows.groups is not None]
    times = [rows.times for rows in parts if rows.times is not None]
    return Rows(
        tuple(value for rows in parts for value in rows.ids),
        tuple(value for rows in parts for value in rows.texts),
        tuple(value for rows in parts for value in rows.labels),
        tuple(value for part in groups for value in part) if len(groups) == len(parts) else None,
        tuple(value for part in times for value in part) if len(times) == len(parts) else None,
        tuple(value for rows in parts for value in rows.row_numbers),
        parts[0].source,
        parts[0].kind,
    )


def fingerprint(rows_by_split: Mapping[str, Rows], labels: Iterable[str]) -> str:
    """Name a divided set of rows by its content, whatever the order of its rows.

    Parameters
    ----------
    rows_by_split : mapping of str to Rows
        Rows under the name of their split.
    labels : iterable of str
        The label set.

    Returns
    -------
    str
        A sha256 as 64 hexadecimal digits, over ids, labels and splits.
    """
    lines = [
        f"row\0{name}\0{row_id}\0{label}"
        for name, rows in rows_by_split.items()
        for row_id, label in zip(rows.ids, rows.labels, strict=True)
    ]
    lines += [f"label\0{label}" for label in set(labels)]
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode() + b"\n\0")
    return digest.hexdigest()


def _make_ids(texts: Iterable[str], seen: Counter[str]) -> tuple[str, ...]:
    ids = []
    for text in texts:
        before = seen.get(text, 0)
        ids.append(hashlib.sha256(f"{text}\0{before}".encode()).hexdigest()[:_ID_LENGTH])
        seen[text] = before + 1
    return tuple(ids)
