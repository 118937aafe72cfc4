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
from bakeoff.records import ASSUMED, Assumptions, BreakEven, Evidence, ExpectedCost
from bakeoff.report import render_report
from bakeoff.workbench.assume import assume

_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
_AXE = (Path(__file__).parents[1] / "web" / "axe.min.js").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

#: How many sets of assumptions are tried on each evidence.
_SETS = {"plain": 12, "mixture": 8, "served": 10, "matrix": 6, "folds": 6}
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
    known: dict[str, tuple[Evidence, Any]] = {}

    def opened(name: str) -> tuple[Evidence, Any]:
        if name not in known:
            evidence = priced_evidence(name)
            html = render_report(evidence, decide(evidence), created="2026-01-01", version="0.1.0", title=name)
            file = tmp_path_factory.mktemp("pages") / f"{name}.html"
            file.write_text(html, encoding="utf-8")
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.faults = []
            page.on("pageerror", lambda error: page.faults.append(str(error)))
            page.on("console", lambda message: page.faults.append(message.text))
            page.goto(file.as_uri())
            known[name] = evidence, page
        return known[name]

    yield opened
    assert not [fault for _, page in known.values() for fault in page.faults]


def _drawn(chance: random.Random, base: Assumptions, names: list[str]) -> Assumptions:
    changes: dict[str, float | None] = {}
    for one in ASSUMED:
        if one.name in names and chance.random() < 0.35:
            low, high = _RANGES.get(one.name, (max(one.low, 1e-6), one.high))
            changes[one.name] = math.exp(chance.uniform(math.log(low), math.log(high)))
    drawn = replace(base, **changes)  # type: ignore[arg-type]
    return drawn if drawn.priced else replace(drawn, review_cost=None)


def _wholly(evidence: Evidence) -> tuple[list[str | None], Sequence[ExpectedCost], BreakEven]:
    decision = decide(evidence)
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
    evidence, page = pages(name)
    names = page.locator("#prices input[data-name]").evaluate_all("all => all.map(one => one.dataset.name)")
    assert ("error_cost" in names) == (name != "matrix")
    chance, choices, told = random.Random(name), set(), 0
    for number in range(_SETS[name]):
        assumed = _drawn(chance, evidence.assumptions, names) if number else evidence.assumptions
        values = {one: getattr(assumed, one) for one in names}
        shown = page.evaluate(_TURN, {key: "" if value is None else repr(value) for key, value in values.items()})
        choice, costs, even = (_wholly if number < 2 else _quickly)(replace(evidence, assumptions=assumed))
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
