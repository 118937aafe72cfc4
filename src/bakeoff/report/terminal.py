"""What the terminal shows: the verdict card, and tables of checks, plan, progress and leaderboard.

Everything here gives a rich renderable; who prints it is the command line. Colour is an accent: each piece reads the
same without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from bakeoff.records import Arm, Check, Consideration, Decision, Evidence, Flip, LeaderboardRow
from bakeoff.report import figures
from bakeoff.report.lookup import (
    CHOICE_WORDS,
    CONSIDERATION_WORDS,
    Headline,
    finding_parts,
    flip_text,
    headline,
    requirement_text,
    row_of,
    seeds_text,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ARM_STYLES", "checks_table", "leaderboard_table", "verdict_card"]

#: Colour of each arm, the same in every table.
ARM_STYLES: dict[Arm, str] = {
    "finetune": "blue",
    "prompt": "yellow",
    "both": "magenta",
    "floor": "bright_black",
    "current": "cyan",
}

_STATUS_STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}
_LABEL_WIDTH = 14
#: Reasons on the card where the comparison alone does not say why; the page has all.
_MOST_REASONS = 3
#: Flips on the card; the page has all.
_MOST_FLIPS = 6


#: How to read the figures, for who sees a card for the first time.
_LEGEND = (
    "n: labelled rows. [low, high]: 95% interval. A difference is the first minus the second. p: chance of so large a "
    "difference where there is none."
)


class _Line:
    """One entry of the card: a label, a text that wraps beside it, and a tail set flush right."""

    def __init__(self, label: str, text: str, tail: str = "", *, style: str = "dim", width: int = 80) -> None:
        self.label, self.text, self.tail = (figures.clean_text(part) for part in (label, text, tail))
        self.style = style
        self.width = width
        self.indent = len(label) - len(label.lstrip(" "))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(self.width, options.max_width), _LABEL_WIDTH + 12)
        room = width - _LABEL_WIDTH
        lines = [line.plain.rstrip() for line in Text(self.text).wrap(console, room)] or [""]
        if self.tail:
            lines = list(_with_tail(lines, self.tail, room))
        label = Text(" " * self.indent + self.label, style=self.style)
        label.truncate(_LABEL_WIDTH - 1, overflow="ellipsis")
        label.align("left", _LABEL_WIDTH)
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
    width: int = 80,
) -> RenderableType:
    """Give the verdict card.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    title : str
        What was studied, such as the data file's name.
    bundle, report : str, optional
        Where the bundle and the report stand, as the user would type it; left out where there is none.
    width : int, default 80
        Columns at most; a narrower terminal gets narrower lines.

    Returns
    -------
    rich renderable
    """
    verdict = decision.verdict
    pair = headline(decision)
    lines = [*_title_lines(evidence, decision, title), *_pair_lines(evidence, decision, pair)]
    if verdict.choice not in ("fine-tune", "prompt") or pair.comparison is None:
        lines.extend(
            ("because" if position == 0 else "", one, "", "dim")
            for position, one in enumerate(verdict.reasons[:_MOST_REASONS])
        )
    else:
        lines.extend(_floor_lines(decision))
    if verdict.scope:
        lines.append(("scope", verdict.scope, "", "dim"))
    lines.extend(_requirement_lines(evidence))
    lines.extend(line for one in decision.considerations for line in _consideration_lines(one, decision))
    lines.extend(_flip_lines(verdict.flips))
    lines.extend(_check_lines(evidence.checks))
    lines.extend(_ready_lines(bundle, report))
    lines.append(("reading", _LEGEND, "", "dim"))
    return Group(*(_Line(label, text, tail, style=style, width=width) for label, text, tail, style in lines))


_Entry = tuple[str, str, str, str]


def _title_lines(evidence: Evidence, decision: Decision, title: str) -> Iterator[_Entry]:
    task = evidence.task
    facts = f"{task.name}, {task.extent}"
    power = (
        f"{figures.count_text(len(evidence.test_labels))} test rows can show {figures.mde_text(decision.mde)} or more"
    )
    if len(figures.clean_text(title)) < _LABEL_WIDTH:
        yield title, facts, power, "bold"
    else:
        yield "", title, "", "bold"
        yield "task", facts, power, "dim"


def _pair_lines(evidence: Evidence, decision: Decision, pair: Headline) -> Iterator[_Entry]:
    verdict = decision.verdict
    word = CHOICE_WORDS.get(verdict.choice, verdict.choice).upper()
    style = "bold yellow" if verdict.choice == "unresolved" else "bold green"
    if pair.first is None:
        yield word, "no contender could be chosen", "", style
    elif verdict.contender is None:
        yield word, "no finalist is shown to be the one to choose", "", style
        yield "  meanwhile", *_contender(evidence, decision, pair.first, metric=True), "dim"
    else:
        yield word, *_contender(evidence, decision, pair.first, metric=True), style
    if pair.second is not None:
        yield "  against", *_contender(evidence, decision, pair.second, metric=False), "dim"
    paid = _costs_text(evidence, decision, pair)
    if paid is not None:
        yield "  costs", paid, "", "dim"
    met = pair.comparison
    if met is not None:
        corrected = figures.p_text(met.p_holm)
        holm = "" if corrected in (figures.MISSING, figures.p_text(met.p)) else f" ({corrected} after Holm)"
        text = (
            f"{figures.points_text(met.difference)} {figures.points_interval_text(met.ci)}, "
            f"{seeds_text(evidence, met)}, {figures.p_phrase(met.p)}{holm}"
        )
        yield "  difference", text, "", "dim"


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


def _floor_lines(decision: Decision) -> Iterator[_Entry]:
    """Say by how much the chosen contender beats the floor and today's system: the verdict rests on that, too."""
    for one in decision.comparisons:
        if one.a == decision.verdict.contender and one.role in ("floor", "current"):
            points = f"{figures.points_text(one.difference)} {figures.points_interval_text(one.ci)}"
            yield f"  over {one.role}", f"{one.b}: {points}, {figures.p_phrase(one.p)}", "", "dim"


def _requirement_lines(evidence: Evidence) -> Iterator[_Entry]:
    if evidence.requirements:
        yield "limits", "; ".join(requirement_text(one) for one in evidence.requirements), "", "dim"


def _consideration_lines(one: Consideration, decision: Decision) -> Iterator[_Entry]:
    """Give what was found, each contender on lines of its own, and whom it favours on the last."""
    label = CONSIDERATION_WORDS.get(one.name, (one.name.replace("_", " "), ""))[0]
    parts = finding_parts(one.finding, decision)
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        yield (
            "" if position else label,
            part,
            f"favours {one.favours}" if last else "",
            "dim",
        )


def _flip_lines(flips: Iterable[Flip]) -> Iterator[_Entry]:
    found = list(flips)
    for position, flip in enumerate(found[:_MOST_FLIPS]):
        yield "would flip" if position == 0 else "", flip_text(flip), "", "dim"
    if len(found) > _MOST_FLIPS:
        yield "", f"and {len(found) - _MOST_FLIPS} more, in the report", "", "dim"


def _check_lines(checks: Iterable[Check]) -> Iterator[_Entry]:
    found = [check for check in checks if check.status != "PASS"]
    if found:
        yield "checks", ", ".join(f"{check.status} {check.name}" for check in found), "", "dim"


def _ready_lines(bundle: str | None, report: str | None) -> Iterator[_Entry]:
    parts = [" and ".join(place for place in (bundle, report) if place)]
    if bundle:
        parts += [f"bakeoff predict {bundle} new.csv", f"bakeoff serve {bundle}"]
    for position, part in enumerate(part for part in parts if part):
        yield "ready" if position == 0 else "", part, "", "bold"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim", show_edge=False)


def checks_table(checks: Iterable[Check]) -> Table:
    """Give the checks of the rows as a table: status, name, what was found."""
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    for check in checks:
        table.add_row(
            Text(check.status, style=_STATUS_STYLES.get(check.status, "")),
            Text(figures.clean_text(check.name)),
            Text(figures.clean_text(check.detail)),
        )
    return table


def leaderboard_table(rows: Iterable[LeaderboardRow]) -> Table:
    """Give the leaderboard as a table that fits 80 columns; ``leaderboard.csv`` has every column.

    Parameters
    ----------
    rows : iterable of LeaderboardRow
        In the order wanted.

    Returns
    -------
    rich.table.Table
    """
    table = _table()
    table.add_column("contender", overflow="fold", min_width=12)
    for name in ("n", "score", "95% interval", "valid", "fit", "p50", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(figures.clean_text(row.contender), style=ARM_STYLES.get(row.arm, "")),
            figures.count_text(row.n),
            Text(figures.score_text(row.score)),
            Text(figures.interval_text(row.ci)),
            figures.share_text(row.valid_rate),
            figures.duration_text(row.fit_seconds),
            figures.milliseconds_text(row.p50_ms),
            str(row.seeds),
        )
    return table
