"""What every page is made with: the folder of studies, the templates, and what all of them show."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from starlette.responses import HTMLResponse

from bakeoff.errors import StudyError
from bakeoff.report import figures
from bakeoff.workbench.background import Background, Doing, Work
from bakeoff.workbench.opened import refuse_others
from bakeoff.workbench.processes import study_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import Request
    from jinja2 import Environment

__all__ = ["TABS", "Pages", "templates"]

#: Tabs of a study: what they are called, and their path below the study's. One is shown where the app has that page.
TABS = (
    ("Progress", ""),
    ("Verdict", "verdict"),
    ("Scores", "scores"),
    ("Rows", "rows"),
    ("Prompt lab", "prompt-lab"),
    ("Try", "try"),
    ("Rate", "rate"),
    ("Adjudicate", "adjudicate"),
)


@dataclass(frozen=True)
class Pages:
    """What pages are made with.

    Parameters
    ----------
    folder : Path
        Holds the studies, one folder each.
    templates : jinja2.Environment
        As `templates` gives it.
    background : Background
        Where models run for the pages.
    """

    folder: Path
    templates: Environment
    background: Background = field(default_factory=Background)
    _starts: threading.Lock = field(default_factory=threading.Lock)

    @property
    def occupant(self) -> Doing | None:
        """What runs beside the app; None where nothing does."""
        doing = self.background.doing
        return doing if doing is not None and doing.state == "running" else None

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Start a study's process where nothing runs beside the app: that would change the times that it measures.

        Raises
        ------
        StudyError
            If something does.
        """
        with self._starts:
            self.background.refuse_busy()
            yield

    def start_beside(self, kind: str, study: str, title: str, work: Work) -> Doing:
        """Start a piece of work beside the app where no study of the folder runs, as `Background.start` does.

        Parameters
        ----------
        kind, study, title : str
        work : Work

        Returns
        -------
        Doing

        Raises
        ------
        StudyError
            If another piece of work, or a study, runs.
        """
        with self._starts:
            refuse_others(self.folder)
            return self.background.start(kind, study, title, work)

    def render(self, request: Request, name: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a template.

        Parameters
        ----------
        request : Request
        name : str
            Of the template.
        status : int
            Of the response.
        **values
            For the template. ``study``, the name of a study, has its tabs shown. Every page knows ``csrf``, the token
            of its forms, and ``path``, its own.

        Returns
        -------
        HTMLResponse
        """
        given = {
            "study": None,
            "csrf": request.state.csrf,
            "path": request.url.path,
            "tabs": _tabs(request),
            **values,
        }
        return HTMLResponse(self.templates.get_template(name).render(given), status)

    def with_records(
        self, request: Request, name: str, title: str, give: Callable[[Path], HTMLResponse]
    ) -> HTMLResponse:
        """Give a page that needs a study's records; where they cannot be had now, say why in its place.

        Parameters
        ----------
        request : Request
        name : str
            Of the study.
        title : str
            Of the page.
        give : callable
            Given the study's folder; it may raise `StudyError`.

        Returns
        -------
        HTMLResponse
        """
        study = self.study(name)
        if study_process(study) is not None:
            return self.render(request, "waiting.html", study=name, title=title)
        try:
            return give(study)
        except StudyError as error:
            message, next_step = error.message, error.next_step
            return self.render(request, "blank.html", study=name, title=title, message=message, next_step=next_step)

    def gate(self, request: Request, name: str, title: str, words: tuple[str, ...], action: str) -> HTMLResponse:
        """Render what stands before a page that shows test rows.

        Parameters
        ----------
        request : Request
        name : str
            Of the study.
        title : str
            Of the page.
        words : tuple of str
            Paragraphs: what is shown, and what follows from it.
        action : str
            Path below the study's, to which the consent is posted.

        Returns
        -------
        HTMLResponse
        """
        return self.render(request, "gate.html", study=name, title=title, words=words, action=action)

    def child(self, name: str) -> Path:
        """Give a folder directly below that of the studies.

        Parameters
        ----------
        name : str
            As it came in an address.

        Returns
        -------
        Path

        Raises
        ------
        HTTPException
            404 where the name leads elsewhere, or to no folder.
        """
        path = self.folder / name
        if name in ("", ".", "..") or "\0" in name or Path(name).name != name or not path.is_dir():
            raise HTTPException(404, "There is no such study in this folder.")
        if path.resolve().parent != self.folder.resolve():
            raise HTTPException(404, "There is no such study in this folder.")
        return path

    def study(self, name: str) -> Path:
        """Give the folder of a study.

        Parameters
        ----------
        name : str
            As it came in an address.

        Returns
        -------
        Path

        Raises
        ------
        HTTPException
            404 where there is no study of that name directly below the folder.
        """
        path = self.child(name)
        if not (path / "study.sqlite").is_file():
            raise HTTPException(404, "There is no such study in this folder.")
        return path


def templates() -> Environment:
    """Give the environment of the templates: all is escaped, nothing hidden, nothing left undefined.

    Returns
    -------
    jinja2.Environment
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bakeoff.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=figures.visible_value,
    )
    environment.filters.update(
        {
            "count": figures.count_text,
            "duration": figures.duration_text,
            "money": figures.money_text,
            "ms": figures.milliseconds_text,
            "rate": figures.rate_text,
            "interval": figures.interval_text,
            "points": _with_minus(figures.points_text),
            "points_interval": _with_minus(figures.points_interval_text),
            "p_phrase": figures.p_phrase,
            "score": figures.score_text,
            "share": figures.share_text,
        }
    )
    return environment


def _with_minus(form: Any) -> Any:
    """Give a form of figures the true minus."""
    return lambda value: form(value).replace("-", "\u2212")


def _tabs(request: Request) -> list[tuple[str, str]]:
    """Give the tabs whose pages the app has."""
    known = {getattr(route, "path", "") for route in request.app.state.pages}
    return [(title, path) for title, path in TABS if "/studies/{name}" + (f"/{path}" if path else "") in known]
