"""The floor of tagging: words, their shapes, endings and neighbours, and logistic regression."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data import split_fields, write_tags
from bakeoff.methods.contract import Method
from bakeoff.methods.heads import LinearHead, fit_one_vs_rest, read_head, write_head
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes, likeliest_tags, with_beginnings

__all__ = ["TokenLogistic"]

_STRENGTH = 10.0


class TokenLogistic(Method):
    """Score each token by itself: by the word, its shape and ends, and the two words on either side.

    A row gets the likeliest tags in which no entity begins with an inside tag.

    Parameters
    ----------
    task : Task
        Of kind tagging.
    model : None
        Not used; there so that all methods are made alike.
    seed : int
        Of the regression's order of coordinates.
    """

    head_: LinearHead

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task = task
        self.model = model
        self.seed = seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        from sklearn.feature_extraction import DictVectorizer

        told = [one for text in texts for one in _told(split_fields(text))]
        names = self.task.labels
        codes = label_codes([tag for label in labels for tag in with_beginnings(label.split(" "), names)], names)
        vectorizer = DictVectorizer()
        features = _short(vectorizer.fit_transform(told))
        self.places_ = {name: place for place, name in enumerate(vectorizer.get_feature_names_out().tolist())}
        if len(np.unique(codes)) < 2:
            # Rows of one tag leave nothing to tell apart.
            bias = np.where(np.arange(len(self.task.labels)) == codes[0], 0.0, -np.inf).astype(np.float32)
            self.head_ = LinearHead(np.zeros((len(bias), features.shape[1]), np.float32), bias, one_vs_rest=True)
        else:
            self.head_ = fit_one_vs_rest(features, codes, len(self.task.labels), C=_STRENGTH, seed=self.seed)
        self.details_ = {"features": len(self.places_), "tokens": len(codes)}
        self._measure()

    def _answer(self, texts: list[str]) -> list[Answer]:
        started = time.perf_counter()
        rows = [split_fields(text) for text in texts]
        shares = self.head_.probabilities(self._features([one for row in rows for one in _told(row)]))
        with np.errstate(divide="ignore"):
            scores = np.log(shares)
        ends = np.cumsum([len(row) for row in rows])[:-1]
        tags = [write_tags(likeliest_tags(own, self.task.labels)) for own in np.split(scores, ends)]
        seconds = (time.perf_counter() - started) / len(texts)
        return [Answer(own, seconds=seconds) for own in tags]

    def _save(self, folder: Path) -> None:
        content = json.dumps(list(self.places_), ensure_ascii=False)
        (folder / "vocabulary.json").write_text(content + "\n", encoding="utf-8")
        write_head(self.head_, folder / "head.safetensors")

    def _load(self, folder: Path) -> None:
        names = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.places_ = {name: place for place, name in enumerate(names)}
        self.head_ = read_head(folder / "head.safetensors")
        self._measure()

    def _features(self, told: Sequence[dict[str, str | int]]) -> Any:
        from scipy.sparse import csr_matrix

        names = [[f"{name}={value}" for name, value in one.items()] for one in told]
        found = [[self.places_[name] for name in own if name in self.places_] for own in names]
        starts = np.cumsum([0, *map(len, found)])
        columns = np.array([place for own in found for place in own], dtype=np.int64)
        return _short(csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(found), len(self.places_))))

    def _measure(self) -> None:
        terms = sum(len(name.encode()) + 4 for name in self.places_)
        self.size_mb_ = (terms + self.head_.weights.nbytes + self.head_.bias.nbytes) / 1e6


def _told(tokens: Sequence[str]) -> list[dict[str, str | int]]:
    """Give what each token of a row is told by; every value is text, so that each is a feature of its own."""
    low = [token.lower() for token in tokens]
    found: list[dict[str, str | int]] = []
    for at, token in enumerate(tokens):
        around = {
            f"word {step:+d}": low[at + step] if 0 <= at + step < len(low) else "<end>" for step in (-2, -1, 1, 2)
        }
        own = {"word": low[at], "start": low[at][:3], "end": low[at][-3:], "shape": _shape(token)}
        before = _shape(tokens[at - 1]) if at else "<end>"
        found.append({**own, **around, "shape before": before})
    return found


def _short(features: Any) -> Any:
    """Give a sparse matrix the short indices that scikit-learn's solvers ask for."""
    features.indices, features.indptr = features.indices.astype(np.int32), features.indptr.astype(np.int32)
    return features


def _shape(token: str) -> str:
    """Write a token's shape: ``"Xx"`` for a capitalised word, ``"d:d"`` for a time."""
    shape = re.sub(r"\d", "d", re.sub(r"[^\W\d_]", lambda found: "X" if found.group().isupper() else "x", token))
    return re.sub(r"(.)\1+", r"\1", shape)
