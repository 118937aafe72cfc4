"""Floors: what any method has to beat. The most frequent label, and TF-IDF with logistic regression."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.contract import Method
from bakeoff.methods.heads import LinearHead, choose_strength, fit_one_vs_rest, read_head, write_head
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes

__all__ = ["Majority", "TfidfLogistic"]

_STRENGTHS = (1.0, 10.0, 100.0)
_DEFAULT_STRENGTH = 10.0
#: Above this many rows times labels, a cross-validation takes longer than a floor may, and the default strength stands.
_MOST_WORK = 60_000


class Majority(Method):
    """Always answer the most frequent label; probabilities are the labels' frequencies.

    Parameters
    ----------
    task : Task
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Not used: a tie goes to the label that comes first in the task.
    """

    least_n: ClassVar[int] = 1
    needs_two_labels: ClassVar[bool] = False

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:  # noqa: ARG002  # the texts make no difference
        counts = np.bincount(label_codes(labels, self.task.labels), minlength=len(self.task.labels))
        self._keep(counts)

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        value = self.task.labels[int(self.counts_.argmax())]
        shares = tuple((self.counts_ / self.counts_.sum()).tolist())
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(value, shares, seconds=seconds) for _ in texts]

    def _save(self, folder: Path) -> None:
        (folder / "counts.json").write_text(json.dumps(self.counts_.tolist()) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        self._keep(np.array(json.loads((folder / "counts.json").read_text(encoding="utf-8")), dtype=np.int64))

    def _keep(self, counts: NDArray[np.int64]) -> None:
        self.counts_ = counts
        self.size_mb_ = 0.0
        self.details_ = {"counts": dict(zip(self.task.labels, counts.tolist(), strict=True))}


class TfidfLogistic(Method):
    """TF-IDF of words and characters, logistic regression.

    Features are words and pairs of words, and runs of 3 to 5 characters inside words, each with sublinear term
    frequencies and of unit length. C is chosen by cross-validation inside the rows where they allow it.

    Parameters
    ----------
    task : Task
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Of the cross-validation's folds.
    """

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        codes, count = label_codes(labels, self.task.labels), len(self.task.labels)
        # Blank texts alone have no words to learn; a mark in their place keeps one feature.
        learned = texts if any(text.strip() for text in texts) else ["-"] * len(texts)
        self.vectorizers_ = tuple(made.fit(learned) for made in _vectorizers())
        features = self._features(texts)

        def fit(rows: Any, targets: NDArray[np.int64], labels: int, C: float) -> LinearHead:
            return fit_one_vs_rest(rows, targets, labels, C=C, seed=self.seed)

        choice = choose_strength(
            features,
            codes,
            count,
            fit,
            metric=self.task.metric,
            candidates=_STRENGTHS if len(texts) * count <= _MOST_WORK else (_DEFAULT_STRENGTH,),
            default=_DEFAULT_STRENGTH,
            seed=self.seed,
            least_rows=50,
            most_folds=3,
        )
        self.head_ = fit(features, codes, count, choice.C)
        self.details_ = {"strength": choice.to_json(), "features": int(features.shape[1])}
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        rows = self.head_.probabilities(self._features(texts))
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(self.task.labels[int(row.argmax())], tuple(row.tolist()), seconds=seconds) for row in rows]

    def _save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        terms = [made.get_feature_names_out().tolist() for made in self.vectorizers_]
        content = json.dumps({"words": terms[0], "characters": terms[1]}, ensure_ascii=False)
        (folder / "vocabulary.json").write_text(content + "\n", encoding="utf-8")
        weights = {name: made.idf_ for name, made in zip(("words", "characters"), self.vectorizers_, strict=True)}
        save_file(weights, folder / "idf.safetensors")
        write_head(self.head_, folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        terms = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "idf.safetensors")
        made = _vectorizers(terms["words"], terms["characters"])
        for vectorizer, name in zip(made, ("words", "characters"), strict=True):
            vectorizer.idf_ = weights[name]
        self.vectorizers_ = made
        self.head_ = read_head(folder / "head.safetensors")
        self._measure()

    def _features(self, texts: list[str]) -> Any:
        from scipy.sparse import hstack

        return hstack([made.transform(texts) for made in self.vectorizers_], format="csr")

    def _measure(self) -> None:
        terms = sum(len(term.encode()) + 4 for made in self.vectorizers_ for term in made.get_feature_names_out())
        idf = sum(made.idf_.nbytes for made in self.vectorizers_)
        self.size_mb_ = (terms + idf + self.head_.weights.nbytes + self.head_.bias.nbytes) / 1e6


def _vectorizers(words: list[str] | None = None, characters: list[str] | None = None) -> tuple[Any, Any]:
    """Give the two vectorizers, with the vocabularies of an earlier fit where they are given."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return (
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]", sublinear_tf=True, vocabulary=words),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, vocabulary=characters),
    )
