"""One of several texts that a model drew for one row; its source and the texts choose, never what is right."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.tasks import Task, check_value, metrics_of, scoring_of

__all__ = ["how_chosen", "least_risk", "likeliest", "passing_most"]

#: Decimals at which the checks of two texts are the same: shares are sums of rounded parts.
_SAME_VALUE = 9


def how_chosen(task: Task, choose_by: str) -> str:
    """Name what chooses among the texts of a row, for the details of a fit."""
    return f"checks, then {choose_by}" if task.checks else choose_by


def passing_most(task: Task, source: str, texts: Sequence[str]) -> list[int]:
    """Give the texts that pass most of the task's checks on their own row.

    A check that is passed counts 1; one that measures a share counts as that share. All checks look at the source and
    the text alone, so that choosing by them needs no text that is right.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    source : str
        What the texts were written from.
    texts : sequence of str
        At least one.

    Returns
    -------
    list of int
        Places of the texts, in order; all of them where the task has no checks, or none applies to the row.

    Raises
    ------
    DataError
        If a check is a function of the user's that fails, or was not given on this machine.
    """
    told = [[check_value(check, source, text) for check in task.checks] for text in texts]
    passed = [round(sum(value for value in values if value is not None), _SAME_VALUE) for values in told]
    return [at for at, count in enumerate(passed) if count == max(passed)]


def least_risk(task: Task, texts: Sequence[str], among: Sequence[int] | None = None) -> int:
    """Choose the text that agrees best with the others on the task's metric.

    Minimum Bayes risk decoding (Eikema and Aziz 2020, section 4), each text being scored with every other one as what
    is right. A text that was drawn twice counts twice.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    texts : sequence of str
        At least one.
    among : sequence of int, optional
        Places of those that can be chosen; the others still say what a text should be like. Default: all.

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

    def gain(own: int) -> float:
        return sum(agreement(texts[own], other) for at, other in enumerate(texts) if at != own)

    return max(range(len(texts)) if among is None else among, key=gain)


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
