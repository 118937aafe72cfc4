"""Try texts: what is typed is answered by the finalists side by side, and kept nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.errors import OptionError
from bakeoff.report.lookup import ARM_WORDS
from bakeoff.web.pages import Pages
from bakeoff.web.studies import address_of
from bakeoff.workbench.processes import last_process, log_tail
from bakeoff.workbench.try_texts import (
    MOST_CHARACTERS,
    MOST_TEXTS,
    Answered,
    Side,
    TextRun,
    lines_of,
    ship_side,
    sides_of,
)

__all__ = ["router"]

_KIND = "texts"


def router(pages: Pages) -> APIRouter:
    """Give the pages that try a study's finalists.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter(prefix="/studies/{name}/try")

    @routes.get("")
    def show(request: Request, name: str) -> HTMLResponse:
        def give(study: Path) -> HTMLResponse:
            return _shown_once(pages, request, name, "try.html", study=name, **_page_values(study))

        return pages.with_records(request, name, "Try", give)

    @routes.post("/ship")
    def ship(name: str, contender: Annotated[str, Form()] = "") -> RedirectResponse:
        with pages.starting():
            ship_side(pages.study(name), contender)
        return RedirectResponse(address_of(name), 303)

    @routes.post("/run")
    def run(request: Request, name: str, text: Annotated[str, Form()] = "") -> HTMLResponse:
        texts, study = lines_of(text), pages.study(name)
        bundles = tuple(one.bundle for one in sides_of(study) if one.bundle is not None and not one.refused)
        if not bundles:
            raise OptionError("No contender is ready to answer.", next_step="Make one of them ready first.")
        pages.start_beside(_KIND, name, f"texts on {name}", TextRun(bundles, texts))
        return _run_part(pages, request, name)

    @routes.get("/run")
    def show_run(request: Request, name: str, step: str = "") -> Response:
        doing = pages.background.of(name, _KIND)
        if doing is not None and doing.state == "running" and doing.step == step:
            return Response(status_code=204)
        return _run_part(pages, request, name)

    @routes.post("/cancel")
    def cancel(request: Request, name: str) -> HTMLResponse:
        if (doing := pages.background.of(name, _KIND)) is not None:
            pages.background.cancel(doing.number)
        return _run_part(pages, request, name)

    return routes


def _page_values(study: Path) -> dict[str, Any]:
    sides = sides_of(study)
    values: dict[str, Any] = {"sides": sides, "arms": ARM_WORDS, "failure": _failure(study, sides)}
    return values | {
        "most": MOST_TEXTS,
        "longest": MOST_CHARACTERS,
        "decided": (study / "verdict.json").is_file(),
    }


def _failure(study: Path, sides: tuple[Side, ...]) -> dict[str, Any] | None:
    """Give which contender the last process was to make ready, and what it wrote, where it did not."""
    last = last_process(study)
    if last is None or last.verb != "ship" or not last.contender:
        return None
    # An app that ended before the process did not see how that ended.
    unknown = last.code is None
    has_bundle = any(one.contender == last.contender and one.bundle is not None for one in sides)
    if last.code == 0 or (unknown and has_bundle):
        return None
    return {"contender": last.contender, "code": last.code, "stopped": last.stopping, "log": log_tail(study)}


def _run_part(pages: Pages, request: Request, name: str) -> HTMLResponse:
    return _shown_once(pages, request, name, "try_run.html", here=f"{address_of(name)}/try")


def _shown_once(pages: Pages, request: Request, name: str, template: str, **more: Any) -> HTMLResponse:
    """Render answers with the page or the part that they stand in; what was answered is dropped once it was shown."""
    values = _run_values(pages, name)
    page = pages.render(request, template, **more, **values)
    if (doing := values["doing"]) is not None:
        pages.background.forget(doing.number)
    return page


def _run_values(pages: Pages, name: str) -> dict[str, Any]:
    doing = pages.background.of(name, _KIND)
    if doing is None or doing.state != "done":
        return {"doing": doing, "answered": None}
    found: Answered = doing.result
    sides = {one.contender: one for one in sides_of(pages.study(name))}
    lines = [
        {"text": text, "answers": given, "differ": len({one.value for one in given}) > 1}
        for text, *given in zip(found.texts, *found.answers, strict=True)
    ]
    means = [sum(one.milliseconds for one in given) / len(given) for given in found.answers]
    heads = [
        {"name": contender, "side": sides.get(contender), "mean": mean}
        for contender, mean in zip(found.contenders, means, strict=True)
    ]
    return {"doing": doing, "answered": {"lines": lines, "heads": heads}}
