"""Rate answers blind: which of the finalists' answers to a row is the better, without who gave it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from bakeoff.web.pages import Pages
from bakeoff.web.studies import address_of
from bakeoff.workbench.rate import RatingBoard, allow_rating, rate, rating_board, take_back, tally_of

__all__ = ["router"]

_CONSENT = (
    "Test rows to which the two finalists give different answers are shown one by one, without their labels and "
    "without who answered what. Say which answer is the better.",
    "The study notes that test rows were shown: a contender that is added from then on is marked “test seen”.",
)


def router(pages: Pages) -> APIRouter:
    """Give the pages that rate a study's finalists.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter(prefix="/studies/{name}/rate")

    @routes.get("")
    def show(request: Request, name: str, skip: int = 0, result: bool = False) -> HTMLResponse:
        def give(study: Path) -> HTMLResponse:
            board = rating_board(study)
            if board is None:
                return pages.gate(request, name, "Rate", _CONSENT, "rate/allow")
            return pages.render(request, "rate.html", study=name, **_values(board, skip, result=result))

        return pages.with_records(request, name, "Rate", give)

    @routes.post("/allow")
    def allow(name: str) -> RedirectResponse:
        allow_rating(pages.study(name))
        return RedirectResponse(f"{address_of(name)}/rate", 303)

    @routes.post("/choose")
    def choose(
        name: str,
        row: Annotated[str, Form()] = "",
        choice: Annotated[str, Form()] = "",
        skip: Annotated[int, Form()] = 0,
    ) -> RedirectResponse:
        rate(pages.study(name), row, choice)
        return RedirectResponse(f"{address_of(name)}/rate?skip={skip}", 303)

    @routes.post("/undo")
    def undo(name: str) -> RedirectResponse:
        take_back(pages.study(name))
        return RedirectResponse(f"{address_of(name)}/rate", 303)

    return routes


def _values(board: RatingBoard, skip: int, *, result: bool) -> dict[str, Any]:
    """Arrange the next open row behind those that are skipped; the tally only where it is asked for, or all is done."""
    skip = max(skip, 0)
    shown = board.open[skip] if skip < len(board.open) else None
    ended = result or not board.open
    return {
        "shown": None if ended else shown,
        "skip": skip,
        "rated": len(board.ratings),
        "rows": len(board.rows),
        "left": len(board.open),
        "tally": tally_of(board) if ended else None,
        "seed": board.seed,
        "folds": board.folds,
    }
