"""Planned studies of contenders that need no model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bakeoff.data import Rows, fingerprint
from bakeoff.methods.forecast import ModelSpeed
from bakeoff.records import Assumptions, Contender
from bakeoff.study.contenders import build_contenders, contender_to_json
from bakeoff.study.grid import Grid, default_budgets
from bakeoff.study.plan import make_plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import classification_task

__all__ = ["FLOORS", "PARTS", "TASK", "make_rows", "make_study"]

TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
WORDS = {"negative": "bad awful poor sad", "positive": "good great fine glad"}


def make_rows(count: int, seed: int) -> Rows:
    """Make rows whose words tell their label, and that are no near-duplicates of each other."""
    chance = random.Random(seed)
    labels = [chance.choice(TASK.labels) for _ in range(count)]
    texts = [f"{chance.choice(WORDS[label].split())} thing {chance.getrandbits(64):016x}" for label in labels]
    return Rows.of(texts, labels)


PARTS = {"train": make_rows(80, 1), "validation": make_rows(20, 2), "test": make_rows(30, 3)}
FLOORS, _MISSING = build_contenders((), kind="classification", methods=None, train_rows=80)


def make_study(
    folder: Path,
    contenders: tuple[Contender, ...] = FLOORS,
    *,
    seconds: float | None = None,
    budgets: tuple[int, ...] | None = None,
    finalist_seeds: int = 0,
    speeds: Mapping[str, ModelSpeed] | None = None,
) -> StudyStore:
    """Make a planned study of contenders that need no model, or one whose speed is given."""
    rows = {part: len(part_rows) for part, part_rows in PARTS.items()}
    grid = Grid(
        contenders, speeds or {}, budgets or default_budgets(80), 3, rows, 2, 0.0, 1.0, finalist_seeds=finalist_seeds
    )
    plan = make_plan(grid, time_left=seconds, time_limit=seconds, dtype="float32", device="cpu", threads=1)
    facts = {
        "task": TASK.to_json(),
        "contenders": [contender_to_json(c) for c in contenders],
        "missing": [],
        "row_counts": rows,
        "fingerprint": fingerprint(PARTS, TASK.labels),
        "checks": [],
        "text_words": 4.0,
        "assumptions": asdict(Assumptions()),
        "seed": 0,
        "plan": plan.to_json(),
    }
    return StudyStore.create(folder, facts, PARTS)
