"""The rows on the page: what is in a text ends no script, and what does not fit is said."""

from __future__ import annotations

import json

import pytest

from bakeoff.decision.panel import Panel
from bakeoff.report import row_layout
from bakeoff.report.disagreements import ShownRows, disagreements

EVIL = "</script><script>alert(1)</script><!-- \u202e"


def _rows(evidence, texts=None):
    count = len(evidence.test_labels)
    ids = tuple(f"{row:016x}" for row in range(count))
    return ShownRows(ids, tuple(range(1, count + 1)), texts or tuple(f"text {row}" for row in range(count)))


def test_a_text_cannot_end_its_script(evidence, decision):
    texts = (EVIL,) * len(evidence.test_labels)
    found = disagreements(Panel(evidence), decision, _rows(evidence, texts))
    assert found is not None
    assert "</" not in found.data
    assert "<!--" not in found.data
    assert "\u202e" not in found.data
    shown = json.loads(found.data)["texts"][0]
    assert shown.startswith("</script><script>alert(1)")


def test_what_does_not_fit_is_left_out_and_counted(evidence, decision, monkeypatch):
    whole = disagreements(Panel(evidence), decision, _rows(evidence))
    assert whole is not None
    assert whole.shown == whole.rows == len(evidence.test_labels) == sum(whole.counts.values())
    monkeypatch.setattr(row_layout, "MOST_BYTES", 1_000)
    monkeypatch.setattr(row_layout, "MOST_CHARACTERS", 4)
    part = disagreements(Panel(evidence), decision, _rows(evidence))
    assert part is not None
    assert 0 < part.shown < part.rows
    assert part.counts == whole.counts
    assert part.cut == part.rows
    data = json.loads(part.data)
    assert len(data["ids"]) == part.shown
    assert data["texts"][0].endswith("[cut here]")


@pytest.mark.parametrize("rows", [None, ShownRows((), (), ())])
def test_without_rows_there_is_no_section(evidence, decision, rows):
    assert disagreements(Panel(evidence), decision, rows) is None
