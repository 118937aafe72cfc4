"""The named checks, today's predictions and label definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data import (
    Check,
    Columns,
    LabelDefinition,
    Rows,
    Source,
    check_rows,
    match_definitions,
    read_label_definitions,
    read_predictions,
    read_rows,
    safe_cell,
)
from bakeoff.errors import DataError

COLUMNS = Columns(("text",), None, "label", None, None, "")
NAMES = (
    "size",
    "encoding",
    "empty",
    "duplicates",
    "near-duplicates",
    "conflicting labels",
    "leaks between splits",
    "rare classes",
    "class balance",
    "long texts",
    "label names",
    "constant or id-like text",
)


def texts(count: int, start: int = 0) -> list[str]:
    return [
        f"{word} {i} {word[::-1]} tells of {i * i}" for i in range(start, start + count) for word in [f"w{i**3:x}q"]
    ]


def checks(rows: Rows, **splits: Rows) -> dict[str, Check]:
    parts = (("train", rows), *splits.items()) if splits else (("all", rows),)
    return {check.name: check for check in check_rows(Source("rows", parts, COLUMNS))}


class TestChecks:
    def test_sound_rows_pass_every_check_by_name(self):
        found = checks(Rows.of(texts(240), ["good", "bad"] * 120))
        assert tuple(found) == NAMES
        assert {check.status for check in found.values()} == {"PASS"}

    def test_uneven_labels_are_scored_by_macro_f1(self):
        found = checks(Rows.of(texts(240), ["good"] * 200 + ["bad"] * 40))["class balance"]
        assert found.status == "WARN"
        assert "has 5.0 times the rows of the smallest, bad: the metric is macro-F1 unless" in found.detail

    def test_of_labels_with_as_many_rows_the_first_by_name_is_told(self):
        given = texts(240)
        for labels in (["good", "bad", "fair"], ["fair", "good", "bad"]):
            assert "largest label, bad, " in checks(Rows.of(given, labels * 80))["class balance"].detail

    def test_each_fault_is_found_with_its_rows(self):
        given = texts(40)
        given[3] = "cafÃ© au lait, and \ufffd"
        given[10] = given[5].upper()
        given[12] = given[7] + " and so it goes on for ever and ever until the end of it"
        given[13] = given[7] + " and so it goes on for ever and ever until the end of it!"
        given[20] = given[21]
        given[30] = "word " * 401
        labels = ["good", "bad"] * 20
        labels[10] = labels[5]
        labels[39] = "1"
        found = checks(Rows.of(given, labels))
        assert found["size"].status == "WARN"
        assert "1 text with signs of a wrong encoding, such as 'Ã©' (row 4)" in found["encoding"].detail
        assert found["duplicates"].detail == "1 row with the text and label of an earlier one (row 11): kept once."
        assert "(rows 13, 14)" in found["near-duplicates"].detail
        assert found["conflicting labels"].detail.startswith(
            "2 rows share a text and differ in the label (rows 21, 22)"
        )
        assert "1 of 3 labels have fewer than 8 rows: 1 (1)." in found["rare classes"].detail
        # The label that is seen once does not unbalance the rest.
        assert "bad, has 1.1 times the rows of the smallest, good" in found["class balance"].detail
        assert found["long texts"].detail.startswith("1 text of over 400 words (row 31), the longest 401")
        assert found["label names"].detail == (
            "Labels such as 1 tell a prompt nothing: say what they mean with --labels FILE."
        )

    def test_one_word_more_is_nearly_the_same_and_must_not_have_another_label(self):
        given = texts(40)
        given[7], given[30] = "the router does not turn on", "The router does not turn on again."
        found = checks(Rows.of(given, ["hardware", "billing"] * 20))["near-duplicates"]
        assert (found.status, "2 rows in 1 group nearly the same, 75% alike or more (rows 8, 31)" in found.detail) == (
            "WARN",
            True,
        )
        assert "1 group of them with more than one label (rows 8, 31)" in found.detail
        agreed = checks(Rows.of(given, ["hardware" if i in (7, 30) else "billing" for i in range(40)]))
        assert "more than one label" not in agreed["near-duplicates"].detail

    def test_what_makes_a_study_meaningless_fails(self):
        assert checks(Rows.of(texts(19), ["a word", "b word"] * 9 + ["a word"]))["size"].status == "FAIL"
        assert checks(Rows.of(texts(30), [f"label of {i}" for i in range(30)]))["rare classes"].status == "FAIL"
        assert checks(Rows.of(texts(30), [str(i / 7) for i in range(30)]))["label names"].status == "FAIL"
        assert checks(Rows.of(["same"] * 30, ["x", "y"] * 15))["constant or id-like text"].status == "FAIL"
        assert (
            checks(Rows.of([f"A-{i}" for i in range(30)], ["x", "y"] * 15))["constant or id-like text"].status == "FAIL"
        )

    def test_leaks_name_the_test_rows(self):
        train, test = texts(40), texts(20, start=100)
        test[2] = train[0] + "!"
        found = checks(Rows.of(train, ["x", "y"] * 20), test=Rows.of(test, ["x", "y"] * 10))
        assert found["leaks between splits"].status == "WARN"
        assert found["leaks between splits"].detail.startswith("1 of 20 test rows are the same")
        assert "(row test:3)" in found["leaks between splits"].detail
        found = checks(Rows.of(train, ["x", "y"] * 20), test=Rows.of(train[:20], ["x", "y"] * 10))
        assert found["leaks between splits"].status == "FAIL"

    def test_notes_of_reading_are_told_once(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("text,label\none,Good\n,bad\nthree,good\nshort\nfive,bad\n")
        found = check_rows(read_rows(path))
        assert [check.name for check in found] == ["row width", "label case", *NAMES]
        assert {check.name: check.detail for check in found}["empty"] == (
            f"1 row of {path} without a text dropped (row 3). 1 row of {path} without a label kept apart (row 5)."
        )


class TestPredictions:
    ROWS = Rows.of(
        ["How fast?", "Who is it?", "Where?", "Why?"], ["number", "human", "place", "reason"], source="d.csv"
    )
    LABELS = ("human", "number", "place", "reason")

    def read(self, folder: Path, content: str, **options):
        path = folder / "today.csv"
        path.write_text(content)
        return read_predictions(path, self.ROWS, self.LABELS, **options)

    def test_texts_with_the_apostrophe_of_a_safe_table_are_those_without(self, tmp_path):
        rows = Rows.of(["- good", "good", "=)"], ["a", "b", "a"])
        lines = [f"{safe_cell(text)},{label}" for text, label in zip(rows.texts, ("b", "a", "b"), strict=True)]
        (tmp_path / "today.csv").write_text("\n".join(["text,prediction", *reversed(lines)]))
        assert read_predictions(tmp_path / "today.csv", rows, ("a", "b")).values == ("b", "a", "b")

    def test_texts_match_exactly_then_loosely(self, tmp_path):
        found = self.read(
            tmp_path, "text,label,prediction\nhow FAST,x,number\nWho is it?,x,Human\nWhere?,x,place\nWhy?,x,a\n"
        )
        assert found.name == "today"
        assert found.values == ("number", "human", "place", None)
        assert found.matched == 4
        assert [check.detail for check in found.checks] == [
            "1 answer outside the label set ('a'): read as abstentions."
        ]

    def test_rows_without_an_answer_are_abstentions(self, tmp_path):
        found = self.read(tmp_path, "text,prediction\nWhere?,place\nelse,human\nWhere?,human\n")
        assert found.values == (None, None, "place", None)
        assert found.matched == 1
        assert [check.name for check in found.checks] == ["answers differ", "answers missing"]
        assert "3 of 4 rows have no answer (rows 1, 2, 4 of d.csv)." in found.checks[1].detail

    def test_ids_match_before_texts(self, tmp_path):
        lines = "".join(f"{row_id},{label}\n" for row_id, label in zip(self.ROWS.ids, self.ROWS.labels, strict=True))
        assert self.read(tmp_path, f"id,prediction\n{lines}").values == self.ROWS.labels

    def test_files_that_answer_nothing_are_errors(self, tmp_path):
        with pytest.raises(DataError) as caught:
            self.read(tmp_path, "text,prediction\nother,place\n")
        assert caught.value.message == (
            f"{tmp_path / 'today.csv'} must answer the 4 rows of d.csv; none of its 1 texts is among them."
        )
        with pytest.raises(
            DataError, match="must have a column of answers, such as 'prediction'; there are 'text', 'x'"
        ):
            self.read(tmp_path, "text,x\nWhy?,reason\n")
        assert self.read(tmp_path, "text,x\nWhy?,reason\n", prediction="x").values[3] == "reason"


class TestLabelDefinitions:
    def read(self, folder: Path, content: str, name: str = "labels.yaml"):
        path = folder / name
        path.write_text(content)
        return read_label_definitions(path)

    def test_yaml_and_json_say_the_same(self, tmp_path):
        yaml = "no: Not at all.\n1:\n  words: [one, first]\n  definition: The first.\n  examples: [a text]\nso_so:\n"
        json = (
            '{"no": "Not at all.", "1": {"words": ["one", "first"], "definition": "The first.", '
            '"examples": "a text"}, "so_so": null}'
        )
        expected = (
            LabelDefinition("no", ("no",), "Not at all."),
            LabelDefinition("1", ("one", "first"), "The first.", ("a text",)),
            LabelDefinition("so_so", ("so so",)),
        )
        assert self.read(tmp_path, yaml) == expected
        assert self.read(tmp_path, json, "labels.json") == expected

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("a: x\na: y\n", "{} must name each label once; 'a' comes twice."),
            ("- a\n- b\n", "{} must map each label to its meaning; it holds something else."),
            ("a: {word: x}\n", "must be a text, or have the fields words, definition and examples; got 'word'."),
            ("a: [x]\n", "The meaning of label 'a' in {} must be a text, or have the fields"),
            ("a: {words: [{b: c}]}\n", "The words of label 'a' in {} must be a text or a list of texts"),
            (
                "a: {words: yes}\nb: {words: Yes}\n",
                "Each word of {} must stand for one label; 'Yes' stands for 'a' and 'b'.",
            ),
            ("a: x\nb: [\n", "Row 3 of {} is not valid YAML"),
            ("", "{} must say what at least one label means; it is empty."),
        ],
    )
    def test_broken_files_are_errors(self, tmp_path, content, message):
        with pytest.raises(DataError) as caught:
            self.read(tmp_path, content)
        assert message.format(tmp_path / "labels.yaml") in caught.value.message

    def test_broken_json_and_missing_files(self, tmp_path):
        with pytest.raises(DataError, match=r"Row 2 of .* is not valid JSON"):
            self.read(tmp_path, '{"a": "x",\n b}', "labels.json")
        with pytest.raises(DataError, match="'a' comes twice"):
            self.read(tmp_path, '{"a": "x", "a": "y"}', "labels.json")
        with pytest.raises(DataError, match=r"Did you mean .*labels\.json"):
            read_label_definitions(tmp_path / "label.json")

    def test_definitions_follow_the_labels_of_the_data(self):
        given = (LabelDefinition("b", ("bee",), "Buzzes."),)
        assert match_definitions(given, ("a_b", "b")) == (LabelDefinition("a_b", ("a b",)), given[0])
        with pytest.raises(DataError) as caught:
            match_definitions((LabelDefinition("possitive", ("x",)),), ("negative", "positive"))
        assert str(caught.value) == (
            "A defined label must be one of the data's ('negative', 'positive'); got 'possitive'. "
            "Did you mean 'positive'?"
        )
