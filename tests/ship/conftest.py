"""A small task, a fitted floor, and a bundle of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.methods.floors import TfidfLogistic
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.tasks import Task, classification_task

GOOD = ("a fine camera", "works very well", "love it", "great sound", "good value, good screen", "fine and light")
BAD = ("broke at once", "a bad buy", "poor sound", "awful screen", "hate the noise", "bad and heavy")


@pytest.fixture(scope="session")
def task() -> Task:
    return classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")


@pytest.fixture(scope="session")
def fitted(task: Task) -> TfidfLogistic:
    return TfidfLogistic(task, seed=3).fit([*GOOD, *BAD], ["positive"] * len(GOOD) + ["negative"] * len(BAD))


@pytest.fixture(scope="session")
def facts(task: Task) -> BundleFacts:
    contender = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    return BundleFacts(contender, task, seed=3, rows=12, fingerprint="f" * 64, text_columns=("review",))


@pytest.fixture
def make_bundle(tmp_path: Path, fitted: TfidfLogistic, facts: BundleFacts) -> Callable[..., Path]:
    saved = tmp_path / "saved"
    saved.mkdir()
    fitted.save(saved)

    def make(final: Path | None = None, **changes: object) -> Path:
        given = {"method_folder": saved, "facts": facts, "card": "# A card\n", **changes}
        return write_bundle(final or tmp_path / "out" / "bundle", **given)

    return make
