"""The page's desk of assumptions: what a person may set there, and the figures on which the page decides again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.decision.portable import portable_figures
from bakeoff.records import ASSUMED, Assumed, Decision, Evidence
from bakeoff.report.embedded import embedded
from bakeoff.report.figures import visible_text

__all__ = ["Field", "Prices", "prices"]

#: Those that are always in sight; all others that weigh anything stand under them.
_FIRST = (
    "volume",
    "horizon_months",
    "margin",
    "error_cost",
    "review_cost",
    "matrix_factor",
    "hour_cost",
    "machine_hour_cost",
    "host_hour_cost",
    "label_cost",
    "retrains_per_month",
)
_SERVED = frozenset(
    {"revalidation_hours", "retirement_months", "price_in", "price_cached", "price_out", "cached_share"}
)
_CURRENT = frozenset({"current_cost", "current_upkeep_hours"})
#: Those that may be left open.
_OPEN = frozenset({"error_cost", "review_cost", "retrains_per_month", "price_cached", "cached_share"})


@dataclass(frozen=True, slots=True)
class Field:
    """One assumption that can be set in the page.

    Parameters
    ----------
    name, what, unit : str
    value : float or None
        As the study has it.
    least, most : float
        Range that is allowed.
    open : bool
        Whether it may be without a value.
    """

    name: str
    what: str
    unit: str
    value: float | None
    least: float
    most: float
    open: bool


@dataclass(frozen=True, slots=True)
class Prices:
    """The section in which the page decides again.

    Parameters
    ----------
    first, further : tuple of Field
    settled : tuple of str
        What of the costs cannot be set in the page, one sentence each.
    command : str
        That keeps other assumptions, without them.
    data : str
        JSON in which nothing can end a script element.
    """

    first: tuple[Field, ...]
    further: tuple[Field, ...]
    settled: tuple[str, ...]
    command: str
    data: str


def prices(evidence: Evidence, decision: Decision, commands: Sequence[str]) -> Prices | None:
    """Lay out the section.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    commands : sequence of str
        Of the page; one that writes the report again is taken for the study's.

    Returns
    -------
    Prices or None
        None where no trial was finished.
    """
    figures = portable_figures(evidence)
    if not figures["cells"]:
        return None
    fields = {one.name: _field(evidence, one) for one in ASSUMED if _weighs(figures, one.name)}
    command = next((one for one in commands if one.startswith("bakeoff report ")), "bakeoff report STUDY")
    verdict = decision.verdict
    shown = {
        **figures,
        "currency": visible_text(figures["currency"]),
        "cells": [{**cell, "name": visible_text(cell["name"])} for cell in figures["cells"]],
    }
    named = {"contender": verdict.contender, "meanwhile": verdict.meanwhile}
    record = {"choice": verdict.choice} | {key: name and visible_text(name) for key, name in named.items()}
    return Prices(
        first=tuple(fields[name] for name in _FIRST if name in fields),
        further=tuple(field for name, field in fields.items() if name not in _FIRST),
        settled=_settled(evidence, figures),
        command=visible_text(command),
        data=embedded({"figures": shown, "record": record, "command": visible_text(command)}),
    )


def _field(evidence: Evidence, one: Assumed) -> Field:
    unit = evidence.assumptions.currency if one.unit == "money" else one.unit
    value: float | None = getattr(evidence.assumptions, one.name)
    return Field(one.name, one.what, unit, value, one.least, one.most, one.name in _OPEN)


def _weighs(figures: Mapping[str, Any], name: str) -> bool:
    """Say whether an assumption can weigh anything in this study, and the page knows all that it moves."""
    cells, money = figures["cells"], figures["money"]
    if name in _SERVED:
        return any(cell["bill"]["served"] for cell in cells)
    if name in _CURRENT:
        return any(cell["arm"] == "current" for cell in cells)
    if name == "matrix_factor":
        return money is not None and money["matrix"]
    if name == "error_cost":
        return money is not None and not money["matrix"]
    if name == "review_cost":
        # What a matrix says of abstentions is laid out anew where a cost of reviews comes or goes.
        return money is not None and (not money["matrix"] or (money["reviewed"] and not money["own"]))
    return True


def _settled(evidence: Evidence, figures: Mapping[str, Any]) -> tuple[str, ...]:
    money = figures["money"]
    if money is not None and money["matrix"]:
        return ("The cost matrix is the study's; its factor can be set here, another matrix by --cost-matrix.",)
    if money is None and evidence.folds:
        return ("Rows are cross-fitted, and each fold would choose by the cost of a wrong answer: give it by command.",)
    return ()
