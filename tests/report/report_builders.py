"""A realistic study's evidence and its decision, made by hand, so that the report can be tested without running one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bakeoff.records import (
    Arm,
    BreakEven,
    Check,
    Comparison,
    Consideration,
    Contender,
    Crossover,
    CurvePoint,
    Decision,
    Difference,
    Evidence,
    Flip,
    LeaderboardRow,
    Requirement,
    Trial,
    Usage,
    Verdict,
)
from bakeoff.tasks import classification_task

NAN = math.nan
BUDGETS = (0, 8, 32, 128, 400)

#: name, method, arm, model, uses labels, p50 ms, size, true score at each of BUDGETS (NaN: not run there).
CONTENDERS: tuple[tuple[str, str, Arm, str | None, bool, float, float, tuple[float, ...]], ...] = (
    ("full minilm-l6", "full", "finetune", "minilm-l6", True, 4.1, 91.0, (NAN, 0.61, 0.79, 0.884, 0.908)),
    ("probe minilm-l6", "probe", "finetune", "minilm-l6", True, 3.9, 91.0, (NAN, 0.66, 0.78, 0.842, 0.861)),
    ("lora smollm2-135m", "lora", "finetune", "smollm2-135m", True, 38.0, 272.0, (NAN, 0.58, 0.71, 0.85, 0.895)),
    ("zero-shot smollm2-135m", "zero-shot", "prompt", "smollm2-135m", False, 31.0, 270.0, (0.721, NAN, NAN, NAN, NAN)),
    ("few-shot smollm2-135m", "few-shot", "prompt", "smollm2-135m", True, 44.0, 270.0, (NAN, 0.792, 0.83, 0.85, 0.871)),
    ("tf-idf", "tf-idf", "floor", None, True, 0.31, 0.8, (NAN, 0.55, 0.66, 0.77, 0.824)),
    ("majority", "majority", "floor", None, True, 0.002, 0.0, (0.5, 0.5, 0.5, 0.5, 0.5)),
)

LABELS = ("negative", "positive")


def _answers(rng: np.random.Generator, truth: tuple[str, ...], score: float) -> tuple[str | None, ...]:
    right = rng.random(len(truth)) < score
    other = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    return tuple(label if hit else other[label] for label, hit in zip(truth, right, strict=True))


def build_evidence(*, test_rows: int = 600, seeds: int = 3, name: str = "sentiment") -> Evidence:
    """Evidence of seven contenders at up to five budgets."""
    rng = np.random.default_rng(7)
    truth = tuple(LABELS[code] for code in rng.integers(0, 2, test_rows))
    validation = tuple(LABELS[code] for code in rng.integers(0, 2, 120))
    contenders, trials = [], []
    for title, method, arm, model, uses_labels, p50, size, scores in CONTENDERS:
        contenders.append(
            Contender(title, method, "1", arm, model, "ab" * 32 if model else None, {}, True, uses_labels)
        )
        for n, score in zip(BUDGETS, scores, strict=True):
            if math.isnan(score):
                continue
            for seed in range(seeds):
                own = min(score + rng.normal(0, 0.008), 0.99)
                trials.append(
                    Trial(
                        key=f"{title}-{n}-{seed}",
                        contender=title,
                        n=n,
                        seed=seed,
                        status="done",
                        reason=None,
                        validation_answers=_answers(rng, validation, own),
                        test_answers=_answers(rng, truth, own),
                        fit_seconds=0.05 + (n / 10 if arm == "finetune" else 0.4),
                        p50_ms=p50,
                        p95_ms=1.4 * p50,
                        rows_per_second=1000 / p50,
                        size_mb=size,
                        usage=Usage(seconds=12.0 + n / 10, tokens_in=40_000, tokens_out=0, peak_memory_mb=900.0),
                        details={},
                    )
                )
    return Evidence(
        task=classification_task(name=name, labels=LABELS, metric="accuracy"),
        contenders=tuple(contenders),
        trials=tuple(trials),
        validation_labels=validation,
        test_labels=truth,
        rows={"train": 400, "validation": 120, "test": test_rows},
        fingerprint="5f" * 32,
        checks=(
            Check("size", "PASS", f"{520 + test_rows} rows, 2 labels"),
            Check("duplicates", "WARN", "3 rows stand twice: rows 14, 92, 107; one of each was kept"),
            Check("leaks between splits", "PASS", "no text of the test rows stands in the train rows"),
        ),
        text_words=48.2,
        requirements=(Requirement("accuracy", ">=", 0.85), Requirement("p95_ms", "<=", 50.0)),
        trials_planned=96,
        trials_dropped=6,
        dropped={"probe minilm-l6": "its best case on the validation rows is under the best of its arm"},
        spent_seconds=1934.0,
        missing=("No prompt model above 1B parameters was at hand.",),
    )


def _leaderboard() -> tuple[LeaderboardRow, ...]:
    rows = []
    for title, method, arm, model, _, p50, size, scores in CONTENDERS:
        for n, score in zip(BUDGETS, scores, strict=True):
            if math.isnan(score):
                continue
            rows.append(
                LeaderboardRow(
                    contender=title,
                    method=method,
                    arm=arm,
                    model=model,
                    n=n,
                    score=score,
                    ci=(score - 0.021, score + 0.019),
                    validation_score=score + 0.004,
                    valid_rate=0.996 if arm == "prompt" else 1.0,
                    fit_seconds=n / 10 if arm == "finetune" else 0.4,
                    p50_ms=p50 if n else NAN,
                    p95_ms=1.4 * p50,
                    rows_per_second=1000 / p50,
                    cost_per_1k=p50 * 0.2 / 3600,
                    tokens_per_row=NAN if arm == "floor" else 62.0,
                    size_mb=size,
                    seeds=3,
                )
            )
    return tuple(sorted(rows, key=lambda row: (-row.score, row.contender)))


def _considerations() -> tuple[Consideration, ...]:
    return (
        Consideration(
            "task_requirements",
            "accuracy >= .85 met by both finalists; p95 <= 50 ms met by full minilm-l6 (5.7 ms), missed by few-shot "
            "smollm2-135m (62 ms)",
            {"score": 0.908, "p95_ms": 5.74, "met": 2, "missed": 0},
            "fine-tuning",
        ),
        Consideration(
            "control_vs_flexibility",
            "valid answers 100% and 99.6%; spread over seeds 0.9 and 2.1 points",
            {"finetune_valid_rate": 1.0, "prompt_valid_rate": 0.996},
            "neither",
        ),
        Consideration(
            "time_and_resources",
            "400 labels and 40 s to fit against 0.4 s; 4.1 ms against 44 ms a row; pays back after 52,000 predictions",
            {"labels": 400, "fit_seconds": 40.0, "p50_ms": 4.1, "break_even_predictions": 52_000},
            "fine-tuning",
        ),
        Consideration(
            "complexity",
            "2 labels, 48 words a text; floor .824, zero-shot .721; +1.5 points per doubling of the labels",
            {"labels": 2, "mean_words": 48.2, "floor_score": 0.824, "zero_shot_score": 0.721},
            "neither",
        ),
        Consideration(
            "performance_goals",
            "full minilm-l6 leads by 3.7 points; it leads from 74 labelled rows on",
            {"difference": 0.037, "p": 0.004},
            "fine-tuning",
        ),
    )


def _differences() -> tuple[Difference, ...]:
    return (
        Difference(
            "weights", "all 22.7 million weights changed", "no weight changed (same sha256)", "sha256 of the weights"
        ),
        Difference("tailoring", "400 labelled rows", "an instruction and 8 demonstrations", "the finalists' fits"),
        Difference("re-training", "40 s for new labels", "0.4 s for a new prompt", "mean of 3 fits"),
        Difference("adaptation", ".610 at n = 8, .908 at n = 400", ".792 at n = 8, .871 at n = 400", "learning curves"),
        Difference("impractical where", "under 74 labelled rows", "a p95 limit under 62 ms", "crossover, latency"),
    )


def build_decision() -> Decision:
    """A decision for fine-tuning, with all parts filled."""
    rows = _leaderboard()
    return Decision(
        mde=4.9,
        leaderboard=rows,
        comparisons=(
            Comparison("full minilm-l6", "few-shot smollm2-135m", 400, 0.037, (0.011, 0.063), 0.004, 0.012,
                       "paired bootstrap", 1800, "verdict"),
            Comparison("full minilm-l6", "tf-idf", 400, 0.084, (0.055, 0.113), 0.0004, 0.0016,
                       "paired bootstrap", 1800, "floor"),
            Comparison("few-shot smollm2-135m", "tf-idf", 400, 0.047, (0.012, 0.082), 0.008, 0.016,
                       "paired bootstrap", 1800, "floor"),
            Comparison("lora smollm2-135m", "few-shot smollm2-135m", 400, 0.024, (-0.005, 0.053), 0.11, 0.11,
                       "paired bootstrap", 1800, "same-base"),
        ),
        curves=tuple(CurvePoint(row.contender, row.arm, row.n, row.score, row.ci, row.seeds) for row in rows),
        crossover=Crossover("at", 74.0, 128.0, 61.0, (0.80, 0.87), "Fine-tuning leads from about 74 labelled rows on."),
        break_even=BreakEven("at", 52_000.0, 100_000.0, 0.52, {"machine_hour_cost": 0.2, "currency": "USD"},
                             "Fine-tuning pays back after about 52,000 predictions."),
        differences=_differences(),
        considerations=_considerations(),
        verdict=Verdict(
            choice="fine-tune",
            contender="full minilm-l6",
            against="few-shot smollm2-135m",
            meanwhile=None,
            scope="Holds for these contenders at n = 400. No verdict on stronger prompt models: one would need .897 or "
            "more.",
            reasons=(
                "full minilm-l6 is 3.7 points ahead of few-shot smollm2-135m, and the interval leaves out 0.",
                "It is the cheaper to run: 4.1 ms against 44 ms a row.",
            ),
            flips=(
                Flip("score of the prompt finalist", 0.871, 0.897, "score", "unresolved"),
                Flip("labelled rows", 400.0, 74.0, "labels", "prompt"),
                Flip("volume", 100_000.0, 4_300.0, "predictions a month", "prompt"),
            ),
            confidence="p = .004; the 95% interval of the difference is 1.1 to 6.3 points over 3 seeds x 600 rows.",
            n=400,
        ),
    )  # fmt: skip


def build_unresolved() -> Decision:
    """A decision that settles nothing, with figures missing everywhere they can be."""
    decision = build_decision()
    bare = tuple(
        replace(row, p50_ms=NAN, p95_ms=NAN, rows_per_second=NAN, cost_per_1k=NAN, ci=(NAN, NAN), validation_score=NAN)
        for row in decision.leaderboard
    )
    first = replace(decision.comparisons[0], difference=0.004, ci=(-0.02, 0.028), p=0.74, p_holm=NAN)
    return replace(
        decision,
        leaderboard=bare,
        comparisons=(first,),
        curves=tuple(replace(point, ci=(NAN, NAN)) for point in decision.curves),
        crossover=Crossover("not-reached", None, "not-shown", None, None, "Not reached by 400 labelled rows."),
        break_even=BreakEven("never", None, 100_000.0, None, {}, "It never pays back."),
        verdict=replace(
            decision.verdict,
            choice="unresolved",
            contender=None,
            against=None,
            meanwhile="few-shot smollm2-135m",
            reasons=("Neither is shown to be better; about 4,200 test rows would settle it.",),
            flips=(),
        ),
    )
