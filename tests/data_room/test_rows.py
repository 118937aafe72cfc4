"""From files to clean labelled rows: columns, times, cleaning, folders, catalogue and hub."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from bakeoff.data import Rows, find_columns, fingerprint, read_rows, read_table
from bakeoff.data.times import sortable_times
from bakeoff.errors import DataError, MissingExtraError, OptionError

REVIEW = "This is the long text of review number {}, which says a thing or two."


def write(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def table(folder: Path, header: str, *rows: str):
    return read_table(write(folder, "rows.csv", "\n".join((header, *rows)) + "\n"))


def reviews(count: int, extra=lambda i: "") -> list[str]:
    return [f'"{REVIEW.format(i)}",{"good" if i % 2 else "bad"}{extra(i)}' for i in range(count)]


class TestFindColumns:
    def test_options_win_with_any_capitals_or_position(self, tmp_path):
        found = find_columns(table(tmp_path, "Title,Body,Mood", "a,b,c"), text=["title", "2"], label="MOOD")
        assert (found.text, found.label) == (("Title", "Body"), "Mood")
        assert found.how == "Text from 'Title' and 'Body' (as you said), label from 'Mood' (as you said)."

    def test_an_unknown_column_is_an_error_with_the_near_one(self, tmp_path):
        with pytest.raises(DataError) as caught:
            find_columns(table(tmp_path, "review,mood", "a,b"), text=["revew"])
        assert caught.value.message == (
            f"--text must name a column of {tmp_path / 'rows.csv'} ('review', 'mood'); got 'revew'."
        )
        assert caught.value.next_step == "Did you mean --text 'review'?"
        with pytest.raises(DataError, match=r"got '3'\. Give one of these with --label\."):
            find_columns(table(tmp_path, "review,mood", "a,b"), label="3")

    def test_names_are_known(self, tmp_path):
        found = find_columns(table(tmp_path, "id,Review,Sentiment", "1,x,good", "2,y,bad"))
        assert (found.text, found.label) == (("Review",), "Sentiment")
        assert found.how == "Text from 'Review' (its name), label from 'Sentiment' (its name)."

    def test_content_decides_where_names_do_not(self, tmp_path):
        rows = [f"{i},{row}" for i, row in enumerate(reviews(12))]
        found = find_columns(table(tmp_path, "key,what they said,verdict", *rows))
        assert (found.text, found.label) == (("what they said",), "verdict")
        assert found.how.endswith("label from 'verdict' (2 different values in 12 rows).")

    def test_columns_that_look_alike_are_an_error(self, tmp_path):
        rows = reviews(12, lambda i: f",{'x' if i < 6 else 'y'}")
        with pytest.raises(DataError, match=r"could be the label: 'verdict', 'side'\. Name one with --label\."):
            find_columns(table(tmp_path, "remark,verdict,side", *rows))
        rows = [f'"{REVIEW.format(i)}","{REVIEW.format(-i)}",{i % 2}' for i in range(12)]
        with pytest.raises(DataError, match=r"could be the text: 'title', 'body'\. Name one with --text, or join"):
            find_columns(table(tmp_path, "title,body,label", *rows))

    def test_a_file_without_header_is_told_apart(self, tmp_path):
        headless = table(tmp_path, *reviews(12))
        with pytest.raises(DataError) as caught:
            find_columns(headless)
        assert "looks like data, not like column names: 'This is the long text" in caught.value.message
        assert caught.value.next_step == (
            "Give --no-header and column numbers, such as --no-header --text 1 --label 2, or add a header."
        )
        found = find_columns(read_table(tmp_path / "rows.csv", header=False))
        assert (found.text, found.label) == (("1",), "2")

    def test_without_need_no_label_is_looked_for(self, tmp_path):
        rows = reviews(12, lambda i: f",{i % 3}")
        assert find_columns(table(tmp_path, "review,verdict,side", *rows), need_label=False).label is None


class TestReadRows:
    def test_cleaning_is_noted_with_row_numbers(self, tmp_path):
        path = write(tmp_path, "a.csv", 'text,label\na, good \n"  ",bad\nc,\nd,bad\ne,Good\n')
        source = read_rows(path)
        rows = dict(source.splits)["all"]
        assert (rows.texts, rows.labels, rows.row_numbers) == (("a", "d", "e"), ("good", "bad", "Good"), (2, 5, 6))
        assert [(note.name, note.status, note.detail) for note in source.notes] == [
            ("empty", "WARN", f"1 row of {path} without a text dropped (row 3)."),
            ("empty", "WARN", f"1 row of {path} without a label kept apart (row 4)."),
            ("label case", "WARN", "Labels that differ by capitals alone are kept apart: Good / good."),
        ]

    def test_several_text_columns_are_joined_by_a_line_break(self, tmp_path):
        path = write(tmp_path, "a.csv", "title,body,label\nHi,there,x\n,alone,y\n")
        assert dict(read_rows(path, text=["title", "body"]).splits)["all"].texts == ("Hi\nthere", "alone")

    def test_one_class_and_no_label_are_errors(self, tmp_path):
        path = write(tmp_path, "a.csv", "text,label\na,x\nb,x\n")
        with pytest.raises(DataError) as caught:
            read_rows(path)
        assert caught.value.message == f"At least two different labels are needed in {path}; all rows have 'x'."
        path = write(tmp_path, "b.csv", "text,key\nfirst one,1\nthe second,2\nand a third,3\n")
        with pytest.raises(DataError) as caught:
            read_rows(path)
        assert caught.value.message == (
            f"No column of {path} looks like a label beside the text 'text'; there are 'text', 'key'."
        )
        with pytest.raises(DataError, match="has no row with both a text and a label"):
            read_rows(write(tmp_path, "c.csv", "text,label\na,\n,x\n"))
        with pytest.raises(DataError, match="must be different columns"):
            read_rows(write(tmp_path, "d.csv", "text,label\na,x\n"), text=["label"], label="label")

    def test_lists_and_pairs_are_refused(self, tmp_path):
        path = write(tmp_path, "a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b", "label": ["x", "y"]}\n')
        with pytest.raises(DataError, match=r"Row 2 of .* has a list in 'label'; one label a row is needed"):
            read_rows(path, kind="classification")
        path = write(tmp_path, "b.csv", "text,text_pair,label\na,b,x\nc,d,y\n")
        with pytest.raises(DataError, match="--text text --text text_pair, or name one"):
            read_rows(path, kind="classification")
        assert len(read_rows(path, text=["text", "text_pair"])) == 2

    def test_rare_labels_are_dropped_or_merged(self, tmp_path):
        path = write(tmp_path, "a.csv", "text,label\na,x\nb,x\nc,y\nd,y\ne,z\nf,w\n")
        dropped = read_rows(path, min_label_rows=2)
        assert dropped.labels == ("x", "y")
        assert dropped.notes[0].detail == "2 labels with fewer than 2 rows dropped, 2 rows in all: w, z."
        assert read_rows(path, min_label_rows=2, rare="merge").labels == ("other", "x", "y")
        with pytest.raises(DataError, match="no rows are left"):
            read_rows(path, min_label_rows=9)
        with pytest.raises(OptionError, match="got 0 and 'drop'"):
            read_rows(path, min_label_rows=0)

    def test_rows_without_a_group_are_groups_of_their_own(self, tmp_path):
        path = write(tmp_path, "a.csv", "text,label,who\na,x,ann\nb,y,\nc,x,ann\nd,y,\n")
        source = read_rows(path, group="who")
        groups = dict(source.splits)["all"].groups
        assert groups[0] == groups[2]
        assert len(set(groups)) == 3
        assert "2 rows without a group (rows 3, 5)" in source.notes[0].detail

    def test_folders_keep_their_splits_and_formats(self, tmp_path):
        folder = tmp_path / "set"
        write(folder, "train.csv", "text,label\na,x\nb,y\n")
        write(folder, "dev.jsonl", '{"label": "x", "text": "c"}\n')
        write(folder, "test.tsv", "label\ttext\ny\td\n")
        write(folder, "README.md", "x")
        source = read_rows(folder)
        assert {name: rows.texts for name, rows in source.splits} == {
            "train": ("a", "b"),
            "validation": ("c",),
            "test": ("d",),
        }
        write(folder, "valid.csv", "text,label\na,x\n")
        with pytest.raises(DataError, match=r"must have one file of validation rows; it has dev\.jsonl, valid\.csv"):
            read_rows(folder)

    def test_folders_that_are_no_data_set(self, tmp_path):
        folder = tmp_path / "set"
        write(folder, "a.csv", "text,label\na,x\nb,y\n")
        assert read_rows(folder).splits[0][0] == "all"
        write(folder, "b.csv", "text,label\na,x\nb,y\n")
        with pytest.raises(DataError, match=r"must have a train file .* has a.csv, b.csv\. "):
            read_rows(folder)
        write(folder, "train.csv", "text,label\na,x\nb,y\n")
        write(folder, "test.csv", "text,mood\na,x\nb,y\n")
        with pytest.raises(DataError, match="it has no 'label'"):
            read_rows(folder)

    def test_an_unknown_name_is_told_the_known_ones(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DataError) as caught:
            read_rows("amazon-review")
        assert str(caught.value) == "There is no file or folder amazon-review. Did you mean amazon-reviews?"

    def test_the_catalogue_is_read_by_name(self, catalogue_cache, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        source = read_rows("amazon-reviews", group="review")
        assert (len(source), source.labels) == (2935, ("negative", "positive"))
        assert source.columns.text == ("text",)

    def test_hub_names_need_their_form_and_extra(self):
        with pytest.raises(OptionError, match="got 'hf:name'"):
            read_rows("hf:name")
        if importlib.util.find_spec("datasets") is None:
            with pytest.raises(MissingExtraError, match=r"pip install 'bakeoff\[hub\]'"):
                read_rows("hf:owner/name")

    def test_the_open_sets_are_read(self, test_data):
        source = read_rows(test_data / "banking77")
        assert [len(rows) for _, rows in source.splits] == [4000, 1000, 2000]
        assert len(source.labels) == 77


class TestTimes:
    @pytest.mark.parametrize(
        ("values", "turned"),
        [
            (["2024-01-31", "2024-02-01T10:00"], ("2024-01-31", "2024-02-01T10:00:00")),
            (["2024-01-31T12:00+02:00", "2024-01-31T10:30Z"], ("2024-01-31T10:00:00", "2024-01-31T10:30:00")),
            (["2024/1/31", "2023.12.1 10:00"], ("2024-01-31", "2023-12-01T10:00:00")),
            (["31/01/2024", "02/03/2024"], ("2024-01-31", "2024-03-02")),
            (["01/31/2024", "02/03/2024 9:05"], ("2024-01-31", "2024-02-03T09:05:00")),
            (["1.2.2024", "3.1.2024"], ("2024-02-01", "2024-01-03")),
            (["20240131", "20231201"], ("2024-01-31", "2023-12-01")),
            (["1706659200", "1706659201"], ("2024-01-31T00:00:00", "2024-01-31T00:00:01")),
            (["1706659200000", "1706659201500"], ("2024-01-31T00:00:00", "2024-01-31T00:00:01.500000")),
            (["9", "10.5", "100"], ("009", "010.5", "100")),
            (["2021", "1999"], ("2021", "1999")),
        ],
    )
    def test_all_forms_become_sortable(self, values, turned):
        assert sortable_times(values, [""] * len(values)) == turned

    def test_what_is_no_time_is_an_error_with_its_row(self, tmp_path):
        path = write(tmp_path, "a.csv", "text,label,day\na,x,2024-01-31\nb,y,soon\n")
        with pytest.raises(DataError) as caught:
            read_rows(path, time="day")
        assert caught.value.message == f"A time is needed in row 3 of {path}, in the form of the others; got 'soon'."

    def test_day_and_month_must_be_told_apart(self):
        with pytest.raises(DataError, match="do not say which number is the month"):
            sortable_times(["01/02/2024", "03/04/2024"], ["row 2", "row 3"])
        with pytest.raises(DataError, match="row 2 has '13/01/2024' and row 3 has '01/13/2024'"):
            sortable_times(["13/01/2024", "01/13/2024"], ["row 2", "row 3"])
        with pytest.raises(DataError, match="row 3, in the form of the others; got '31/02/2024'"):
            sortable_times(["13/01/2024", "31/02/2024"], ["row 2", "row 3"])


class TestIds:
    def test_ids_depend_on_text_and_occurrence_alone(self):
        one = Rows.of(["a", "b", "a"], ["x", "y", "x"])
        other = Rows.of(["b", "a", "a"], ["y", "y", "y"], source="elsewhere")
        assert one.ids == (other.ids[1], other.ids[0], other.ids[2])
        assert len(set(one.ids)) == 3
        assert all(len(row_id) == 16 for row_id in one.ids)

    def test_take_keeps_every_field_in_step(self):
        rows = Rows.of(["a", "b", "c"], ["x", "y", "z"], groups=["1", "2", "3"], times=["7", "8", "9"])
        taken = rows.take([2, 0])
        assert (taken.texts, taken.labels, taken.groups, taken.times) == (
            ("c", "a"),
            ("z", "x"),
            ("3", "1"),
            ("9", "7"),
        )
        assert (taken.ids, taken.row_numbers) == ((rows.ids[2], rows.ids[0]), (3, 1))
        with pytest.raises(ValueError, match="one length"):
            Rows.of(["a"], ["x", "y"])

    def test_test_ids_stay_when_train_grows(self, tmp_path):
        for name, train in (("one", "a,x\nb,y\n"), ("two", "c,x\na,x\nb,y\na,x\n")):
            write(tmp_path / name, "train.csv", f"text,label\n{train}")
            write(tmp_path / name, "test.csv", "text,label\na,x\nd,y\n")
        one, two = (read_rows(tmp_path / name).split("test") for name in ("one", "two"))
        assert one.ids == two.ids

    def test_fingerprint_ignores_order_and_nothing_else(self):
        rows = Rows.of(list("abcd"), list("xyxy"))
        parts = {"train": rows.take([0, 1]), "test": rows.take([2, 3])}
        print_ = fingerprint(parts, ["x", "y"])
        order = list(range(2))
        random.Random(0).shuffle(order)
        shuffled = {"test": parts["test"].take(order), "train": parts["train"].take([1, 0])}
        assert fingerprint(shuffled, ["y", "x"]) == print_
        assert len(print_) == 64
        changed = [
            fingerprint({"train": parts["test"], "test": parts["train"]}, ["x", "y"]),
            fingerprint(parts, ["x", "y", "z"]),
            fingerprint({**parts, "test": Rows.of(["c", "d"], ["y", "y"])}, ["x", "y"]),
            fingerprint({**parts, "test": rows.take([2])}, ["x", "y"]),
        ]
        assert len({print_, *changed}) == 5
