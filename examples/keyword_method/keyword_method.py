"""A method in a package of its own: the label whose words a text holds most.

After ``pip install ./examples/keyword_method`` every study can try it: ``bakeoff run DATA --method keywords``.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from bakeoff.methods.contract import Method
from bakeoff.methods.forecast import Workload
from bakeoff.methods.spec import MethodSpec
from bakeoff.records import Answer
from bakeoff.tasks import Task

__all__ = ["SPEC", "Keywords"]

#: Words that a label needs more often than all others together, to be its own.
_LEAST_LEAD = 1


class Keywords(Method):
    """Answer the label with most words of its own in the text; abstain where no label has one.

    Parameters
    ----------
    task : Task
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Not used: nothing is random.
    """

    #: Counts of words are no probabilities, so `predict_proba` does not exist.
    honest_probabilities = False

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        counts = {label: Counter[str]() for label in self.task.labels}
        for text, label in zip(texts, labels, strict=True):
            counts[label].update(set(text.casefold().split()))
        total = sum(counts.values(), Counter[str]())
        self.words_ = {
            label: sorted(word for word, seen in own.items() if 2 * seen - total[word] >= _LEAST_LEAD)
            for label, own in counts.items()
        }

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        values = [self._value(set(text.casefold().split())) for text in texts]
        seconds = (time.perf_counter() - started) / len(texts)
        return [
            Answer(value, None, None if value is not None else "no label has a word of this text", seconds=seconds)
            for value in values
        ]

    def _value(self, words: set[str]) -> str | None:
        hits = {label: len(words.intersection(own)) for label, own in self.words_.items()}
        best = max(hits, key=lambda label: hits[label])
        return best if hits[best] else None

    def _save(self, folder: Path) -> None:
        (folder / "words.json").write_text(json.dumps(self.words_, ensure_ascii=False) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        self.words_ = json.loads((folder / "words.json").read_text(encoding="utf-8"))


def _forecast(work: Workload) -> float:
    """Give the seconds of a fit and its answers: about a tenth of a millisecond a row."""
    return 1e-4 * (work.n + work.answer_rows)


SPEC = MethodSpec(
    name="keywords",
    version="1",
    arm="floor",
    summary="The label with most words of its own in the text.",
    kinds=("classification",),
    least_n=2,
    model=None,
    location="keyword_method:Keywords",
    forecast=_forecast,
    seeded=False,
)
