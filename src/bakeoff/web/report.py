"""A study's verdict, and its report as the study wrote it."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from bakeoff.records import Flip
from bakeoff.report.lookup import ARM_WORDS, CHOICE_WORDS, CONSIDERATION_WORDS, flip_text
from bakeoff.web.pages import Pages
from bakeoff.workbench.studies import read_verdict, report_page

__all__ = ["card_of", "router"]

_SCRIPT_HASH = re.compile(r"script-src '(sha256-[A-Za-z0-9+/]{43}=)'")


def router(pages: Pages) -> APIRouter:
    """Give the pages of a study's verdict.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter()

    @routes.get("/studies/{name}/verdict")
    def show_verdict(request: Request, name: str) -> HTMLResponse:
        study = pages.study(name)
        if not (study / "verdict.json").exists():
            return pages.render(request, "no_verdict.html", study=name)
        bundle = shlex.quote(str(study / "bundle")) if (study / "bundle" / "bundle.json").is_file() else None
        return pages.render(request, "verdict.html", study=name, bundle=bundle, **card_of(read_verdict(study)))

    @routes.get("/studies/{name}/report")
    def show_report(name: str) -> HTMLResponse:
        page = report_page(pages.study(name))
        return HTMLResponse(page, headers={"Content-Security-Policy": _policy(page)})

    return routes


def _policy(page: str) -> str:
    """Give the policy of a report: that in the file, in a sandbox where it is no page of this app.

    A file of another hand can name a script of its own; in the sandbox that reaches neither cookie nor pages.
    """
    found = _SCRIPT_HASH.search(page[:2000])
    script = f"'{found[1]}'" if found else "'none'"
    return (
        f"sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src {script}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def card_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Arrange ``verdict.json`` as the card shows it.

    Parameters
    ----------
    document : mapping

    Returns
    -------
    dict
        Values for templates.
    """
    verdict = document["verdict"]
    first = verdict["contender"] or verdict["meanwhile"]
    declared = next((one for one in document["comparisons"] if one["role"] == "verdict"), None)
    second = verdict["against"]
    if second in (None, first) and declared is not None and first in (declared["a"], declared["b"]):
        second = declared["b"] if first == declared["a"] else declared["a"]
    met = next((one for one in document["comparisons"] if {one["a"], one["b"]} == {first, second}), None)
    sides = [{"name": name, "row": _row(document, name, verdict["n"])} for name in (first, second) if name is not None]
    return {
        "document": document,
        "verdict": verdict,
        "word": CHOICE_WORDS.get(verdict["choice"], verdict["choice"]),
        "sides": sides,
        "gap": _oriented(met, first) if met is not None else None,
        "declared": declared,
        "flips": [_flip(one) for one in verdict["flips"]],
        "considerations": [
            {"heading": CONSIDERATION_WORDS.get(name, ("", name))[1], **facts}
            for name, facts in document["considerations"].items()
        ],
        "arms": ARM_WORDS,
        "doubts": [one for one in document["checks"] if one["status"] != "PASS"],
    }


def _row(document: Mapping[str, Any], contender: str, n: int) -> Mapping[str, Any] | None:
    """Find a contender's row at a budget, or at the largest below; else at its smallest."""
    rows = sorted((row for row in document["leaderboard"] if row["contender"] == contender), key=lambda row: row["n"])
    below = [row for row in rows if row["n"] <= n]
    return below[-1] if below else rows[0] if rows else None


def _oriented(met: Mapping[str, Any], first: str) -> dict[str, Any]:
    """Turn a comparison to the side of its first contender."""
    if met["a"] == first or met["difference"] is None or None in met["ci"]:
        return dict(met)
    low, high = met["ci"]
    return {
        **met,
        **{"a": met["b"], "b": met["a"], "score_a": met.get("score_b"), "score_b": met.get("score_a")},
        **{"difference": 0.0 - met["difference"], "ci": [0.0 - high, 0.0 - low]},
    }


def _flip(facts: Mapping[str, Any]) -> str:
    known: dict[str, Any] = {
        field.name: math.nan if facts[field.name] is None else facts[field.name] for field in fields(Flip)
    }
    return flip_text(Flip(**known))
