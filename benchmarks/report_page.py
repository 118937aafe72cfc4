"""How large the report of a large study is, how soon it is there, and how quick its tables and its desk are.

    python benchmarks/report_page.py [--contenders 20] [--rows 2000] [--keep report.html]

Evidence is made, not measured: contenders of known accuracy at five budgets with five seeds, answers and texts of 2,000
test rows. The page is written as a study writes it, and opened in Chromium. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.decision import decide
from bakeoff.decision.panel import Panel
from bakeoff.records import Arm, Contender, Evidence, Trial, Usage
from bakeoff.report import render_report
from bakeoff.report.disagreements import ShownRows, shown_trials
from bakeoff.tasks import classification_task

BUDGETS, SEEDS, VALIDATION, LABELS = (16, 64, 256, 1024, 4096), 5, 400, ("negative", "neutral", "positive")
_TEXT = (
    "the battery of this phone lasts two days and charges fast but speaker sounds thin at full volume screen bright "
    "delivery late box damaged seller answered quickly would buy again not worth its price"
)


def made_evidence(contenders: int, rows: int) -> Evidence:
    """Make the evidence of a large study."""
    chance = np.random.default_rng(0)
    truth = chance.integers(0, len(LABELS), rows + VALIDATION)
    hard = chance.normal(size=len(truth))
    arms: tuple[Arm, ...] = ("finetune", "prompt", "finetune", "prompt", "both", "floor")
    kinds, trials = [], []
    for number in range(contenders):
        arm = arms[number % len(arms)]
        one = Contender(f"method-{number} model-{number // 6}", f"method-{number}", "1", arm,
                        None if arm == "floor" else f"model-{number // 6}", None, {}, True, True)  # fmt: skip
        kinds.append(one)
        p50 = float(np.exp(chance.uniform(math.log(0.3), math.log(300))))
        for n in BUDGETS:
            for seed in range(SEEDS):
                bound = 0.5 + 0.28 * math.log2(n / 8) / 9 + 0.02 * (number % 7) + 0.01 * chance.normal()
                right = 0.8 * hard + 0.6 * chance.normal(size=len(truth)) < math.log(bound / (1 - bound))
                codes = np.where(right, truth, (truth + 1) % len(LABELS))
                answers = [LABELS[code] for code in codes]
                trials.append(
                    Trial(
                        f"{one.name}-{n}-{seed}", one.name, n, seed, "done", None,
                        tuple(answers[rows:]), tuple(answers[:rows]), 0.05 * n, p50, 1.4 * p50, 900 / p50, 90.0,
                        Usage(seconds=10.0, tokens_in=40_000), {},
                    )
                )  # fmt: skip
    named = [LABELS[code] for code in truth]
    return Evidence(
        task=classification_task(name="made", labels=LABELS, metric="accuracy"),
        contenders=tuple(kinds),
        trials=tuple(trials),
        validation_labels=tuple(named[rows:]),
        test_labels=tuple(named[:rows]),
        rows={"train": BUDGETS[-1], "validation": VALIDATION, "test": rows},
        fingerprint="f" * 64,
        checks=(),
        text_words=40.0,
        trials_planned=len(trials),
    )


def shown_rows(evidence: Evidence, keys: tuple[str, ...]) -> ShownRows:
    """Make texts of 40 words, and probabilities of the trials that are shown."""
    chance, rows, words = np.random.default_rng(1), len(evidence.test_labels), _TEXT.split()
    texts = tuple(" ".join(chance.choice(words, 40)) for _ in range(rows))
    shares = {key: [tuple(float(p) for p in chance.dirichlet([1, 1, 1])) for _ in range(rows)] for key in keys}
    return ShownRows(tuple(f"{row:016x}" for row in range(rows)), tuple(range(1, rows + 1)), texts, shares)


_TIMES = """() => {
  const [entry] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [entry.loadEventEnd, paint ? paint.startTime : null];
}"""
#: From an event to the next frame after all that it started; the rows' search waits 120 ms for the next key.
_UNTIL_DRAWN = """([selector, value, kind, wait]) => new Promise((done) => {
  const input = document.querySelector(selector), before = performance.now();
  input.value = value;
  input.dispatchEvent(new Event(kind, { bubbles: true }));
  const handled = performance.now() - before;
  const drawn = () => done([handled, performance.now() - before - wait]);
  setTimeout(() => requestAnimationFrame(() => setTimeout(drawn)), wait);
})"""


def opened(file: Path, runs: int) -> dict[str, float]:
    """Open the page several times in a fresh tab; give medians, in ms."""
    from playwright.sync_api import sync_playwright

    path = next(found for name in ("chromium", "chromium-browser") if (found := shutil.which(name)))
    loads, paints, keys, turns, sorts = [], [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        for _ in range(runs):
            page: Any = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(file.as_uri(), wait_until="load")
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            load, paint = page.evaluate(_TIMES)
            loads.append(load)
            paints.append(paint)
            page.click("#differing button[data-group='']")
            page.focus("#differing input[type=search]")
            keys += [
                page.evaluate(_UNTIL_DRAWN, ["#differing input[type=search]", text, "input", 120])[1]
                for text in ("b", "ba", "bat", "battery", "battery l")
            ]
            turns += [
                page.evaluate(_UNTIL_DRAWN, ["#volume-slider", str(2 + place / 4), "input", 0])[1]
                for place in range(20)
            ]
            before = time.perf_counter()
            page.click("table.leaderboard thead th:nth-child(3) button")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            sorts.append(1000 * (time.perf_counter() - before))
            page.close()
        browser.close()
    named = {"load": loads, "first_paint": paints, "search_key": keys, "slider_step": turns, "sort": sorts}
    return {f"{name}_ms": round(statistics.median(values), 1) for name, values in named.items()} | {
        "worst_search_key_ms": round(max(keys), 1),
        "worst_slider_step_ms": round(max(turns), 1),
    }


def main() -> None:
    """Write a report, open it, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contenders", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where to keep the page")
    asked = parser.parse_args()
    evidence = made_evidence(asked.contenders, asked.rows)
    decision = decide(evidence)
    rows = shown_rows(evidence, tuple(trial.key for trial in shown_trials(Panel(evidence), decision)))
    begun = time.perf_counter()
    html = render_report(evidence, decision, created="2026-01-01", version="0", title="made.csv", rows=rows)
    written = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        file = asked.keep or Path(folder) / "report.html"
        file.write_text(html, encoding="utf-8")
        figures = opened(file.resolve(), asked.runs)
    for name, value in figures.items():
        print(f"{name:22} {value:8.1f}")
    print(json.dumps({"megabytes": round(len(html.encode()) / 1e6, 3), "render_seconds": round(written, 2), **figures}))


if __name__ == "__main__":
    main()
