"""The app: its pages, what stands before them, and what it says where something is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from bakeoff.errors import StudyError, UserError
from bakeoff.web import adjudicate, new_study, prompt_lab, rate, report, scores, studies, try_texts
from bakeoff.web.guard import Guard, check_csrf
from bakeoff.web.pages import Pages, templates
from bakeoff.web.telemetry import NO_TELEMETRY

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["create_app"]

#: Each gives a router for its pages.
_PAGES = (studies, new_study, report, scores, prompt_lab, try_texts, rate, adjudicate)


def create_app(folder: Path, *, token: str, port: int) -> FastAPI:
    """Make the app.

    Parameters
    ----------
    folder : Path
        Holds the studies, one folder each.
    token : str
        Opens the app: ``http://127.0.0.1:PORT/?token=TOKEN``.
    port : int
        On which it is going to listen.

    Returns
    -------
    FastAPI
    """
    pages = Pages(folder, templates())

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        pages.background.close()

    app = FastAPI(
        title="Bakeoff",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(check_csrf)],
        telemetry=NO_TELEMETRY,
        lifespan=lifespan,
    )
    app.add_middleware(Guard, token=token, port=port)
    app.mount("/static", StaticFiles(packages=[("bakeoff.web", "static")]))
    routers = [page.router(pages) for page in _PAGES]
    for router in routers:
        app.include_router(router)
    app.state.served = pages
    app.state.pages = tuple(route for router in routers for route in router.routes)

    _tell_faults(app, pages)
    return app


def _tell_faults(app: FastAPI, pages: Pages) -> None:
    """Have the app say in a page, or in a part of one, what is wrong."""

    def fault(request: Request, error: Exception) -> Response:
        # A page that asked for a part of itself gets a part.
        part = request.headers.get("HX-Request") == "true"
        status, message, next_step = _told(error)
        name = "fault.html" if part else "error.html"
        # What was refused may wait for what runs beside the app: that can be cancelled where it is told.
        occupant = pages.occupant if isinstance(error, StudyError) else None
        told = {"message": message, "next_step": next_step, "occupant": occupant}
        return pages.render(request, name, status=status, **told)

    app.add_exception_handler(UserError, fault)
    app.add_exception_handler(HTTPException, fault)
    app.add_exception_handler(RequestValidationError, fault)


def _told(error: Exception) -> tuple[int, str, str]:
    """Give status, message and next step of an error."""
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), ""
    if isinstance(error, UserError):
        return 409 if isinstance(error, StudyError) else 400, error.message, error.next_step
    if isinstance(error, RequestValidationError):
        named = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
        return 422, f"The form holds a value that is not allowed: {named}.", "Load the page again."
    raise error
