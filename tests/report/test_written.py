"""Reports of written texts: what else was measured, rows by score, and no text of a row where texts are left out."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace

import pytest

from bakeoff.decision import decide
from bakeoff.decision.panel import Panel
from bakeoff.report import render_report
from bakeoff.report.disagreements import disagreements
from bakeoff.report.leaderboard_file import write_leaderboard
from bakeoff.report.memo import render_memo
from bakeoff.report.row_layout import ShownRows
from bakeoff.report.verdict_file import verdict_document
from bakeoff.report.written import written

from .written_builders import ROWS, SOURCES, build_written

_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
#: One word of every kind of text: sources, targets, further references, answers of both ways.
_ANIMALS = ("zebra", "quagga", "okapi", "wombat", "narwhal")


@pytest.fixture(scope="module")
def study():
    evidence = build_written()
    return evidence, decide(evidence)


def _rows(*, texts=True):
    ids = tuple(f"{row:016x}" for row in range(ROWS))
    reasons = {f"asked-{seed}": [("refused the narwhal", "narwhal")] * ROWS for seed in range(3)}
    return ShownRows(ids, tuple(range(1, ROWS + 1)), SOURCES if texts else None, written=reasons)


def _page(study, rows):
    return render_report(*study, created="2026-01-01", version="0.1.0", title="made", rows=rows)


@pytest.fixture(scope="module")
def whole(study):
    return _page(study, _rows())


def test_without_texts_no_file_holds_a_word_of_a_row(study, whole, tmp_path):
    told = {"created": "2026-01-01", "version": "0.1.0"}
    write_leaderboard(tmp_path / "leaderboard.csv", study[1].leaderboard)
    assert "wombat" in json.dumps(verdict_document(*study, **told))  # by the prompt, where rows may be quoted
    evidence = replace(study[0], quotes=False)
    unquoted = evidence, decide(evidence)
    files = {
        "report.html": _page(unquoted, _rows(texts=False)),
        "memo.md": render_memo(*unquoted, title="made", commands=(), **told),
        "verdict.json": json.dumps(verdict_document(*unquoted, **told)),
        "leaderboard.csv": (tmp_path / "leaderboard.csv").read_text(),
    }
    found = [(name, animal) for name, text in files.items() for animal in _ANIMALS if animal in text.lower()]
    assert not found
    # With texts they are all there, so that the test can fail.
    assert all(animal in whole for animal in _ANIMALS)
    assert "\\x1e" not in whole
    assert "\\x1d" not in whole


def test_rows_go_by_which_answer_scores_higher_and_each_check_is_told(study):
    evidence, decision = study
    found = disagreements(Panel(evidence), decision, _rows())
    assert found is not None
    assert found.names == ("writer", "asked")
    assert found.counts == {"lost": 0, "gained": ROWS, "neither": 0, "both": 0}
    data = json.loads(found.data)
    assert data["checks"] == ["lines", "short"]
    first = data["ids"].index(f"{0:016x}")
    writer, asked = data["sides"]
    assert writer["checked"][first] == [1000, 1000]
    assert asked["checked"][first] == [0, 1000]
    assert writer["scores"][first] > asked["scores"][first] > 0
    at = data["ids"].index(f"{5:016x}")
    assert (asked["answers"][at], asked["scores"][at], asked["checked"][at]) == (-1, 0, [0, 0])
    assert data["values"][data["references"][first][0]] == "Another way to tell of wombat 0 is this"


def test_the_table_holds_what_else_was_measured_beside_the_targets(study, whole, tmp_path):
    evidence, decision = study
    found = written(Panel(evidence), decision)
    assert found is not None
    assert list(found.metrics) == ["bleu", "rouge-l", "form", "form:lines", "form:short"]
    writer, lead = found.rows["writer", 16], found.rows["lead", 16]
    assert writer["form:lines"] == lead["form:lines"] == 1.0
    assert writer["bleu"] > 0.8 > lead["bleu"]
    assert found.rows["asked", 16]["form"] == pytest.approx((0.5 * (ROWS - 1)) / ROWS)
    assert writer["words"] == 16
    assert found.targets["form"] == 1.0
    assert found.targets["copied"] == 0.125
    path = write_leaderboard(tmp_path / "leaderboard.csv", decision.leaderboard, found.rows)
    with path.open(encoding="utf-8", newline="") as file:
        lines = {line["contender"]: line for line in csv.DictReader(file)}
    assert float(lines["writer"]["form:lines"]) == 1.0
    assert list(lines["lead"])[-3:] == ["distinct-2", "words", "copied"]
    assert 'id="written"' in whole
    assert "no confusions" in whole


@pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_written_rows_are_drawn_opened_and_never_markup(whole, tmp_path):
    from playwright.sync_api import sync_playwright

    (tmp_path / "report.html").write_text(whole, encoding="utf-8")
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((tmp_path / "report.html").as_uri())
        box = page.locator("#differing")
        assert "okapi 0 was" in box.locator("tbody").inner_text()
        box.locator("tbody button").first.click()
        told = box.locator("tr.more").inner_text()
        assert "Further references" in told
        assert "\u2717 lines .000" in told
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not faults
        browser.close()
