"""The prompt file: what is written is read, and what does not belong is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import DataError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_digest, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, PromptDesign

ODD = (
    "yes",
    "- a: [b",
    "{{ x }}",
    "line\nline\r\n",
    "\u2028\x85\x1f",
    "naïve 你好 🙂",
    " 'quoted\" # no",
    "!!int 3",
    "",
)


def prompt(texts=ODD) -> PromptFile:
    shown = tuple(Demonstration(row, text, ("no", "yes")[row % 2]) for row, text in enumerate(texts))
    design = PromptDesign("Say.\nIt.", ("no", "yes"), ("no", "yes!"), ("", "a: b"), demonstrations=shown)
    return PromptFile(design, "label-scores", "batch", (0.1, -1 / 3), "smollm2-135m", "ab" * 32, {"accuracy": 0.8})


def test_round_trip(tmp_path):
    write_prompt_file(tmp_path / "p.yaml", prompt())
    assert read_prompt_file(tmp_path / "p.yaml") == prompt()


def test_version_1_is_still_read(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        """\
schema: bakeoff.prompt
version: 1
instruction: Judge the review.
template: {opening: '{{ instruction }}', row: '{{ text }} {{ cue }}:'}
labels: [{label: neg, words: bad, definition: ''}, {label: pos, words: good}]
calibration: {name: contextual, shift: [0.5, -0.5]}
""",
        "utf-8",
    )
    found = read_prompt_file(path)
    assert (found.design.words, found.design.other_words, found.shift) == (("bad", "good"), (), (0.5, -0.5))


def test_several_words_a_label_and_a_calibration_without_values(tmp_path):
    plain = prompt()
    several = replace(plain, shift=(), design=replace(plain.design, other_words=((), ("yep", "sure"))))
    write_prompt_file(tmp_path / "p.yaml", several)
    assert yaml.safe_load((tmp_path / "p.yaml").read_text("utf-8"))["labels"][1]["words"] == ["yes!", "yep", "sure"]
    assert read_prompt_file(tmp_path / "p.yaml") == several


def test_the_digest_names_what_is_said_alone(tmp_path):
    plain = prompt()
    assert prompt_digest(plain) == prompt_digest(replace(plain, model="other", model_sha256=None, scores={}))
    for changed in (replace(plain, calibration="contextual"), replace(plain, design=replace(plain.design, cue="X"))):
        assert prompt_digest(changed) != prompt_digest(plain)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20), max_size=3))
def test_any_text_round_trips(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("p") / "p.yaml"
    write_prompt_file(path, prompt(texts))
    assert read_prompt_file(path) == prompt(texts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"surprise": 1}, "wrong at 'surprise'"),
        ({"version": 4}, "version 1, 2, 3; 'bakeoff.prompt' 4 came"),
        ({"schema": "other"}, "'other' 2 came"),
        ({"instruction": 3}, "wrong at 'instruction'"),
        ({"labels": [{"label": True, "words": "yes"}, {"label": "b", "words": "b"}]}, r"wrong at 'labels\.0\.label'"),
        ({"labels": [{"label": "a", "words": "x"}, {"label": "b", "words": "x"}]}, "'x' comes twice"),
        ({"labels": [{"label": "a", "words": ["x", "y"]}, {"label": "b", "words": ["z", "y"]}]}, "'y' comes twice"),
        ({"labels": [{"label": "a", "words": []}, {"label": "b", "words": "b"}]}, r"wrong at 'labels\.0\.words"),
        ({"demonstrations": [{"text": "t", "label": "maybe"}]}, "'maybe'"),
        ({"calibration": {"name": "batch", "shift": [1.0]}}, "1 came for 2"),
        ({"calibration": {"name": "batch", "shift": [1.0, float("nan")]}}, "calibration.shift"),
    ],
)
def test_what_does_not_belong_is_refused(tmp_path, change, reason):
    path = tmp_path / "p.yaml"
    write_prompt_file(path, prompt(()))
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(DataError, match=reason):
        read_prompt_file(path)


@pytest.mark.parametrize("content", [b"a: [", b"- 1", b"", b"\xff\xfe\x00", b"!!python/object/apply:os.getcwd []"])
def test_no_prompt_file_at_all(tmp_path, content):
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_prompt_file(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_prompt_file(tmp_path / "none.yaml")
