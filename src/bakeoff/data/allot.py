"""Give units of rows that stay together to train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unit", "allot_by_label", "allot_by_time"]

Unit = tuple[int, ...]
Sides = NDArray[np.int64]


def allot_by_label(
    units: Sequence[Unit], labels: Sequence[str], shares: Sequence[float], seed: int, *, teach: bool = True
) -> Sides:
    """Draw the parts so that labels keep near their shares and parts near their sizes.

    Units are laid in a row, label by label, and each goes to the part that is furthest behind its share so far: a
    systematic sample (Madow and Madow 1944, "On the theory of systematic sampling"). Labels with large units come
    first and large units first within a label, so that single rows level what those leave; else the seed orders them.

    Parameters
    ----------
    units : sequence of tuples of int
        Positions of the rows that stay together; every row is in one unit.
    labels : sequence of str
        One a row.
    shares : sequence of float
        Shares of the parts, which sum to 1; the first part is train, and 0 means that a part gets nothing.
    seed : int
        Not negative.
    teach : bool
        Whether the first part is train, and a label that it lacks gets its smallest unit moved there.

    Returns
    -------
    array of int64, shape (len(labels),)
        The number of each row's part.
    """
    generator = np.random.default_rng(seed)
    main = [labels[unit[0]] if len(unit) == 1 else _most_frequent(labels[row] for row in unit) for unit in units]
    sizes = np.fromiter(map(len, units), dtype=np.int64, count=len(units))
    names = sorted(set(main))
    places = {name: place for place, name in enumerate(names)}
    codes = np.fromiter(map(places.__getitem__, main), dtype=np.int64, count=len(main))
    largest = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(largest, codes, sizes)
    rank = generator.permutation(len(names))
    chance = generator.permutation(len(units))
    order = np.lexsort((chance, -sizes, rank[codes], -largest[codes]))
    side_of = _furthest_behind(sizes[order].tolist(), [float(share) for share in shares])
    unit_sides = np.empty(len(units), dtype=np.int64)
    unit_sides[order] = side_of
    sides = np.zeros(len(labels), dtype=np.int64)
    sides[[row for unit in units for row in unit]] = np.repeat(unit_sides, sizes)
    if teach:
        _teach_all(units, labels, sides)
    return sides


def _most_frequent(labels: Iterable[str]) -> str:
    return Counter(labels).most_common(1)[0][0]


def _furthest_behind(sizes: Sequence[int], shares: Sequence[float]) -> list[int]:
    """Give units of these sizes, one after the other, to the part that is furthest behind its share by then."""
    behind = [0.0] * len(shares)
    filled = [place for place, share in enumerate(shares) if share > 0] or [0]
    found = []
    for size in sizes:
        for place in filled:
            behind[place] += shares[place] * size
        side = max(filled, key=behind.__getitem__)
        behind[side] -= size
        found.append(side)
    return found


def _teach_all(units: Sequence[Unit], labels: Sequence[str], sides: Sides) -> None:
    """Move the smallest unit of each label that training would not see to train."""
    learned = {labels[row] for row in np.flatnonzero(sides == 0).tolist()}
    if learned.issuperset(labels):
        return
    homes: dict[str, list[Unit]] = {}
    for unit in units:
        for label in sorted({labels[row] for row in unit} - learned):
            homes.setdefault(label, []).append(unit)
    for label in sorted(homes):
        if not any(sides[row] == 0 and labels[row] == label for unit in homes[label] for row in unit):
            sides[list(min((len(unit), unit) for unit in homes[label])[1])] = 0


def allot_by_time(units: Sequence[Unit], times: Sequence[str], shares: Sequence[float]) -> tuple[Sides, int]:
    """Put the latest units in the last part, the next latest in the one before, and so on.

    A unit counts with its latest time, and units of one time are on one side; so a cut falls on the change of time
    that is nearest to the share.

    Parameters
    ----------
    units : sequence of tuples of int
        Positions of the rows that stay together; every row is in one unit.
    times : sequence of str
        One a row; their alphabetical order is that of time.
    shares : sequence of float
        Shares of the parts from the earliest to the latest, which sum to 1.

    Returns
    -------
    sides : array of int64, shape (len(times),)
        The number of each row's part.
    moved : int
        How many rows are in a later part than their own time says.
    """
    latest = [max(times[row] for row in unit) for unit in units]
    sizes: Counter[str] = Counter()
    for unit, time in zip(units, latest, strict=True):
        sizes[time] += len(unit)
    moments = sorted(sizes)
    ends = np.cumsum([sizes[moment] for moment in moments])
    cuts: list[int] = []
    filled = [place for place, share in enumerate(shares) if share > 0]
    for rank, place in enumerate(filled[:-1]):
        wanted = sum(shares[: place + 1]) * len(times)
        # Each part keeps a moment where there are enough of them.
        first = (cuts[-1] if cuts else 0) + 1
        last = max(first, len(moments) - (len(filled) - 1 - rank))
        nearest = np.abs(ends[first - 1 : last] - wanted)
        cuts.append(first + int(nearest.argmin()) if len(nearest) else first)
    part = {moment: filled[int(np.searchsorted(cuts, i, side="right"))] for i, moment in enumerate(moments)}
    sides = np.zeros(len(times), dtype=np.int64)
    for unit, time in zip(units, latest, strict=True):
        sides[list(unit)] = part[time]
    return sides, _count_moved(units, times, latest, sides, moments, part)


def _count_moved(
    units: Sequence[Unit],
    times: Sequence[str],
    latest: Sequence[str],
    sides: Sides,
    moments: Sequence[str],
    part: dict[str, int],
) -> int:
    """Count rows whose own time lies before the first moment of their part."""
    begins: dict[int, str] = {}
    for moment in moments:
        begins.setdefault(part[moment], moment)
    return sum(
        times[row] < begins[int(sides[row])]
        for unit, time in zip(units, latest, strict=True)
        for row in unit
        if times[row] != time
    )
