"""A new study: rows uploaded, looked at and checked, and then measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.errors import StudyError, UserError
from bakeoff.report.lookup import ARM_WORDS
from bakeoff.web.guard import MOST_UPLOAD_BYTES
from bakeoff.web.pages import Pages
from bakeoff.web.studies import address_of
from bakeoff.workbench.check import CheckOutcome, check
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.uploads import (
    FORMATS,
    RowsSeen,
    StartOptions,
    is_upload,
    keep_upload,
    offered_methods,
    see_rows,
    start_study,
    uploaded_file,
)

__all__ = ["router"]

#: Columns by their place in the file, as the address and the form carry them; -1 leaves it to be found.
_FOUND = -1


def router(pages: Pages) -> APIRouter:
    """Give the pages of a new study.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter()

    @routes.get("/new")
    def show_form(request: Request) -> HTMLResponse:
        return _upload_form(pages, request)

    @routes.post("/new")
    def upload(request: Request, rows: Annotated[UploadFile | str | None, File()] = None) -> Response:
        return _keep(pages, request, None if isinstance(rows, str) else rows)

    @routes.get("/new/{name}")
    def show_rows(
        request: Request, name: str, text: int = _FOUND, label: int = _FOUND, group: int = _FOUND
    ) -> HTMLResponse:
        return _rows_page(pages, request, name, {"text": text, "label": label, "group": group}, StartOptions())

    @routes.post("/new/{name}")
    def start(
        request: Request,
        name: str,
        text: Annotated[int, Form()] = _FOUND,
        label: Annotated[int, Form()] = _FOUND,
        group: Annotated[int, Form()] = _FOUND,
        time_limit: Annotated[str, Form()] = "",
        method: Annotated[list[str] | None, Form()] = None,
        require: Annotated[str, Form()] = "",
        volume: Annotated[str, Form()] = "",
    ) -> Response:
        study, places = _uploaded(pages, name), {"text": text, "label": label, "group": group}
        limits = tuple(line.strip() for line in require.splitlines() if line.strip())
        options = StartOptions(time_limit.strip(), tuple(method or ()), limits, volume.strip())
        try:
            with pages.starting():
                start_study(study, _data_options(see_rows(study), places), options)
        except UserError as error:
            return _rows_page(pages, request, name, places, options, error)
        return RedirectResponse(address_of(name), 303)

    return routes


def _keep(pages: Pages, request: Request, rows: UploadFile | None) -> Response:
    """Keep an upload and go on to its checks, or say why not."""
    if rows is None or not rows.filename:
        return _upload_form(pages, request, "No file came.", "Choose a file of rows first.")
    try:
        study = keep_upload(pages.folder, rows.filename, rows.file)
    except UserError as error:
        return _upload_form(pages, request, error.message, error.next_step)
    return RedirectResponse(f"/new/{quote(study.name, safe='')}", 303)


def _upload_form(pages: Pages, request: Request, message: str = "", next_step: str = "") -> HTMLResponse:
    return pages.render(
        request,
        "new.html",
        status=400 if message else 200,
        formats=FORMATS,
        most=MOST_UPLOAD_BYTES // 1_000_000,
        message=message,
        next_step=next_step,
    )


def _uploaded(pages: Pages, name: str) -> Path:
    study = pages.child(name)
    if not is_upload(study):
        raise HTTPException(404, "There are no uploaded rows of that name in this folder.")
    return study


def _rows_page(
    pages: Pages,
    request: Request,
    name: str,
    places: dict[str, int],
    options: StartOptions,
    refused: UserError | None = None,
) -> HTMLResponse:
    """Show columns, first rows, checks and options of an upload; and why it was refused."""
    study = _uploaded(pages, name)
    seen: RowsSeen | None = None
    found: CheckOutcome | None = None
    fault: UserError | None = None
    try:
        seen = see_rows(study)
        found = check(str(uploaded_file(study)), _data_options(seen, places))
    except UserError as error:
        fault = error
    specs = [spec for spec in offered_methods() if spec.arm in ("finetune", "prompt", "both")]
    shown: dict[str, Any] = {
        "name": name,
        "seen": seen,
        "places": places,
        "found": found,
        "fault": fault,
        "refused": refused,
        "occupant": pages.occupant if isinstance(refused, StudyError) else None,
        "can_start": found is not None and all(one.status != "FAIL" for one in found.checks),
        "started": (study / "study.sqlite").exists(),
        "arms": [(ARM_WORDS[arm], [one for one in specs if one.arm == arm]) for arm in ("finetune", "prompt", "both")],
        "options": options,
    }
    return pages.render(request, "rows.html", status=400 if refused else 200, **shown)


def _data_options(seen: RowsSeen, places: dict[str, int]) -> DataOptions:
    """Name the columns that were chosen by their place."""

    def named(part: str) -> str | None:
        place = places[part]
        return seen.columns[place] if 0 <= place < len(seen.columns) else None

    text = named("text")
    return DataOptions(text=(text,) if text is not None else (), label=named("label"), group=named("group"))
