"""The two files that other programs read: verdict.json and leaderboard.csv."""

from __future__ import annotations

import copy
import csv
import json
import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from bakeoff.errors import BakeoffError
from bakeoff.report import LEADERBOARD_COLUMNS, verdict_document, verdict_schema, write_leaderboard, write_verdict

CREATED = "2025-03-04T12:00:00+00:00"


def document(evidence, decision):
    return verdict_document(evidence, decision, created=CREATED, version="0.1.0")


def test_the_schema_is_itself_a_valid_schema_and_closed():
    schema = verdict_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"])


def test_the_document_has_the_promised_shape(evidence, decision, tmp_path):
    path = write_verdict(tmp_path / "deep" / "verdict.json", document(evidence, decision))
    read = json.loads(path.read_text("utf-8"))
    assert list(tmp_path.glob("deep/*")) == [path], "nothing is left beside it"
    assert read["task"]["rows"] == {"train": 400, "validation": 120, "test": 600}
    assert read["verdict"]["choice"] == "fine-tune"
    assert read["verdict"]["flips"][1] == {
        "what": "labelled rows",
        "now": 400.0,
        "at": 74.0,
        "unit": "labels",
        "to": "prompt",
    }
    assert set(read["considerations"]) == {
        "task_requirements", "control_vs_flexibility", "time_and_resources", "complexity", "performance_goals"
    }  # fmt: skip
    assert read["comparisons"][0]["ci"] == [0.011, 0.063]
    assert read["spent"]["trials_run"] == len(evidence.trials)
    assert read["spent"]["tokens"] == 40_000 * len(evidence.trials)
    assert read["leaderboard"][0]["contender"] == "full minilm-l6"


def test_what_was_not_measured_is_null(evidence, unresolved, tmp_path):
    written = write_verdict(tmp_path / "verdict.json", document(evidence, unresolved)).read_text("utf-8")
    read = json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["leaderboard"][0]["ci"] == [None, None]
    assert read["leaderboard"][0]["p50_ms"] is None
    assert read["comparisons"][0]["p_holm"] is None
    assert read["crossover"]["reliable"] == "not-shown"
    assert read["verdict"]["contender"] is None


def test_numpy_figures_and_read_only_mappings_are_plain_in_the_file(evidence, decision, tmp_path):
    figures = MappingProxyType({"rows": np.int64(3), "score": np.float32(0.5), "all": np.array([1.0, math.nan])[0]})
    first = replace(decision.considerations[0], figures=figures)
    changed = replace(decision, considerations=(first, *decision.considerations[1:]))
    path = write_verdict(tmp_path / "verdict.json", document(evidence, changed))
    assert json.loads(path.read_text())["considerations"]["task_requirements"]["figures"] == {
        "rows": 3,
        "score": 0.5,
        "all": 1.0,
    }


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("verdict", "choice"), "maybe", "verdict/choice"),
        (("leaderboard", 0, "arm"), "tuned", "leaderboard/0/arm"),
        (("leaderboard", 0, "extra"), 1, "leaderboard/0"),
        (("comparisons", 0, "p"), 1.5, "comparisons/0/p"),
        (("crossover", "status"), "soon", "crossover/status"),
        (("crossover", "reliable"), "perhaps", "crossover/reliable"),
        (("created",), "yesterday", "created"),
        (("schema",), 2, "schema"),
    ],
)
def test_a_broken_document_is_refused_and_nothing_is_written(evidence, decision, tmp_path, place, value, named):
    broken = copy.deepcopy(document(evidence, decision))
    target = broken
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    with pytest.raises(BakeoffError, match=f"does not fit its schema at {named}:"):
        write_verdict(tmp_path / "verdict.json", broken)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["mde", "verdict", "spent", "assumptions"])
def test_a_missing_part_is_refused(evidence, decision, tmp_path, missing):
    broken = document(evidence, decision)
    del broken[missing]
    with pytest.raises(BakeoffError, match=missing):
        write_verdict(tmp_path / "verdict.json", broken)


def test_the_leaderboard_reads_back_equal(decision, tmp_path):
    path = write_leaderboard(tmp_path / "leaderboard.csv", decision.leaderboard)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LEADERBOARD_COLUMNS
    assert LEADERBOARD_COLUMNS[5:9] == ("score", "ci_low", "ci_high", "validation_score")
    assert len(rows) == len(decision.leaderboard)
    for read, fact in zip(rows, decision.leaderboard, strict=True):
        assert read["contender"] == fact.contender
        assert read["model"] == (fact.model or "")
        assert float(read["score"]) == fact.score
        assert (float(read["ci_low"]), float(read["ci_high"])) == fact.ci
        assert int(read["n"]) == fact.n
        assert read["p50_ms"] == "" if math.isnan(fact.p50_ms) else float(read["p50_ms"]) == fact.p50_ms


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1+1", "-1 or less", "@x", "\tx", 'a"b,c\nd'])
def test_a_text_cell_is_no_formula_and_keeps_its_text(decision, tmp_path, name):
    row = replace(decision.leaderboard[0], contender=name, score=-0.25)
    path = write_leaderboard(tmp_path / "leaderboard.csv", [row])
    with path.open(encoding="utf-8", newline="") as file:
        read = next(csv.DictReader(file))
    assert read["contender"] == (name if name.startswith("a") else f"'{name}")
    assert read["score"] == "-0.25", "a number stays a number"
