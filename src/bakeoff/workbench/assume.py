"""Settle the assumptions: from what a person gives to a checked record."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.data import read_cost_matrix
from bakeoff.errors import OptionError
from bakeoff.records import ASSUMED, Assumptions
from bakeoff.tasks import ABSTAIN, ONE_LABEL

__all__ = ["assume", "check_cost_labels", "check_costs_fit", "parse_assumption"]

_KNOWN = {assumed.name: assumed for assumed in ASSUMED}


#: Assumptions that may be left open, as ``NAME=none``.
_OPEN = frozenset({"error_cost", "review_cost", "cost_matrix", "retrains_per_month", "price_cached", "cached_share"})


def parse_assumption(text: str) -> tuple[str, float | str | None]:
    """Read an assumption such as ``retrains_per_month=1`` or ``error_cost=none``.

    Parameters
    ----------
    text : str

    Returns
    -------
    name : str
    value : float, str or None
        Text for the currency; None for one that is to be open again.

    Raises
    ------
    OptionError
        If it has another form, names none, or its value is not allowed.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    name = name.replace("-", "_")
    if name in _OPEN and value.lower() == "none":
        return name, None
    if not equals or not (name in _KNOWN or name == "currency"):
        names = ["currency", *_KNOWN]
        near = difflib.get_close_matches(name, names, n=1)
        raise OptionError(
            f"An assumption is NAME=VALUE, NAME being one of {', '.join(names)}; {text!r} came.",
            next_step=f"Did you mean {near[0]}=...?" if near else "Write for example: --assume retrains_per_month=1",
        )
    if name == "currency":
        if not value or len(value) > 12:
            raise OptionError(
                f"The currency is a name of 1 to 12 characters; {value!r} came.", next_step="Write for example: EUR"
            )
        return name, value
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    _check_range(name, number, value)
    return name, number


def _check_range(name: str, number: float, given: object) -> None:
    known = _KNOWN[name]
    if math.isfinite(number) and known.least <= number <= known.most:
        return
    span = f"from {known.least:g} on" if known.most >= 1e15 else f"from {known.least:g} to {known.most:g}"
    raise OptionError(
        f"{name} ({known.what}) must be a number {span}; {given} came.",
        next_step=f"Write for example: --assume {name}={max(known.low, 1.0) if known.most > 1 else 0.5:g}",
    )


def assume(
    base: Assumptions, given: Mapping[str, Any], pairs: Sequence[str] = (), cost_matrix: Path | None = None
) -> Assumptions:
    """Settle the assumptions.

    Parameters
    ----------
    base : Assumptions
        What holds where nothing else is said.
    given : mapping of str to float or None
        Values by name, such as those of options of their own; None is not given.
    pairs : sequence of str
        ``NAME=VALUE``; these stand before `given`.
    cost_matrix : Path, optional
        File of costs by true and answered label.

    Returns
    -------
    Assumptions

    Raises
    ------
    OptionError
        If a value is not allowed, or abstentions have a cost where wrong answers have none.
    DataError
        If the file cannot be read.
    """
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        _check_range(name, value, f"{value:g}")
    changes |= dict(parse_assumption(pair) for pair in pairs)
    if cost_matrix is not None:
        changes["cost_matrix"] = read_cost_matrix(cost_matrix)
    settled = replace(base, **changes)
    if settled.review_cost is not None and not settled.priced:
        raise OptionError(
            "A cost of abstentions needs a cost of wrong answers beside it; without one, to be always wrong would be "
            "cheapest.",
            next_step="Add --error-cost, or --cost-matrix.",
        )
    return settled


def check_costs_fit(assumptions: Assumptions, kind: str) -> None:
    """Refuse costs of wrong answers where an answer as a whole is not right or wrong.

    Parameters
    ----------
    assumptions : Assumptions
    kind : str
        Of the task.

    Raises
    ------
    OptionError
        If there are such costs, and rows do not have one label each.
    """
    if assumptions.priced and kind not in ONE_LABEL:
        raise OptionError(
            f"Costs of wrong answers are for tasks with one label a row; the kind of these rows is {kind}.",
            next_step="Leave --error-cost and --cost-matrix away.",
        )


def check_cost_labels(assumptions: Assumptions, labels: Sequence[str]) -> None:
    """Hold a cost matrix against the task's labels.

    Parameters
    ----------
    assumptions : Assumptions
    labels : sequence of str

    Raises
    ------
    OptionError
        If it names a label that the data does not have; or leaves out a cost of a wrong answer, or the abstentions of
        some label only, where no `error_cost` fills the place.
    """
    matrix = assumptions.cost_matrix
    if matrix is None:
        return
    shown = ", ".join(repr(label) for label in labels[:20]) + (", ..." if len(labels) > 20 else "")
    named = [*matrix, *(answer for row in matrix.values() for answer in row if answer != ABSTAIN)]
    unknown = next((label for label in named if label not in labels), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, labels, n=1, cutoff=0.5)
        raise OptionError(
            f"The labels of the cost matrix must be among the data's ({shown}), or {ABSTAIN}; {unknown!r} came.",
            next_step=f"Did you mean {near[0]!r}?" if near else "Correct the label, or remove it.",
        )
    if any(ABSTAIN in row for row in matrix.values()):
        some = next((label for label in labels if ABSTAIN not in matrix.get(label, {})), None)
        if some is not None:
            raise OptionError(
                f"The cost matrix must give the cost of an abstention for every true label, or for none; {some!r} has "
                "none.",
                next_step=f"Add a cost in the column {ABSTAIN} of that label.",
            )
    if assumptions.error_cost is not None:
        return
    for truth in labels:
        absent = next((one for one in labels if one != truth and one not in matrix.get(truth, {})), None)
        if absent is not None:
            raise OptionError(
                f"The cost matrix must give the cost of every wrong answer; {absent!r} where {truth!r} is true has "
                "none.",
                next_step="Add it, or give the cost of all that are missing with --error-cost.",
            )
