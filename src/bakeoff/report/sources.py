"""Where the figures come from: which file and table holds what, and every trial with its key."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.records import Evidence, Trial

__all__ = ["SOURCES", "Source", "trial_list"]


@dataclass(frozen=True, slots=True)
class Source:
    """One place of records: the file, the table or field in it, and what of this page rests on it."""

    file: str
    place: str
    holds: str


#: From the records to what is computed of them.
SOURCES: tuple[Source, ...] = (
    Source("study.sqlite", "rows", "every row: part, id, text, true label, line in its file"),
    Source("study.sqlite", "trials", "every trial: key, contender, n, seed, status; figures (seconds, tokens, prompt)"),
    Source(
        "study.sqlite",
        "answers",
        "every answer: trial key, part, position; value, probabilities, reason of an abstention",
    ),
    Source("study.sqlite", "folds", "which rows each fold learns from and tests, where rows are cross-fitted"),
    Source("study.sqlite", "facts", "task, plan, contenders, checks, assumptions, other phrasings (rephrased)"),
    Source("study.sqlite", "events", "what happened and when, test rows shown to a person among it"),
    Source("leaderboard.csv", "a line a contender and n", "the leaderboard: means over the seeds of its trials"),
    Source("verdict.json", "verdict, reasons, flips", "the card at the top, and what would flip it"),
    Source("verdict.json", "comparisons", "differences, intervals, p-values, the two parts of each variance"),
    Source("verdict.json", "curves, crossover", "score over labelled rows"),
    Source("verdict.json", "costs, break_even, sweep", "expected costs, and the assumptions that flip the choice"),
    Source("verdict.json", "considerations, differences", "the five considerations, the two ways side by side"),
)


def trial_list(evidence: Evidence) -> tuple[Trial, ...]:
    """Give all trials, by contender in the order of the plan, n and seed."""
    order = {contender.name: place for place, contender in enumerate(evidence.contenders)}
    return tuple(sorted(evidence.trials, key=lambda one: (order.get(one.contender, len(order)), one.n, one.seed)))
