"""Synthetic evidence: contenders with a known accuracy at each n, rows of shared difficulty, noise by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.records import Assumptions, Contender, Evidence, Requirement, Trial, Usage
from bakeoff.tasks import LabelScoring, classification_task

__all__ = ["contender", "make_evidence", "with_trials"]

LABELS = ("negative", "positive")


def contender(name: str, arm: Any, **changes: Any) -> Contender:
    values: dict[str, Any] = {
        "method": name.split()[0],
        "version": "1",
        "model": None if arm in ("floor", "current") else name.split()[-1],
        "model_sha256": None if arm in ("floor", "current") else "ab" * 32,
        "parameters": {},
        "seeded": arm != "current",
        "uses_labels": arm != "current",
    }
    return Contender(name=name, arm=arm, **(values | changes))


def _trial(
    one: Contender, n: int, seed: int, validation: list[str | None], test: list[str | None], facts: Mapping[str, Any]
) -> Trial:
    usage = Usage(seconds=10.0, tokens_in=facts.get("tokens_in", 0))
    values: dict[str, Any] = {
        "fit_seconds": 20.0,
        "p50_ms": 4.0,
        "p95_ms": 6.0,
        "rows_per_second": 250.0,
        "size_mb": 90.0,
        "details": {},
    }
    values |= {key: value for key, value in facts.items() if key in values}
    return Trial(
        key=f"{one.name}-{n}-{seed}",
        contender=one.name,
        n=n,
        seed=seed,
        status="done",
        reason=None,
        # Today's system is known by its answers to test rows alone.
        validation_answers=() if one.arm == "current" else tuple(validation),
        test_answers=tuple(test),
        usage=facts.get("usage", usage),
        **values,
    )


def make_evidence(
    curves: Sequence[tuple[Contender, Mapping[int, float]]],
    *,
    rows: int = 500,
    validation_rows: int = 300,
    seeds: int = 3,
    seed_deviation: float = 0.01,
    shared: float = 0.7,
    labels: Sequence[str] = LABELS,
    shares: Sequence[float] | None = None,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    train: int | None = None,
    metric: str = "accuracy",
    requirements: tuple[Requirement, ...] = (),
    assumptions: Assumptions | None = None,
    seed: int = 0,
) -> Evidence:
    """Make evidence in which each contender answers a known share of rows right, wrong rows by a fixed other label."""
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    total = rows + validation_rows
    truth = rng.choice(len(labels), size=total, p=shares)
    hard = rng.normal(size=total)
    trials = []
    pairs = list(curves)
    for one, curve in pairs:
        for n, accuracy in curve.items():
            for trial_seed in range(seeds if one.seeded else 1):
                reached = float(np.clip(accuracy + one.seeded * rng.normal(0, seed_deviation), 1e-6, 1 - 1e-6))
                latent = np.sqrt(shared) * hard + np.sqrt(1 - shared) * rng.normal(size=total)
                codes = np.where(latent < ndtri(reached), truth, (truth + 1) % len(labels))
                answers: list[str | None] = [labels[code] for code in codes]
                known = (facts or {}).get(one.name, {})
                trials.append(_trial(one, n, trial_seed, answers[rows:], answers[:rows], known))
    largest = max((n for _, curve in pairs for n in curve), default=0)
    names = [labels[code] for code in truth]
    return Evidence(
        task=classification_task(name="sentiment", labels=labels, metric=metric),
        contenders=tuple(one for one, _ in pairs),
        trials=tuple(trials),
        validation_labels=tuple(names[rows:]),
        test_labels=tuple(names[:rows]),
        rows={"train": largest if train is None else train, "validation": validation_rows, "test": rows},
        fingerprint="f" * 64,
        checks=(),
        text_words=17.0,
        requirements=requirements,
        assumptions=assumptions or Assumptions(),
        seed=0,
    )


def with_trials(evidence: Evidence, change: Any) -> Evidence:
    """Rebuild the evidence with each trial passed through a function; None leaves one out."""
    return replace(evidence, trials=tuple(new for trial in evidence.trials if (new := change(trial)) is not None))


TUNED = contender("full minilm-l6", "finetune")
PROBE = contender("probe minilm-l6", "finetune")
LORA = contender("lora smollm2-135m", "finetune")
SHOTS = contender("8-shot smollm2-135m", "prompt")
ZERO = contender("zero-shot smollm2-135m", "prompt", seeded=False, uses_labels=False)
MAJORITY = contender("majority", "floor")
TFIDF = contender("tfidf", "floor")
CURRENT = contender("today", "current")

FACTS: dict[str, dict[str, Any]] = {
    "full minilm-l6": {
        "fit_seconds": 73.0,
        "details": {
            "weights_changed": True,
            "weights_sha256": {"before": "1" * 64, "after": "2" * 64},
            "trainable_parameters": 22_700_000,
            "steps": 480,
            "best_epoch": 4,
        },
    },
    "probe minilm-l6": {"fit_seconds": 3.0},
    "8-shot smollm2-135m": {
        "fit_seconds": 4.0,
        "p50_ms": 70.0,
        "p95_ms": 95.0,
        "rows_per_second": 22.0,
        "size_mb": 270.0,
        "tokens_in": 80_000,
        "details": {
            "prompt": "Classify the sentiment of the text.\nText: fine\nSentiment: positive",
            "label_mass": 0.93,
            "demonstrations": list(range(8)),
            "model_parameters": 134_515_008,
        },
    },
    "zero-shot smollm2-135m": {
        "fit_seconds": 0.1,
        "p50_ms": 40.0,
        "p95_ms": 52.0,
        "rows_per_second": 32.0,
        "size_mb": 270.0,
        "details": {"prompt": "Classify.", "label_mass": 0.9, "model_parameters": 134_515_008},
    },
    "majority": {"fit_seconds": 0.0, "p50_ms": 0.01, "p95_ms": 0.02, "rows_per_second": 1e6, "size_mb": 0.0},
    "tfidf": {"fit_seconds": 0.2, "p50_ms": 0.4, "p95_ms": 0.6, "rows_per_second": 9000.0, "size_mb": 1.0},
}

CURVES: dict[str, tuple[Contender, dict[int, float]]] = {
    "tuned": (TUNED, {32: 0.73, 128: 0.84, 512: 0.885}),
    "probe": (PROBE, {32: 0.72, 128: 0.76, 512: 0.80}),
    "lora": (LORA, {32: 0.70, 128: 0.80, 512: 0.86}),
    "shots": (SHOTS, {32: 0.79, 128: 0.80, 512: 0.81}),
    "zero": (ZERO, {0: 0.78}),
    "majority": (MAJORITY, {32: 0.5, 128: 0.5, 512: 0.5}),
    "tfidf": (TFIDF, {32: 0.6, 128: 0.68, 512: 0.75}),
}


def realistic(*names: str, **changes: Any) -> Evidence:
    """Give evidence like the amazon reviews' figures, of some or all of the contenders."""
    chosen = [CURVES[name] for name in (names or CURVES)]
    settings: dict[str, Any] = {"facts": FACTS, "train": 1848} | changes
    return make_evidence(chosen, **settings)


def labels_scored(metric, count):
    """Give how codes of so many labels are scored."""
    return LabelScoring(metric, [str(code) for code in range(count)])
