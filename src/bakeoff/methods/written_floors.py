"""Floors of writing: the target of the nearest row, and the beginning of the source."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bakeoff.data import target_of
from bakeoff.methods.contract import Method
from bakeoff.records import Answer
from bakeoff.tasks import Task

__all__ = ["Lead", "NearestTarget"]


class NearestTarget(Method):
    """Answer with the target of the labelled row whose source is most like the text, by TF-IDF of words.

    Parameters
    ----------
    task : Task
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Not used: of equally near rows the first is taken.
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 1
    needs_two_labels: ClassVar[bool] = False

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._keep(texts, [target_of(label) for label in labels])

    def _keep(self, texts: Sequence[str], targets: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.texts_, self.targets_ = tuple(texts), tuple(targets)
        self._vectorizer = TfidfVectorizer(token_pattern=r"(?u)\w+|[^\w\s]", sublinear_tf=True)
        # Blank texts alone have no words to learn; a mark keeps one feature.
        self._rows = self._vectorizer.fit([*texts, "-"]).transform(texts)
        self.size_mb_ = sum(len(text.encode()) for text in (*texts, *targets)) / 1e6
        self.details_ = {"rows": len(texts)}

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        nearest = np.asarray((self._vectorizer.transform(texts) @ self._rows.T).argmax(axis=1)).ravel()
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(self.targets_[int(place)], seconds=seconds) for place in nearest]

    def _save(self, folder: Path) -> None:
        content = {"texts": self.texts_, "targets": self.targets_}
        (folder / "rows.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        content: dict[str, Any] = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        self._keep(content["texts"], content["targets"])


class Lead(Method):
    """Answer with the first words of the text, as many as targets have in the middle (the lead of a summary).

    Parameters
    ----------
    task : Task
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Not used.
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 1
    needs_two_labels: ClassVar[bool] = False

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:  # noqa: ARG002  # lengths of targets are all it learns
        self._keep(max(1, round(float(np.median([len(target_of(label).split()) for label in labels])))))

    def _keep(self, words: int) -> None:
        self.words_ = words
        self.size_mb_ = 0.0
        self.details_ = {"words": words}

    def _answer(self, texts: list[str]) -> list[Answer]:
        found = [" ".join(text.split()[: self.words_]) for text in texts]
        return [Answer(said) if said else Answer(None, abstention="the text has no words") for said in found]

    def _save(self, folder: Path) -> None:
        (folder / "words.json").write_text(json.dumps({"words": self.words_}) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        self._keep(int(json.loads((folder / "words.json").read_text(encoding="utf-8"))["words"]))
