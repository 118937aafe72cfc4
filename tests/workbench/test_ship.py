"""Shipping a contender of a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from bakeoff.data import Rows
from bakeoff.records import Assumptions
from bakeoff.study.contenders import build_contenders, contender_to_json
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import classification_task
from bakeoff.workbench.ship import _refit_job

TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")


def test_a_refit_gets_the_rows_of_a_sorted_file_in_the_order_of_samples(tmp_path: Path) -> None:
    parts = {
        part: Rows.of([f"{part} {i}" for i in range(40)], ["negative"] * 30 + ["positive"] * 10)
        for part in ("train", "validation", "test")
    }
    contenders, _ = build_contenders((), kind="classification", methods=None, train_rows=40)
    plan = Plan(32, (32,), 3, {"validation": 40, "test": 40}, (), 1.0, 0.0, None, "float32", "cpu", 1)
    facts = {
        "name": "made.csv", "task": TASK.to_json(), "seed": 0, "plan": plan.to_json(),
        "contenders": [contender_to_json(one) for one in contenders], "assumptions": asdict(Assumptions()),
        "wanted": {"allow_send": []},
    }  # fmt: skip
    with StudyStore.create(tmp_path / "study", facts, parts) as store:
        job = _refit_job(store, contenders[0], 60.0)
    assert sorted(job.texts) == sorted(text for rows in parts.values() for text in rows.texts)
    true = {text: label for rows in parts.values() for text, label in zip(rows.texts, rows.labels, strict=True)}
    assert all(true[text] == label for text, label in zip(job.texts, job.labels, strict=True))
    # Every beginning has the labels' shares as nearly as it can.
    for size in (4, 8, 40):
        assert Counter(job.labels[:size])["positive"] in (size // 4 - 1, size // 4, size // 4 + 1)
