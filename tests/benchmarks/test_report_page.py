"""The benchmark of the report page, on a small study: its evidence can be decided on, and its page is whole."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bakeoff.decision import settle
from bakeoff.report import render_report
from bakeoff.report.disagreements import shown_trials

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def test_made_evidence_makes_a_page_with_rows_and_a_desk():
    import report_page

    from bakeoff.decision import decide
    from bakeoff.decision.panel import Panel

    evidence = report_page.made_evidence(6, 120)
    assert {one.arm for one in evidence.contenders} == {"finetune", "prompt", "both", "floor"}
    assert settle(evidence).n == report_page.BUDGETS[-1]
    decision = decide(evidence)
    rows = report_page.shown_rows(evidence, tuple(trial.key for trial in shown_trials(Panel(evidence), decision)))
    bare = replace(decision, curves=())
    page = render_report(evidence, bare, created="2026-01-01", version="0", title="made", rows=rows)
    assert 'id="prices-data"' in page
    assert 'id="differing-rows"' in page
    assert rows.texts[0] in page
