"""Advice from the data alone: what is not known beforehand is said not to be."""

from __future__ import annotations

from bakeoff.workbench.advise import advise
from bakeoff.workbench.options import DataOptions, StudyOptions, parse_requirement


def _of(tmp_path, limit: str):
    rows = "\n".join(f"the number {i} is good,yes\nthe number {i * 7919} was bad,no" for i in range(300))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}\n", encoding="utf-8")
    limits = (parse_requirement(limit),)
    return advise(str(tmp_path / "rows.csv"), DataOptions(), StudyOptions(requirements=limits)).considerations[0]


def test_the_latency_of_one_row_is_not_forecast_from_rows_answered_together(tmp_path):
    """What is too slow even together cannot meet a limit; the rest may miss it all the same."""
    found = _of(tmp_path, "p95_ms<=10")
    assert "how long one row alone takes is not forecast" in found.finding
    assert found.favours == "fine-tuning"
    assert _of(tmp_path, "p95_ms<=1000").favours == "neither"
