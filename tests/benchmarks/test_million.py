"""The benchmark of many rows, on few: its rows hold the copies it tells of, and a killed step ends like another."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

POOL = [(f"the {place} grey cats of house {place * 7} saw a dog .", "Review") for place in range(400)]

#: Counts to four as `bakeoff predict` counts rows, and goes on with what stands there.
COUNTING = """
import json, sys, time
from pathlib import Path
marks = Path(sys.argv[1])
rows = json.loads(marks.read_text())["counts"]["rows"] if marks.exists() else 0
for row in range(rows + 1, 5):
    aside = marks.with_suffix(".new")
    aside.write_text(json.dumps({"counts": {"rows": row}}))
    aside.replace(marks)
    time.sleep(0.3)
print("whole")
"""


def test_rows_hold_the_copies_that_are_told():
    import million

    rows = list(million.made_rows(POOL, 13_000))
    assert rows == list(million.made_rows(POOL, 13_000))
    later = [text for text, _ in rows[million.REMEMBERED :]]
    copies = sum(text.isupper() for text in later) / len(later)
    assert copies == pytest.approx(million.COPIES, abs=0.01)
    assert max(Counter(text for text, _ in rows[: million.REMEMBERED]).values()) == 1


def test_a_step_is_measured_killed_and_gone_on_with(tmp_path):
    import million

    marks, log = tmp_path / "marks.json", tmp_path / "log"
    command = [sys.executable, "-c", COUNTING, str(marks)]
    killed = million.measured(command, log, marks, kill_at=2)
    assert million.kept_rows(marks) in (2, 3)
    assert log.read_text() == ""
    took = million.measured(command, log, marks)
    assert (million.kept_rows(marks), log.read_text()) == (4, "whole\n")
    assert took["peak_mb"] > 5
    assert killed["seconds"] > 0
    peaks = list(took["peak_mb_at_rows"].values())
    # That of the process itself; the other one begins with what pytest has.
    assert all(5 < low <= high < 100 for low, high in pairwise(peaks))
    with pytest.raises(SystemExit, match="ended with 3"):
        million.measured([sys.executable, "-c", "raise SystemExit(3)"], log)


def test_a_step_that_stands_in_the_file_is_not_run_again(tmp_path):
    import million

    assert million.Steps(tmp_path / "steps.jsonl").told("check", lambda: {"seconds": 1.0}) == {"seconds": 1.0}
    again = million.Steps(tmp_path / "steps.jsonl")
    assert again.told("check", lambda: pytest.fail("run again")) == {"seconds": 1.0}
