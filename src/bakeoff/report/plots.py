"""Charts as SVG text, drawn offline: score over label budget, and score against latency and cost.

Colours stand in the SVG as the plain values of `ARM_COLOURS` and `INK`, which read on light and on dark paper; the
page's style sheet maps each to a variable of its theme.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bakeoff.records import CurvePoint, Decision, LeaderboardRow
from bakeoff.report import figures
from bakeoff.report.lookup import headline, row_of

__all__ = ["AGAINST", "ARM_COLOURS", "GRID", "INK", "front_plot", "learning_curves", "pareto_front", "rows_of_plot"]

#: One colour for each arm, told apart by people with any of the common colour blindnesses.
ARM_COLOURS: Mapping[str, str] = {
    "finetune": "#3b74d8",
    "prompt": "#d2761b",
    "both": "#9a55c4",
    "floor": "#808892",
    "current": "#12958a",
}
INK = "#737b86"
GRID = "#9aa1ab"

_WIDTH, _HEIGHT = 620, 300
#: Smallest distance of two labels of lines, as a share of the height.
_LABEL_STEP = 0.055


def learning_curves(decision: Decision) -> str | None:
    """Draw mean test score over label budget with its 95% band, for every contender.

    Parameters
    ----------
    decision : Decision
        Its `curves`, finalists and crossover.

    Returns
    -------
    str or None
        SVG, or None where no point has a score. The budget axis is logarithmic but has a place for 0. A contender
        measured at 0 alone is drawn across all budgets, dashed. Beyond the last n the finalists' extended curves are
        dotted; the shade is the band of their gap, so that they may cross where it meets the other's line.
    """
    import altair as alt

    points = [point for point in decision.curves if math.isfinite(point.score)]
    if not points:
        return None
    budgets = sorted({point.n for point in points})
    constant = max(min((n for n in budgets if n), default=1) / 2, 1)
    extension = _extension_rows(decision)
    furthest = max([budgets[-1], *(round(row["n"]) for row in extension)])
    ends = [budgets[0] - 0.15 * constant, max(furthest, budgets[0] + 1)]
    scale = alt.Scale(type="symlog", constant=constant, nice=False, domain=ends)
    x = alt.X(
        "n:Q",
        scale=scale,
        axis=alt.Axis(values=[*budgets, *({furthest} - {budgets[-1]})], format=",d", grid=False, title="labelled rows"),
    )
    extended = (row[key] for row in extension for key in ("finetune", "prompt"))
    bounds = _bounds((*(value for point in points for value in (point.score, *point.ci)), *extended))
    pair = headline(decision)
    finalists = {pair.first, pair.second}
    layers: list[Any] = []
    series = _series(points, last=budgets[-1])
    for name, rows in sorted(series.items(), key=lambda item: item[0] in finalists):
        layers.extend(_curve(rows, x, bounds, strong=name in finalists))
    layers.extend(_extension(extension, x, bounds))
    layers.extend(_crossover(decision, x, bounds, (budgets[0], furthest)))
    layers.append(_line_labels(series, x, bounds, finalists, last=furthest))
    return _svg(alt.layer(*layers))


def _series(points: Sequence[CurvePoint], *, last: int) -> dict[str, list[dict[str, Any]]]:
    series: dict[str, list[dict[str, Any]]] = {}
    for point in sorted(points, key=lambda point: point.n):
        low, high = point.ci
        row = {"n": point.n, "score": point.score, "low": low, "high": high, "arm": point.arm}
        if not (math.isfinite(low) and math.isfinite(high)):
            row["low"] = row["high"] = point.score
        series.setdefault(point.contender, []).append(row)
    for rows in series.values():
        if len(rows) == 1 and rows[0]["n"] == 0 < last:
            rows.append({**rows[0], "n": last, "stretched": True})
    return series


def _score_axis(field: str, bounds: tuple[float, float]) -> Any:
    import altair as alt

    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=list(bounds), nice=False), title="test score")


def _curve(rows: list[dict[str, Any]], x: Any, bounds: tuple[float, float], *, strong: bool) -> list[Any]:
    import altair as alt

    y = _score_axis("score", bounds)
    colour = ARM_COLOURS[rows[0]["arm"]]
    dash = [5, 4] if rows[0]["arm"] == "floor" or rows[-1].get("stretched") else [1, 0]
    base = alt.Chart(alt.InlineData(values=rows))
    line = base.mark_line(
        color=colour, strokeWidth=2.6 if strong else 1.2, opacity=1.0 if strong else 0.65, strokeDash=dash
    ).encode(x=x, y=y)
    measured = alt.Chart(alt.InlineData(values=[row for row in rows if not row.get("stretched")]))
    dots = measured.mark_point(
        color=colour, filled=True, size=42 if strong else 20, opacity=1.0 if strong else 0.65
    ).encode(x=x, y=y)
    if not strong:
        return [line, dots]
    band = base.mark_area(color=colour, opacity=0.14).encode(x=x, y=_score_axis("low", bounds), y2="high:Q")
    return [band, line, dots]


def _extension_rows(decision: Decision) -> list[dict[str, float]]:
    """Give the extended curves of both finalists, and the band of the gap laid around the prompt's line."""
    found = decision.crossover.extrapolation
    if found is None:
        return []
    return [
        {
            "n": point.n,
            "finetune": point.finetune,
            "prompt": point.prompt,
            "low": point.prompt + point.band[0],
            "high": point.prompt + point.band[1],
        }
        for point in found.points
    ]


def _extension(rows: list[dict[str, float]], x: Any, bounds: tuple[float, float]) -> list[Any]:
    import altair as alt

    if not rows:
        return []
    low, high = bounds
    base = alt.Chart(
        alt.InlineData(values=[row | {"low": max(row["low"], low), "high": min(row["high"], high)} for row in rows])
    )
    band = base.mark_area(color=ARM_COLOURS["finetune"], opacity=0.10).encode(
        x=x, y=_score_axis("low", bounds), y2="high:Q"
    )
    lines = [
        base.mark_line(color=ARM_COLOURS[arm], strokeWidth=2.0, strokeDash=[1, 4]).encode(
            x=x, y=_score_axis(arm, bounds)
        )
        for arm in ("finetune", "prompt")
    ]
    return [band, *lines]


def _crossover(decision: Decision, x: Any, bounds: tuple[float, float], drawn: tuple[float, float]) -> list[Any]:
    import altair as alt

    at = decision.crossover.mean
    if at is None or not drawn[0] <= at <= drawn[1]:
        return []
    row = {"n": at, "score": bounds[1], "text": f"crossover {figures.count_text(round(at))}"}
    base = alt.Chart(alt.InlineData(values=[row]))
    rule = base.mark_rule(color=INK, strokeDash=[2, 3]).encode(x=x)
    text = base.mark_text(color=INK, align="right", dx=-5, dy=7, fontSize=11).encode(
        x=x, y=_score_axis("score", bounds), text="text:N"
    )
    return [rule, text]


def _line_labels(
    series: Mapping[str, list[dict[str, Any]]],
    x: Any,
    bounds: tuple[float, float],
    finalists: set[str | None],
    *,
    last: float,
) -> Any:
    """Name each line at its right end, moved apart where two would overlap."""
    import altair as alt

    ends = sorted(((rows[-1]["score"], name) for name, rows in series.items()), reverse=True)
    places = _apart([score for score, _ in ends], bounds)
    layers = []
    for (score, name), place in zip(ends, places, strict=True):
        row = {"n": last, "score": place, "text": f"{_short(name)}  {figures.score_text(score)}"}
        layers.append(
            alt.Chart(alt.InlineData(values=[row]))
            .mark_text(
                color=ARM_COLOURS[series[name][0]["arm"]],
                align="left",
                dx=9,
                fontSize=11,
                fontWeight="bold" if name in finalists else "normal",
                clip=False,
            )
            .encode(x=x, y=_score_axis("score", bounds), text="text:N")
        )
    return alt.layer(*layers)


def _apart(values: Sequence[float], bounds: tuple[float, float]) -> list[float]:
    """Move falling values apart until each is a label's height under the one before, and the last is in bounds."""
    low, high = bounds
    step = min(_LABEL_STEP, 1 / max(len(values), 1)) * (high - low)
    places: list[float] = []
    for value in values:
        places.append(min(value, places[-1] - step) if places else value)
    floor = low
    for position in range(len(places) - 1, -1, -1):
        places[position] = max(places[position], floor)
        floor = places[position] + step
    return places


#: What a score is set against: the leaderboard's column, its axis, and how it is said in words.
AGAINST: Mapping[str, tuple[str, str]] = {
    "p50_ms": ("median latency of one row, ms (log scale)", "median latency"),
    "cost_per_1k": ("cost of 1,000 predictions, {currency} (log scale)", "cost of 1,000 predictions"),
}


def front_plot(decision: Decision, column: str = "p50_ms", currency: str = "") -> str | None:
    """Draw test score against what a prediction takes, at the verdict's budget.

    Parameters
    ----------
    decision : Decision
    column : {"p50_ms", "cost_per_1k"}
        Of the leaderboard.
    currency : str

    Returns
    -------
    str or None
        SVG with every contender named and the Pareto front as a line; None where fewer than two contenders have a
        measured figure above 0.
    """
    import altair as alt

    rows = rows_of_plot(decision, column)
    if len(rows) < 2:
        return None
    bounds = _bounds(row.score for row in rows)
    values = [getattr(row, column) for row in rows]
    low, high = min(values), max(values)
    scale = alt.Scale(type="log", domain=[low / 1.6, high * 1.6], nice=False)
    title = AGAINST[column][0].format(currency=figures.clean_text(currency)).replace(", (", " (")
    axis = alt.Axis(grid=False, values=_decades(low, high), labelExpr=_PLAIN, title=title)
    x, y = alt.X("against:Q", scale=scale, axis=axis), _score_axis("score", bounds)
    pair = headline(decision)
    front = [{"against": getattr(row, column), "score": row.score} for row in pareto_front(rows, column)]
    layers: list[Any] = [
        alt.Chart(alt.InlineData(values=front))
        .mark_line(color=INK, strokeDash=[4, 4], interpolate="step-after", opacity=0.7)
        .encode(x=x, y=y)
    ]
    ranked = sorted(rows, key=lambda row: -row.score)
    turn = low * (high / low) ** 0.6
    for row, place in zip(ranked, _apart([row.score for row in ranked], bounds), strict=True):
        strong = row.contender in (pair.first, pair.second)
        layers.extend(_dot(row, column, place, x, y, right=getattr(row, column) <= turn, strong=strong))
    return _svg(alt.layer(*layers))


def rows_of_plot(decision: Decision, column: str) -> list[LeaderboardRow]:
    """Take each contender's row at the verdict's budget; of the floors only the best, as the others flatten all."""
    names = dict.fromkeys(row.contender for row in decision.leaderboard)
    found = (row_of(decision, name, decision.verdict.n) for name in names)
    rows = [
        row for row in found if row is not None and math.isfinite(row.score) and 0 < getattr(row, column) < math.inf
    ]
    best = max((row.score for row in rows if row.arm == "floor"), default=math.nan)
    return [row for row in rows if row.arm != "floor" or row.score == best]


#: Scores without a leading zero, as everywhere else.
_BARE = "replace(format(datum.value, '.2f'), '0.', '.')"
_PLAIN = "format(datum.value, datum.value < 1 ? '.1~r' : ',.0f')"


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low / 1.6)), math.ceil(math.log10(high * 1.6))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    return [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]


def pareto_front(rows: Iterable[LeaderboardRow], column: str = "p50_ms") -> list[LeaderboardRow]:
    """Keep the rows that no other beats both in score and in what a prediction takes.

    Parameters
    ----------
    rows : iterable of LeaderboardRow
        With measured scores and figures in `column`.
    column : str

    Returns
    -------
    list of LeaderboardRow
        Rising in both.
    """
    front: list[LeaderboardRow] = []
    for row in sorted(rows, key=lambda row: (getattr(row, column), -row.score)):
        if not front or row.score > front[-1].score:
            front.append(row)
    return front


def _dot(
    row: LeaderboardRow, column: str, place: float, x: Any, y: Any, *, right: bool, strong: bool
) -> tuple[Any, Any]:
    import altair as alt

    colour = ARM_COLOURS[row.arm]
    facts = {"against": getattr(row, column), "score": row.score, "text": _short(row.contender)}
    dot = alt.Chart(alt.InlineData(values=[facts])).mark_point(
        color=colour, filled=True, size=110 if strong else 55, opacity=1
    )
    text = alt.Chart(alt.InlineData(values=[{**facts, "score": place}])).mark_text(
        color=colour,
        align="left" if right else "right",
        dx=7 if right else -7,
        dy=-9,
        fontSize=11,
        fontWeight="bold" if strong else "normal",
    )
    return dot.encode(x=x, y=y), text.encode(x=x, y=y, text="text:N")


def _short(name: str) -> str:
    """Keep a contender's name to what fits beside a line; the leaderboard has it whole."""
    clean = figures.clean_text(name)
    return clean if len(clean) <= 24 else f"{clean[:23]}\u2026"


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known), max(known)
    room = max(0.06 * (high - low), 0.005)
    return low - room, high + room


def _svg(chart: Any) -> str:
    """Draw a chart; clean the SVG of name spaces, which inline SVG needs not and an offline page should not show."""
    import vl_convert

    finished = chart.properties(width=_WIDTH, height=_HEIGHT, padding={"left": 4, "top": 8, "right": 34, "bottom": 4})
    axis = {
        "labelColor": INK,
        "titleColor": INK,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "gridOpacity": 0.3,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    finished = finished.configure(
        background="transparent", font="sans-serif", axis=axis, view={"stroke": None}, text={"font": "sans-serif"}
    ).configure_axisY(labelExpr=_BARE, tickCount=6, domain=False, ticks=False)
    svg: str = vl_convert.vegalite_to_svg(finished.to_dict(), allowed_base_urls=[])
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg, count=2)
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
