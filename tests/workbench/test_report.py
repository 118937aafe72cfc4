"""Deciding again on a study's records under other assumptions."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from bakeoff.data import Rows
from bakeoff.errors import OptionError
from bakeoff.records import Answer, Assumptions, Contender, Trial, Usage
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import classification_task
from bakeoff.workbench.report import report

TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
ROWS = {"train": 80, "validation": 100, "test": 300}


def _contender(name: str, arm: str, **changes: object) -> Contender:
    values: dict[str, object] = {
        "method": name.split()[0], "version": "1", "model": name.split()[-1], "model_sha256": "ab" * 32,
        "parameters": {}, "seeded": True, "uses_labels": True,
    }  # fmt: skip
    return Contender(name=name, arm=arm, **(values | changes))  # type: ignore[arg-type]


TUNED = _contender("full minilm", "finetune")
ASKED = _contender("zero-shot smollm", "prompt", seeded=False, uses_labels=False)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write a study in which the fine-tuned contender is right in 90%, and the prompted one in 75% of its answers."""
    chance = random.Random(1)
    labels = {part: tuple(chance.choice(TASK.labels) for _ in range(count)) for part, count in ROWS.items()}
    parts = {part: Rows.of(tuple(f"{part} {i}" for i in range(ROWS[part])), labels[part]) for part in ROWS}
    plan = Plan(64, (0, 64), 3, {"validation": 100, "test": 300}, (), 1.0, 0.0, None, "float32", "cpu", 1)
    facts = {
        "name": "made.csv", "command": "bakeoff run made.csv", "task": TASK.to_json(), "missing": [], "checks": [],
        "contenders": [contender_to_json(one) for one in (TUNED, ASKED)], "row_counts": ROWS, "fingerprint": "f" * 64,
        "text_words": 3.0, "assumptions": asdict(Assumptions()), "seed": 0,
        "plan": plan.to_json(),
    }  # fmt: skip
    with StudyStore.create(tmp_path / "study", facts, parts) as store:
        for one, n, right in ((TUNED, 64, 0.9), (ASKED, 0, 0.75)):
            for seed in range(3 if one.seeded else 1):
                answers = [
                    [label if chance.random() < right else "negative" for label in labels[part]]
                    for part in ("validation", "test")
                ]
                trial = Trial(
                    f"{one.name}-{seed}", one.name, n, seed, "done", None, tuple(answers[0]), tuple(answers[1]),
                    2.0, 4.0, 6.0, 200.0, 90.0, Usage(seconds=3.0), {},
                )  # fmt: skip
                store.add(trial, *([Answer(value) for value in part] for part in answers))
    return tmp_path / "study"


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
