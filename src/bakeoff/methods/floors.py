"""Floors: what any method has to beat. The most frequent label, and TF-IDF with logistic regression."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import labels_of, split_fields, write_labels, write_number, write_tags
from bakeoff.methods.contract import Method
from bakeoff.methods.head_fits import fit_outputs
from bakeoff.methods.heads import LinearHead, StrengthChoice, choose_strength, fit_one_vs_rest, read_head, write_head
from bakeoff.methods.outputs import NOT_FINITE, outputs_of
from bakeoff.records import Answer
from bakeoff.tasks import ONE_LABEL, Task, are_pairs, label_codes, scoring_of

__all__ = ["Majority", "TfidfLogistic"]

_STRENGTHS = (1.0, 10.0, 100.0)
_DEFAULT_STRENGTH = 10.0
#: Above this many rows times labels, a cross-validation takes longer than a floor may, and the default strength stands.
_MOST_WORK = 60_000
#: Most labels that are answered for every row.
_MOST_ANSWERED = 20


class Majority(Method):
    """Always answer the most frequent label; probabilities are the labels' frequencies.

    The most frequent labels where a row has several, as many of them as score best on the rows themselves; the mean of
    numbers; ``"O"``, or the most frequent tag, for every token.

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
        if self.task.kind == "regression":
            self._keep(np.array([float(label) for label in labels]).mean(keepdims=True))
            return
        named = Counter(name for label in labels for name in labels_of(self.task.kind, label))
        counts = np.array([named[name] for name in self.task.labels], dtype=np.float64)
        # What a row's labels are counted by stands first: shares are of rows, not of labels.
        self._keep(np.append(counts, [len(labels), self._best_many(counts, labels)]))

    def _best_many(self, counts: NDArray[np.float64], labels: Sequence[str]) -> int:
        """Give how many of the most frequent labels to answer: 1 but where a row has several."""
        if self.task.kind != "multi-label":
            return 1
        ranked = np.argsort(-counts, kind="stable")
        scoring = scoring_of(self.task)
        scores = [
            scoring.score_values(labels, [self._set_of(ranked[: many + 1])] * len(labels))
            for many in range(min(len(ranked), _MOST_ANSWERED))
        ]
        return 1 + int(np.argmax(scores))

    def _set_of(self, places: NDArray[np.int64]) -> str:
        return write_labels(self.task.labels[place] for place in places)

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        values = [self._value(text) for text in texts]
        shares = tuple((self.kept_[:-2] / self.kept_[-2]).tolist()) if hasattr(self, "predict_proba") else None
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(value, shares, seconds=seconds) for value in values]

    def _value(self, text: str) -> str:
        if self.task.kind == "regression":
            return write_number(self.kept_[0])
        counts, many = self.kept_[:-2], int(self.kept_[-1])
        if self.task.kind == "multi-label":
            return self._set_of(np.argsort(-counts, kind="stable")[:many])
        value = self.task.labels[int(counts.argmax())]
        return write_tags([value] * len(split_fields(text))) if self.task.kind == "tagging" else value

    def _save(self, folder: Path) -> None:
        (folder / "counts.json").write_text(json.dumps(self.kept_.tolist()) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        kept = np.array(json.loads((folder / "counts.json").read_text(encoding="utf-8")), dtype=np.float64)
        # Bundles of version 1 hold the counts alone.
        self._keep(np.append(kept, [kept.sum(), 1]) if len(kept) == len(self.task.labels) else kept)

    def _keep(self, kept: NDArray[np.float64]) -> None:
        self.kept_ = kept
        self.size_mb_ = 0.0
        told = dict(zip(self.task.labels, kept.astype(int).tolist(), strict=False))
        self.details_ = {"counts": told} if self.task.labels else {"mean": float(kept[0])}


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
        # Blank texts alone have no words to learn; a mark in their place keeps one feature.
        learned = texts if any(text.strip() for text in texts) else ["-"] * len(texts)
        self.vectorizers_ = tuple(made.fit(learned) for made in _vectorizers())
        self.paired_ = are_pairs(self.task, texts)
        features = self._features(texts)
        self.outputs_ = outputs_of(self.task, labels)
        self.head_, choice = self._head(features, labels)
        self.details_ = {"strength": choice.to_json(), "features": int(features.shape[1])}
        self._measure()

    def _head(self, features: Any, labels: list[str]) -> tuple[LinearHead, StrengthChoice]:
        """Fit the head that the kind of task needs, its strength chosen inside the rows."""
        count = max(1, len(self.task.labels))
        candidates = _STRENGTHS if len(labels) * count <= _MOST_WORK else (_DEFAULT_STRENGTH,)
        if self.task.kind not in ONE_LABEL:
            return fit_outputs(features, labels, self.outputs_, candidates=candidates, seed=self.seed, sparse=True)
        codes = label_codes(labels, self.task.labels)

        def fit(rows: Any, targets: NDArray[np.int64], labels: int, C: float) -> LinearHead:
            return fit_one_vs_rest(rows, targets, labels, C=C, seed=self.seed)

        choice = choose_strength(
            features,
            codes,
            count,
            fit,
            metric=self.task.metric,
            candidates=candidates,
            default=_DEFAULT_STRENGTH,
            seed=self.seed,
            least_rows=50,
            most_folds=3,
        )
        return fit(features, codes, count, choice.C), choice

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        told = self.outputs_.told_by(self.head_, self._features(texts))
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(value, shares, NOT_FINITE if value is None else None, seconds=seconds) for value, shares in told]

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
        self.outputs_ = outputs_of(self.task)
        self.outputs_.of_head(self.head_)
        terms = sum(len(made.vocabulary) for made in self.vectorizers_)
        self.paired_ = self.head_.weights.shape[1] > terms
        self._measure()

    def _features(self, texts: list[str]) -> Any:
        """Give the terms of each text; for pairs those of both, their products, and how far they differ."""
        if not self.paired_:
            return self._terms(texts)
        from scipy.sparse import hstack

        one, other = (
            self._terms(list(side)) for side in zip(*(split_fields(text, 2)[:2] for text in texts), strict=True)
        )
        return hstack([one + other, one.multiply(other), abs(one - other)], format="csr")

    def _terms(self, texts: list[str]) -> Any:
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
