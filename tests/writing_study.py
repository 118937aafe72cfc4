"""A finished study of texts without a model: a tuned and a prompted contender whose texts are made."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bakeoff.data import Rows
from bakeoff.records import Answer, Assumptions, Contender, Trial, Usage
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import task_of_kind

TASK = task_of_kind("generation", name="text", labels=(), metric="chrf", instruction="Write a sentence on the thing.")
ROWS = {"train": 40, "validation": 12, "test": 8}


def _contender(name: str, arm: str, **changes: object) -> Contender:
    values: dict[str, object] = {
        "method": name.split()[0], "version": "1", "model": name.split()[-1], "model_sha256": "ab" * 32,
        "parameters": {}, "seeded": True, "uses_labels": True,
    }  # fmt: skip
    return Contender(name=name, arm=arm, **(values | changes))  # type: ignore[arg-type]


TUNED = _contender("write-full smollm", "finetune")
FEW = _contender("write-few-shot smollm", "prompt")
ZERO = _contender("write-zero-shot smollm", "prompt", seeded=False, uses_labels=False)


def make_writing_study(folder: Path, seeds: int = 3) -> Path:
    """Write a study in which the tuned contender copies the target, and the few-shot prompt half of it.

    The prompt without demonstrations writes something else each time; all three answer each row differently.
    """
    said = ((TUNED, "thing {} is good and blue"), (FEW, "thing {} is here"), (ZERO, "no words of it, {}"))
    labels = {part: tuple(f"thing {i} is good and blue" for i in range(count)) for part, count in ROWS.items()}
    parts = {part: Rows.of(tuple(f"{part} thing: {i}" for i in range(n)), labels[part]) for part, n in ROWS.items()}
    sizes = {part: ROWS[part] for part in ("validation", "test")}
    plan = Plan(32, (0, 32), seeds, sizes, (), 1.0, 0.0, None, "float32", "cpu", 1)
    facts = {
        "name": "made.jsonl", "command": "bakeoff run made.jsonl", "task": TASK.to_json(), "missing": [], "checks": [],
        "contenders": [contender_to_json(one) for one in (TUNED, FEW, ZERO)], "row_counts": ROWS,
        "fingerprint": "f" * 64, "text_words": 3.0, "assumptions": asdict(Assumptions()), "seed": 0,
        "plan": plan.to_json(),
    }  # fmt: skip
    with StudyStore.create(folder, facts, parts) as store:
        for one, text in said:
            for seed in range(seeds if one.seeded else 1):
                answers = [[text.format(i) for i in range(ROWS[part])] for part in ("validation", "test")]
                trial = Trial(
                    f"{one.name}-{seed}", one.name, 32 if one.uses_labels else 0, seed, "done", None,
                    tuple(answers[0]), tuple(answers[1]), 2.0, 4.0, 6.0, 200.0, 90.0, Usage(seconds=3.0), {},
                )  # fmt: skip
                store.add(trial, *([Answer(value) for value in part] for part in answers))
    return folder
