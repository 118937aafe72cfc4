"""Settle labels blind where the finalists differ, and decide again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.errors import StudyError
from bakeoff.web.pages import Pages
from bakeoff.web.report import card_of
from bakeoff.web.studies import address_of
from bakeoff.workbench.adjudicate import BlindRow, DecideAgain, allow_settling, blind_row, settle, take_back_label
from bakeoff.workbench.opened import refuse_running, refuse_undecided
from bakeoff.workbench.studies import read_verdict

__all__ = ["router"]

_KIND = "decide"
#: A place behind all rows, where no row is shown any more.
_BEHIND_ALL = 10**9
_CONSENT = (
    "Test rows on which the finalists differ are shown one by one, in random order, without the label of the data and "
    "without who answered what. Give each the label that it should have; only these rows can turn the comparison.",
    "Each answer is kept at once. The study notes that test rows were shown: a contender that is added from then on is "
    "marked “test seen”.",
)


def router(pages: Pages) -> APIRouter:
    """Give the pages that settle a study's labels.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter(prefix="/studies/{name}/adjudicate")

    @routes.get("")
    def show(request: Request, name: str, at: int = 0) -> HTMLResponse:
        def give(study: Path) -> HTMLResponse:
            return _page(pages, request, name, study, at)

        return pages.with_records(request, name, "Adjudicate", give)

    @routes.post("/allow")
    def allow(name: str) -> RedirectResponse:
        allow_settling(pages.study(name))
        return RedirectResponse(f"{address_of(name)}/adjudicate", 303)

    @routes.post("/settle")
    def settle_row(
        name: str,
        row: Annotated[str, Form()] = "",
        label: Annotated[str, Form()] = "",
        at: Annotated[int, Form()] = 0,
    ) -> RedirectResponse:
        settle(pages.study(name), row, label)
        return RedirectResponse(f"{address_of(name)}/adjudicate?at={at + 1}", 303)

    @routes.post("/undo")
    def undo(name: str) -> RedirectResponse:
        return RedirectResponse(f"{address_of(name)}/adjudicate?at={take_back_label(pages.study(name))}", 303)

    @routes.post("/decide")
    def decide(request: Request, name: str) -> HTMLResponse:
        return _start(pages, request, name)

    @routes.get("/decide")
    def show_decide(request: Request, name: str) -> Response:
        return _follow(pages, request, name)

    return routes


def _page(pages: Pages, request: Request, name: str, study: Path, at: int) -> HTMLResponse:
    found = blind_row(study, at)
    if found is None:
        return pages.gate(request, name, "Adjudicate", _CONSENT, "adjudicate/allow")
    values = {"shown": found, **_verdicts(study, found), **_run_values(pages, name)}
    return pages.render(request, "adjudicate.html", study=name, **values)


def _start(pages: Pages, request: Request, name: str) -> HTMLResponse:
    study = pages.study(name)
    refuse_running(study)
    refuse_undecided(study)
    pages.start_beside(_KIND, name, f"deciding {name} again", DecideAgain(study))
    return _run_part(pages, request, name)


def _follow(pages: Pages, request: Request, name: str) -> Response:
    """Say nothing while it decides, lead to both verdicts when that is done, and else say why it is not."""
    doing = pages.background.of(name, _KIND)
    if doing is not None and doing.state == "running":
        return Response(status_code=204)
    if doing is not None and doing.state == "done":
        return Response(headers={"HX-Redirect": f"{address_of(name)}/adjudicate?at={_BEHIND_ALL}"})
    return _run_part(pages, request, name)


def _run_part(pages: Pages, request: Request, name: str) -> HTMLResponse:
    return pages.render(
        request, "adjudicate_run.html", here=f"{address_of(name)}/adjudicate", **_run_values(pages, name)
    )


def _run_values(pages: Pages, name: str) -> dict[str, Any]:
    return {"doing": pages.background.of(name, _KIND)}


def _verdicts(study: Path, found: BlindRow) -> dict[str, Any]:
    """Give the verdicts by the labels of the data and by the settled ones, once no row is shown blind any more.

    A verdict by labels that were settled otherwise since is not shown; that it is there is told.
    """
    stale = bool(found.settled) and not found.decided and (study / "verdict-adjudicated.json").exists()
    if found.row is not None or not found.decided:
        return {"verdicts": None, "stale": stale}
    try:
        both = [card_of(read_verdict(study, adjudicated=settled)) for settled in (False, True)]
    except StudyError:
        return {"verdicts": None, "stale": True}
    titles = ("By the labels of the data", "By the settled labels")
    return {"verdicts": list(zip(titles, both, strict=True)), "stale": False}
