"""One named finding about the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["SHOWN_ROWS", "Check", "Status", "counted", "first_rows"]

Status = Literal["PASS", "WARN", "FAIL"]

#: Rows of a finding that are named.
SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One named finding about the rows.

    Parameters
    ----------
    name : str
        What was looked at, such as ``"duplicates"``.
    status : {"PASS", "WARN", "FAIL"}
        ``FAIL`` is kept for what makes a study meaningless.
    detail : str
        What was found and, where something was done about it, what.
    """

    name: str
    status: Status
    detail: str


def first_rows(numbers: Sequence[int | str]) -> str:
    """Name the first few row numbers of a finding.

    Parameters
    ----------
    numbers : sequence of int or str
        Row numbers, at least one.

    Returns
    -------
    str
        Such as ``"row 4"`` or ``"rows 4, 9, 12, 15, 20, ..."``.
    """
    shown = ", ".join(str(number) for number in numbers[:SHOWN_ROWS])
    more = ", ..." if len(numbers) > SHOWN_ROWS else ""
    return f"{'row' if len(numbers) == 1 else 'rows'} {shown}{more}"


def counted(number: int, noun: str) -> str:
    """Give a number with its noun, in the plural but for one: ``"1 row"``, ``"3 rows"``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
