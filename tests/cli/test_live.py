"""The screen of a running study on a terminal, and the lines in its place."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bakeoff.cli.live import TerminalWatcher
from bakeoff.report.progress import Progress, ProgressCell, ProgressScreen
from bakeoff.study.progress import StudyProgress

BEGUN = StudyProgress(
    done=0, planned=6, elapsed=4.0, left=90.0, now="probe minilm-l6, n = 16, seed 0", doing="training", share=0.25,
    scores={}, seconds={}, seeds={("probe minilm-l6", 16): 3, ("zero-shot smollm2-135m", 0): 3}, dropped=(),
)  # fmt: skip
SCORED = replace(
    BEGUN, done=1, doing="recorded", share=1.0, scores={("probe minilm-l6", 16): (0.81,)},
    seconds={("probe minilm-l6", 16): 6.0},
)  # fmt: skip


def screen(**settings: object) -> Console:
    return Console(file=io.StringIO(), width=80, height=24, **settings)  # type: ignore[arg-type]


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run_two_trials(watcher: TerminalWatcher) -> None:
    watcher.step("measuring the models on this machine")
    watcher.started(Path("my study"))
    for second in range(40):
        watcher.progress(replace(BEGUN, elapsed=4.0 + second))
    watcher.progress(SCORED)
    for second in range(40):
        watcher.progress(replace(BEGUN, done=1, elapsed=44.0 + second, now="zero-shot smollm2-135m, n = 0, seed 0"))
    watcher.progress(replace(SCORED, done=2, now="zero-shot smollm2-135m, n = 0, seed 0"))
    watcher.step("deciding")


def test_without_a_terminal_there_is_a_line_a_trial_and_phase() -> None:
    console = screen()
    with TerminalWatcher(console) as watcher:
        run_two_trials(watcher)
    assert written(console).splitlines() == [
        "measuring the models on this machine",
        "study my study",
        "[1/6] probe minilm-l6, n = 16, seed 0; 4 s, 90 s left",
        "[2/6] zero-shot smollm2-135m, n = 0, seed 0; 4 s, 90 s left",
        "deciding",
    ]


@pytest.mark.parametrize("variable", ["dumb", "unknown"])
def test_a_terminal_that_moves_no_cursor_gets_the_lines(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", variable)
    console = screen(force_terminal=True)
    with TerminalWatcher(console) as watcher:
        run_two_trials(watcher)
    assert "\x1b[" not in re.sub(r"\x1b\[[0-9;]*m", "", written(console)), "colours at most"
    assert len(written(console).splitlines()) == 5


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_one_screen_is_drawn_and_cleaned_away(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    console = screen(force_terminal=True)
    watcher = TerminalWatcher(console)

    def interrupted() -> None:
        with watcher:
            run_two_trials(watcher)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    out = written(console)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out)
    for said in ("2 of 6 trials", "my study measuring", "now  probe minilm-l6, n = 16, seed 0: training", "25.0%"):
        assert said in plain, said
    assert "fine-tuning" not in plain, "the arms are those of the plan, which was not told"
    assert plain.rstrip().endswith("Finished trials are kept. Go on with: bakeoff resume 'my study'")
    assert out.count("\x1b[?25l") == out.count("\x1b[?25h") == 1, "the cursor is shown again"
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", out)) is colour


@pytest.mark.parametrize(("columns", "lines"), [(60, 24), (80, 24), (120, 40), (80, 10)])
def test_the_screen_fits_and_says_what_matters_first(columns: int, lines: int) -> None:
    arms = {"majority": "floor", "full minilm-l6": "finetune", "zero-shot-calibrated smollm2-135m": "prompt"}
    cells = tuple(
        ProgressCell(f"{name}{' again' * copy}", arm, n, 0.5 + n / 1000, 2, 3, 61.0)  # type: ignore[arg-type]
        for copy in range(6)
        for name, arm in arms.items()
        for n in (0, 16, 64, 256)
    )
    told = Progress(cells, 31, 96, 431.0, 780.0, "full minilm-l6, n = 256, seed 1: training: loss .3, 60 rows/s", 0.33)
    console = Console(file=io.StringIO(), width=columns, height=lines, color_system=None, force_terminal=True)
    console.print(ProgressScreen("measuring", told, title="reviews", since=9.0))
    shown = written(console).splitlines()
    assert len(shown) < lines, "a line is left for the cursor"
    assert max(map(len, shown)) <= columns
    text = "\n".join(shown)
    for said in ("reviews measuring", "31 of 96 trials", "7 min 20 s so far", "about 12 min 51 s left", "33.0%"):
        assert said in text, said
    for arm, score in (("fine-tuning", ".756"), ("prompting", ".756"), ("floor", ".756")):
        assert re.search(rf"^{arm}.*{score} +48 of 72$", text, flags=re.MULTILINE), text
    assert ("and" in shown[-1] and "more" in shown[-1]) is (lines == 24)
