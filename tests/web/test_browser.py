"""A person at a browser: from an upload to a running study, to its verdict; every page open to all, light and dark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_process import started_app
from judged_study import judged_study
from page_rows import review_rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

_AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
#: Where pictures of the pages are kept for people to look at; they are not taken where nobody asks for them.
_SHOTS = os.environ.get("BAKEOFF_TEST_SHOTS")
_WIDE, _NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, which builds often are, Chromium has no sandbox; it opens our own pages alone.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=sandbox)
        yield chromium
        chromium.close()


def _look(page: Page, name: str, *, pictures: int = 4) -> None:
    """Hold a page to what axe finds in light and dark, wide and narrow; keep pictures of it where they are wanted."""
    for size, scheme in ((_WIDE, "light"), (_NARROW, "dark"), (_NARROW, "light"), (_WIDE, "dark"))[:pictures]:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if _SHOTS:
            page.screenshot(path=Path(_SHOTS) / f"{name}-{size['width']}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
        if (size is _WIDE) == (scheme == "light"):
            page.evaluate(_AXE)
            found = page.evaluate("axe.run().then(found => found.violations)")
            told = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
            serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
            assert not serious, f"{name}, {scheme}: {told}"
    page.set_viewport_size(_WIDE)  # type: ignore[arg-type]


def test_from_an_upload_to_a_verdict(browser: Browser, catalogue_cache: Path, tmp_path: Path) -> None:
    rows = tmp_path / "reviews <b>.csv"
    rows.write_text(review_rows(), encoding="utf-8")
    with started_app(tmp_path) as (address, _process):
        page = browser.new_page(reduced_motion="reduce")  # moving pictures take the processor from the models
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        assert "token" not in page.url
        page.get_by_text("No study is in this folder yet").wait_for()
        _look(page, "1-studies-none")

        page.get_by_role("link", name="New study").last.click()
        _look(page, "2-new")
        page.get_by_label("A file of labelled rows").set_input_files(rows)
        page.get_by_role("button", name="Upload and check").click()
        page.get_by_role("heading", name="Checks").wait_for()
        page.get_by_text("Methods:").click()
        page.get_by_label("probe", exact=False).first.check()
        page.get_by_label("Hard limits").fill("valid_rate>=0.9")
        _look(page, "3-rows")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Stop").wait_for()
        page.get_by_role("heading", name="Validation scores so far").wait_for(timeout=120_000)
        _look(page, "4-running")

        # Without a touch of the page: it follows the study by itself until that ends.
        page.locator("#progress .state.decided, #progress .state.open").wait_for(timeout=180_000)
        _look(page, "5-decided")

        page.get_by_role("link", name="Verdict").click()
        page.get_by_role("heading", name="The five considerations").wait_for()
        assert page.locator(".choice").inner_text()
        _look(page, "6-verdict")
        with page.expect_popup() as opened:
            page.get_by_role("link", name="The whole report").click()
        opened.value.get_by_role("heading", name="Leaderboard").wait_for()
        assert opened.value.evaluate("window.origin") == "null"
        opened.value.close()
        page.get_by_role("link", name="Studies", exact=True).click()
        page.locator(".state.decided, .state.open").wait_for()
        _look(page, "7-studies")
        page.goto(page.url + "studies/none")
        _look(page, "8-not-possible")
        assert not [fault for fault in faults if "404" not in fault], faults


def test_prompts_texts_and_labels_by_hand(browser: Browser, catalogue_cache: Path, tmp_path: Path) -> None:
    """Edit a prompt and see what it gained and lost, ask what was shipped, settle labels, rate answers, read scores."""
    from bakeoff.catalog import resolve_model
    from bakeoff.workbench.ship import ship

    digests = {name: resolve_model(name).sha256 for name in ("minilm-l6", "smollm2-135m")}
    study = judged_study(tmp_path / "studies" / "reviews", digests=digests)
    ship(study, contender="tfidf", output=study / "bundle")
    with started_app(tmp_path, OMP_NUM_THREADS="1") as (address, _process):
        page = browser.new_page(reduced_motion="reduce")  # moving pictures take the processor from the models
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        page.get_by_role("link", name="reviews").click()
        _try_prompts(page)
        _ask_texts(page)
        _settle_labels(page)
        _rate_answers(page)
        page.get_by_role("link", name="Scores", exact=True).click()
        page.get_by_role("heading", name="Leaderboard").wait_for()
        _look(page, "15-scores", pictures=2)
        page.get_by_role("link", name="Rows", exact=True).click()
        page.get_by_role("button", name="Show the rows").click()
        page.get_by_role("button", name="all 60").click()
        page.locator("#differing tbody button").first.click()
        _look(page, "16-rows", pictures=2)
        assert not faults, faults
    typed = [path for path in study.rglob("*") if path.is_file() and b"a text that nobody keeps" in path.read_bytes()]
    assert not typed
    assert len(list((study / "prompts" / "prompt.history").glob("*.json"))) == 2


def _try_prompts(page: Page) -> None:
    page.get_by_role("link", name="Prompt lab").click()
    page.get_by_label("Rows", exact=True).select_option("8")
    page.get_by_role("button", name="Run on the rows").click()
    page.locator("#run .state", has_text="version 1").wait_for(timeout=240_000)
    page.get_by_label("Instruction").fill("Is the customer happy with it?")
    page.get_by_label("Words for positive").fill("yes\nhappy")
    page.get_by_label("Words for negative").fill("no")
    page.get_by_label("Show row 3 in the prompt").check()
    page.get_by_role("button", name="Run on the rows").click()
    page.locator("#run .state", has_text="version 2").wait_for(timeout=60_000)
    page.get_by_text("Changed: instruction, label negative, label positive, demonstrations").wait_for()
    page.locator("#run").get_by_text("Gained:").wait_for()
    assert page.locator("#run").get_by_text("1 that the prompt shows").count()
    assert "yes" in page.locator("#file").input_value()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="From version 1 to version 2").wait_for()
    assert page.get_by_label("Show row 3 in the prompt").is_checked()
    _look(page, "10-prompt-lab", pictures=2)


def _ask_texts(page: Page) -> None:
    page.get_by_role("link", name="Try", exact=True).click()
    page.get_by_label("Texts, one a line").fill("great sound, a text that nobody keeps\nbroke after two days")
    page.get_by_role("button", name="Ask").click()
    page.locator("#run table").wait_for(timeout=60_000)
    assert page.locator("#run tbody tr").count() == 2
    _look(page, "11-try", pictures=2)
    page.reload()
    assert not page.locator("#run table").count()


def _press(page: Page, key: str) -> None:
    """Press a key once the page's script is there to hear it."""
    page.locator(".asked").wait_for()
    page.wait_for_load_state("load")
    page.keyboard.press(key)


def _settle_labels(page: Page) -> None:
    page.get_by_role("link", name="Adjudicate").click()
    page.get_by_role("button", name="Show the rows").click()
    first = page.locator(".asked").inner_text()
    _press(page, "1")
    page.get_by_text("1 of ", exact=False).first.wait_for()
    _press(page, "s")
    page.wait_for_url("**at=2")
    _press(page, "2")
    page.get_by_text("2 of ", exact=False).first.wait_for()
    _look(page, "12-adjudicate", pictures=1)
    _press(page, "u")
    page.wait_for_url("**at=2")
    assert page.locator(".asked").inner_text() != first
    page.get_by_role("link", name="End, and decide again").click()
    page.get_by_role("button", name="Decide again").click()
    page.get_by_role("heading", name="Both verdicts").wait_for(timeout=60_000)
    _look(page, "13-verdicts", pictures=2)


def _rate_answers(page: Page) -> None:
    page.get_by_role("link", name="Rate", exact=True).click()
    page.get_by_role("button", name="Show the rows").click()
    _press(page, "2")
    page.get_by_text("1 of ", exact=False).first.wait_for()
    page.get_by_role("link", name="Show the result").click()
    page.get_by_text("No conclusion yet").wait_for()
    _look(page, "14-rate", pictures=1)
