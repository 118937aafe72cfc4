"""Views of the report inside the app: scores, and the test rows on which the finalists differ."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.report.lookup import ARM_WORDS
from bakeoff.report.sections import validation_curves
from bakeoff.web.pages import Pages
from bakeoff.web.studies import address_of, table_of
from bakeoff.workbench.processes import study_process
from bakeoff.workbench.progress_file import read_progress
from bakeoff.workbench.views import allow_view, row_view, score_view

if TYPE_CHECKING:
    from bakeoff.report.sections import Sections

__all__ = ["router"]

_CONSENT = (
    "This page shows the test rows on which the finalists differ: texts, labels, and who answered what.",
    "Whoever reads them has seen the test: the study notes it, and a contender that is added from then on is marked "
    "“test seen”. To settle doubtful labels or to rate answers blind, do that before.",
)


def router(pages: Pages) -> APIRouter:
    """Give the pages of a study's scores and rows.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter()
    #: The report's style and script by digest; they are the same for every study.
    assets: dict[str, tuple[str, str]] = {}

    @routes.get("/studies/{name}/scores")
    def show_scores(request: Request, name: str) -> Response:
        if (so_far := _so_far(pages, name)) is not None:
            return pages.render(request, "scores_so_far.html", study=name, **so_far)
        if request.headers.get("HX-Request") == "true":  # the page of a study that ran when it was opened
            return Response(headers={"HX-Refresh": "true"})

        def give(study: Path) -> HTMLResponse:
            return _shown(pages, request, name, "Scores", score_view(study), assets)

        return pages.with_records(request, name, "Scores", give)

    @routes.get("/studies/{name}/rows")
    def show_rows(request: Request, name: str) -> HTMLResponse:
        def give(study: Path) -> HTMLResponse:
            found = row_view(study)
            if found is None:
                return pages.gate(request, name, "Rows where the finalists differ", _CONSENT, "rows/allow")
            return _shown(pages, request, name, "Rows", found, assets)

        return pages.with_records(request, name, "Rows", give)

    @routes.post("/studies/{name}/rows/allow")
    def allow(name: str) -> RedirectResponse:
        allow_view(pages.study(name))
        return RedirectResponse(f"{address_of(name)}/rows", 303)

    @routes.get("/report/{file}")
    def give_asset(file: str) -> Response:
        if file not in assets:
            raise HTTPException(404, "There is no such file.")
        kind, text = assets[file]
        return Response(text, media_type=kind)

    return routes


def _shown(
    pages: Pages, request: Request, name: str, title: str, found: Sections, assets: dict[str, tuple[str, str]]
) -> HTMLResponse:
    """Show sections of the report with its own style, held to the box in which they stand, and its own script."""
    style = f".report {{\n{found.style.replace(':root', '&')}\n}}\n"
    named = {}
    for ending, kind, text in (("css", "text/css", style), ("js", "text/javascript", found.script)):
        named[ending] = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.{ending}"
        assets[named[ending]] = (kind, text)
    return pages.render(
        request,
        "report_view.html",
        study=name,
        title=title,
        parts=_marked(found),
        style=named["css"],
        script=named["js"],
    )


def _marked(found: Sections) -> list[Any]:
    from markupsafe import Markup

    # The report's own templates have escaped every text from data.
    return [Markup(part) for part in found.parts.values()]


def _so_far(pages: Pages, name: str) -> dict[str, Any] | None:
    """Give validation scores of a study that runs or has no verdict, and their curves; None for any other."""
    from markupsafe import Markup

    study = pages.study(name)
    runs = study_process(study) is not None
    if not runs and (study / "verdict.json").is_file():
        return None
    written = read_progress(study)
    progress = written.progress if written is not None else None
    curves = validation_curves(progress) if progress is not None else None
    return {
        "runs": runs,
        "table": table_of(progress) if progress is not None else None,
        "curves": None if curves is None else Markup(curves),  # drawn by the report, texts escaped
        "arms": ARM_WORDS,
    }
