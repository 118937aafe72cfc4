"""The card of `bakeoff watch`: what has shifted in new rows, and whether to decide again, in 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from bakeoff.records import AuditedScore, Look, Redecision
from bakeoff.report import figures

__all__ = ["WatchFigures", "watch_card"]

_LABEL_WIDTH = 14
_STYLES = {"shifted": "bold yellow", "small": "", "no shift shown": "dim", "not compared": "dim"}
_LEGEND = (
    "p: chance of so large a difference where nothing has shifted, after Holm over all looks. shifted: shown, and as "
    "large as matters; small: shown, and not. Not shown is not absent. [low, high]: 95% interval."
)
_CARD_WIDE = "the card's own interval is too wide"


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """What the card shows; see `bakeoff.workbench.watch.Watched` for the fields."""

    contender: str
    rows: int
    answered: int
    empty: int
    study_rows: int
    looks: Sequence[Look]
    copies: float
    copies_before: float
    seen: float | None
    score: AuditedScore | None
    foretold: float | None
    interval: tuple[float, float] | None
    expected: tuple[float, float] | None
    n: int
    rows_refitted: int
    redecision: Redecision | None
    unlabelled: int
    in_study: int
    notes: Sequence[str]


def watch_card(found: WatchFigures, title: str, width: int = 80) -> Table:
    """Give the card.

    Parameters
    ----------
    found : WatchFigures
    title : str
        Name of the file of new rows.
    width : int
        Columns at most.

    Returns
    -------
    rich.table.Table
    """
    table = Table.grid(padding=0)
    table.width = width
    table.add_column(width=_LABEL_WIDTH, no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for label, text, style in _lines(found, title):
        table.add_row(Text(label, style=style or "dim"), Text(figures.clean_text(text)))
    return table


def _lines(found: WatchFigures, title: str) -> Iterator[tuple[str, str, str]]:
    count = figures.count_text
    yield "watch", f"{title} against the {count(found.study_rows)} rows of the study", "bold"
    drawn = "all" if found.answered == found.rows else f"{count(found.answered)} drawn"
    empty = f", {count(found.empty)} without a text" if found.empty else ""
    yield "bundle", f"{found.contender}: {count(found.rows)} rows, {drawn} answered{empty}", ""
    for look in found.looks:
        yield look.name, _look_text(look), _STYLES[look.finding]
    yield "duplicates", _copies_text(found), ""
    yield from _score_lines(found)
    for note in found.notes:
        yield "not told", note, ""
    yield "reading", _LEGEND, ""


def _look_text(look: Look) -> str:
    if look.finding == "not compared":
        return look.told
    interval = f" {figures.interval_text(look.ci)}" if look.name == "texts" else ""
    named = f"AUC {figures.score_text(look.figure)}{interval}: " if look.name == "texts" else ""
    finding = "SHIFTED" if look.finding == "shifted" else look.finding
    return f"{finding}: {named}{look.told}; {look.test}, {figures.p_phrase(look.p_holm)}"


def _copies_text(found: WatchFigures) -> str:
    told = f"{100 * found.copies:.1f}% of rows repeat another, {100 * found.copies_before:.1f}% in the study"
    return told if found.seen is None else f"{told}; {100 * found.seen:.1f}% stand in the study, or nearly so"


def _score_lines(found: WatchFigures) -> Iterator[tuple[str, str, str]]:
    if found.score is None:
        return
    one = found.score
    left = f"; {figures.count_text(found.unlabelled)} without a label" if found.unlabelled else ""
    if found.in_study:
        left += f"; {figures.count_text(found.in_study)} left out, which stand in the study, or nearly so"
    rows = f"{figures.count_text(one.rows)} labelled rows ({one.interval}){left}"
    yield "score", f"{one.metric} {figures.score_text(one.score)} {figures.interval_text(one.ci)}, {rows}", ""
    if one.unknown_labels:
        yield "new labels", f"{', '.join(one.unknown_labels)}: the bundle cannot answer so", "bold yellow"
    if found.redecision is None:
        return
    measured = f" with n = {figures.count_text(found.n)}" if found.n else ""
    foretold = f"{figures.score_text(found.foretold)} {figures.interval_text(found.interval)} by the card{measured}"
    yield "  foretold", foretold, ""
    further = found.expected is not None and found.expected != found.interval
    if further:
        refitted = f"the bundle, which has learned from {figures.count_text(found.rows_refitted)} rows"
        yield "  expected", f"{figures.interval_text(found.expected)} of {refitted}", ""
    said = found.redecision
    bounds = figures.points_interval_text(said.ci)
    yield "  difference", f"{figures.points_text(said.difference)} {bounds}", ""
    yield "decide again", _answer_text(said, further), "bold"


def _answer_text(said: Redecision, further: bool) -> str:
    margin = f"{100 * said.margin:g} points"
    if said.answer == "yes":
        return f"YES: a loss is shown, and it is {margin} or more"
    if said.answer == "no":
        return f"NO: a loss of {margin} is ruled out"
    told = f"TOO FEW LABELS: a loss of {figures.points_text(-said.ci[0], signed=False)} or more is ruled out"
    if said.labels_needed is None:
        wide = "what is expected is too wide; trials with more labels narrow it" if further else _CARD_WIDE
        return f"{told}; more labels cannot tell one of {margin} if the score stays: {wide}"
    return (
        f"{told}; about {figures.about_text(said.labels_needed)} labels would tell one of {margin} if the score stays"
    )
