"""An opened bundle answers tables in memory and gives them back as they came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from bakeoff.errors import DataError, OptionError
from bakeoff.methods.floors import TfidfLogistic
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, read_bundle, write_bundle
from bakeoff.testing import text_rows
from bakeoff.testing.rows import rows_of_kind, task_for_kind
from bakeoff.workbench.check import check
from bakeoff.workbench.open_bundle import OpenBundle, open_bundle
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.predict import predict

TEXTS, _ = text_rows(4, seed=9)


def _bundle(folder: Path, kind: str = "classification") -> Path:
    task = task_for_kind(kind)
    saved = folder / f"saved-{kind}"
    saved.mkdir()
    TfidfLogistic(task, seed=0).fit(*rows_of_kind(kind, 24)).save(saved)
    contender = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    facts = BundleFacts(contender, task, seed=0, rows=24, fingerprint="f" * 64, text_columns=("review",))
    return write_bundle(folder / f"bundle-{kind}", method_folder=saved, facts=facts, card="# A card\n")


@pytest.fixture
def opened(tmp_path: Path) -> OpenBundle:
    return open_bundle(_bundle(tmp_path))


def test_a_frame_comes_back_with_its_index_and_answers_like_those_of_the_file(
    opened: OpenBundle, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"review": [*TEXTS, None], "prediction": range(5)}, index=[7, 7, 2, 1, 0])
    done = opened.predict(frame, probabilities=True)
    assert isinstance(done, pd.DataFrame)
    assert done.index.tolist() == [7, 7, 2, 1, 0]
    assert list(done.columns)[:4] == ["review", "prediction_input", "prediction", "abstention"]
    assert done["prediction"].isna().tolist() == [False] * 4 + [True]
    assert done["abstention"].iloc[4] == "empty text"
    assert list(frame.columns) == ["review", "prediction"]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    predict(opened.bundle.folder, tmp_path / "rows.csv", tmp_path / "out.csv", probabilities=True)
    file = pd.read_csv(tmp_path / "out.csv")
    assert file["prediction"].tolist()[:4] == done["prediction"].tolist()[:4]
    assert file["probability_positive"].round(5).tolist()[:4] == done["probability_positive"].round(5).tolist()[:4]


def test_polars_comes_back_as_polars_and_texts_as_a_list(opened: OpenBundle) -> None:
    done = opened.predict(pl.DataFrame({"text": TEXTS}), text=("text",))
    assert isinstance(done, pl.DataFrame)
    assert done.columns == ["text", "prediction", "abstention"]
    assert done.schema["abstention"] == pl.String
    assert opened.predict(pl.DataFrame({"body": TEXTS}), text="body")["prediction"].equals(done["prediction"])
    assert opened.predict(TEXTS) == done["prediction"].to_list()
    assert opened.predict(pd.Series(TEXTS)) == done["prediction"].to_list()


@pytest.mark.filterwarnings("error")
def test_a_lazy_frame_is_read_once_and_without_a_warning(opened: OpenBundle) -> None:
    done = opened.predict(pl.DataFrame({"review": TEXTS}).lazy())
    assert done.lazy().collect()["prediction"].to_list() == opened.predict(TEXTS)


def test_answers_stand_beside_their_rows_where_a_lazy_frame_has_another_order_each_time(opened: OpenBundle) -> None:
    turns = iter((TEXTS, TEXTS[::-1]))
    lazy = pl.LazyFrame({"place": range(4)}).map_batches(
        lambda _: pl.DataFrame({"review": next(turns)}), schema={"review": pl.String}
    )
    done = opened.predict(lazy)
    assert done["prediction"].to_list() == opened.predict(done["review"].to_list())


def test_texts_are_read_as_those_of_a_table(opened: OpenBundle, tmp_path: Path) -> None:
    assert opened.predict([TEXTS[0], " ", None]) == [*opened.predict(TEXTS[:1]), None, None]
    assert opened.predict([]) == []
    assert opened.predict(pl.Series([TEXTS[0], None]).to_arrow()) == [*opened.predict(TEXTS[:1]), None]
    facts = replace(read_bundle(_bundle(tmp_path, "multi-label")).facts, text_pair="other")
    opened.bundle = replace(opened.bundle, facts=facts)
    with pytest.raises(DataError, match="learned from pairs, the second text in 'other'; list has text"):
        opened.predict(TEXTS)


def test_a_data_set_of_hugging_face_comes_back_as_one(opened: OpenBundle) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed: bakeoff[hub]")
    done = opened.predict(datasets.Dataset.from_dict({"review": TEXTS}))
    assert done.column_names == ["review", "prediction", "abstention"]
    assert list(done["prediction"]) == opened.predict(TEXTS)


def test_numbers_and_several_labels_keep_their_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"review": TEXTS})
    assert open_bundle(_bundle(tmp_path, "regression")).predict(frame).schema["prediction"] == pl.Float64
    several = open_bundle(_bundle(tmp_path, "multi-label")).predict(frame)
    assert several.schema["prediction"] == pl.List(pl.String)


def test_a_frame_without_the_column_is_refused(opened: OpenBundle) -> None:
    with pytest.raises(DataError, match="learned from the column 'review'; DataFrame has text"):
        opened.predict(pd.DataFrame({"text": TEXTS}))


def test_one_text_and_a_dictionary_are_refused(opened: OpenBundle) -> None:
    with pytest.raises(DataError, match="one text came"):
        opened.predict(TEXTS[0])
    with pytest.raises(DataError, match="a dict came, of which only the names"):
        opened.predict({"review": TEXTS})


def test_elements_without_a_text_are_abstentions_whatever_stands_for_it(opened: OpenBundle) -> None:
    pa = pytest.importorskip("pyarrow")

    missing = [None, float("nan"), pd.NA, pd.NaT, "", "  \n"]
    assert opened.predict([TEXTS[0], *missing])[1:] == [None] * len(missing)
    assert opened.predict(pd.Series([TEXTS[0], None], dtype="string")) == opened.predict(pa.array([TEXTS[0], None]))
    assert opened.predict(pa.array([TEXTS[0], None]))[1] is None


@pytest.mark.parametrize("row", [{"review": TEXTS[0]}, (TEXTS[0], TEXTS[1]), [TEXTS[0]]])
def test_rows_that_are_no_texts_are_not_answered_as_python_prints_them(opened: OpenBundle, row: object) -> None:
    with pytest.raises(DataError, match=f"element 1 is of type {type(row).__name__}"):
        opened.predict([TEXTS[0], row])


def test_a_folder_in_place_of_a_file_of_rows_is_refused(
    opened: OpenBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="The rows must be a file"):
        predict(opened.bundle.folder, Path())


def test_probabilities_that_are_not_honest_are_refused_at_a_later_call(
    opened: OpenBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TfidfLogistic, "honest_probabilities", False)
    assert len(opened.predict(TEXTS)) == 4
    with pytest.raises(OptionError, match="has no honest probabilities"):
        opened.predict(TEXTS, probabilities=True)


def test_verbs_take_a_frame() -> None:
    texts, labels = text_rows(48)
    found = check(pd.DataFrame({"review": texts, "mood": labels}), DataOptions(label="mood"))
    assert found.name == "DataFrame"
    assert sum(found.rows.values()) > 40
