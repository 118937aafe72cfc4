"""The prompt lab: a prompt edited beside rows from inside the label budget, run on them, and compared by version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bakeoff.report.figures import visible_text
from bakeoff.web.pages import Pages
from bakeoff.web.studies import address_of
from bakeoff.workbench.prompt_diff import part_changes
from bakeoff.workbench.prompt_fields import PromptFields, fields_of, prompt_of_fields, prompt_of_text, row_key
from bakeoff.workbench.prompt_history import Tried, changes_along
from bakeoff.workbench.prompt_lab import Lab, allow_rows, compare_versions, open_lab, run_of, save_prompt

__all__ = ["FilledPrompt", "router"]

_KIND = "prompt"
_CONSENT = (
    "This study tests each of its rows in some round: the rows of a label budget are test rows of other rounds.",
    "The prompt lab shows some of them, with their labels, and the study notes it. Measure a prompt that was made here "
    "in a new study, with bakeoff run DATA --prompt FILE, which tests it on no row that it was tried on.",
)


class FilledPrompt(BaseModel):
    """The form of the lab, filled in: the parts of a prompt, or the whole text of its file.

    Attributes
    ----------
    n, seen, edit, against : int
        Label budget, that of the rows on the page, the version that was edited, and that to compare with; 0 where none
        was chosen.
    model : str
    text : str or None
        Of the file, where that was edited.
    """

    n: int = 0
    seen: int = 0
    edit: int = 0
    against: int = 0
    model: str = ""
    text: str | None = None
    instruction: str = ""
    cue: str = ""
    opening: str = ""
    row: str = ""
    form: str = "plain"
    calibration: str = "none"
    control: str = "label-scores"
    words: list[str] = Field(default_factory=list)
    definitions: list[str] = Field(default_factory=list)
    shown: list[str] = Field(default_factory=list)

    def fields(self) -> PromptFields:
        """Give the parts, line ends as files have them."""
        return PromptFields(
            instruction=_lines(self.instruction),
            cue=_lines(self.cue),
            opening=_lines(self.opening),
            row=_lines(self.row),
            form=self.form,
            calibration=self.calibration,
            control=self.control,
            words=tuple(map(_lines, self.words)),
            definitions=tuple(map(_lines, self.definitions)),
            shown=tuple(self.shown),
        )


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def router(pages: Pages) -> APIRouter:
    """Give the pages of a study's prompt lab.

    Parameters
    ----------
    pages : Pages

    Returns
    -------
    APIRouter
    """
    routes = APIRouter(prefix="/studies/{name}/prompt-lab")

    @routes.get("")
    def show(request: Request, name: str, n: int = 0, edit: int = 0, before: int = 0, after: int = 0) -> HTMLResponse:
        def give(study: Path) -> HTMLResponse:
            lab = open_lab(study, n=n or None, version=edit or None)
            if lab is None:
                return pages.gate(request, name, "Prompt lab", _CONSENT, "prompt-lab/allow")
            compared = compare_versions(study, before, after) if before and after else None
            shown = {**_lab_values(lab), **_run_values(pages, name, lab), "compared": compared, "edit": edit}
            return pages.render(request, "prompt_lab.html", study=name, **shown)

        return pages.with_records(request, name, "Prompt lab", give)

    @routes.post("/allow")
    def allow(name: str) -> RedirectResponse:
        allow_rows(pages.study(name))
        return RedirectResponse(f"{address_of(name)}/prompt-lab", 303)

    @routes.post("/run")
    def run(request: Request, name: str, form: Annotated[FilledPrompt, Form()]) -> Response:
        return _started(pages, request, name, form)

    @routes.get("/run")
    def show_run(request: Request, name: str, step: str = "") -> Response:
        study, doing = pages.study(name), pages.background.of(name, _KIND)
        if doing is not None and doing.state == "running" and doing.step == step:
            return Response(status_code=204)  # nothing new: what a screen reader has read is not read again
        lab = None if doing is not None and doing.state == "running" else open_lab(study)
        return _run_part(pages, request, name, lab)

    @routes.post("/cancel")
    def cancel(request: Request, name: str) -> HTMLResponse:
        if (doing := pages.background.of(name, _KIND)) is not None:
            pages.background.cancel(doing.number)
        return _run_part(pages, request, name, None)

    return routes


def _started(pages: Pages, request: Request, name: str, form: FilledPrompt) -> Response:
    """Start a run of what the form holds, and give the part of the page that follows it."""
    study = pages.study(name)
    lab = open_lab(study, n=form.n, version=form.edit or None)
    if lab is None:
        raise HTTPException(403, "Nobody has allowed yet that rows of this study are shown.")
    whole = form.text is not None
    prompt = prompt_of_text(lab, _lines(form.text or "")) if whole else prompt_of_fields(lab, form.fields())
    work = run_of(study, lab, prompt, against=form.against or None, model=form.model, whole=whole)
    pages.start_beside(_KIND, name, f"a prompt on rows of {name}", work)
    save_prompt(lab, prompt)
    if whole or form.seen not in (0, lab.n):  # the parts, or the rows, are not those of the page any more
        return Response(headers={"HX-Redirect": f"{address_of(name)}/prompt-lab?n={lab.n}"})
    return _run_part(pages, request, name, None, file=work.text)


def _run_part(pages: Pages, request: Request, name: str, lab: Lab | None, file: str = "") -> HTMLResponse:
    """Give the part of the page that follows a run; with what changed beside it once that has ended."""
    values = _run_values(pages, name, lab)
    return pages.render(
        request, "prompt_lab_run.html", **values, here=f"{address_of(name)}/prompt-lab", part=True, file=file
    )


def _run_values(pages: Pages, name: str, lab: Lab | None) -> dict[str, Any]:
    doing = pages.background.of(name, _KIND)
    outcome = doing.result if doing is not None and doing.state == "done" else None
    changed: list[str] = []
    if outcome is not None and outcome.against is not None:
        parts = part_changes(outcome.against.prompt, outcome.tried.prompt)
        changed = list(dict.fromkeys(part.part for part in parts if part.part[0] != " "))
    marks = _marks(lab, outcome.tried) if outcome is not None and lab is not None else []
    return {"doing": doing, "outcome": outcome, "changed": changed, "marks": marks, "history": _history(lab)}


def _marks(lab: Lab, tried: Tried | None) -> list[dict[str, Any]]:
    """Give each row of a lab with what one try answered: a column never mixes versions or models."""
    answers = {row.id: row.answer for row in tried.rows} if tried is not None else {}
    return [
        {
            "key": row_key(text, label),
            "text": text,
            "label": label,
            "answered": row in answers,
            "answer": answers.get(row),
        }
        for row, text, label in zip(lab.rows.ids, lab.rows.texts, lab.rows.labels, strict=True)
    ]


def _history(lab: Lab | None) -> list[dict[str, Any]] | None:
    """Give every try, the last one first; None where the part of the page does not show them."""
    if lab is None:
        return None
    return [{"tried": tried, "change": change} for tried, _before, change in reversed(changes_along(lab.history))]


def _lab_values(lab: Lab) -> dict[str, Any]:
    """Arrange the editor and the rows."""
    fields, design = fields_of(lab.prompt), lab.prompt.design
    last = lab.last_try
    rows = _marks(lab, last)
    known = {row["key"] for row in rows}
    keyed = zip(fields.shown, design.demonstrations, strict=True)
    return {
        "lab": lab,
        "fields": fields,
        "labels": list(zip(design.labels, fields.words, fields.definitions, strict=True)),
        "rows": rows,
        "last": last,
        "others": [{"key": key, "text": one.text, "label": one.label} for key, one in keyed if key not in known],
        "hidden": visible_text(lab.text) != lab.text,
        "file": lab.text,
        "part": False,
    }
