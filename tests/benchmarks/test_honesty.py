"""The benchmark of honest verdicts, on a handful of studies."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
NAMES = ["false_win_rate", "coverage", "right_arm_rate", "wrong_arm_rate"]


@pytest.fixture
def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[], list[str]]:
    """Give what the benchmark prints of one study a case and two of each odd one."""
    import honesty

    words = ["--output", str(tmp_path), "--studies", "1", "--odd-studies", "2", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["honesty.py", *words])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")

    def lines() -> list[str]:
        capsys.readouterr()
        honesty.main()
        return capsys.readouterr().out.splitlines()

    return lines


def test_a_few_studies_end_in_one_json_object_and_are_not_simulated_again(printed, tmp_path):
    lines = printed()
    rates = json.loads(lines[-1])
    assert list(rates) == NAMES
    assert all(0 <= value <= 1 for value in rates.values())
    assert rates["wrong_arm_rate"] == 0
    assert any("differ in: no case" in line for line in lines)
    odd = [line for line in lines if line.endswith("% |") and "macro-F1" in line]
    assert odd
    assert odd[0].endswith("| 100.0% |")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert json.loads(printed()[-1]) == rates
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name: text.split() for name, text in after.items()} == {name: text.split() for name, text in before.items()}
