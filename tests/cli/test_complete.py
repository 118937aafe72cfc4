"""What Tab offers, in the three shells, and that a Tab loads nothing heavy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from in_process import Program


@pytest.fixture
def offered(program: Program, monkeypatch: pytest.MonkeyPatch):
    def offer(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_BAKEOFF_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        return [line for line in program().out.splitlines() if line]

    return offer


def test_commands_options_methods_and_names_are_offered(offered, small_rows: Path) -> None:
    assert offered("bakeoff res") == ["resume"]
    assert offered("bakeoff prompt ") == ["new", "try", "write", "improve", "history", "diff"]
    assert offered("bakeoff run x --time") == ["--time", "--time-limit"]
    assert offered("bakeoff run x --method few-shot-d") == ["few-shot-domain", "few-shot-diverse"]
    assert offered("bakeoff run x --encoder ") == ["minilm-l6", "smollm2-135m"]
    assert offered("bakeoff finetune x --method lor") == ["lora", "lora-encoder"]
    assert offered("bakeoff models pull mini") == ["minilm-l6"]
    assert offered("bakeoff run ama") == ["amazon-reviews"]
    assert offered("bakeoff run ro") == ["rows.csv"]
    assert offered("bakeoff run nothing-like-it") == [], "paths are then offered by the shell itself"
    assert offered("bakeoff run x --encoder mini", "fish")[0].startswith("minilm-l6\t")
    assert '"minilm-l6":"' in "".join(offered("bakeoff run x --encoder mini", "zsh"))


def test_studies_and_their_contenders_are_offered(offered, decided_study: Path, tmp_path: Path) -> None:
    (tmp_path / "bakeoff-studies").mkdir()
    shutil.move(decided_study, tmp_path / "bakeoff-studies" / "reviews")
    (tmp_path / "other").mkdir()
    assert offered("bakeoff resume ") == ["bakeoff-studies/reviews"]
    assert offered("bakeoff report bakeoff-studies/re") == ["bakeoff-studies/reviews"]
    assert offered("bakeoff ship bakeoff-studies/reviews --contender fu") == [r"full\ minilm"]
    assert offered("bakeoff compare bakeoff-studies/reviews ze", "fish") == ["zero-shot smollm"]
    assert offered("bakeoff ship other --contender ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_shown(shell: str, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BAKEOFF_COMPLETE", f"source_{shell}")
    assert f"_BAKEOFF_COMPLETE=complete_{shell}" in program().out
