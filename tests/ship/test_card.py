"""The card says what was measured and what was not, and shows text of the data as it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.data.check import Check
from bakeoff.records import (
    BreakEven,
    Comparison,
    Contender,
    Crossover,
    Decision,
    Evidence,
    LeaderboardRow,
    Verdict,
)
from bakeoff.ship import TunedFigures, model_card, tuned_card
from bakeoff.ship.card import escape, score_told
from bakeoff.tasks import classification_task

NAN = float("nan")
FULL = Contender("full minilm-l6", "full", "1", "finetune", "minilm-l6", "a" * 64, {"max_epochs": 4}, True, True)
SHOTS = Contender("8 shots smollm2", "few-shot", "1", "prompt", "smollm2-135m", "b" * 64, {"shots": 8}, True, True)


def leaderboard_row(contender: Contender, n: int, score: float) -> LeaderboardRow:
    return LeaderboardRow(
        contender=contender.name,
        method=contender.method,
        arm=contender.arm,
        model=contender.model,
        n=n,
        score=score,
        ci=(score - 0.021, score + 0.019),
        validation_score=score,
        valid_rate=0.996,
        fit_seconds=20.0,
        p50_ms=3.0,
        p95_ms=4.2,
        rows_per_second=NAN,
        cost_per_1k=0.1,
        tokens_per_row=0.0,
        size_mb=87.0,
        seeds=3,
    )


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(
        task=classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy"),
        contenders=(FULL, SHOTS),
        trials=(),
        validation_labels=("positive",) * 100,
        test_labels=("positive",) * 500,
        rows={"train": 1848, "validation": 353, "test": 734},
        fingerprint="0123456789abcdef" * 4,
        checks=(Check("duplicates", "WARN", "12 rows came twice"), Check("size", "PASS", "2,935 rows")),
        text_words=18.0,
        seed=7,
        missing=("No server was named, so no stronger prompt model was measured.",),
    )


@pytest.fixture
def decision() -> Decision:
    pair = Comparison(
        FULL.name, SHOTS.name, 256, 0.052, (0.021, 0.083), 0.002, 0.004, "paired bootstrap", 1500, "verdict"
    )
    return Decision(
        mde=3.1,
        leaderboard=(
            leaderboard_row(FULL, 64, 0.71),
            leaderboard_row(FULL, 256, 0.871),
            leaderboard_row(SHOTS, 256, 0.819),
        ),
        comparisons=(pair,),
        curves=(),
        crossover=Crossover("already-ahead", None, "not-shown", None, None, ""),
        break_even=BreakEven("never", None, 0.0, None, {}, ""),
        differences=(),
        considerations=(),
        verdict=Verdict(
            "fine-tune", FULL.name, SHOTS.name, None, "No verdict on stronger prompt models.", (), (), "", 256
        ),
    )


def card(evidence: Evidence, decision: Decision, contender: Contender = FULL, **more: object) -> str:
    return model_card(evidence, decision, contender, **{"rows_refitted": 2935, "seconds": 65.0, "seed": 7, **more})


def test_the_score_is_the_procedures_and_the_refit_is_said_to_be_unmeasured(evidence, decision):
    text = card(evidence, decision)
    assert "**accuracy .871**, 95% interval [.850, .890]: the mean of 3 seeds on 500 test rows, with n = 256 " in text
    assert (
        "What is in this bundle is a refit of that procedure on all 2,935 labelled rows, the test rows among them; the "
        "refit's own score was not measured" in text
    )
    # 1 - (1 - .890) * sqrt(256 / 2935)
    assert "**Expected of this bundle: accuracy in [.850, .968].** The lower end" in text
    assert ".710" not in text
    assert "| rate, all rows together | - |" in text


def test_the_sections_carry_the_studys_facts(evidence, decision):
    text = card(
        evidence, decision, repeat=("bakeoff run 'my reviews.csv'", "bakeoff ship out"), bundle_name="my bundle"
    )
    for part in (
        "# sentiment: full minilm-l6",
        "Labels: negative, positive.",
        "1,848 train, 353 validation, 734 test",
        "fingerprint `0123456789abcdef",
        "- duplicates (WARN): 12 rows came twice",
        "- No verdict on stronger prompt models.",
        "- 3 seeds x 500 test rows: differences under 3.1 points cannot show.",
        "- No server was named",
        "Licence: Apache-2.0.",
        "bakeoff predict 'my bundle' new.csv\nbakeoff serve 'my bundle'\n",
        "```\nbakeoff run 'my reviews.csv'\nbakeoff ship out\n```",
        "it took 1 min 5 s",
        "Settings: max\\_epochs = 4.",
    ):
        assert part in text, part
    assert "2,935 rows" not in text, "a check that passed is not listed"
    assert "word for word" not in text


def test_a_comparison_is_told_from_the_shipped_contenders_side(evidence, decision):
    line = "| {} | 256 | {} | {} | p = .004 | paired bootstrap |"
    assert line.format("8 shots smollm2", "+5.2 points", "[+2.1, +8.3]") in card(evidence, decision)
    assert line.format("full minilm-l6", "-5.2 points", "[-8.3, -2.1]") in card(evidence, decision, SHOTS)


def test_a_baseline_promises_nothing_of_further_rows(evidence, decision):
    floor = replace(FULL, arm="floor", method="majority")
    assert "Expected of this bundle" in card(evidence, decision)
    assert "Expected of this bundle" not in card(evidence, decision, floor)


def test_a_prompt_says_how_many_rows_it_carries(evidence, decision):
    text = card(evidence, decision, SHOTS, demonstrations=8)
    assert "**This bundle holds rows of the data:** its prompt carries 8 labelled texts word for word" in text
    assert "Instruction: Classify the sentiment of the text." in text


def test_a_method_without_labels_is_no_refit(evidence, decision):
    zero = replace(SHOTS, name="zero", uses_labels=False)
    board = replace(decision, leaderboard=(replace(leaderboard_row(zero, 0, 0.8), seeds=1),))
    text = card(evidence, board, zero, rows_refitted=0)
    assert "the mean of 1 seed on 500 test rows, without labelled rows." in text
    assert "refit of that procedure" not in text


def test_what_was_not_measured_is_said(evidence, decision):
    text = card(evidence, replace(decision, leaderboard=(), comparisons=()))
    assert "nothing is known of its score" in text
    assert "declared no comparison" in text


def test_an_unknown_model_has_an_unknown_licence(evidence, decision):
    own = replace(FULL, model="./mine")
    assert "Licence: not known here" in card(evidence, decision, own)
    assert "Licence: CC-BY-4.0." in card(evidence, decision, own, licence="CC-BY-4.0")


HOSTILE = (
    "<script>alert(1)</script>",
    "[click](javascript:x)",
    "a | b\n# c",
    "`x`",
    "**b** _i_",
    "\u202edesrever",
    "- x",
)


def test_text_of_the_data_marks_nothing_up(evidence, decision):
    task = classification_task(name="<img src=x>", labels=HOSTILE, metric="accuracy")
    hostile = replace(evidence, task=task, checks=tuple(Check(f"c{i}", "WARN", t) for i, t in enumerate(HOSTILE)))
    text = card(hostile, replace(decision, verdict=replace(decision.verdict, scope="</li><b>")))
    assert "<script" not in text
    assert "<img" not in text
    assert "<b>" not in text
    assert "](" not in text.replace("\\](", "").replace("]\\(", "")
    assert "\u202e" not in text
    assert "\n# c" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, really", "plain words, really"),
        ("a|b", "a\\|b"),
        ("a\r\nb", "a b"),
        ("1. x", "1\\. x"),
        ("- x", "\\- x"),
        ("&lt;", "&amp;lt;"),
        ("\\", "\\\\"),
        ("good - bad", "good - bad"),
    ],
)
def test_escape(text, shown):
    assert escape(text) == shown


def test_a_long_label_set_is_cut(evidence, decision):
    many = classification_task(name="intent", labels=[f"label {i:03}" for i in range(150)], metric="accuracy")
    text = card(replace(evidence, task=many), decision)
    assert "label 099, and 50 more in bundle.json." in text
    assert "label 100" not in text


def test_the_score_is_found_in_either_card_and_missed_where_there_is_none(evidence, decision):
    assert score_told(card(evidence, decision)).startswith("accuracy .")
    assert "95% interval [" in score_told(card(evidence, decision))
    scored = (0.853, (0.773, 0.933), 75)
    figures = TunedFigures(100, scored, (0.5, (0.4, 0.6), 75), floor=NAN, seconds=9.0, rows_per_second=50.0)
    told = score_told(tuned_card(evidence.task, FULL, figures))
    assert told == "accuracy .500, 95% interval [.400, .600], on 75 test rows"
    for hostile in ("", "# x", "\n## Score\n\n| 95% interval |", "\n## Score\n95% interval"):
        assert "\n" not in score_told(hostile)
