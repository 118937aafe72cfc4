"""One of several texts that a model drew for one row."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.tasks import Task, metrics_of, scoring_of

__all__ = ["least_risk", "likeliest"]


def least_risk(task: Task, texts: Sequence[str]) -> int:
    """Choose the text that agrees best with the others on the task's metric.

    Minimum Bayes risk decoding (Eikema and Aziz 2020, section 4), each text being scored with every other one as what
    is right. A text that was drawn twice counts twice.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    texts : sequence of str
        At least one.

    Returns
    -------
    int
        Place of the text; the first among equals.
    """
    scoring = scoring_of(task)
    if task.metric not in metrics_of(task.kind):
        # Checks hold a text against its source, and say nothing of how two texts agree.
        scoring = scoring.with_metric(next(iter(metrics_of(task.kind))))
    known: dict[tuple[str, str], float] = {}

    def agreement(said: str, right: str) -> float:
        if (said, right) not in known:
            known[said, right] = 1.0 if said == right else scoring.score_values([right], [said])
        return known[said, right]

    gains = [
        sum(agreement(said, other) for at, other in enumerate(texts) if at != own) for own, said in enumerate(texts)
    ]
    return gains.index(max(gains))


def likeliest(log_probabilities: Sequence[float], tokens: Sequence[int]) -> int:
    """Choose the text whose tokens have the highest mean log-probability.

    Parameters
    ----------
    log_probabilities : sequence of float
        Of each text as a whole.
    tokens : sequence of int
        Of each text.

    Returns
    -------
    int
        Place of the text; the first among equals.
    """
    means = [log / max(count, 1) for log, count in zip(log_probabilities, tokens, strict=True)]
    return means.index(max(means))
