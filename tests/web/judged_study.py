"""A study with one tuned and one prompted finalist, its records written by hand: no model runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data import Fold, Rows, fingerprint
from bakeoff.records import Answer, Assumptions, Contender, Trial, Usage
from bakeoff.study.contenders import CandidateModel, build_contenders, contender_to_json
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import Task, classification_task

__all__ = ["LABELS", "cross_fitted_study", "judged_study"]

LABELS = ("negative", "positive")
_SCORES = {"finetune": 0.85, "prompt": 0.72, "floor": 0.6}
_SIZES = {"train": 60, "validation": 30, "test": 60}
_GOOD = ("works well and fast", "great sound, happy with it", "easy to use and sturdy", "love the clear screen")
_BAD = ("broke after two days", "poor sound, sent it back", "hard to use and flimsy", "hate the dim screen")


def judged_study(
    folder: Path,
    *,
    hostile: Sequence[str] = (),
    labels: tuple[str, str] = LABELS,
    digests: Mapping[str, str] | None = None,
) -> Path:
    """Write a study of three contenders with three seeds, and close it.

    Parameters
    ----------
    folder : Path
        The study's.
    hostile : sequence of str
        Stand at the beginning of texts.
    labels : tuple of str
    digests : mapping of str to str, optional
        sha256 of the weights by model.
    """
    rng = np.random.default_rng(5)
    task = classification_task(name="sentiment", labels=labels, metric="accuracy")
    parts = {part: _rows(part, count, labels, hostile) for part, count in _SIZES.items()}
    contenders = _contenders(digests or {})
    plan = Plan(32, (0, 32), 3, {"validation": 30, "test": 60}, (), 0.0, 0.0, None, "float32", "cpu", 1)
    facts = _facts(task, contenders, plan, parts)
    with StudyStore.create(folder, facts, parts) as store:
        for one in contenders:
            for seed in range(3 if one.seeded else 1):
                n = 32 if one.uses_labels else 0
                given = {part: _answers(rng, parts[part], _SCORES[one.arm]) for part in ("validation", "test")}
                store.add(_trial(one, n, seed), given["validation"], given["test"])
    return folder


def cross_fitted_study(folder: Path) -> Path:
    """Write a study that tests each of its rows in one of five folds, with a plan and no trial yet."""
    task = classification_task(name="sentiment", labels=LABELS, metric="accuracy")
    rows = _rows("test", 100, LABELS, ())
    folds = [
        Fold(
            tuple(at for at in range(100) if at % 5 not in (fold, (fold + 1) % 5)),
            tuple(range((fold + 1) % 5, 100, 5)),
            tuple(range(fold, 100, 5)),
        )
        for fold in range(5)
    ]
    parts = {"train": rows.take(()), "validation": rows.take(()), "test": rows}
    plan = Plan(32, (0, 32), 1, {"validation": 20, "test": 20}, (), 0.0, 0.0, None, "float32", "cpu", 1, 5)
    with StudyStore.create(folder, _facts(task, _contenders({}), plan, parts), parts, folds):
        return folder


def _facts(task: Task, contenders: Sequence[Contender], plan: Plan, parts: Mapping[str, Rows]) -> dict[str, Any]:
    return {
        "task": task.to_json(),
        "contenders": [contender_to_json(one) for one in contenders],
        "missing": [],
        "row_counts": {part: len(rows) for part, rows in parts.items()},
        "fingerprint": fingerprint(parts, task.labels),
        "checks": [{"name": "size", "status": "PASS", "detail": "150 rows"}],
        "text_words": 8.0,
        "assumptions": asdict(Assumptions()),
        "seed": 0,
        "plan": plan.to_json(),
        "name": "reviews.csv",
        "command": "bakeoff run reviews.csv",
        "text_columns": ["review"],
        "text_pair": None,
        "wanted": {"allow_send": [], "until": "measured", "dtype": "float32"},
    }


def _contenders(digests: Mapping[str, str]) -> tuple[Contender, ...]:
    models = (
        CandidateModel("minilm-l6", "encoder", digests.get("minilm-l6", "ab" * 32), 22_700_000, "minilm-l6"),
        CandidateModel("smollm2-135m", "decoder", digests.get("smollm2-135m", "cd" * 32), 134_500_000, "smollm2-135m"),
    )
    found, _missing = build_contenders(
        models, kind="classification", methods=("tfidf", "probe", "zero-shot"), train_rows=_SIZES["train"]
    )
    return found


def _rows(part: str, count: int, labels: tuple[str, str], hostile: Sequence[str]) -> Rows:
    texts = [f"{part} {n}: {(_GOOD if n % 2 else _BAD)[n // 2 % 4]}" for n in range(count)]
    if hostile:
        texts = [f"{hostile[n % len(hostile)]} {text}" for n, text in enumerate(texts)]
    return Rows.of(texts, [labels[n % 2] for n in range(count)])


def _answers(rng: np.random.Generator, rows: Rows, score: float) -> list[Answer]:
    other = dict(zip(sorted(set(rows.labels)), sorted(set(rows.labels), reverse=True), strict=True))
    right = rng.random(len(rows)) < score
    return [Answer(label if hit else other[label], (0.8, 0.2)) for label, hit in zip(rows.labels, right, strict=True)]


def _trial(one: Contender, n: int, seed: int) -> Trial:
    usage = Usage(seconds=1.0, tokens_in=1000, tokens_out=0, peak_memory_mb=500.0)
    return Trial(
        key=f"{one.name}-{n}-{seed}",
        contender=one.name,
        n=n,
        seed=seed,
        status="done",
        reason=None,
        validation_answers=(),
        test_answers=(),
        fit_seconds=1.0,
        p50_ms=4.0,
        p95_ms=6.0,
        rows_per_second=200.0,
        size_mb=90.0,
        usage=usage,
        details={},
    )
