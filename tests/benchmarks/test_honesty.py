"""The benchmark of honest verdicts, on a handful of studies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ["false_win_rate", "coverage", "right_arm_rate", "wrong_arm_rate"]


def _run(output: Path, studies: int) -> list[str]:
    command = [sys.executable, "honesty.py", "--output", str(output), "--studies", str(studies), "--odd-studies", "2"]
    found = subprocess.run(
        [*command, "--workers", "1"], cwd=BENCHMARKS, capture_output=True, text=True, timeout=300, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_a_few_studies_end_in_one_json_object_and_are_not_simulated_again(tmp_path):
    lines = _run(tmp_path, 1)
    rates = json.loads(lines[-1])
    assert list(rates) == NAMES
    assert all(0 <= value <= 1 for value in rates.values())
    assert rates["wrong_arm_rate"] == 0
    assert any("differ in: no case" in line for line in lines)
    odd = [line for line in lines if line.endswith("% |") and "macro-F1" in line]
    assert odd
    assert odd[0].endswith("| 100.0% |")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert json.loads(_run(tmp_path, 1)[-1]) == rates
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name: text.split() for name, text in after.items()} == {name: text.split() for name, text in before.items()}
