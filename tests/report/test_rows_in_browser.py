"""The rows of a report in a real browser: groups, search, a row's details, and no text that becomes markup."""

from __future__ import annotations

import os
import shutil

import pytest

from bakeoff.report import render_report
from bakeoff.report.disagreements import ShownRows

_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

EVIL = "</script><img src=x onerror=document.title='caught'>"


def test_rows_are_filtered_searched_and_opened(evidence, decision, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    count = len(evidence.test_labels)
    texts = tuple(f"{EVIL} text number {row}" for row in range(count))
    rows = ShownRows(tuple(f"{row:016x}" for row in range(count)), tuple(range(1, count + 1)), texts)
    page_file = tmp_path / "report.html"
    html = render_report(evidence, decision, created="2026-01-01", version="0.1.0", title="made", rows=rows)
    page_file.write_text(html, encoding="utf-8")
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        faults, asked = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        box = page.locator("#differing")
        groups = box.locator("button[data-group]")
        told = {groups.nth(at).get_attribute("data-group"): groups.nth(at).locator("b").inner_text() for at in range(5)}
        assert sum(int(told[digit].replace(",", "")) for digit in "0123") == count
        status = box.locator("[role=status]")
        groups.nth(4).click()
        assert status.inner_text().endswith(f"of {count} rows")
        box.locator("input[type=search]").fill(f"number {count - 1}")
        expect(status).to_have_text("1 to 1 of 1 rows")
        opener = box.locator("tbody button")
        assert opener.inner_text().endswith(f"row {count}")
        opener.click()
        details = box.locator("tr.more").inner_text()
        assert texts[-1] in details
        assert evidence.test_labels[-1] in box.locator("tbody").inner_text()
        box.locator("input[type=search]").fill("no row says this")
        expect(status).to_have_text("0 rows")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.title() != "caught"
        assert asked == [page_file.as_uri()]
        assert not faults
        browser.close()
