"""The task: kind, label set, instruction, primary metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bakeoff.errors import OptionError

__all__ = ["ABSTAIN", "TASK_KINDS", "Task", "classification_task", "label_words"]

#: What ``predict`` gives for a row that was not answered.
ABSTAIN = "<abstain>"

#: Every kind of task, and whether this version can run it.
TASK_KINDS: Mapping[str, bool] = {
    "classification": True,
    "multi-label": False,
    "regression": False,
    "pair": False,
    "tagging": False,
    "generation": False,
}


#: Column names that say nothing of what the labels mean.
GENERIC_NAMES = frozenset({"label", "labels", "class", "category", "target", "output", "y"})


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be solved; a plain value, shared by both arms.

    Parameters
    ----------
    kind : str
        One of `TASK_KINDS`.
    name : str
        Short name for people, such as the label column's name.
    labels : tuple of str
        The label set, sorted; the columns of probabilities stand in this order.
    words : tuple of str
        For each label, the word or words that stand for it in a prompt (its verbalizer).
    definitions : tuple of str
        For each label, what it means, or ``""``.
    instruction : str
        What a prompt tells the model to do.
    metric : str
        Primary metric, such as ``"accuracy"``; higher is better.
    """

    kind: str
    name: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    definitions: tuple[str, ...]
    instruction: str
    metric: str

    def to_json(self) -> dict[str, Any]:
        """Give the task as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Task:
        """Rebuild a task from `to_json`'s values."""
        return cls(
            kind=value["kind"],
            name=value["name"],
            labels=tuple(value["labels"]),
            words=tuple(value["words"]),
            definitions=tuple(value["definitions"]),
            instruction=value["instruction"],
            metric=value["metric"],
        )


def label_words(label: str) -> str:
    """Turn a label's name into words that a language model has read before.

    Parameters
    ----------
    label : str
        Label as it stands in the data, such as ``"card_payment_fee_charged"``.

    Returns
    -------
    str
        ``"card payment fee charged"``; camel case is divided, too. Never empty.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", label)
    words = " ".join(re.sub(r"[_\-/.|:]+", " ", spaced).split())
    return words or label


def classification_task(
    *,
    name: str,
    labels: Sequence[str],
    metric: str,
    words: Mapping[str, str] | None = None,
    definitions: Mapping[str, str] | None = None,
    instruction: str | None = None,
) -> Task:
    """Make a classification task.

    Parameters
    ----------
    name : str
        What the label says, such as ``"sentiment"``.
    labels : sequence of str
        All labels; at least two distinct ones.
    metric : str
        Primary metric.
    words, definitions : mapping of str to str, optional
        Per label, its words in a prompt and its meaning.
    instruction : str, optional
        What a prompt tells the model; made from the name and the labels where it is not given.

    Returns
    -------
    Task

    Raises
    ------
    OptionError
        If two labels would be told by the same words, which a prompt could not keep apart.
    """
    ordered = tuple(sorted(set(labels)))
    return Task(
        kind="classification",
        name=name,
        labels=ordered,
        words=_distinct_words(ordered, words or {}),
        definitions=tuple((definitions or {}).get(label, "") for label in ordered),
        instruction=instruction or _instruction(name),
        metric=metric,
    )


def _instruction(name: str) -> str:
    """Name what is asked for, where the label column's name says it."""
    if name.casefold() in GENERIC_NAMES or not re.fullmatch(r"[A-Za-z][A-Za-z _-]*", name):
        return "Classify the text."
    return f"Classify the {label_words(name)} of the text."


def _distinct_words(labels: tuple[str, ...], given: Mapping[str, str]) -> tuple[str, ...]:
    chosen = tuple(given.get(label, label_words(label)) for label in labels)
    if len({word.casefold() for word in chosen}) < len(chosen):
        # Two names that differ in punctuation or case alone keep their own spelling.
        chosen = tuple(given.get(label, label) for label in labels)
    twice = sorted({word for word in chosen if chosen.count(word) > 1})
    if twice:
        raise OptionError(
            f"Every label needs words of its own in a prompt; {', '.join(map(repr, twice))} stand for two labels.",
            next_step="Give each label different words in the --labels file.",
        )
    return chosen
