"""Deciding again in the page: the real page, in a real browser, against `bakeoff.decision.decide`."""

from __future__ import annotations

import math
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from priced_evidence import EVIDENCE, priced_evidence

from bakeoff.decision import decide, settle
from bakeoff.decision.costs import break_even
from bakeoff.decision.expected import expected_costs_of
from bakeoff.decision.panel import Panel
from bakeoff.records import ASSUMED, Assumptions, BreakEven, Decision, Evidence, ExpectedCost
from bakeoff.report import render_report
from bakeoff.workbench.assume import assume

_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
_AXE = (Path(__file__).parents[1] / "web" / "axe.min.js").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

#: How many sets of assumptions are tried on each evidence.
_SETS = {"plain": 11, "mixture": 8, "served": 10, "matrix": 6, "folds": 6}
#: Ranges in which a choice can turn, where they are narrower than those that are allowed.
_RANGES = {
    "volume": (1.0, 1e8), "hour_cost": (0.1, 200.0), "margin": (1e-3, 0.1), "error_cost": (1e-4, 20.0),
    "review_cost": (1e-4, 20.0), "price_in": (1e-2, 100.0), "price_out": (1e-2, 100.0),
}  # fmt: skip

#: Write all fields at once, as a person would one after the other, and read what the page shows.
_TURN = """(values) => {
  const inputs = Array.from(document.querySelectorAll("#prices input[data-name]"));
  inputs.forEach((input) => { input.value = values[input.dataset.name]; });
  inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
  const number = (text) => text === "" ? null : Number(text);
  return {
    ...document.getElementById("outcome").dataset,
    command: document.querySelector("#prices .command").textContent,
    costs: Array.from(document.querySelectorAll("#prices tbody tr"), (line) => [line.dataset.contender,
      number(line.cells[5].dataset.value), (line.cells[6].dataset.value || "").split(" ").filter(Boolean).map(Number)]),
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=sandbox)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open the report of an evidence by its name; each is made once."""
    known: dict[str, tuple[Evidence, Decision, Any]] = {}

    def opened(name: str) -> tuple[Evidence, Decision, Any]:
        if name not in known:
            evidence = priced_evidence(name)
            decision = decide(evidence)
            # One page with everything is enough; drawing charts takes longer than all the rest.
            bare = decision if name == "plain" else replace(decision, curves=(), leaderboard=())
            html = render_report(evidence, bare, created="2026-01-01", version="0.1.0", title=name)
            file = tmp_path_factory.mktemp("pages") / f"{name}.html"
            file.write_text(html, encoding="utf-8")
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.faults = []
            page.on("pageerror", lambda error: page.faults.append(str(error)))
            page.on("console", lambda message: page.faults.append(message.text))
            page.goto(file.as_uri())
            known[name] = evidence, decision, page
        return known[name]

    yield opened
    assert not [fault for _, _, page in known.values() for fault in page.faults]


def _drawn(chance: random.Random, base: Assumptions, names: list[str]) -> Assumptions:
    changes: dict[str, float | None] = {}
    for one in ASSUMED:
        if one.name in names and chance.random() < 0.35:
            low, high = _RANGES.get(one.name, (max(one.low, 1e-6), one.high))
            changes[one.name] = math.exp(chance.uniform(math.log(low), math.log(high)))
    drawn = replace(base, **changes)  # type: ignore[arg-type]
    return drawn if drawn.priced else replace(drawn, review_cost=None)


def _wholly(decision: Decision) -> tuple[list[str | None], Sequence[ExpectedCost], BreakEven]:
    verdict = decision.verdict
    own = [verdict.choice, verdict.contender, verdict.against, verdict.meanwhile]
    return own, decision.costs, decision.break_even


def _quickly(evidence: Evidence) -> tuple[list[str | None], Sequence[ExpectedCost], BreakEven]:
    """Take the same steps as `decide`, those that explain and sweep left out."""
    found, panel = settle(evidence), Panel(evidence)
    costs = expected_costs_of(panel, found.n)
    wrong = {one.contender: one.answers for one in costs if one.answers is not None} or None
    tuned, asked = (name and panel.cell(name, found.n) for name in (found.finetune, found.prompt))
    choice = found.choice
    own = [choice.choice, choice.contender, choice.against, choice.meanwhile]
    return own, costs, break_even(tuned or None, asked or None, evidence.assumptions, wrong)


@pytest.mark.parametrize("name", EVIDENCE)
def test_the_page_decides_as_decide_does(pages, name):
    evidence, decision, page = pages(name)
    names = page.locator("#prices input[data-name]").evaluate_all("all => all.map(one => one.dataset.name)")
    assert ("error_cost" in names) == (name != "matrix")
    chance, choices, told = random.Random(name), set(), 0
    for number in range(_SETS[name]):
        assumed = _drawn(chance, evidence.assumptions, names) if number else evidence.assumptions
        values = {one: getattr(assumed, one) for one in names}
        shown = page.evaluate(_TURN, {key: "" if value is None else repr(value) for key, value in values.items()})
        choice, costs, even = _quickly(replace(evidence, assumptions=assumed)) if number else _wholly(decision)
        given = [text for text in shown["command"].split("STUDY")[1].split(" --assume ") if text]
        assert assume(evidence.assumptions, {}, given) == assumed
        assert [one for one, _, _ in shown["costs"]] == [one.contender for one in costs]
        for (_, total, interval), cost in zip(shown["costs"], costs, strict=True):
            assert total == pytest.approx(cost.total, rel=1e-9)
            assert tuple(interval) == pytest.approx(cost.ci or (), rel=1e-7)
        assert shown["status"] == even.status
        predictions = float(shown["predictions"]) if shown["predictions"] else None
        assert predictions == (None if even.predictions is None else pytest.approx(even.predictions, rel=1e-9))
        if not shown["choice"]:
            # Other finalists than those of the study's prices: the page says that it cannot tell, and how to.
            assert name == "folds"
            assert "Not decided here" in page.locator("#outcome .heading").inner_text()
            continue
        told += 1
        assert [shown[key] or None for key in ("choice", "contender", "against", "meanwhile")] == choice, values
        choices.add(shown["choice"])
    assert told > _SETS[name] / 2
    assert len(choices) > 1


def test_where_a_fold_would_choose_another_the_page_says_so(pages):
    evidence, decision, page = pages("folds")
    dear = {"machine_hour_cost": 1000.0, "volume": 1.0}
    now = settle(replace(evidence, assumptions=replace(evidence.assumptions, **dear)))
    assert now.finetune != next(one.a for one in decision.comparisons if one.role == "verdict")
    names = page.locator("#prices input[data-name]").evaluate_all("all => all.map(one => one.dataset.name)")
    values = {one: dear.get(one, getattr(evidence.assumptions, one)) for one in names}
    shown = page.evaluate(_TURN, {key: "" if value is None else repr(value) for key, value in values.items()})
    assert shown["choice"] == shown["contender"] == ""
    assert "Not decided here" in page.locator("#outcome .heading").inner_text()
    assert shown["command"].endswith("--assume volume=1 --assume machine_hour_cost=1000")
    assert len(shown["costs"]) == len(decision.costs), "what each costs is known all the same"


def test_the_desk_is_turned_by_hand(pages):
    evidence, _, page = pages("plain")
    desk, outcome = page.locator("#prices"), page.locator("#outcome")
    desk.locator("button.again").click()
    volume, slider = desk.locator("[data-name=volume]"), page.locator("#volume-slider")
    assert volume.input_value() == "100000"
    assert "It is the same at these prices" in outcome.inner_text()
    before = page.locator("#prices tbody").inner_text()
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert 100_000 < float(volume.input_value()) < 110_000
    page.keyboard.press("PageUp")
    assert page.locator("#prices tbody").inner_text() != before
    assert f"--assume volume={volume.input_value()}" in outcome.inner_text()
    assert page.locator("#prices output").inner_text() == f"{float(volume.input_value()):,.0f}"
    assert outcome.locator(".totals").inner_text().count(" a month") == 2
    assert "predictions a month" in slider.get_attribute("aria-valuetext")
    volume.fill("-5")
    assert outcome.get_attribute("data-fault") == "yes"
    assert "volume must be a number from 0 on" in outcome.inner_text()
    assert volume.get_attribute("aria-invalid") == "true"
    desk.locator("button.again").click()
    desk.locator("[data-name=review_cost]").fill("1")
    assert "needs a cost of a wrong answer beside it" in outcome.inner_text()
    desk.locator("[data-name=error_cost]").fill("1")
    assert outcome.get_attribute("data-fault") is None
    assert "--assume error_cost=1 --assume review_cost=1" in outcome.inner_text()
    # Hours that only one way takes move the point at which it pays, and the chart marks it.
    desk.locator("button.again").click()
    desk.locator("summary").click()
    desk.locator("[data-name=finetune_hours]").fill("40")
    desk.locator("[data-name=machine_hour_cost]").fill("20")
    shown = float(outcome.get_attribute("data-predictions"))
    assumed = replace(evidence.assumptions, finetune_hours=40.0, machine_hour_cost=20.0)
    assert shown == pytest.approx(decide(replace(evidence, assumptions=assumed)).break_even.predictions)
    assert page.locator("#outcome svg circle.point").count() == 1
    desk.locator("button.again").click()


def test_the_leaderboard_is_held_to_its_front_and_charts_are_switched(pages):
    _, decision, page = pages("plain")
    board = decision.leaderboard
    rows = page.locator("table.leaderboard tbody tr")
    assert rows.count() == len(board)
    only = page.locator(".filter .pareto")
    only.focus()
    page.keyboard.press("Space")
    for column, value in (("p50_ms", "p50"), ("cost_per_1k", "cost"), ("fit_seconds", "fit")):
        page.locator(".filter .against").select_option(value)
        now = [row for row in board if row.n == 512 or row.contender.startswith("zero-shot")]
        front = {
            row.contender
            for row in now
            if not any(
                other.score >= row.score
                and getattr(other, column) <= getattr(row, column)
                and (other.score, getattr(other, column)) != (row.score, getattr(row, column))
                for other in now
            )
        }
        seen = rows.locator("visible=true").locator(".name").all_inner_texts()
        assert sorted(seen) == sorted(front)
        assert page.locator(".filter [role=status]").inner_text() == f"{len(front)} of {len(now)} contenders"
    page.locator("table.leaderboard thead button", has_text="score").click()
    assert len(rows.locator("visible=true").all()) == len(front), "sorting keeps the filter"
    only.uncheck()
    assert len(rows.locator("visible=true").all()) == len(board)
    charts = page.locator(".fronts figure")
    assert [charts.nth(at).is_visible() for at in range(2)] == [True, False]
    page.locator(".fronts button", has_text="cost of 1,000").click()
    assert [charts.nth(at).is_visible() for at in range(2)] == [False, True]
    page.emulate_media(media="print")
    assert [charts.nth(at).is_visible() for at in range(2)] == [True, True]
    page.emulate_media(media="screen")


def test_the_page_reads_well_small_and_dark(pages):
    page = pages("plain")[-1]
    for width, scheme in ((390, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.evaluate(_AXE)
        found = page.evaluate("axe.run().then(found => found.violations)")
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]
