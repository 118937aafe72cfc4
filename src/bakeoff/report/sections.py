"""Single sections of the report, for whoever shows them in a page of their own; and the curves of a running study."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bakeoff.records import BreakEven, Crossover, CurvePoint, Decision, Evidence, Verdict
from bakeoff.report.disagreements import ShownRows
from bakeoff.report.page import render_report
from bakeoff.report.plots import learning_curves
from bakeoff.report.progress import Progress

__all__ = ["Sections", "render_sections", "validation_curves"]

_SECTION = re.compile(r"<section[ >].*?</section>", re.DOTALL)
_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>\s*</body>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sections:
    """Sections of a report.

    Parameters
    ----------
    parts : mapping of str to str
        HTML by heading, in the order of the report; every text from data is escaped.
    style, script : str
        Of the whole report, the same for every study.
    """

    parts: Mapping[str, str]
    style: str
    script: str


def render_sections(
    evidence: Evidence, decision: Decision, headings: Sequence[str], *, rows: ShownRows | None = None
) -> Sections:
    """Render the report, and give some of its sections.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    headings : sequence of str
        What their headings begin with; those that the report does not have are left out.
    rows : ShownRows, optional
        Test rows to be shown; without them no section has any.

    Returns
    -------
    Sections
    """
    # Sections do not stand in one another, and no text from data can hold a tag.
    page = render_report(evidence, decision, created="", version="", title="", rows=rows)
    named = ((found[1], part) for part in _SECTION.findall(page) if (found := _HEADING.search(part)) is not None)
    parts = {heading: _reachable(part, heading) for heading, part in named if heading.startswith(tuple(headings))}
    style, script = _STYLE.search(page), _SCRIPT.search(page)
    return Sections(parts, style[1] if style else "", script[1] if script else "")


def _reachable(part: str, heading: str) -> str:
    """Let keys reach what scrolls: in a page of one's own there may be no other way to it."""
    named = f'tabindex="0" role="region" aria-label="{heading}" class="scroll"'
    return part.replace('class="scroll"', named).replace("<figure ", '<figure tabindex="0" ')


def validation_curves(progress: Progress) -> str | None:
    """Draw mean validation score over label budget of a study that runs.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    str or None
        SVG, or None before the first score.
    """
    points = (
        CurvePoint(cell.contender, cell.arm, cell.n, cell.score, (math.nan, math.nan), cell.seeds_done)
        for cell in progress.cells
        if math.isfinite(cell.score)
    )
    drawn = learning_curves(_undecided(points))
    # The chart tells what its axis is in its title, and to screen readers.
    return None if drawn is None else drawn.replace("test score", "validation score")


def _undecided(points: Iterable[CurvePoint]) -> Decision:
    """Give a decision that holds curves and decides nothing."""
    return Decision(
        mde=math.nan,
        leaderboard=(),
        comparisons=(),
        curves=tuple(points),
        crossover=Crossover("not-reached", None, "not-shown", None, None, ""),
        break_even=BreakEven("never", None, math.nan, None, {}, ""),
        differences=(),
        considerations=(),
        verdict=Verdict("unresolved", None, None, None, "", (), (), "", 0),
    )
