"""Deciding again on a study's records: under other assumptions, and by labels that a person settled."""

from __future__ import annotations

import csv
import json
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bakeoff.decision.panel import Panel
from bakeoff.errors import OptionError, StudyError
from bakeoff.report.confusions import confusions
from bakeoff.report.spread import spread
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.store import StudyStore
from bakeoff.workbench.adjudicate import adjudicate, labels_of, write_sheet
from bakeoff.workbench.report import report
from made_study import ASKED, TUNED, make_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study")


def test_another_assumption_decides_again_and_stays(study: Path) -> None:
    assert report(study).decision.verdict.choice == "fine-tune"
    few = report(study, ["error_cost=0.001", "volume=10", "finetune_upkeep_hours=1"])
    assert few.decision.verdict.choice == "prompt"
    written = json.loads((study / "verdict.json").read_text("utf-8"))
    assert (written["assumptions"]["error_cost"], written["assumptions"]["volume"]) == (0.001, 10)
    assert written["cost_comparisons"][0]["difference"] > 20
    assert report(study).decision.verdict.choice == "prompt", "the study keeps what it was told"
    assert report(study, ["volume=1000000", "error_cost=1"]).decision.verdict.choice == "fine-tune"
    back = report(study, ["error_cost=none"])
    assert back.decision.cost_comparisons == ()
    assert back.evidence.assumptions.error_cost is None
    assert "Expected cost of a month" in (study / "report.html").read_text("utf-8")


def test_a_cost_matrix_must_fit_the_study_and_leaves_it_as_it_was(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text("negative: {positive: 1}\npositive: {neutral: 1}\n")
    with pytest.raises(OptionError, match="'neutral' came"):
        report(study, [], path)
    path.write_text("negative: {positive: 1}\npositive: {negative: 40}\n")
    assert report(study, [], path).evidence.assumptions.cost_matrix == {
        "negative": {"positive": 1},
        "positive": {"negative": 40},
    }


def _differing(study: Path) -> set[str]:
    """Give the texts of the test rows that the two contenders answer otherwise with any seed."""
    with StudyStore(study) as store:
        texts = store.rows("test").texts
        asked = next(trial for trial in store.trials() if trial.contender == ASKED.name).test_answers
        tuned = [trial.test_answers for trial in store.trials() if trial.contender == TUNED.name]
    return {text for row, text in enumerate(texts) if any(one[row] != asked[row] for one in tuned)}


def test_labels_that_a_person_settles_decide_again_and_both_verdicts_are_kept(study: Path) -> None:
    shown: list[str] = []

    def ask(text: str, number: int, of: int) -> str | None:
        assert (number, of) == (len(shown), len(_differing_texts))
        shown.append(text)
        return wanted[text]

    _differing_texts = _differing(study)
    with StudyStore(study) as store:
        rows = store.rows("test")
        asked = next(trial for trial in store.trials() if trial.contender == ASKED.name).test_answers
    # A person who takes the prompt's side wherever they differ.
    wanted = dict(zip(rows.texts, asked, strict=True))
    found = adjudicate(study, ask=ask)
    assert set(shown) == _differing_texts
    assert shown != [text for text in rows.texts if text in _differing_texts], "in an order that tells nothing"
    assert (found.rows, found.settled) == (len(shown), len(shown))
    assert found.changed == sum(
        wanted[t] != label for t, label in zip(rows.texts, rows.labels, strict=True) if t in shown
    )
    assert (found.before.verdict.choice, found.after.verdict.choice) == ("fine-tune", "prompt")
    kept = {
        name: json.loads((study / name).read_text("utf-8")) for name in ("verdict.json", "verdict-adjudicated.json")
    }
    assert [one["verdict"]["choice"] for one in kept.values()] == ["fine-tune", "prompt"]
    assert any("settled blind the choice is prompt" in reason for reason in kept["verdict.json"]["verdict"]["reasons"])
    assert adjudicate(study, ask=ask).settled == len(shown), "what is settled is not asked again"


def test_settling_can_be_stopped_and_goes_on_by_a_sheet(study: Path, tmp_path: Path) -> None:
    def two(text: str, number: int, of: int) -> str | None:
        if number == 2:
            raise StopIteration
        return "positive" if number else None

    assert adjudicate(study, ask=two, most=5).settled == 1
    sheet = tmp_path / "sheet.csv"
    written = write_sheet(study, sheet)
    with sheet.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert written == len(lines) == len(_differing(study)) - 1
    assert {line["label"] for line in lines} == {""}
    with pytest.raises(OptionError, match="is there already"):
        write_sheet(study, sheet)
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows(
            [line["id"], line["text"], label] for line, label in zip(lines, ("Negative", ""), strict=False)
        )
    assert adjudicate(study, sheet=sheet).settled == 2
    assert labels_of(study) == ("negative", "positive")


def test_labels_are_settled_between_two_finalists(study: Path) -> None:
    with StudyStore(study) as store:
        store.set_fact("contenders", [contender_to_json(TUNED)])
    with pytest.raises(StudyError, match="no finalist of both ways"):
        adjudicate(study)


def _shown(study: Path) -> dict[str, Any]:
    page = (study / "report.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="differing-rows">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_page_holds_the_rows_where_the_finalists_differ(study: Path) -> None:
    report(study)
    shown = _shown(study)
    with StudyStore(study) as store:
        truth = store.rows("test")
        answers = {trial.key: trial.test_answers for trial in store.trials()}
        notes = [detail for _at, kind, detail in store.events() if kind == "test rows shown"]
    first, second = answers[f"{TUNED.name}-0"], answers[f"{ASKED.name}-0"]
    expected = Counter(
        (one == label, other == label) for label, one, other in zip(truth.labels, first, second, strict=True)
    )
    order = ((False, True), (True, False), (False, False), (True, True))
    assert [shown["group"].count(digit) for digit in "0123"] == [expected[hits] for hits in order]
    assert shown["group"] == "".join(sorted(shown["group"])), "what the chosen one gets wrong comes first"
    for at, number in enumerate(shown["numbers"]):
        assert shown["texts"][at] == truth.texts[number - 1]
        assert shown["values"][shown["truth"][at]] == truth.labels[number - 1]
        for side, given in zip(shown["sides"], (first, second), strict=True):
            assert shown["values"][side["answers"][at]] == given[number - 1]
    assert notes == ["report.html, with the texts of 300 rows"]
    report(study)
    with StudyStore(study) as store:
        assert [detail for _at, kind, detail in store.events() if kind == "test rows shown"] == notes, "noted once"


def test_a_report_without_texts_shows_no_row(study: Path) -> None:
    report(study, texts=False)
    shown = _shown(study)
    assert shown["texts"] is None
    assert len(shown["ids"]) == 300
    assert re.search(r"\btest \d+\b", json.dumps(shown)) is None
    with StudyStore(study) as store:
        assert not [kind for _at, kind, _detail in store.events() if kind == "test rows shown"]
    report(study)
    assert _shown(study)["texts"] is None, "the study keeps the choice"
    report(study, texts=True)
    assert _shown(study)["texts"] is not None


def test_the_memo_is_one_page_of_the_verdicts_figures(study: Path) -> None:
    outcome = report(study)
    memo = (study / "memo.md").read_text("utf-8")
    assert len(memo.splitlines()) <= 60
    assert f"rather than {ASKED.name}" in memo
    for name in (TUNED.name, ASKED.name):
        row = max((row for row in outcome.decision.leaderboard if row.contender == name), key=lambda row: row.n)
        assert f"{row.score:.3f}".lstrip("0") in memo
    one = next(each for each in outcome.decision.comparisons if each.role == "verdict")
    assert f"{100 * one.difference:+.1f} points" in memo
    assert re.search(r"\btest \d+\b", memo) is None, "a memo holds no row"


def test_confusions_and_spread_are_those_of_the_records(study: Path) -> None:
    evidence, decision = (outcome := report(study)).evidence, outcome.decision
    found = confusions(Panel(evidence), decision)
    assert found is not None
    asked = next(one for one in found.matrices if one.contender == ASKED.name)
    (given,) = [trial.test_answers for trial in evidence.trials if trial.contender == ASKED.name]
    for truth, rows, cells in asked.lines:
        assert rows == evidence.test_labels.count(truth)
        told = Counter(answer for label, answer in zip(evidence.test_labels, given, strict=True) if label == truth)
        assert {cell.answer: cell.rows for cell in cells if cell.rows} == dict(told)
    laid = spread(Panel(evidence), decision)
    assert laid is not None
    tuned = next(line for line in laid.lines if line.name == TUNED.name)
    scores = [
        sum(a == b for a, b in zip(trial.test_answers, evidence.test_labels, strict=True)) / 300
        for trial in evidence.trials
        if trial.contender == TUNED.name
    ]
    assert sorted(dot.score for dot in tuned.dots) == pytest.approx(sorted(scores))
    assert tuned.deviation == pytest.approx(statistics.stdev(scores))
