"""Card and tables: 80 columns, every figure there, nothing from data drives the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bakeoff.cli.demo import _another
from bakeoff.decision import decide
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
from bakeoff.report.figures import points_interval_text, points_text, score_text
from bakeoff.report.lookup import headline

LONG = "a-very-long-contender-name-with-no-space-in-it-" * 3 + "日本語モデル"


def draw(renderable, width=80, whole=()):
    """Print, and hold every line to the width but those of `whole`: commands and paths, which are copied."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable, crop=False)
    text = console.file.getvalue()
    from rich.cells import cell_len

    lines = [line for line in text.splitlines() if not any(part in line for part in whole)]
    assert max(cell_len(line) for line in lines) <= width, text
    return text


def flat(text):
    return " ".join(text.split())


def test_the_card_says_all_that_the_sketch_promises(evidence, decision):
    text = draw(verdict_card(evidence, decision, title="reviews.csv", bundle="bundle/", report="report.html"))
    lines = text.splitlines()
    assert lines[0].startswith("reviews.csv   sentiment, 2 labels")
    assert lines[1].endswith("3 seeds x 600 test rows: differences under 2.6 points cannot show")
    assert lines[2].startswith("FINE-TUNE     full minilm-l6, n = 400")
    assert lines[2].endswith("accuracy .908 [.887, .927]")
    assert lines[3].startswith("  against     few-shot smollm2-135m, n = 400")
    assert "+3.7 points [+1.1, +6.3], 3 seeds x 600 rows, p = .004 (.012 after Holm)" in flat(text)
    for label in (
        "scope",
        "requirements",
        "control",
        "resources",
        "complexity",
        "goals",
        "would flip",
        "checks",
        "ready",
        "reading",
    ):
        assert any(line.startswith(label + " ") for line in lines), label
    assert "labelled rows: 400 now; prompt at 74 labels or fewer" in text
    assert "favours fine-tuning" in text
    assert "95% interval" in flat(text)
    assert f"{14 * ' '}bakeoff predict bundle/ new.csv" in lines


@pytest.mark.parametrize("limits", [True, False])
def test_a_real_decision_has_one_screen_and_its_figures_subtract(evidence, limits):
    """One screen of 40 lines; the difference stands beside the means that it is the difference of."""
    given = evidence if limits else replace(evidence, requirements=())
    real = decide(replace(given, time_limit=120.0, budgets_beyond=(1600,)))
    place = "studies/reviews-2026"
    paths = {"bundle": f"{place}/bundle", "report": f"{place}/report.html"}
    text = draw(verdict_card(given, real, title="amazon-reviews", next_command="bakeoff resume x", **paths))
    assert len(text.splitlines()) <= 40, text
    assert "valid 100% / 100%; seeds deviate by" in text
    met = headline(real).comparison
    assert met.difference == pytest.approx(met.score_a - met.score_b)
    means = f"({score_text(met.score_a)} - {score_text(met.score_b)})"
    assert f"{points_text(met.difference)} {means} {points_interval_text(met.ci)}" in flat(text)
    assert ("accuracy >= .85 met" in text) is limits
    assert ("no hard limits given" in text) is not limits


def test_commands_are_never_torn(evidence, decision):
    """A long one leaves the frame, and stays one line that can be copied."""
    place = "bakeoff-studies/a-long-name-of-some-reviews-2026-11-29"
    given = {"bundle": f"{place}/bundle", "report": f"{place}/report.html"}
    given["next_command"] = f"bakeoff resume {place} --time-limit 5m"
    lines = draw(verdict_card(evidence, decision, title="x", **given), 60, whole=(place,)).splitlines()
    assert f"  {given['next_command']}" in lines
    assert f"  bakeoff predict {given['bundle']} new.csv" in lines


def test_what_could_not_show_follows_the_interval_and_no_forecast(evidence, decision, unresolved):
    """Half of the interval that stands below it, whatever the forecast for another study is."""
    assert "under 2.6 points cannot show" in draw(verdict_card(evidence, replace(decision, mde=23.1), title="x"))
    assert "under 2.4 points cannot show" in draw(verdict_card(evidence, replace(unresolved, mde=23.1), title="x"))
    alone = replace(decision, comparisons=())
    assert "600 test rows\n" in draw(verdict_card(evidence, alone, title="x"))


def test_the_card_says_who_met_where_a_floor_is_used_meanwhile(evidence, unresolved):
    out = ("probe minilm-l6: 1 of 3 seeds in the time; validation .870, that of the finalist full minilm-l6 .812.",)
    verdict = replace(unresolved.verdict, meanwhile="tf-idf", left_out=out)
    text = draw(verdict_card(evidence, replace(unresolved, verdict=verdict), title="x"))
    assert "  fine-tuned  full minilm-l6, n = 400" in text
    assert "  prompted    few-shot smollm2-135m, n = 400" in text
    assert "+0.4 points [-2.0, +2.8]" in text
    assert "left out      probe minilm-l6: 1 of 3 seeds in the time; validation .870" in text


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
    text = draw(card, width, whole=(LONG,))
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


def test_after_the_demo_the_finalist_that_was_not_shipped_is_offered(decision, unresolved):
    assert _another(decision) == decision.verdict.against
    met = replace(decision.comparisons[0], a="first", b="second", score_a=0.8, score_b=0.7)
    for meanwhile, offered in (("first", "second"), ("second", "first"), ("a floor", "first")):
        verdict = replace(unresolved.verdict, meanwhile=meanwhile)
        assert _another(replace(unresolved, verdict=verdict, comparisons=(met,))) == offered
    assert _another(replace(unresolved, comparisons=())) == "tfidf"
