"""The verdict card: what a study came to, on one screen of the terminal; ``report.html`` has every detail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.text import Text

from bakeoff.records import Check, Comparison, Consideration, Decision, Evidence
from bakeoff.report import figures
from bakeoff.report.brief import brief_finding
from bakeoff.report.lookup import (
    CHOICE_WORDS,
    CONSIDERATION_WORDS,
    Headline,
    difference_text,
    flip_text,
    headline,
    meanwhile_flip,
    resolution_text,
    row_of,
    seeds_text,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["verdict_card"]

_LABEL_WIDTH = 14
#: Reasons, contenders left out, and flips on the card; the page has all.
_MOST_REASONS, _MOST_LEFT_OUT, _MOST_FLIPS = 3, 3, 3
#: Stands for a space at which no line breaks.
_KEPT = "\ue000"

#: How to read the figures, for who sees a card for the first time.
_LEGEND = (
    "n: labelled rows. x / y: fine-tuned / prompted. [low, high]: 95% interval. A score is the mean over a contender's "
    "seeds, a difference that over the seeds both have. p: chance of so large a difference where there is none."
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One entry of the card: a label, a text that wraps beside it, and a tail set flush right.

    What is `whole`, a command or a path, never wraps: it is to be copied.
    """

    label: str
    text: str
    tail: str = ""
    style: str = "dim"
    whole: bool = False


class _Drawn:
    """A line of the card, drawn in the columns that there are."""

    def __init__(self, line: _Line, width: int) -> None:
        self.line = line
        self.width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(self.width, options.max_width), _LABEL_WIDTH + 12)
        name, text, tail = (figures.clean_text(part) for part in (self.line.label, self.line.text, self.line.tail))
        indent = len(self.line.label) - len(self.line.label.lstrip(" "))
        label = Text(" " * indent + name, style=self.line.style)
        label.truncate(_LABEL_WIDTH - 1, overflow="ellipsis")
        label.align("left", _LABEL_WIDTH)
        room = width - _LABEL_WIDTH
        if self.line.whole and Text(text).cell_len > room:
            yield from label.render(console) if name else ()
            yield from (Segment.line(), Segment(f"  {text}")) if name else (Segment(f"  {text}"),)
            yield Segment.line()
            return
        # A p-value is not torn from its number, nor one side's figure from the other's.
        kept = re.sub(r"\bp ([=<]) ", rf"p{_KEPT}\1{_KEPT}", text).replace(" / ", f"{_KEPT}/{_KEPT}")
        lines = [line.plain.rstrip().replace(_KEPT, " ") for line in Text(kept).wrap(console, room)] or [""]
        if Text(tail).cell_len > room:
            lines += [line.plain.rstrip() for line in Text(tail).wrap(console, room)]
        elif tail:
            lines = list(_with_tail(lines, tail, room))
        for position, line in enumerate(lines):
            yield from label.render(console) if position == 0 else (Segment(" " * _LABEL_WIDTH),)
            yield Segment(line)
            yield Segment.line()


def _with_tail(lines: Sequence[str], tail: str, room: int) -> Iterator[str]:
    """Set the tail flush right on the last line where it fits, else on a line of its own."""
    *first, last = lines
    yield from first
    if Text(last).cell_len + 2 + Text(tail).cell_len <= room:
        yield last + " " * (room - Text(last).cell_len - Text(tail).cell_len) + tail
        return
    yield last
    yield " " * max(room - Text(tail).cell_len, 0) + tail


def verdict_card(
    evidence: Evidence,
    decision: Decision,
    *,
    title: str,
    bundle: str | None = None,
    report: str | None = None,
    next_command: str | None = None,
    width: int = 80,
) -> RenderableType:
    """Give the verdict card: at most about 40 lines of 80 columns.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    title : str
        What was studied, such as the data file's name.
    bundle, report : str, optional
        Where the bundle and the report stand, as the user would type it; left out where there is none.
    next_command : str, optional
        What to type to go on where the choice is open.
    width : int, default 80
        Columns at most; a narrower terminal gets narrower lines. Commands and paths are longer where they must be:
        print the card with ``crop=False``.

    Returns
    -------
    rich renderable
    """
    lines = [
        *_title_lines(evidence, decision, title),
        *_choice_lines(evidence, decision, next_command),
        *(_consideration_line(one, evidence) for one in decision.considerations),
        *_flip_lines(decision),
        *_check_lines(evidence.checks),
        *_ready_lines(bundle, report),
        _Line("reading", _LEGEND),
    ]
    return Group(*(_Drawn(line, width) for line in lines))


def _choice_lines(evidence: Evidence, decision: Decision, next_command: str | None) -> list[_Line]:
    """Give the choice, on what it rests, what to do next, and what it holds for."""
    verdict, pair = decision.verdict, headline(decision)
    lines = list(_pair_lines(evidence, decision, pair))
    if verdict.choice not in ("fine-tune", "prompt") or pair.comparison is None:
        lines.extend(
            _Line("" if position else "because", _without_statistic(one, decision))
            for position, one in enumerate(verdict.reasons[:_MOST_REASONS])
        )
    else:
        lines.extend(_floor_lines(decision))
    if next_command:
        lines.append(_Line("", next_command, style="bold", whole=True))
    lines.extend(
        _Line("" if position else "left out", one) for position, one in enumerate(verdict.left_out[:_MOST_LEFT_OUT])
    )
    if verdict.scope:
        lines.append(_Line("scope", _shorter_scope(verdict.scope)))
    return lines


def _title_lines(evidence: Evidence, decision: Decision, title: str) -> Iterator[_Line]:
    task = evidence.task
    facts, power = f"{task.name}, {task.extent}", resolution_text(evidence, decision)
    if len(figures.clean_text(title)) < _LABEL_WIDTH:
        yield _Line(title, facts, power, "bold")
    else:
        yield _Line("", title, style="bold")
        yield _Line("task", facts, power)


def _pair_lines(evidence: Evidence, decision: Decision, pair: Headline) -> Iterator[_Line]:
    verdict = decision.verdict
    word = CHOICE_WORDS.get(verdict.choice, verdict.choice).upper()
    style = "bold yellow" if verdict.choice == "unresolved" else "bold green"
    met = pair.comparison
    if pair.first is None:
        yield _Line(word, "no contender could be chosen", style=style)
    elif verdict.contender is None:
        yield _Line(word, "no finalist is shown to be the one to choose", style=style)
        yield _Line("  meanwhile", *_contender(evidence, decision, pair.first, metric=True))
    else:
        yield _Line(word, *_contender(evidence, decision, pair.first, metric=True), style=style)
    if pair.second is not None:
        yield _Line("  against", *_contender(evidence, decision, pair.second, metric=False))
    elif met is None:
        # What to use meanwhile is no finalist: who met, and with what result, is what the reader asks for next.
        met = next((one for one in decision.comparisons if one.role == "verdict"), None)
        for label, name in (("  fine-tuned", met.a), ("  prompted", met.b)) if met is not None else ():
            yield _Line(label, *_contender(evidence, decision, name, metric=False))
    paid = _costs_text(evidence, decision, pair)
    if paid is not None:
        yield _Line("  costs", paid)
    if met is not None:
        yield _Line("  difference", _statistic(evidence, met))


def _statistic(evidence: Evidence, met: Comparison) -> str:
    corrected = figures.p_text(met.p_holm)
    holm = "" if corrected in (figures.MISSING, figures.p_text(met.p)) else f" ({corrected} after Holm)"
    return f"{difference_text(met)}, {seeds_text(evidence, met)}, {figures.p_phrase(met.p)}{holm}"


def _costs_text(evidence: Evidence, decision: Decision, pair: Headline) -> str | None:
    """Say what the two contenders are expected to cost a month, where the choice is by that."""
    totals = {one.contender: one for one in decision.costs if one.ci is not None}
    shown = [totals[name] for name in (pair.first, pair.second) if name in totals]
    if not shown:
        return None
    currency = evidence.assumptions.currency
    return "expected a month, wrong answers included: " + " against ".join(
        f"{figures.about_text(one.total)} {currency} [{', '.join(figures.about_text(bound) for bound in one.ci or ())}]"
        for one in shown
    )


def _contender(evidence: Evidence, decision: Decision, name: str, *, metric: bool) -> tuple[str, str]:
    row = row_of(decision, name, decision.verdict.n)
    if row is None:
        return name, ""
    score = f"{figures.score_text(row.score)} {figures.interval_text(row.ci)}".removesuffix(f" {figures.MISSING}")
    return f"{name}, n = {figures.count_text(row.n)}", f"{evidence.task.metric} {score}" if metric else score


def _floor_lines(decision: Decision) -> Iterator[_Line]:
    """Say by how much the chosen contender beats the floor and today's system: the verdict rests on that, too."""
    for one in decision.comparisons:
        if one.a == decision.verdict.contender and one.role in ("floor", "current"):
            yield _Line(f"  over {one.role}", f"{one.b}: {difference_text(one)}, {figures.p_phrase(one.p)}")


def _without_statistic(reason: str, decision: Decision) -> str:
    """Leave out of a reason the statistic that stands above it already."""
    for one in decision.comparisons:
        begins = re.escape(f" ({one.a} minus {one.b}: ")
        reason = re.sub(rf"{begins}[^()]*(?:\(Holm\))?\)", "", reason)
    return reason


def _shorter_scope(scope: str) -> str:
    """Leave out who met, on how many rows: the card says that above."""
    _, found, rest = scope.partition(" test rows. ")
    return rest if found else scope


def _consideration_line(one: Consideration, evidence: Evidence) -> _Line:
    label = CONSIDERATION_WORDS.get(one.name, (one.name.replace("_", " "), ""))[0]
    return _Line(label, brief_finding(one, evidence), f"favours {one.favours}")


def _flip_lines(decision: Decision) -> Iterator[_Line]:
    found, used = decision.verdict.flips, meanwhile_flip(decision)
    for position, flip in enumerate(found[:_MOST_FLIPS]):
        more = len(found) - _MOST_FLIPS
        told = re.sub(r"^score of the (\S+) finalist:", r"\1 score:", flip_text(flip))
        tail = f"{more} more in the report" if more > 0 and position == _MOST_FLIPS - 1 else ""
        yield _Line("" if position else "would flip", told, tail)
    if used is not None:
        yield _Line("" if found else "would flip", f"meanwhile, {flip_text(used)}")


def _check_lines(checks: Iterable[Check]) -> Iterator[_Line]:
    found = [check for check in checks if check.status != "PASS"]
    if found:
        yield _Line("checks", ", ".join(f"{check.status} {check.name}" for check in found))


def _ready_lines(bundle: str | None, report: str | None) -> Iterator[_Line]:
    commands = (f"bakeoff predict {bundle} new.csv", f"bakeoff serve {bundle}") if bundle else ()
    parts = [report, bundle, *commands]
    for position, part in enumerate(part for part in parts if part):
        yield _Line("" if position else "ready", part, style="bold", whole=True)
