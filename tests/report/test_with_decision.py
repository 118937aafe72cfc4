"""The whole way from evidence: what the decision really gives can be shown and written."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from report_builders import build_evidence
from rich.console import Console

from bakeoff.decision import decide
from bakeoff.records import Evidence
from bakeoff.report import render_report, verdict_card, verdict_document, write_verdict


def one_arm() -> Evidence:
    whole = build_evidence()
    tuned = {contender.name for contender in whole.contenders if contender.arm != "prompt"}
    return replace(
        whole,
        contenders=tuple(one for one in whole.contenders if one.name in tuned),
        trials=tuple(one for one in whole.trials if one.contender in tuned),
        missing=("No prompt model was at hand.",),
    )


CASES = {
    "whole": build_evidence,
    "no limits": lambda: replace(build_evidence(), requirements=()),
    "one arm": one_arm,
    "few rows, one seed": lambda: build_evidence(test_rows=30, seeds=1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_real_decision_is_shown_and_written(case, tmp_path):
    evidence = CASES[case]()
    decision = decide(evidence)
    document = verdict_document(evidence, decision, created="2025-03-04T12:00:00+00:00", version="0.1.0")
    written = json.loads(write_verdict(tmp_path / "verdict.json", document).read_text("utf-8"))
    assert written["verdict"]["choice"] == decision.verdict.choice

    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(verdict_card(evidence, decision, title="reviews.csv", bundle="bundle/", report="report.html"))
    card = console.file.getvalue()
    assert decision.verdict.choice.replace("-", " ").upper().replace("FINE TUNE", "FINE-TUNE") in card
    assert max(map(len, card.splitlines())) <= 80

    html = render_report(evidence, decision, created="2025-03-04", version="0.1.0", title="reviews.csv")
    assert not re.search(r">[^<]*\b(nan|None)\b[^<]*<", re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.S))
    assert len(html.encode()) < 3_000_000
