"""A finished study without a model: two contenders whose answers are drawn."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path

from bakeoff.data import Rows
from bakeoff.records import Answer, Assumptions, Contender, Trial, Usage
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import classification_task

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


def make_study(folder: Path) -> Path:
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
    with StudyStore.create(folder, facts, parts) as store:
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
    return folder
