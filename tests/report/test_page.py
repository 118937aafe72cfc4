"""The page: whole, offline, escaped, honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bakeoff.decision import decide
from bakeoff.decision.panel import Panel
from bakeoff.records import Check, CurvePoint, ExtendedGap, Extrapolation
from bakeoff.report import render_report
from bakeoff.report.looks import looks
from bakeoff.report.plots import front_plot, learning_curves, pareto_front

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"


def render(evidence, decision, **settings):
    given = {
        "created": "2025-03-04T12:00:00+00:00",
        "version": "0.1.0",
        "title": "reviews.csv",
        "commands": ("bakeoff run x.csv",),
    }
    return render_report(evidence, decision, **{**given, **settings})


class _Outline(HTMLParser):
    """Collects tags and checks that they nest."""

    VOID = frozenset({"meta", "img", "br", "input"})

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.texts, self.attributes = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)


def outline(html):
    parser = _Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def html(evidence, decision):
    return render(evidence, decision)


def test_it_is_one_small_file_that_asks_for_nothing(html):
    assert len(html.encode()) < 3_000_000
    assert re.findall(r"https?:|//\w|url\(|@import", html) == []
    page = outline(html)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert [(tag, name) for tag, name, _ in page.attributes if name in ("src", "href", "srcset")] == []


def test_its_policy_lets_only_its_own_script_run(html):
    script = re.search(r"<script>(.*?)</script>", html, re.S).group(1)
    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{wanted}'" in html
    assert "default-src 'none'" in html


def test_every_part_is_there(html):
    text = " ".join(" ".join(outline(html).texts).split())
    for heading in (
        "Fine-tune",
        "The five considerations",
        "The two ways side by side",
        "Score over labelled rows",
        "Score against what a prediction takes",
        "Decide again at your own prices",
        "Leaderboard",
        "Declared comparisons",
        "Checks of the rows",
        "What was spent",
        "Assumptions",
        "How to repeat",
    ):
        assert heading in text, heading
    assert "+3.7\u00a0points" in html
    assert "p\u00a0=\u00a0.004" in html
    assert "labelled rows: 400 now; prompt at 74 labels or fewer" in text
    assert "No verdict on stronger prompt models" in text
    assert "leaks between splits" in text
    assert "bakeoff run x.csv" in text
    assert (
        "Reliable lead: from 128 labelled rows. Over scores of [.800, .870], the prompt is worth 61 labelled rows"
        in text
    )
    assert "probe minilm-l6 was dropped early" in text
    assert outline(html).tags.count("svg") == 4, "curves, score against latency and against cost, and the break-even's"


def test_the_leaderboard_can_be_sorted_by_figures_not_by_their_text(html, decision):
    table = re.search(r'<table class="sortable.*?</table>', html, re.S).group(0)
    assert table.count("<button") == 13
    values = re.findall(r"<tr class.*?</tr>", table, re.S)
    assert len(values) == len(decision.leaderboard)
    assert f'data-value="{decision.leaderboard[0].score!r}"' in values[0]
    assert sum("finalist" in row.split(">")[0] for row in values) == 2


def test_a_missing_figure_is_a_dash_and_sorts_as_empty(evidence, unresolved):
    html = render(evidence, unresolved)
    shown = " ".join(outline(html).texts)
    assert not re.search(r"\b(nan|inf|None)\b", shown)
    assert not re.search(r'data-value="(nan|inf|None)', html)
    assert '<td class="number" data-value="">\u2013</td>' in html
    assert "Meanwhile, use few-shot smollm2-135m." in html
    assert "Reliable lead: not shown." in html
    assert outline(html).tags.count("svg") == 2, "no latency and no cost was measured, so no plot of these"


def poisoned(evidence, decision):
    rows = tuple(replace(row, contender=EVIL, model=EVIL) for row in decision.leaderboard[:3])
    return (
        replace(
            evidence,
            task=replace(evidence.task, name=EVIL, labels=(EVIL, "b")),
            checks=(Check(EVIL, "WARN", EVIL),),
            missing=(EVIL,),
            dropped={EVIL: EVIL},
            fingerprint=EVIL,
            trials=(*evidence.trials[1:], replace(evidence.trials[0], contender=EVIL, status="failed", reason=EVIL)),
            assumptions=replace(evidence.assumptions, currency=EVIL),
        ),
        replace(
            decision,
            leaderboard=(*rows, *decision.leaderboard[3:]),
            comparisons=(replace(decision.comparisons[0], a=EVIL, test=EVIL, role=EVIL),),
            curves=(*decision.curves, CurvePoint(EVIL, "prompt", 8, 0.5, (0.4, 0.6), 3)),
            crossover=replace(decision.crossover, detail=EVIL),
            break_even=replace(decision.break_even, detail=EVIL),
            differences=(replace(decision.differences[0], aspect=EVIL, finetune=EVIL, prompt=EVIL, evidence=EVIL),),
            considerations=(replace(decision.considerations[0], name=EVIL, finding=EVIL, figures={EVIL: EVIL},
                                    favours=EVIL),),
            verdict=replace(
                decision.verdict, contender=EVIL, scope=EVIL, reasons=(EVIL,), confidence=EVIL,
                flips=(replace(decision.verdict.flips[0], what=EVIL, to=EVIL, unit=EVIL),),
            ),
        ),
    )  # fmt: skip


def test_no_text_from_data_becomes_markup(evidence, decision):
    html = render(*poisoned(evidence, decision), title=EVIL, commands=(EVIL,), version=EVIL, created=EVIL)
    page = outline(html)
    assert html.count("<script>") == 1
    assert page.tags.count("script") == 2, "the other holds figures"
    assert [value for tag, name, value in page.attributes if (tag, name) == ("script", "type")] == ["application/json"]
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)" in html
    assert "\u202e" not in html, "a hidden change of direction is shown as its escape"


def test_it_follows_the_reader_to_dark_phone_and_paper(html):
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    assert 'name="viewport"' in html
    tables = [match.start() for match in re.finditer('<table(?! class="mini)', html)]
    assert all(re.search('<div class="scroll"(?: hidden)?>$', html[start - 30 : start]) for start in tables), (
        "wide tables scroll in their own box"
    )


def test_charts_carry_the_theme_and_the_figures(decision):
    svg = learning_curves(decision)
    assert "full minilm-l6" in svg
    assert ".908" in svg
    assert "crossover 74" in svg
    assert 'fill="#3b74d8"' in svg
    assert svg.count("few-shot") >= 1
    assert "xmlns" not in svg
    costs = front_plot(decision, "cost_per_1k", "EUR")
    assert "cost of 1,000 predictions, EUR (log scale)" in costs
    svg = front_plot(decision)
    assert "median latency of one row, ms (log scale)" in svg
    assert "lora smollm2-135m" in svg
    assert "majority" not in svg, "of the floors only the best is drawn"


def test_extended_curves_are_drawn_and_named(evidence, decision):
    points = tuple(ExtendedGap(400 * 2**i, 0.9 + i / 50, 0.86, 0.04 + i / 50, (-0.02, 0.08)) for i in range(2))
    extension = Extrapolation("power-law", "line", 0.9, points, (400.0, None))
    crossover = replace(decision.crossover, extrapolation=extension, looked_to=800.0, wins=0.93, wins_low=0.6)
    extended = replace(decision, crossover=crossover)
    svg = learning_curves(extended)
    assert ">800<" in svg
    assert ">800<" not in learning_curves(decision)
    assert 'stroke-dasharray="1,4"' in svg
    html = render(evidence, extended, commands=())
    assert "the curves extended, at most to twice the last size" in html
    assert "in 93.0% of draws of seeds and rows" in html


def test_odd_evidence_still_draws(evidence, decision):
    one = replace(
        decision, curves=decision.curves[:1], leaderboard=decision.leaderboard[:1], comparisons=(), considerations=()
    )
    assert learning_curves(one).startswith("<svg")
    assert front_plot(one) is None
    lost = replace(decision, curves=tuple(replace(point, score=math.nan) for point in decision.curves))
    assert learning_curves(lost) is None
    bare = replace(one, curves=(), leaderboard=(), differences=())
    empty = replace(evidence, trials=(), checks=(), missing=(), dropped={}, requirements=())
    page = render(empty, bare, commands=())
    assert "svg" not in outline(page).tags
    assert 'id="prices"' not in page, "nothing was measured that could be decided on"


def test_the_front_keeps_what_no_other_beats(decision):
    base = decision.leaderboard[0]
    rows = [
        replace(base, contender=name, p50_ms=ms, score=score)
        for name, ms, score in (("a", 1.0, 0.8), ("b", 2.0, 0.7), ("c", 3.0, 0.9), ("d", 3.0, 0.85), ("e", 9.0, 0.9))
    ]
    assert [row.contender for row in pareto_front(rows)] == ["a", "c"]


def test_every_contender_is_set_beside_the_one_that_is_used(evidence):
    decided = decide(evidence)
    html = render(evidence, decided)
    used, n = decided.verdict.contender or decided.verdict.meanwhile, decided.verdict.n
    found = looks(Panel(evidence), decided)
    assert set(found) == {row.contender for row in decided.leaderboard if row.n in (n, 0)} - {used}
    declared = next(one for one in decided.comparisons if one.role == "verdict")
    other = declared.b if declared.a == used else declared.a
    sign = 1 if declared.b == used else -1
    assert found[other].difference == pytest.approx(sign * declared.difference)
    assert sorted(abs(end) for end in found[other].ci) == pytest.approx(sorted(abs(end) for end in declared.ci))
    assert found[other].pairs == "3 seeds x 600 rows"
    assert "are looks: not declared" in html
    assert f"minus {used}</button>" in html
    lines = re.findall(r"<tr class.*?</tr>", re.search(r'<table class="sortable.*?</table>', html, re.S).group(0), re.S)
    assert sum("3 seeds \u00d7 600 rows" in line for line in lines) == len(found)
