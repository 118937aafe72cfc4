"""One method alone: what it may be told, what it refuses before anything is fitted, and going on from a bundle."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import Rows
from bakeoff.decision import calibration_error
from bakeoff.errors import OptionError
from bakeoff.methods.contract import Method
from bakeoff.methods.heads import softmax
from bakeoff.records import Answer
from bakeoff.ship import read_bundle
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import text_rows
from bakeoff.workbench.finetune import FinetuneOptions, FinetuneOutcome, finetune, settings_of
from bakeoff.workbench.finetune_further import BeforeAfter, FurtherOptions, finetune_further
from bakeoff.workbench.fitting import Scored, scored
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.rows import divide, read_source
from small_models import write_decoder_folder, write_seq2seq_folder

GOOD = ["superb", "fine", "lovely", "splendid", "happy", "sturdy", "crisp", "bright", "quick", "perfect"]
BAD = ["awful", "broken", "useless", "dreadful", "faulty", "weak", "noisy", "slow", "bent", "returned"]
THINGS = ["lens", "phone", "case", "cable", "screen", "speaker", "charger", "camera", "strap", "remote", "bag", "fan"]
SHORT = ("max_epochs=1", "least_steps=6")


def _write(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment"])
        writer.writerows(rows)
    return path


def _reviews(count: int, start: int = 0) -> list[tuple[str, str]]:
    """Give rows whose words tell their label, no two of them alike."""
    found = []
    for number in range(start, start + count):
        words, label = (GOOD, "positive") if number % 2 else (BAD, "negative")
        thing, word, other = THINGS[number % 12], words[number // 2 % 10], words[(number // 20 + 3) % 10]
        found.append((f"The {thing} number {number} is {word}, and its box is {other} as well.", label))
    return found


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return _write(tmp_path / "reviews.csv", _reviews(120))


def _fit(source: Path, output: Path, method: str = "lp-ft", *settings: str, n: int | None = None) -> FinetuneOutcome:
    given = settings or (SHORT if method != "probe" else ())
    return finetune(str(source), DataOptions(), FinetuneOptions(method, n=n, settings=given), output=output)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, pulled_cache: Path) -> Path:
    """Fit one bundle that tests go on from; ``reviews.csv`` beside it holds its rows. Give their folder."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(pulled_cache))
        patch.setenv("BAKEOFF_COMPUTED", str(folder / "computed"))
        _fit(_write(folder / "reviews.csv", _reviews(120)), folder / "first")
    return folder


@pytest.fixture
def gone_on_from(first: Path, catalogue_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of `first`; the data type that was measured for its fit holds for others."""
    monkeypatch.setenv("BAKEOFF_COMPUTED", str(first / "computed"))
    return first


def test_settings_have_the_types_of_the_defaults() -> None:
    given = ["learning_rate=2e-5", "max_epochs=2", "class_weights=true"]
    assert settings_of("full", given) == {"learning_rate": 2e-5, "max_epochs": 2, "class_weights": True}
    for text, said in (("rate=1", "takes NAME=VALUE"), ("max_epochs", "takes NAME=VALUE"),
                       ("max_epochs=two", "a whole number"), ("class_weights=1", "true or false")):  # fmt: skip
        with pytest.raises(OptionError, match=said):
            settings_of("full", [text])
    with pytest.raises(OptionError, match="no settings"):
        settings_of("label-names", ["C=1"])


@pytest.mark.parametrize("method", ["zero-shot", "tfidf", "nothing"])
def test_only_what_tunes_a_model_can_be_named(method: str, reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="label-names, probe, full"):
        finetune(str(reviews), DataOptions(), FinetuneOptions(method), output=tmp_path / "bundle")


def test_a_folder_that_is_no_bundle_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(OptionError, match="not just a bundle"):
        finetune("nowhere.csv", DataOptions(), FinetuneOptions("full"), output=tmp_path / "mine")
    with pytest.raises(OptionError, match="not just a bundle"):
        finetune_further("nowhere.csv", DataOptions(), FurtherOptions(tmp_path), output=tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "keep me"


@pytest.mark.parametrize(
    ("before", "after", "p", "fell", "shown"),
    [
        (0.9, 0.85, 0.4, True, False),
        (0.9, 0.89, 0.4, False, False),
        (0.9, 0.89, 0.01, True, True),
        (0.9, 0.95, 0.01, False, False),
    ],
)
def test_what_counts_as_forgotten(before: float, after: float, p: float, fell: bool, shown: bool) -> None:
    scores = [Scored(value, (0.0, 1.0), 100) for value in (before, after)]
    pair = BeforeAfter(*scores, lost=0, gained=0, p=p)
    assert (pair.fell, pair.fall_is_shown) == (fell, shown)


class _Scaled(Method):
    """Answers with softmax of fixed scores divided by a temperature."""

    def __init__(self, task: Task, model: str | None = None, seed: int = 0) -> None:
        self.task, self.model, self.seed = task, model, seed

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self.details_ = {"temperature": 2.5}

    def _answer(self, texts: list[str]) -> list[Answer]:
        rows = softmax(_scores(len(texts)) / 2.5)
        return [Answer(self.task.labels[int(row.argmax())], tuple(row.tolist())) for row in rows]

    def _save(self, folder: Path) -> None: ...

    def _load(self, folder: Path) -> None: ...


def _scores(rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(scale=5.0, size=(rows, 2))


def test_calibration_before_scaling_is_that_of_the_scores_before_it() -> None:
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    texts, labels = text_rows(60)
    method = _Scaled(task).fit(texts, labels)
    rows = Rows(tuple(map(str, range(60))), tuple(texts), tuple(labels), None, None, tuple(range(60)), "")
    found = scored(method, rows, task, 0)[0].calibration
    right = np.array(task.labels)[_scores(60).argmax(axis=1)] == np.array(labels)
    for error, scores in ((found.unscaled, _scores(60)), (found.error, _scores(60) / 2.5)):
        assert error == pytest.approx(calibration_error(softmax(scores).max(axis=1), right), abs=1e-9)
    assert found.unscaled > found.error > found.by_chance


@pytest.mark.models
def test_what_was_scored_is_what_is_written(reviews: Path, tmp_path: Path, catalogue_cache: Path) -> None:
    done = _fit(reviews, tmp_path / "bundle", n=40)
    assert done.n == 40
    assert done.bundle == tmp_path / "bundle"
    assert done.test.interval[0] <= done.test.score <= done.test.interval[1]
    shipped = read_bundle(tmp_path / "bundle")
    assert (shipped.facts.rows, shipped.facts.rows_from) == (40, str(reviews))
    card = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert f"| test | {done.test.rows} |" in card
    assert "Learned from 40 labelled rows" in card
    assert f"by {100 * done.test.calibration.error:.1f} points on the test rows" in card
    with pytest.raises(OptionError, match=r"-n is at most the \d+ train rows; 500 came"):
        _fit(reviews, tmp_path / "bundle", n=500)


@pytest.mark.models
def test_going_on_takes_new_labels_in_and_looks_at_the_earlier_rows(gone_on_from: Path, tmp_path: Path) -> None:
    neither = [(f"It was sent on day {number} by the {THINGS[number % 12]} shop.", "neither") for number in range(40)]
    more = _write(tmp_path / "more.csv", [*_reviews(20, start=200), *neither])
    options = FurtherOptions(gone_on_from / "first", settings=SHORT)
    done = finetune_further(str(more), DataOptions(), options, output=tmp_path / "second")
    assert done.new_labels == ("neither",)
    assert done.task.labels == ("negative", "neither", "positive")
    assert done.test.after.score > done.test.before.score
    assert done.earlier is not None
    assert done.earlier.before.rows == done.earlier.after.rows > 10
    shipped = read_bundle(tmp_path / "second")
    assert shipped.facts.contender.parameters["least_steps"] == 6
    assert shipped.load().predict(["It was sent on day 99 by the lens shop."]).tolist() == ["neither"]

    reviews = gone_on_from / "reviews.csv"
    reviews.rename(gone_on_from / "away.csv")
    try:
        again = finetune_further(str(more), DataOptions(), options, output=tmp_path / "third")
    finally:
        (gone_on_from / "away.csv").rename(reviews)
    assert again.earlier is None
    assert "reviews.csv" in again.earlier_unknown


@pytest.mark.models
def test_going_on_starts_where_the_bundle_ended(gone_on_from: Path, tmp_path: Path) -> None:
    reviews = gone_on_from / "reviews.csv"
    # No rate moves nothing: what comes out is what was there.
    still = FurtherOptions(gone_on_from / "first", settings=("learning_rate=0", "max_epochs=1", "least_steps=1"))
    done = finetune_further(str(reviews), DataOptions(), still, output=tmp_path / "second")
    weights = [
        {file.path: file.sha256 for file in read_bundle(folder).files if file.path.endswith("model.safetensors")}
        for folder in (gone_on_from / "first", tmp_path / "second")
    ]
    assert weights[0] == weights[1]
    assert done.earlier is not None
    assert done.earlier.p > 0.05


@pytest.mark.models
def test_rows_that_the_bundle_learned_from_are_not_tested(gone_on_from: Path, tmp_path: Path) -> None:
    reviews = gone_on_from / "reviews.csv"
    other = FurtherOptions(gone_on_from / "first", settings=SHORT, seed=1)
    with pytest.raises(OptionError, match=r"\d+ of the \d+ test rows were learned .* seed 0, and --seed 1"):
        finetune_further(str(reviews), DataOptions(), other, output=tmp_path / "second")
    assert not (tmp_path / "second").exists()

    # A file that has grown is divided anew: what it tested may have been learned from, and the other way round.
    grown = _write(tmp_path / "grown.csv", _reviews(240))
    split = divide(read_source(str(reviews), DataOptions()), seed=0, seeds=1, division="one")
    now = divide(read_source(str(grown), DataOptions()), seed=0, seeds=1, division="one")
    learned = {*split.train.texts}
    done = finetune_further(
        str(grown), DataOptions(), FurtherOptions(gone_on_from / "first", settings=SHORT), output=tmp_path / "second"
    )
    kept = [sum(text not in learned for text in part.texts) for part in (now.test, now.validation)]
    assert done.test.after.rows == kept[0] < len(now.test)
    assert done.learned_before == len(now.test) + len(now.validation) - sum(kept)
    assert done.earlier is not None
    assert done.earlier.after.rows == sum(text not in {*now.train.texts} for text in split.validation.texts)


@pytest.mark.models
def test_a_method_that_learns_anew_cannot_go_on(reviews: Path, tmp_path: Path, catalogue_cache: Path) -> None:
    _fit(reviews, tmp_path / "first", "probe")
    with pytest.raises(OptionError, match="'probe', which learns anew each time"):
        finetune_further(str(reviews), DataOptions(), FurtherOptions(tmp_path / "first"), output=tmp_path / "second")
    assert not (tmp_path / "second").exists()
    assert json.loads((tmp_path / "first" / "bundle.json").read_text(encoding="utf-8"))["rows"] > 40


@pytest.mark.models
def test_what_looks_at_no_label_is_not_said_to_have_learned_from_rows(
    reviews: Path, tmp_path: Path, catalogue_cache: Path
) -> None:
    done = finetune(str(reviews), DataOptions(), FinetuneOptions("label-names"), output=tmp_path / "bundle")
    assert done.n == read_bundle(tmp_path / "bundle").facts.rows == 0
    assert "Learned from 0 labelled rows" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")


def test_an_encoder_decoder_in_a_folder_is_tuned_kept_and_gone_on_from(reviews: Path, tmp_path: Path) -> None:
    folder = write_seq2seq_folder(tmp_path / "t5")
    given = ("epochs=1", "least_steps=4")
    options = FinetuneOptions("seq2seq", model=folder, n=24, settings=given)
    done = finetune(str(reviews), DataOptions(), options, output=tmp_path / "first")
    assert done.contender.name == "seq2seq t5"
    # The bundle holds whole weights: the folder that they came from is not needed any more.
    shutil.rmtree(folder)
    assert read_bundle(tmp_path / "first").self_contained
    further = FurtherOptions(tmp_path / "first", n=24)
    assert finetune_further(str(reviews), DataOptions(), further, output=tmp_path / "second").n == 24


@pytest.mark.parametrize(
    ("method", "model", "said"),
    [("seq2seq", None, "the catalogue has none"), ("full", "t5", "--encoder takes an encoder; .* 'seq2seq'")],
)
def test_a_family_that_does_not_fit_is_refused(
    method: str, model: str | None, said: str, reviews: Path, tmp_path: Path
) -> None:
    folder = write_seq2seq_folder(tmp_path / model) if model else None
    with pytest.raises(OptionError, match=said):
        finetune(str(reviews), DataOptions(), FinetuneOptions(method, model=folder), output=tmp_path / "bundle")


@pytest.mark.parametrize("merge", ["true", "false"])
def test_only_merged_adapters_make_a_bundle_that_needs_no_other_model(
    merge: str, reviews: Path, tmp_path: Path
) -> None:
    folder = write_decoder_folder(tmp_path / "llama")
    given = ("epochs=1", "least_steps=4", "rank=2", f"merge={merge}")
    options = FinetuneOptions("label-generator", model=folder, n=24, settings=given)
    finetune(str(reviews), DataOptions(), options, output=tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").self_contained == (merge == "true")
