"""The named checks of labelled rows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.check import SHOWN_ROWS, Check, Status, counted, first_rows
from bakeoff.data.duplicates import least_likeness, numbered
from bakeoff.data.forms import references_of, target_of
from bakeoff.data.rows import Rows, Source, joined

__all__ = ["LEAST_COUNTED", "UNEVEN", "check_rows"]

#: Labels with fewer rows do not count in the ratio of the largest to the smallest.
LEAST_COUNTED = 3
#: Above this ratio accuracy hides the small labels.
UNEVEN = 3.0

_LEAST_ROWS = 20
_FEW_ROWS = 200
_RARE = 8
_LONG_WORDS = 400
#: Kinds whose labels a prompt would tell by their names.
_NAMED = ("classification", "pair", "multi-label")

# UTF-8 read as Windows-1252 or Latin-1 leaves these pairs; U+FFFD is what a reader writes for a bad byte.
_MOJIBAKE = re.compile("Ã[\u0080-\u00bf\u0152-\u2122]|Â[\u0080-\u00bf]|â€|â\u0080|ðŸ|\ufffd")
_CODE = re.compile(r"[-+]?\d+(\.\d+)?|[A-Za-z]|(label|class|category|cluster|tag|c|l)[ _-]?\d+", re.IGNORECASE)
_FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*")
_ID = re.compile(r"[\w.:/#-]*\d[\w.:/#-]*")

_Integers = NDArray[np.int64]
#: Names the row at a position.
_Namer = Callable[[int], str]


def check_rows(source: Source) -> tuple[Check, ...]:
    """Look at all rows of a source and report every finding by name.

    Parameters
    ----------
    source : Source
        From `read_rows`.

    Returns
    -------
    tuple of Check
        First the notes of reading that have names of their own, then always, in this order: ``size``, ``encoding``,
        ``empty``, ``duplicates``, ``near-duplicates``, ``conflicting labels``, ``leaks between splits``, ``rare
        classes``, ``class balance``, ``long texts``, ``label names``, ``constant or id-like text``; where labels are
        numbers or texts, ``label range`` or ``target lengths`` in place of what is said of classes. ``FAIL`` is kept
        for what makes a study meaningless.
    """
    rows = joined([part for _, part in source.splits])
    counts, where = rows.label_counts, _namer(source)
    keys, names = source.keys()
    near, passed_over = source.alike()
    found = (
        _size(source, len(rows)),
        _encoding(rows, where),
        _empty(source.notes),
        _duplicates(rows, keys, where),
        _near_duplicates(rows, keys, (near, passed_over), where),
        _conflicts(rows, keys, where),
        _leaks(source, near[keys], where),
        *_of_labels(rows, counts),
        _long(rows, where),
        *([_label_names(counts)] if rows.kind in _NAMED else []),
        _idle_text(rows, keys, names),
    )
    taken = {check.name for check in found}
    return (*(note for note in source.notes if note.name not in taken), *found)


def _of_labels(rows: Rows, counts: Counter[str]) -> list[Check]:
    """Give what is said of the labels: of classes, of numbers, or of texts to write."""
    if rows.kind == "regression":
        return [_range_of(rows)]
    if rows.kind == "generation":
        return [_target_lengths(rows)]
    return [_rare(counts, rows.kind), _balance(counts, rows.kind)]


def _namer(source: Source) -> _Namer:
    """Name rows by their number in the file, and by their split where there are several."""
    ends = list(accumulate(len(rows) for _, rows in source.splits))

    def named(position: int) -> str:
        place = bisect_right(ends, position)
        split, rows = source.splits[place]
        number = rows.row_numbers[position - ends[place] + len(rows)]
        return f"{split}:{number}" if len(ends) > 1 else str(number)

    return named


def _places(where: _Namer, positions: Sequence[int] | _Integers) -> str:
    # One more than is shown says that there are more.
    return first_rows([where(int(position)) for position in positions[: SHOWN_ROWS + 1]])


def _pairs_of(rows: Rows, keys: _Integers) -> tuple[_Integers, _Integers]:
    """Give where each pair of a text and a label comes first, and the key of each such pair."""
    labels, names = numbered(rows.labels)
    first = np.unique(keys * len(names) + labels, return_index=True)[1]
    return first, keys[first]


def _size(source: Source, count: int) -> Check:
    parts = ", ".join(f"{len(rows)} {name}" for name, rows in source.splits)
    if count < _LEAST_ROWS:
        return Check("size", "FAIL", f"{count} rows ({parts}): at least {_LEAST_ROWS} are needed to measure anything.")
    if count < _FEW_ROWS:
        return Check("size", "WARN", f"{count} rows ({parts}): only large differences can show.")
    return Check("size", "PASS", f"{count} rows ({parts}).")


def _encoding(rows: Rows, where: _Namer) -> Check:
    bad = [i for i, text in enumerate(rows.texts) if not text.isascii() and _MOJIBAKE.search(text)]
    if not bad:
        return Check("encoding", "PASS", "No sign of a wrong encoding.")
    texts = f"{counted(len(bad), 'text')} with signs of a wrong encoding, such as 'Ã©' ({_places(where, bad)})"
    return Check("encoding", "WARN", f"{texts}: try --encoding.")


def _empty(notes: Sequence[Check]) -> Check:
    details = [note.detail for note in notes if note.name == "empty"]
    if details:
        return Check("empty", "WARN", " ".join(details))
    return Check("empty", "PASS", "Every row has a text and a label.")


def _duplicates(rows: Rows, keys: _Integers, where: _Namer) -> Check:
    again = np.delete(np.arange(len(rows)), _pairs_of(rows, keys)[0])
    if not len(again):
        return Check("duplicates", "PASS", "No text comes twice with one label.")
    status: Status = "FAIL" if len(again) * 10 > len(rows) * 9 else "WARN"
    detail = (
        f"{counted(len(again), 'row')} with the text and label of an earlier one ({_places(where, again)}): kept once."
    )
    return Check("duplicates", status, detail)


def _near_duplicates(rows: Rows, keys: _Integers, found: tuple[_Integers, bool], where: _Namer) -> Check:
    """Tell of the groups of near-duplicates that have several keys; `found` has the group of each key."""
    near, passed_over = found
    less = " Of so many rows alike not all pairs were compared." if passed_over else ""
    alike = np.flatnonzero(np.bincount(near)[near[keys]] > 1)
    alikeness = f"{least_likeness(rows.kind):.0%} alike or more"
    if not len(alike):
        return Check("near-duplicates", "PASS", f"No two different texts are nearly the same ({alikeness}).{less}")
    groups = near[keys][alike]
    detail = (
        f"{len(alike)} rows in {counted(len(np.unique(groups)), 'group')} nearly the same, {alikeness} "
        f"({_places(where, alike)}): a new split keeps them together."
    )
    return Check("near-duplicates", "WARN", f"{detail}{_torn(rows, groups.tolist(), alike.tolist(), where)}{less}")


def _torn(rows: Rows, groups: Sequence[int], alike: Sequence[int], where: _Namer) -> str:
    """Say which near-duplicates differ in the label, where rows have one label each."""
    if rows.kind not in ("classification", "pair"):
        return ""
    labels: dict[int, set[str]] = {}
    for group, position in zip(groups, alike, strict=True):
        labels.setdefault(group, set()).add(rows.labels[position])
    torn = [position for group, position in zip(groups, alike, strict=True) if len(labels[group]) > 1]
    if not torn:
        return ""
    several = counted(sum(len(found) > 1 for found in labels.values()), "group")
    return f" {several} of them with more than one label ({_places(where, torn)}): a label may be wrong there."


def _conflicts(rows: Rows, keys: _Integers, where: _Namer) -> Check:
    torn = np.flatnonzero(np.bincount(_pairs_of(rows, keys)[1])[keys] > 1)
    if not len(torn):
        return Check("conflicting labels", "PASS", "No text has two labels.")
    if rows.kind == "generation":
        detail = f"{len(torn)} rows share a source and have other targets ({_places(where, torn)})."
        return Check("conflicting labels", "PASS", detail)
    detail = (
        f"{len(torn)} rows share a text and differ in the label ({_places(where, torn)}): no method gets all right."
    )
    status: Status = "FAIL" if len(torn) * 2 > len(rows) else "WARN"
    return Check("conflicting labels", status, detail)


def _leaks(source: Source, near: _Integers, where: _Namer) -> Check:
    """Count test (else validation) rows that are nearly the same as a row outside of it."""
    held = "test" if source.split("test") else "validation" if source.split("validation") else None
    name = "leaks between splits"
    if held is None or len(source.splits) < 2:
        return Check(name, "PASS", "The rows come undivided; a study keeps near-duplicates on one side of its split.")
    sides = [split for split, rows in source.splits for _ in range(len(rows))]
    at_test = np.array([side == held for side in sides])
    inside = np.flatnonzero(at_test)
    leaked = inside[np.isin(near[inside], near[~at_test])]
    if not len(leaked):
        return Check(name, "PASS", f"No {held} text is nearly the same as one outside of it.")
    detail = (
        f"{len(leaked)} of {len(inside)} {held} rows are the same as a row outside of it, or nearly so "
        f"({_places(where, leaked)}). Copies are dropped outside of {held}."
    )
    return Check(name, "FAIL" if len(leaked) * 2 > len(inside) else "WARN", detail)


def _rare(counts: Counter[str], kind: str) -> Check:
    few = sorted((label for label in counts if counts[label] < _RARE), key=lambda label: (counts[label], label))
    if not few:
        return Check("rare classes", "PASS", f"Every label has at least {_RARE} rows.")
    shown = ", ".join(f"{label} ({counts[label]})" for label in few[:5]) + (", ..." if len(few) > 5 else "")
    once = sum(counts[label] == 1 for label in few)
    detail = f"{len(few)} of {len(counts)} labels have fewer than {_RARE} rows: {shown}."
    if once:
        detail += f" {once} of them come once and go to the training rows, so they are never tested."
    status: Status = "FAIL" if once * 2 > counts.total() else "WARN"
    if kind not in ("classification", "pair"):
        return Check("rare classes", "WARN", detail)
    if status == "FAIL":
        detail += " Most rows have a label of their own: this is no classification (--task generation writes texts)."
    return Check("rare classes", status, f"{detail} Drop or merge them with --min-label-rows.")


def _balance(counts: Counter[str], kind: str) -> Check:
    # A label seen once or twice cannot be tested, and says nothing of the balance of the rest.
    # Of labels of one count the first by the alphabet is named, whatever the order in which they came.
    every = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ranked = [pair for pair in every if pair[1] >= LEAST_COUNTED] or every
    (most, largest), (least, smallest) = ranked[0], ranked[-1]
    ratio = largest / smallest
    what = f"The largest label, {most}, has {ratio:.1f} times the rows of the smallest, {least}"
    if ratio > UNEVEN and kind not in ("classification", "pair"):
        return Check("class balance", "WARN", f"{what}: the score is mostly that of the frequent ones.")
    if ratio > UNEVEN:
        return Check("class balance", "WARN", f"{what}: the metric is macro-F1 unless another is asked for.")
    return Check("class balance", "PASS", f"{what}.")


def _range_of(rows: Rows) -> Check:
    numbers = sorted(float(label) for label in rows.labels)
    low, middle, high = numbers[0], numbers[len(numbers) // 2], numbers[-1]
    detail = f"The labels are numbers from {low:g} to {high:g}, the middle one {middle:g}."
    return Check("label range", "FAIL" if low == high else "PASS", detail)


def _target_lengths(rows: Rows) -> Check:
    words = sorted(len(target_of(label).split()) for label in rows.labels)
    several = sum(len(references_of(label)) > 1 for label in rows.labels)
    detail = f"Targets have {words[0]} to {words[-1]} words, the middle one {words[len(words) // 2]}"
    more = f"; {counted(several, 'row')} with several references" if several else ""
    if len(set(rows.labels)) * 4 < len(rows):
        few = f"only {len(set(rows.labels))} of {len(rows)} differ: are they labels? (--task classification)"
        return Check("target lengths", "WARN", f"{detail}, but {few}")
    return Check("target lengths", "PASS", f"{detail}{more}.")


def _long(rows: Rows, where: _Namer) -> Check:
    words = [len(text.split()) for text in rows.texts]
    long = [i for i, count in enumerate(words) if count > _LONG_WORDS]
    if not long:
        return Check("long texts", "PASS", f"The longest text has {max(words)} words.")
    detail = (
        f"{counted(len(long), 'text')} of over {_LONG_WORDS} words ({_places(where, long)}), the longest {max(words)}: "
        "models cut what does not fit."
    )
    return Check("long texts", "WARN", detail)


def _label_names(counts: Counter[str]) -> Check:
    codes = sorted(label for label in counts if _CODE.fullmatch(label))
    scale = sum(bool(_FRACTION.fullmatch(label)) for label in counts)
    if len(counts) > _LEAST_ROWS and len(codes) == len(counts) and scale:
        detail = f"The labels are {len(counts)} numbers with fractions: a scale to estimate (--task regression)."
        return Check("label names", "FAIL", detail)
    if not codes:
        return Check("label names", "PASS", "The labels are words.")
    shown = ", ".join(codes[:5]) + (", ..." if len(codes) > 5 else "")
    detail = f"Labels such as {shown} tell a prompt nothing: say what they mean with --labels FILE."
    return Check("label names", "WARN", detail)


def _idle_text(rows: Rows, keys: _Integers, names: Sequence[str]) -> Check:
    name = "constant or id-like text"
    counts = np.bincount(keys)
    key, most = names[int(counts.argmax())], int(counts.max())
    if len(names) == 1:
        return Check(name, "FAIL", f"All texts are the same: {key[:40]!r}. Name another column with --text.")
    ids = sum(bool(_ID.fullmatch(text.strip())) for text in rows.texts)
    if ids * 10 > len(rows) * 9:
        return Check(name, "FAIL", f"{ids} of {len(rows)} texts look like ids or numbers. Check --text.")
    if most * 2 > len(rows):
        return Check(name, "WARN", f"{most} of {len(rows)} texts are the same: {key[:40]!r}.")
    return Check(name, "PASS", f"{len(names)} different texts.")
