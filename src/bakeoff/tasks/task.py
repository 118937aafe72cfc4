"""The task: kind, label set, instruction, primary metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bakeoff.errors import OptionError
from bakeoff.tasks.text_checks import TextCheck

__all__ = ["ABSTAIN", "TASK_KINDS", "Task", "classification_task", "label_words", "task_of_kind"]

#: What ``predict`` gives for a row that was not answered.
ABSTAIN = "<abstain>"

#: Every kind of task, and whether this version can run it.
TASK_KINDS: Mapping[str, bool] = {
    "classification": True,
    "multi-label": True,
    "regression": True,
    "pair": True,
    "tagging": True,
    "generation": True,
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
        The label set, sorted; the columns of probabilities stand in this order. Empty for regression and generation;
        for tagging the tags.
    words : tuple of str
        For each label, the word or words that stand for it in a prompt (its verbalizer).
    definitions : tuple of str
        For each label, what it means, or ``""``.
    instruction : str
        What a prompt tells the model to do.
    metric : str
        Primary metric, such as ``"accuracy"``; higher is better.
    other_words : tuple of tuple of str
        For each label, further words that count as the same answer and are not shown; ``()`` where no label has any.
    checks : tuple of TextCheck
        What a written text must pass; for generation alone.
    """

    kind: str
    name: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    definitions: tuple[str, ...]
    instruction: str
    metric: str
    other_words: tuple[tuple[str, ...], ...] = ()
    checks: tuple[TextCheck, ...] = ()

    @property
    def extent(self) -> str:
        """What answers are out of, in a few words: ``"3 labels"``, ``"numbers"``, ``"9 tags"``."""
        if not self.labels:
            return "texts" if self.kind == "generation" else "numbers"
        return f"{len(self.labels)} {'tags' if self.kind == 'tagging' else 'labels'}"

    def to_json(self) -> dict[str, Any]:
        """Give the task as plain JSON values."""
        plain = asdict(self)
        # Left out where there are none, so that the keys of trials which ran before they were known still stand.
        left_out = {name for name in ("other_words", "checks") if not getattr(self, name)}
        return {name: plain[name] for name in plain if name not in left_out}

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
            other_words=tuple(map(tuple, value.get("other_words", ()))),
            checks=tuple(map(TextCheck.from_json, value.get("checks", ()))),
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
    other_words: Mapping[str, Sequence[str]] | None = None,
) -> Task:
    """Make a classification task, one label a row; see `task_of_kind`."""
    return task_of_kind(
        "classification",
        name=name,
        labels=labels,
        metric=metric,
        words=words,
        definitions=definitions,
        instruction=instruction,
        other_words=other_words,
    )


def task_of_kind(
    kind: str,
    *,
    name: str,
    labels: Sequence[str],
    metric: str,
    words: Mapping[str, str] | None = None,
    definitions: Mapping[str, str] | None = None,
    instruction: str | None = None,
    other_words: Mapping[str, Sequence[str]] | None = None,
) -> Task:
    """Make a task.

    Parameters
    ----------
    kind : str
        One of `TASK_KINDS`.
    name : str
        What the label says, such as ``"sentiment"``.
    labels : sequence of str
        The label set: at least two distinct ones; none for regression and generation.
    metric : str
        Primary metric.
    words, definitions, other_words : mapping, optional
        Per label, its words in a prompt, its meaning, and further words that count as the same answer.
    instruction : str, optional
        What a prompt tells the model; made from the name and the labels where it is not given.

    Returns
    -------
    Task

    Raises
    ------
    OptionError
        If two labels would be told by the same words.
    """
    ordered = tuple(sorted(set(labels)))
    shown = ordered if kind == "tagging" else _distinct_words(ordered, words or {})
    return Task(
        kind=kind,
        name=name,
        labels=ordered,
        words=shown,
        definitions=tuple((definitions or {}).get(label, "") for label in ordered),
        instruction=instruction or _instruction(kind, name),
        metric=metric,
        other_words=_other_words(ordered, shown, other_words or {}),
    )


#: What a prompt asks for, by kind; classification and pairs are asked for by the label's name.
_ASKED = {
    "multi-label": "Give all labels that fit the text.",
    "regression": "Give the number for the text.",
    "tagging": "Mark the entities in the text.",
    "generation": "Write the text that belongs to the input.",
}


def _instruction(kind: str, name: str) -> str:
    """Name what is asked for, where the label column's name says it."""
    if kind in _ASKED:
        return _ASKED[kind]
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
        raise _shared(twice)
    return chosen


def _other_words(
    labels: tuple[str, ...], shown: tuple[str, ...], given: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], ...]:
    """Give each label's further words, each once and none of them another label's."""
    others = tuple(
        tuple(word for word in dict.fromkeys(given.get(label, ())) if word != own)
        for label, own in zip(labels, shown, strict=True)
    )
    owners: dict[str, set[str]] = {}
    for label, own, more in zip(labels, shown, others, strict=True):
        for word in (own, *more):
            owners.setdefault(word, set()).add(label)
    twice = sorted(word for word, of in owners.items() if len(of) > 1)
    if twice:
        raise _shared(twice)
    return others if any(others) else ()


def _shared(words: Sequence[str]) -> OptionError:
    return OptionError(
        f"Every label needs words of its own in a prompt; {', '.join(map(repr, words))} stand for two labels.",
        next_step="Give each label different words in the --labels file.",
    )
