"""The benchmark of what the considerations favour, on verdicts that are laid there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def _lay(folder: Path, goals: str) -> None:
    folder.mkdir(parents=True)
    considerations = {"complexity": {"favours": "neither"}, "performance_goals": {"favours": goals}}
    verdict = {
        "verdict": {"choice": "prompt", "n": 64},
        "considerations": considerations,
        "comparisons": [{"role": "floor"}, {"role": "verdict", "a": "full", "b": "zero-shot"}],
    }
    (folder / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")


def test_verdicts_that_are_there_are_counted_and_not_run_again(tmp_path, monkeypatch, capsys):
    import considerations

    (tmp_path / "data").mkdir()
    _lay(tmp_path / "studies" / "trec", "fine-tuning")
    _lay(tmp_path / "studies" / "sst2", "prompting")
    monkeypatch.setenv("BAKEOFF_TEST_DATA", str(tmp_path))
    words = ["--output", str(tmp_path / "studies"), "--set", "trec", "--set", "sst2"]
    monkeypatch.setattr(sys, "argv", ["considerations.py", *words])
    considerations.main()
    lines = capsys.readouterr().out.splitlines()
    assert "| trec | 64 | full, zero-shot | prompt | neither | fine-tuning |" in lines
    counts = json.loads(lines[-1])
    assert counts == {"complexity": {"neither": 2}, "performance_goals": {"fine-tuning": 1, "prompting": 1}}


def test_a_study_that_fails_is_named(tmp_path):
    import considerations

    with pytest.raises(SystemExit, match="ended with 2"):
        considerations.study(tmp_path / "missing", tmp_path / "study", "1m", tmp_path / "log")
    assert "missing" in (tmp_path / "log").read_text(encoding="utf-8")
