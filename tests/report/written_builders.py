"""A study of written texts, made by hand: a tuned and a prompted writer and a floor, with checks."""

from __future__ import annotations

from dataclasses import replace

from bakeoff.data import write_references
from bakeoff.records import Arm, Contender, Evidence, Measured, Trial, Usage
from bakeoff.tasks import TextCheck, task_of_kind, truths

ROWS = 24
SOURCES = tuple(f"lines: 2\nthing: zebra{row} of the stable" for row in range(ROWS))
TARGETS = tuple(
    f"The quagga {row} stood in the bright night\nand the okapi {row} was a pretty sight" for row in range(ROWS)
)
FURTHER = tuple(f"Another way to tell of wombat {row} is this" for row in range(ROWS))
WRITERS: tuple[tuple[str, Arm], ...] = (("writer", "finetune"), ("asked", "prompt"), ("lead", "floor"))
CHECKS = (
    TextCheck("lines", "line-count", {"lines": r"lines: (\d+)"}),
    TextCheck("short", "length", {"most_words": 30}),
)


def _answer(arm: Arm, row: int, seed: int) -> str | None:
    if arm == "finetune":
        return TARGETS[row].replace("bright", "light" if (row + seed) % 3 else "bright")
    if arm == "prompt":
        return None if row == 5 else f"Perhaps narwhal {row} of seed {seed} stood in the night"
    return SOURCES[row]


def build_written(*, checks: tuple[TextCheck, ...] = CHECKS) -> Evidence:
    """Evidence of three contenders at n = 16, three seeds each."""
    task = replace(task_of_kind("generation", name="target", labels=(), metric="chrf"), checks=checks)
    labels = [write_references(pair) for pair in zip(TARGETS, FURTHER, strict=True)]
    truth = truths(task, SOURCES, labels)
    trials = tuple(
        Trial(
            key=f"{name}-{seed}",
            contender=name,
            n=16,
            seed=seed,
            status="done",
            reason=None,
            validation_answers=tuple(_answer(arm, row, seed) for row in range(ROWS)),
            test_answers=tuple(_answer(arm, row, seed) for row in range(ROWS)),
            fit_seconds=3.0,
            p50_ms=40.0,
            p95_ms=90.0,
            rows_per_second=20.0,
            size_mb=270.0,
            usage=Usage(seconds=5.0),
            # A prompt holds rows to learn from.
            details={"prompt": f"Write.\n{FURTHER[0]}"} if arm == "prompt" else {},
        )
        for name, arm in WRITERS
        for seed in range(3)
    )
    return Evidence(
        task=task,
        contenders=tuple(Contender(name, name, "1", arm, None, None, {}, True, True) for name, arm in WRITERS),
        trials=trials,
        validation_labels=truth,
        test_labels=truth,
        rows={"train": 64, "validation": ROWS, "test": ROWS},
        fingerprint="ab" * 8,
        checks=(),
        text_words=6.0,
        measured=Measured(copied={trial.key: 0.25 for trial in trials}, copied_by_targets={16: 0.125}),
    )
