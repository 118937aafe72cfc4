"""The studies of a folder, and how far one is: start, stop, resume."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.report.lookup import ARM_WORDS, CHOICE_WORDS
from bakeoff.web.pages import Pages
from bakeoff.workbench.processes import log_tail, resume_process, stop_process
from bakeoff.workbench.studies import StudyState, list_studies, study_state

if TYPE_CHECKING:
    from bakeoff.report.progress import Progress, ProgressCell

__all__ = ["address_of", "router", "table_of"]

#: What each state is called.
_STATE_WORDS = {
    "uploaded": "not started",
    "running": "running",
    "shipping": "shipping",
    "stopping": "stopping",
    "stopped": "stopped",
    "failed": "failed",
    "decided": "decided",
    "open": "unresolved",
}


def address_of(study: str) -> str:
    """Give the address of a study's page.

    Parameters
    ----------
    study : str
        Name of its folder.

    Returns
    -------
    str
    """
    return f"/studies/{quote(study, safe='')}"


def router(pages: Pages) -> APIRouter:
    """Give the pages of studies.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter()

    @routes.get("/")
    def show_studies(request: Request) -> HTMLResponse:
        found = [{"state": one, "line": _line(one)} for one in list_studies(pages.folder)]
        return pages.render(request, "studies.html", found=found, folder=str(pages.folder), words=_STATE_WORDS)

    @routes.get("/studies/{name}")
    def show_study(request: Request, name: str) -> Response:
        path = pages.child(name)
        state = _known(path)
        if state.state == "uploaded":
            return RedirectResponse(f"/new/{quote(name, safe='')}", 303)
        return pages.render(request, "study.html", study=name, **_standing(path, state))

    @routes.get("/studies/{name}/progress")
    def show_progress(request: Request, name: str) -> HTMLResponse:
        path = pages.child(name)
        return pages.render(request, "progress.html", study=name, **_standing(path, _known(path)))

    @routes.post("/studies/{name}/stop")
    def stop(name: str) -> RedirectResponse:
        stop_process(pages.child(name))
        return RedirectResponse(address_of(name), 303)

    @routes.post("/beside/cancel")
    def cancel_beside(number: Annotated[int, Form()] = 0) -> RedirectResponse:
        pages.background.cancel(number)
        return RedirectResponse("/", 303)

    @routes.post("/studies/{name}/resume")
    def resume(
        name: str, time_limit: Annotated[str, Form()] = "", measure_all: Annotated[bool, Form()] = False
    ) -> RedirectResponse:
        with pages.starting():
            resume_process(pages.study(name), time_limit=time_limit.strip(), measure_all=measure_all)
        return RedirectResponse(address_of(name), 303)

    return routes


def _known(path: Path) -> StudyState:
    state = study_state(path)
    if state is None:
        raise HTTPException(404, "There is no such study in this folder.")
    return state


def _line(state: StudyState) -> str:
    """Say in one line where a study stands."""
    if state.state == "shipping":
        return "a contender is refitted on every labelled row, and then answers on the page Try"
    if state.runs and state.written is not None and state.written.progress is not None:
        progress = state.written.progress
        return f"{progress.trials_done} of {progress.trials_planned} trials"
    if state.runs:
        return "beginning"
    if state.verdict is not None:
        verdict = state.verdict
        word = CHOICE_WORDS.get(verdict["choice"], verdict["choice"])
        if verdict.get("contender"):
            against = f" rather than {verdict['against']}" if verdict.get("against") else ""
            return f"{word}: {verdict['contender']}{against}"
        return f"{word}; meanwhile {verdict['meanwhile']}" if verdict.get("meanwhile") else word
    if state.written is not None and state.written.progress is not None:
        progress = state.written.progress
        return f"{progress.trials_done} of {progress.trials_planned} trials done"
    return ""


def _standing(path: Path, state: StudyState) -> dict[str, Any]:
    """Give what the part of the page needs that follows a study."""
    progress = state.written.progress if state.written is not None else None
    ended_early = not state.runs and not state.has_records
    beginning = state.runs and progress is None
    return {
        "state": state,
        "word": _STATE_WORDS[state.state],
        "line": _line(state),
        "progress": progress,
        "table": table_of(progress) if progress is not None else None,
        "best": _best(progress) if progress is not None else None,
        "log": log_tail(path) if beginning or ended_early or state.state in ("failed", "shipping") else "",
        "arms": ARM_WORDS,
        "again": f"/new/{quote(state.name, safe='')}" if ended_early else None,
    }


def table_of(progress: Progress) -> dict[str, Any]:
    """Arrange the cells: a line a contender, a column a label budget.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    dict
        Values for the template ``validation_table.html``.
    """
    budgets = sorted({cell.n for cell in progress.cells})
    lines: dict[str, dict[int, ProgressCell]] = {}
    for cell in progress.cells:
        lines.setdefault(cell.contender, {})[cell.n] = cell
    return {
        "budgets": budgets,
        "lines": [
            {
                "name": name,
                "arm": next(iter(cells.values())).arm,
                "cells": [cells.get(n) for n in budgets],
                "seconds": sum(cell.seconds for cell in cells.values()),
                "dropped": name in progress.dropped,
            }
            for name, cells in lines.items()
        ],
    }


def _best(progress: Progress) -> ProgressCell | None:
    """Find the cell with the best validation score so far."""
    scored = [cell for cell in progress.cells if math.isfinite(cell.score)]
    return max(scored, key=lambda cell: cell.score, default=None)
