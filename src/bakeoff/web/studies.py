"""The studies of a folder, and how far one is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from bakeoff.web.pages import Pages

__all__ = ["router"]


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
        return pages.render(request, "studies.html", studies=())

    return routes
