"""Every verb that a script would ask gives one JSON document on standard output, and nothing else there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bakeoff.decision import mcnemar_mid_p
from bakeoff.report.verdict_file import check_verdict
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.prompt_new import DraftOptions, draft_prompt
from in_process import Program, documented
from made_study import ASKED, TUNED


def table_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_checked_and_advised_on(program: Program, small_rows: Path) -> None:
    checked = program("check", small_rows, "--json").document
    assert (checked["schema"], checked["command"], checked["exit_code"]) == (1, "check", 0)
    assert set(checked["result"]) == documented("check")
    assert sum(checked["result"]["rows"].values()) == 60
    assert {one["status"] for one in checked["result"]["checks"]} <= {"PASS", "WARN", "FAIL"}
    advised = program("advise", small_rows, "--json").document["result"]
    assert set(advised) == documented("advise")
    assert advised["measured"] is False
    sheet = program("label", small_rows, "--write", "sheet.csv", "--rows", 20, "--json").document["result"]
    assert set(sheet) == documented("label")
    assert sheet["rows"] == len(table_of("sheet.csv")) == 20


def test_the_catalogue_is_listed(program: Program) -> None:
    for command, name in (("models", "minilm-l6"), ("data", "amazon-reviews")):
        found = program(command, "--json").document["result"]
        assert set(found) == documented(command)
        assert name in [one["name"] for one in found["entries"]]
        assert not any(one["is_here"] for one in found["entries"]), "the cache of a test is empty"


def test_a_report_is_the_verdict_file_and_says_what_it_left_with(program: Program, decided_study: Path) -> None:
    done = program("report", decided_study, "--json")
    result = done.document["result"]
    assert set(result) == documented("report")
    check_verdict(result["verdict_json"])
    assert result["verdict_json"] == json.loads((decided_study / "verdict.json").read_text("utf-8"))
    assert result["resolved"] is (done.code == 0)
    assert all(Path(path).is_file() for path in result["files"].values())


def test_two_contenders_are_looked_at(program: Program, decided_study: Path) -> None:
    verdict = json.loads((decided_study / "verdict.json").read_text("utf-8"))
    result = program("compare", decided_study, ASKED.name, TUNED.name, "--json").document["result"]
    assert set(result) == documented("compare")
    (declared,) = [one for one in verdict["comparisons"] if one["role"] == "verdict"]
    assert result["declared"] is True
    assert result["n"] == declared["n"] == 64
    assert result["difference"] == pytest.approx(-declared["difference"])
    assert result["ci"] == pytest.approx([-declared["ci"][1], -declared["ci"][0]])
    for pair in result["pairs"]:
        assert pair["both"] + pair["only_a"] + pair["only_b"] + pair["neither"] == 300
        assert pair["p"] == pytest.approx(mcnemar_mid_p(pair["only_a"], pair["only_b"]))
    assert [pair["seed"] for pair in result["pairs"]] == [0, 1, 2]
    shown = program("compare", decided_study, ASKED.name, TUNED.name)
    assert "A LOOK" in shown.out
    wrong = program("compare", decided_study, "full minilmm", ASKED.name, "--json")
    assert "'full minilm'" in wrong.document["next_step"]
    (decided_study / "verdict.json").unlink()
    early = program("compare", decided_study, TUNED.name, ASKED.name, "--json")
    assert early.code == 2, "before the verdict nobody sees test answers"


def test_two_files_of_answers_are_compared_on_labelled_rows(program: Program, small_rows: Path) -> None:
    rows = table_of(small_rows)
    other = {"p": "n", "n": "p"}
    for name, wrong, count in (("a.csv", {0, 1, 2}, 60), ("b.csv", {2, 3}, 50)):
        with Path(name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["review", "prediction"])
            for number, row in enumerate(rows[:count]):
                label = row["sentiment"]
                writer.writerow([row["review"], other[label] if number in wrong else label])
    result = program("compare", small_rows, "a.csv", "b.csv", "--json").document["result"]
    (pair,) = result["pairs"]
    assert (pair["only_a"], pair["only_b"], pair["neither"]) == (11, 2, 1)
    assert pair["p"] == pytest.approx(mcnemar_mid_p(11, 2))
    assert result["difference"] == pytest.approx(9 / 60)
    assert result["declared"] is False
    assert result["notes"] == ["b.csv has no answer to 10 of the rows; they count as wrong."]
    assert "hint, no verdict" in " ".join(program("compare", small_rows, "a.csv", "b.csv").out.split())


def test_settled_labels_give_both_verdicts(program: Program, decided_study: Path) -> None:
    sheet = program("adjudicate", decided_study, "--write", "sheet.csv", "--json").document["result"]
    assert set(sheet) == documented("adjudicate --write")
    rows = table_of("sheet.csv")
    assert len(rows) == sheet["rows"]
    with Path("sheet.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"label": "positive"} for row in rows[:5])
    result = program("adjudicate", decided_study, "--read", "sheet.csv", "--json").document["result"]
    assert set(result) == documented("adjudicate")
    assert result["settled"] == 5
    assert result["as_settled"]["verdict"]["choice"]


def test_prompts_are_drafted_listed_and_compared(program: Program, small_rows: Path) -> None:
    drafted = program("prompt", "new", small_rows, "--shots", 2, "--json").document["result"]
    assert set(drafted) == documented("prompt new")
    assert drafted["demonstrations"] == 2
    other = Path("other.yaml")
    draft_prompt(other, None, DataOptions(), DraftOptions(sentence="Judge it.", labels="n,p"))
    result = program("prompt", "diff", drafted["prompt"], other, "--json").document["result"]
    assert set(result) == documented("prompt diff")
    assert "instruction" in [part["part"] for part in result["parts"]]
    assert result["change"] is None
    untried = program("prompt", "history", other, "--json")
    assert untried.code == 2
    assert "bakeoff prompt try" in untried.document["next_step"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "no.csv"], 2),
        (["run"], 2),
        (["run", "rows.csv", "--seeds", "-1"], 2),
        (["no-such-command"], 2),
        (["prompt", "tyr", "p.yaml"], 2),
        (["run", "rows.csv", "--no-such-option"], 2),
    ],
)
def test_what_fails_is_an_object_with_what_and_the_next_step(
    program: Program, small_rows: Path, arguments: list[str], code: int
) -> None:
    done = program(*arguments, "--json")
    assert done.code == code
    assert set(done.document) == {"schema", "bakeoff_version", "command", "exit_code", "error", "next_step"}
    assert done.document["error"]
    assert "error:" not in done.err


def test_what_is_given_whole_is_documented_whole() -> None:
    from bakeoff.workbench.export import ExportedModel, ExportSummary
    from bakeoff.workbench.export_folder import ExportedFolder
    from bakeoff.workbench.finetune import FinetuneOutcome
    from bakeoff.workbench.finetune_further import FurtherOutcome
    from bakeoff.workbench.predict import PredictSummary
    from bakeoff.workbench.track import Tracked

    for command, kind in (
        ("finetune", FinetuneOutcome),
        ("finetune --continue", FurtherOutcome),
        ("predict", PredictSummary),
        ("export --hugging-face", ExportedFolder),
        ("track", Tracked),
    ):
        assert documented(command) == set(kind.__dataclass_fields__), command
    assert documented("export") == {*ExportSummary.__dataclass_fields__, *ExportedModel.__dataclass_fields__}
