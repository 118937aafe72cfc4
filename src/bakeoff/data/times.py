"""Turn the times of rows into texts that sort by time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from bakeoff.errors import DataError

__all__ = ["sortable_times"]

_DAY_MONTH = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(.*)")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_STEP = "Write times as 2024-01-31 or 2024-01-31T12:00, or as numbers that grow with time."

# From 1973 in seconds, and in milliseconds: smaller numbers are years, days or steps.
_SECONDS = (1e8, 1e11)
_MILLISECONDS = (1e11, 1e14)


def sortable_times(values: Sequence[str], places: Sequence[str]) -> tuple[str, ...]:
    """Turn one column of times into texts whose alphabetical order is that of time.

    One reading is used for the whole column: numbers (seconds or milliseconds since 1970, dates such as 20240131, or
    any numbers that grow), ISO 8601 dates and times (a time zone is turned into UTC), or day and month in one order.

    Parameters
    ----------
    values : sequence of str
        The cells.
    places : sequence of str
        Where each cell stands, such as ``"row 4 of reviews.csv"``, for messages.

    Returns
    -------
    tuple of str
        ISO 8601, or numbers with leading zeros.

    Raises
    ------
    DataError
        If a cell is not a time (the message names its row), or day and month cannot be told apart.
    """
    stripped = [value.strip() for value in values]
    if stripped and all(_NUMBER.fullmatch(value) for value in stripped):
        return _from_numbers(stripped)
    first = next((value for value in stripped if value), "")
    if _DAY_MONTH.fullmatch(first):
        return _from_days_and_months(stripped, places)
    return tuple(_from_iso(value, place) for value, place in zip(stripped, places, strict=True))


def _from_numbers(values: Sequence[str]) -> tuple[str, ...]:
    numbers = [float(value) for value in values]
    low, high = min(numbers), max(numbers)
    if all(len(value) == 8 for value in values) and all(_is_compact_date(value) for value in values):
        return tuple(f"{value[:4]}-{value[4:6]}-{value[6:]}" for value in values)
    for (least, most), unit in ((_SECONDS, 1.0), (_MILLISECONDS, 1000.0)):
        if least <= low and high < most:
            moments = (datetime.fromtimestamp(number / unit, UTC).replace(tzinfo=None) for number in numbers)
            return tuple(moment.isoformat() for moment in moments)
    wholes = max(len(value.partition(".")[0]) for value in values)
    return tuple(f"{whole.zfill(wholes)}{dot}{part}" for whole, dot, part in (v.partition(".") for v in values))


def _is_compact_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _from_iso(value: str, place: str) -> str:
    match = _YEAR_FIRST.fullmatch(value)
    text = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}{match[4]}" if match else value
    try:
        if len(text) <= 10:
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _not_a_time(value, place) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat()


def _from_days_and_months(values: Sequence[str], places: Sequence[str]) -> tuple[str, ...]:
    matches = []
    for value, place in zip(values, places, strict=True):
        match = _DAY_MONTH.fullmatch(value)
        if match is None:
            raise _not_a_time(value, place)
        matches.append(match)
    day_first = next((i for i, match in enumerate(matches) if int(match[1]) > 12), None)
    month_first = next((i for i, match in enumerate(matches) if int(match[3]) > 12), None)
    if day_first is not None and month_first is not None:
        raise DataError(
            f"Times must all have day and month in one order; {places[day_first]} has {values[day_first]!r} and "
            f"{places[month_first]} has {values[month_first]!r}.",
            next_step=_STEP,
        )
    if day_first is None and month_first is None and matches[0][2] != ".":
        raise DataError(
            f"Times such as {values[0]!r} ({places[0]}) do not say which number is the month: none is over 12.",
            next_step=_STEP,
        )
    turned = []
    for match, value, place in zip(matches, values, places, strict=True):
        day, month = (match[3], match[1]) if month_first is not None else (match[1], match[3])
        clock = f"T{match[5].zfill(8 if match[5].count(':') == 2 else 5)}" if match[5] else ""
        turned.append(_checked(f"{match[4]}-{int(month):02}-{int(day):02}{clock}", value, place))
    return tuple(turned)


def _checked(text: str, value: str, place: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _not_a_time(value, place) from None
    return moment.isoformat() if "T" in text else text


def _not_a_time(value: str, place: str) -> DataError:
    return DataError(f"A time is needed in {place}, in the form of the others; got {value!r}.", next_step=_STEP)
