"""``verdict.json``: the verdict for other programs, held to a schema that ships with the package."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.records import Decision, Evidence
from bakeoff.report.aside import write_aside

__all__ = ["SCHEMA_VERSION", "check_verdict", "verdict_document", "verdict_schema", "write_verdict"]

#: Version of the shape of ``verdict.json``; raised when a reader of the old one would break.
SCHEMA_VERSION = 1


def verdict_document(evidence: Evidence, decision: Decision, *, created: str, version: str) -> dict[str, Any]:
    """Put evidence and decision into the shape of ``verdict.json``.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    created : str
        Time of the decision, ISO 8601 with offset, such as ``"2025-01-31T12:00:00+00:00"``.
    version : str
        Version of the package that decided.

    Returns
    -------
    dict
        Plain JSON values. Figures that were not measured (NaN) are None.
    """
    document = {
        "schema": SCHEMA_VERSION,
        "created": created,
        "bakeoff_version": version,
        "seed": evidence.seed,
        "task": _task(evidence),
        "checks": [{"name": one.name, "status": one.status, "detail": one.detail} for one in evidence.checks],
        "requirements": evidence.requirements,
        "assumptions": evidence.assumptions,
        "mde": decision.mde,
        "leaderboard": decision.leaderboard,
        "comparisons": decision.comparisons,
        "curves": decision.curves,
        "crossover": decision.crossover,
        "break_even": decision.break_even,
        "costs": decision.costs,
        "cost_comparisons": decision.cost_comparisons,
        "sweep": decision.sweep,
        "differences": decision.differences,
        "considerations": {
            one.name: {"finding": one.finding, "figures": dict(one.figures), "favours": one.favours}
            for one in decision.considerations
        },
        "verdict": decision.verdict,
        "spent": _spent(evidence),
    }
    return {name: _plain(value) for name, value in document.items()}


def _task(evidence: Evidence) -> dict[str, Any]:
    task = evidence.task
    return {
        "kind": task.kind,
        "name": task.name,
        "labels": list(task.labels),
        "metric": task.metric,
        "rows": {part: evidence.rows.get(part, 0) for part in ("train", "validation", "test")},
        "fingerprint": evidence.fingerprint,
    }


def _spent(evidence: Evidence) -> dict[str, Any]:
    usages = [trial.usage for trial in evidence.trials]
    return {
        "seconds": evidence.spent_seconds,
        "tokens": sum(usage.tokens_in + usage.tokens_out for usage in usages),
        "money": sum(usage.money for usage in usages),
        "trials_planned": evidence.trials_planned,
        "trials_run": len(evidence.trials),
        "trials_dropped": evidence.trials_dropped,
    }


def _plain(value: Any) -> Any:
    """Turn facts, tuples, mappings and numpy scalars into what JSON has; numbers that JSON lacks into None."""
    if is_dataclass(value):
        # dataclasses.asdict copies deeply, which read-only mappings refuse.
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item"):
        return _plain(value.item())
    raise TypeError(f"verdict.json cannot hold a {type(value).__name__}: {value!r}")


@cache
def _schema_text() -> str:
    return files("bakeoff.report").joinpath("verdict.schema.json").read_text(encoding="utf-8")


def verdict_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of ``verdict.json``."""
    schema: dict[str, Any] = json.loads(_schema_text())
    return schema


def check_verdict(document: Mapping[str, Any]) -> None:
    """Hold a document against the schema.

    Parameters
    ----------
    document : mapping
        As `verdict_document` makes it, or as read from a file.

    Raises
    ------
    BakeoffError
        If it does not fit; the message names the first place that does not.
    """
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(verdict_schema())
    faults = sorted(validator.iter_errors(document), key=lambda fault: [str(step) for step in fault.absolute_path])
    if faults:
        place = "/".join(str(step) for step in faults[0].absolute_path) or "the top level"
        raise BakeoffError(f"verdict.json does not fit its schema at {place}: {faults[0].message}")


def write_verdict(path: Path, document: Mapping[str, Any]) -> Path:
    """Check a verdict document and write it, aside first and then renamed into place.

    Parameters
    ----------
    path : Path
        Where it shall stand.
    document : mapping
        As `verdict_document` makes it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BakeoffError
        If the document does not fit the schema; nothing is written then.
    """
    check_verdict(document)
    return write_aside(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
