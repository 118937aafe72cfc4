"""Rows of every kind of task are told by their columns, and written the one way that all rooms read."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import (
    check_rows,
    join_fields,
    label_names,
    labels_of,
    nested_order,
    read_rows,
    split_fields,
    split_rows,
    strata_of,
    write_labels,
    write_tags,
)
from bakeoff.errors import DataError, OptionError
from bakeoff.tasks import default_metric


def write(folder, name, content):
    path = folder / name
    path.write_text(content if isinstance(content, str) else "\n".join(map(json.dumps, content)), encoding="utf-8")
    return path


def the_rows(source):
    return dict(source.splits)["all"]


def test_lists_of_labels_are_several_labels(tmp_path):
    rows = [{"text": "a b", "label": ["y", "x"]}, {"text": "c d", "label": []}, {"text": "e f", "label": "z"}]
    source = read_rows(write(tmp_path, "a.jsonl", rows))
    assert source.kind == "multi-label"
    assert the_rows(source).labels == ('["x", "y"]', "[]", '["z"]')
    assert source.labels == ("x", "y", "z")
    assert the_rows(source).label_counts == Counter(x=1, y=1, z=1)


def test_a_cell_of_text_holds_several_labels_by_its_divider(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\nred one,"x; y"\nblue,z\ngreen,\n"no, none",[]\n')
    source = read_rows(path, kind="multi-label")
    # A comma inside a text, and a label alone, are no reason to divide by commas.
    assert the_rows(source).labels == ('["x", "y"]', '["z"]', "[]")
    assert source.notes[0].detail.startswith("1 row of")
    assert read_rows(path).kind == "classification"


def test_many_numbers_with_fractions_are_a_scale_and_few_are_classes(tmp_path):
    many = write(tmp_path, "a.csv", "text,score\n" + "".join(f"text {i},{i / 4}\n" for i in range(40)))
    source = read_rows(many, label="score")
    assert source.kind == "regression"
    assert source.labels == ()
    assert the_rows(source).labels[1] == "0.25"
    checks = {check.name: check for check in check_rows(source)}
    assert checks["label range"].detail == "The labels are numbers from 0 to 9.75, the middle one 5."
    assert "rare classes" not in checks
    few = write(tmp_path, "b.csv", "text,score\n" + "".join(f"text {i},{i % 5}\n" for i in range(40)))
    assert read_rows(few, label="score").kind == "classification"
    assert read_rows(few, label="score", kind="regression").kind == "regression"


def test_a_label_that_is_no_number_is_named_with_its_row(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\na,1.5\nb,high\nc,nan\n")
    with pytest.raises(DataError, match=r"Every label must be a finite number; rows 3, 4 of .* such as 'high'"):
        read_rows(path, kind="regression")


def test_pairs_are_told_by_the_second_text(tmp_path):
    path = write(tmp_path, "a.csv", "text,text_pair,other,label\na b,c d,e,x\nf,g,h,y\ni,,j,x\n")
    source = read_rows(path)
    assert source.kind == "pair"
    assert [split_fields(text) for text in the_rows(source).texts] == [("a b", "c d"), ("f", "g")]
    assert "second text from 'text_pair'" in source.columns.how
    named = read_rows(path, text=["text"], text_pair="other", kind="pair")
    assert split_fields(the_rows(named).texts[0]) == ("a b", "e")
    with pytest.raises(OptionError, match="A pair needs a second text"):
        read_rows(write(tmp_path, "b.csv", "text,label\na,x\nb,y\n"), kind="pair")


def test_tokens_and_tags_are_lists_of_one_length(tmp_path):
    rows = [
        {"tokens": ["Ann", "Lee", "sings"], "tags": ["B-PER", "E-PER", "O"]},
        {"tokens": ["in", "Rome"], "tags": ["O", "S-LOC"]},
    ]
    source = read_rows(write(tmp_path, "a.jsonl", rows))
    assert source.kind == "tagging"
    # Ends and single words of other schemes are insides and beginnings here.
    assert the_rows(source).labels == ("B-PER I-PER O", "O B-LOC")
    assert source.labels == ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
    spaced = write(tmp_path, "b.csv", "tokens,tags\nAnn Lee sings,B-PER I-PER O\nin Rome,O B-LOC\n")
    assert the_rows(read_rows(spaced, kind="tagging")).texts == the_rows(source).texts
    rows[1]["tags"] = ["O"]
    with pytest.raises(DataError, match=r"row 2 of .* another number of tags than tokens"):
        read_rows(write(tmp_path, "c.jsonl", rows))


def test_tags_without_types_are_labels_of_their_own(tmp_path):
    rows = [{"tokens": ["a", "dog"], "tags": ["DET", "NOUN"]}, {"tokens": ["it", "barks"], "tags": ["PRON", "VERB"]}]
    source = read_rows(write(tmp_path, "a.jsonl", rows * 12))
    assert source.labels == ("DET", "NOUN", "PRON", "VERB")
    assert default_metric("tagging", the_rows(source).labels) == "token-accuracy"
    assert "label range" not in {check.name for check in check_rows(source)}


def test_tokens_beside_a_text_and_a_label_do_not_make_tags(tmp_path):
    rows = [{"text": f"good {i}", "tokens": ["good", str(i)], "label": "pos" if i % 2 else "neg"} for i in range(4)]
    source = read_rows(write(tmp_path, "a.jsonl", rows))
    assert (source.kind, source.labels) == ("classification", ("neg", "pos"))


def test_several_labels_are_divided_alike_in_all_files_of_a_folder(tmp_path):
    write(tmp_path, "train.csv", 'text,label\na,"Food, drink;Travel"\nb,Travel\n')
    write(tmp_path, "test.csv", 'text,label\nc,"Food, drink"\nd,Travel\n')
    assert read_rows(tmp_path, kind="multi-label").labels == ("Food, drink", "Travel")
    odd = read_rows(write(tmp_path, "b.csv", "text,label\na,[urgent];bug\nb,bug\n"), kind="multi-label")
    assert odd.labels == ("[urgent]", "bug")


def test_a_separator_inside_a_text_is_a_blank_and_pairs_are_not_told_alike(tmp_path):
    source = read_rows(write(tmp_path, "a.csv", "text,label\na\x1fb,x\nc,y\n"))
    assert the_rows(source).texts[0] == "a b"
    pairs = "text,text_pair,label\na b,c,x\na,b c,x\nd,e,y\n"
    checks = {check.name: check for check in check_rows(read_rows(write(tmp_path, "b.csv", pairs)))}
    assert checks["duplicates"].status == "PASS"


def test_rare_labels_are_dropped_only_where_labels_stand_alone(tmp_path):
    path = write(tmp_path, "a.jsonl", [{"text": "a", "label": ["x"]}, {"text": "b", "label": ["y"]}])
    with pytest.raises(OptionError, match="--min-label-rows counts"):
        read_rows(path, min_label_rows=2)
    with pytest.raises(OptionError, match="one of auto, classification, multi-label"):
        read_rows(path, kind="poem")


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_fields_come_back_as_they_were_but_for_the_separator(fields):
    assert split_fields(join_fields(fields)) == tuple(field.replace("\x1f", " ") for field in fields)


@given(st.lists(st.text(max_size=6), max_size=5))
def test_written_labels_are_equal_where_the_sets_are(labels):
    assert write_labels(labels) == write_labels(reversed(labels))
    assert set(labels_of("multi-label", write_labels(labels))) == set(labels)


def test_strata_are_the_rarest_label_the_rarest_type_and_tenths_of_numbers():
    sets = [write_labels(labels) for labels in (["x"], ["x", "y"], ["x"], [])]
    assert strata_of("multi-label", sets) == ("x", "y", "x", "")
    tags = [write_tags(tags.split()) for tags in ("B-A O", "O O", "B-A B-B", "B-A I-A")]
    assert strata_of("tagging", tags) == ("A", "O", "B", "A")
    numbers = strata_of("regression", [str(value) for value in range(100)])
    assert Counter(numbers) == {str(tenth): 10 for tenth in range(10)}
    assert label_names("regression", ["1.0"]) == ()


def test_every_prefix_of_numbers_covers_the_scale():
    values = [str(value / 10) for value in range(200)]
    first = [float(values[row]) for row in nested_order(strata_of("regression", values), 3)[:20]]
    assert min(first) < 3
    assert max(first) > 17


@pytest.mark.parametrize("name", ["goemotions", "tweets_valence", "sick", "wikigold_ner"])
def test_real_rows_of_every_kind_are_read_and_split(name, test_data):
    kinds = {"goemotions": "multi-label", "tweets_valence": "regression", "sick": "pair", "wikigold_ner": "tagging"}
    source = read_rows(test_data / name)
    assert source.kind == kinds[name]
    split = split_rows(source, seed=0)
    assert len(split.train) > 1000
    assert all(check.status != "FAIL" for check in check_rows(source))
