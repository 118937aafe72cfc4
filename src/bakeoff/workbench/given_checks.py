"""Checks that a user gives for written texts: read, completed from the rows, and tried on the texts that are right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bakeoff.data import Check, Rows, target_of
from bakeoff.errors import OptionError
from bakeoff.records import Requirement
from bakeoff.tasks import TextCheck, check_value, knowing_values, metric_fault, metrics_of, read_checks

__all__ = ["check_metric_names", "given_checks", "try_checks"]

#: Training rows whose right texts are looked at, and the value below which a check is likelier wrong than they are.
_MOST_ROWS, _LEAST_VALUE = 500, 0.5


def given_checks(path: Path | None, kind: str, sources: Sequence[str]) -> tuple[TextCheck, ...]:
    """Read a file of checks.

    Parameters
    ----------
    path : Path or None
    kind : str
        Of the task.
    sources : sequence of str
        Of the training rows: values that slots have there are made up where a source does not have them.

    Returns
    -------
    tuple of TextCheck
        None without a file.

    Raises
    ------
    OptionError
        If the kind of the task has no written texts.
    DataError
        If the file is of another form.
    """
    if path is None:
        return ()
    if kind != "generation":
        raise OptionError(
            f"--checks is for texts that are written (the kind generation); the kind of these rows is {kind}.",
            next_step="Leave it away, or name columns of sources and targets.",
        )
    return tuple(knowing_values(check, sources) for check in read_checks(path))


def check_metric_names(
    metric: str | None, requirements: Sequence[Requirement], kind: str, checks: Sequence[TextCheck]
) -> None:
    """Refuse a metric, or a limit on one, that rows of the kind do not have.

    Parameters
    ----------
    metric : str or None
    requirements : sequence of Requirement
    kind : str
    checks : sequence of TextCheck

    Raises
    ------
    OptionError
    """
    metrics = metrics_of(kind, checks)
    limits = [one.figure for one in requirements if one.figure.partition(":")[0] in ("form", "slot-accuracy")]
    for option, name in (("--metric", metric), *(("--require", figure) for figure in limits)):
        if name is not None and name not in metrics:
            lacks = name.partition(":")[0] in ("form", "slot-accuracy")
            near = difflib.get_close_matches(name, metrics, n=1)
            fault = metric_fault(name)
            raise OptionError(
                f"The metric of {kind} must be one of {', '.join(metrics)}; {name!r} came. {fault}".rstrip(),
                next_step="Name the checks that it is made of with --checks FILE."
                if lacks and not checks
                else "Mend or uninstall that package, or choose another metric."
                if fault
                else f"Did you mean {near[0]!r}?"
                if near
                else f"Choose one of these with {option}.",
            )


def try_checks(checks: Sequence[TextCheck], rows: Rows) -> tuple[Check, ...]:
    """Try checks on the texts that are right, which must mostly pass: else the check is wrong, or the rows are.

    Parameters
    ----------
    checks : sequence of TextCheck
    rows : Rows
        To learn from.

    Returns
    -------
    tuple of Check
        ``text checks``; none without checks.

    Raises
    ------
    OptionError
        If a check applies to no row.
    """
    if not checks:
        return ()
    drawn = np.random.default_rng(0).permutation(len(rows))[:_MOST_ROWS]
    few = rows.take(sorted(drawn.tolist()))
    values = _values(checks, few)
    for check in checks:
        if not values[check.name]:
            raise OptionError(
                f"The check {check.name!r} reads from the source what none of {len(few)} sources has.",
                next_step=f"Mend its regular expression: {_expressions(check)}",
            )
    means = {name: float(np.mean(found)) for name, found in values.items()}
    low = [name for name, mean in means.items() if mean < _LEAST_VALUE]
    shares = ", ".join(f"{name} {mean:.0%}" for name, mean in means.items())
    detail = f"The right texts of {len(few)} rows pass: {shares}."
    if low:
        detail += f" So few suggest that {' and '.join(low)} ask{'s' if len(low) == 1 else ''} for something else."
    return (Check("text checks", "WARN" if low else "PASS", detail),)


def _values(checks: Sequence[TextCheck], rows: Rows) -> Mapping[str, list[float]]:
    return {
        check.name: [
            value
            for source, label in zip(rows.texts, rows.labels, strict=True)
            if (value := check_value(check, source, target_of(label))) is not None
        ]
        for check in checks
    }


def _expressions(check: TextCheck) -> str:
    return "; ".join(f"{name}: {value}" for name, value in check.settings.items() if isinstance(value, str))
