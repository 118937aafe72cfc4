"""Card and tables: 80 columns, every figure there, nothing from data drives the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bakeoff.records import Check, Contender
from bakeoff.report import (
    PlanRow,
    Progress,
    ProgressCell,
    checks_table,
    leaderboard_table,
    plan_table,
    progress_table,
    verdict_card,
)

LONG = "a-very-long-contender-name-with-no-space-in-it-" * 3 + "日本語モデル"


def draw(renderable, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    text = console.file.getvalue()
    from rich.cells import cell_len

    assert max(cell_len(line) for line in text.splitlines()) <= width, text
    return text


def flat(text):
    return " ".join(text.split())


def test_each_contender_has_lines_of_its_own_and_figures_are_explained(evidence, decision):
    first = decision.verdict.contender
    second = next(one for one in (decision.comparisons[0].a, decision.comparisons[0].b) if one != first)
    one = decision.considerations[1]
    told = replace(one, finding=f"{first}: valid 100%; {second}: valid 97%; {first} costs less.")
    text = draw(verdict_card(evidence, replace(decision, considerations=(told,)), title="reviews.csv"))
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("control"))
    assert lines[start][14:] == f"{first}: valid 100%;"
    assert lines[start + 1][14:] == f"{second}: valid 97%;"
    assert lines[start + 2][14:].startswith(f"{first} costs less.")
    assert lines[start + 2].endswith(f"favours {one.favours}")
    assert "95% interval" in text


def test_the_card_says_all_that_the_sketch_promises(evidence, decision):
    text = draw(verdict_card(evidence, decision, title="reviews.csv", bundle="bundle/", report="report.html"))
    lines = text.splitlines()
    assert lines[0].startswith("reviews.csv   sentiment, 2 labels")
    assert lines[0].endswith("600 test rows can show 4.9 points or more")
    assert lines[1].startswith("FINE-TUNE     full minilm-l6, n = 400")
    assert lines[1].endswith("accuracy .908 [.887, .927]")
    assert lines[2].startswith("  against     few-shot smollm2-135m, n = 400")
    assert "+3.7 points [+1.1, +6.3], 3 seeds x 600 rows, p = .004 (.012 after Holm)" in flat(text)
    for label in (
        "scope",
        "limits",
        "requirements",
        "control",
        "resources",
        "complexity",
        "goals",
        "would flip",
        "checks",
    ):
        assert any(line.startswith(label + " ") for line in lines), label
    assert "labelled rows: 400 now; prompt at 74 labels or fewer" in text
    assert "favours fine-tuning" in text
    assert "bakeoff predict bundle/ new.csv" in text


def test_the_difference_is_told_from_the_side_of_the_chosen(evidence, decision):
    turned = replace(
        decision.comparisons[0], a="few-shot smollm2-135m", b="full minilm-l6", difference=-0.037, ci=(-0.063, -0.011)
    )
    text = draw(verdict_card(evidence, replace(decision, comparisons=(turned,)), title="x"))
    assert "+3.7 points [+1.1, +6.3]" in text


def test_the_unresolved_card_names_what_to_use_meanwhile_and_why(evidence, unresolved):
    text = draw(verdict_card(evidence, unresolved, title="x"))
    assert "UNRESOLVED    no finalist is shown to be the one to choose" in text
    assert "  meanwhile   few-shot smollm2-135m, n = 400" in text
    assert "because       Neither is shown to be better; about 4,200 test rows" in text
    assert "-0.4 points [-2.8, +2.0]" in text
    assert "nan" not in text.lower()
    assert "ready" not in text


def test_a_card_with_nothing_decided_at_all(evidence, decision):
    verdict = replace(
        decision.verdict, choice="unresolved", contender=None, against=None, reasons=("No prompt trial finished.",)
    )
    bare = replace(decision, verdict=verdict, comparisons=(), leaderboard=(), considerations=())
    text = draw(verdict_card(evidence, bare, title="x"))
    assert "no contender could be chosen" in text
    assert "because       No prompt trial finished." in text


@pytest.mark.parametrize("width", [80, 60, 40])
def test_long_names_fit(evidence, decision, width):
    row = replace(decision.leaderboard[0], contender=LONG)
    long = replace(
        decision,
        leaderboard=(row, *decision.leaderboard[1:]),
        verdict=replace(decision.verdict, contender=LONG, scope=LONG),
        comparisons=(replace(decision.comparisons[0], a=LONG),),
    )
    card = verdict_card(evidence, long, title=LONG, bundle=LONG, report=LONG)
    text = draw(card, width)
    assert LONG.replace(" ", "") in "".join(text.split()), "no part of a name is lost"
    draw(leaderboard_table(long.leaderboard), 80)


def test_text_from_data_does_not_reach_the_terminal_raw(evidence, decision):
    evil = "x\x1b[2J\u202e[bold red]y[/]"
    check = Check(evil, "WARN", evil)
    text = draw(checks_table([check]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold red]" in text, "markup is shown, not obeyed"
    card = draw(verdict_card(replace(evidence, checks=(check,)), decision, title=evil))
    assert "\x1b" not in card
    assert "[bold red]y" in card


def test_tables_of_checks_and_leaderboard(evidence, decision, unresolved):
    text = draw(checks_table(evidence.checks))
    assert "WARN" in text
    assert "leaks between splits" in text
    text = draw(leaderboard_table(decision.leaderboard))
    assert flat(text).count("full minilm-l6") == 4
    assert "[.887, .927]" in text
    assert "nan" not in draw(leaderboard_table(unresolved.leaderboard)).lower()


def cells(*scores, done=3):
    return tuple(ProgressCell("full minilm-l6", "finetune", 8 * 4**k, s, done, 3, 10.0) for k, s in enumerate(scores))


def test_progress_shows_scores_seeds_and_the_time_left():
    more = (ProgressCell("tf-idf", "floor", 8, float("nan"), 0, 3, 0.0),)
    progress = Progress(cells(0.7, 0.8) + cells(0.9, done=2)[:0] + more, 31, 96, 431.0, 780.0, "full, n = 128", 0.33)
    text = draw(progress_table(progress))
    assert ".700" in text
    assert "0/3" in text
    assert "31 of 96 trials" in text
    assert "about 13 min left" in text
    assert "now  full, n = 128  33.0%" in text
    early = draw(progress_table(replace(progress, at_most=True)))
    assert "at most 13 min left" in early


def test_progress_of_many_budgets_and_long_names_fits():
    many = tuple(ProgressCell(LONG, "prompt", 2**k, 0.5, 1, 3, 99.0) for k in range(12))
    text = draw(progress_table(Progress(many, 0, 0, 0.0, float("nan"), LONG, None, dropped=(LONG,))))
    assert "n = 2,048" in text
    assert "left" not in text


def test_a_cell_in_work_shows_its_seeds():
    assert ".700 2/3" in draw(progress_table(Progress(cells(0.7, done=2), 2, 3, 1.0, 1.0)))


def test_the_plan_sums_trials_and_time():
    rows = [PlanRow("full", "finetune", (8, 32), 3, 6, 300.0), PlanRow("zero-shot", "prompt", (0,), 1, 1, 45.0)]
    text = draw(plan_table(rows, time_limit=600.0))
    assert "7 trials, forecast 5 min 45 s; time limit 10 min" in text


def test_a_current_system_heads_the_card(evidence, decision):
    system = Contender("today", "predictions", "1", "current", None, None, {}, False, False)
    row = replace(decision.leaderboard[0], contender="today", arm="current", model=None, n=0)
    kept = replace(
        decision,
        leaderboard=(row, *decision.leaderboard),
        verdict=replace(decision.verdict, choice="keep-current", contender="today", against="full minilm-l6"),
    )
    text = draw(verdict_card(replace(evidence, contenders=(*evidence.contenders, system)), kept, title="x"))
    assert "KEEP CURRENT  today, n = 0" in text
