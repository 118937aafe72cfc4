"""Versions of a prompt: what is kept is read, counted and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.decision import mcnemar_mid_p
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.workbench.prompt_diff import Piece, diff_prompts, part_changes
from bakeoff.workbench.prompt_history import (
    Tried,
    TriedRow,
    change_between,
    history_folder,
    keep,
    pick,
    read_history,
)

DESIGN = PromptDesign("Judge the old review.", ("neg", "pos"), ("bad", "good"), ("", ""))
PROMPT = PromptFile(DESIGN, calibration="contextual")


def tried(prompt: PromptFile, answers: str, when: str, model: str = "small") -> Tried:
    """Make a try of rows a, b, c, ... that are all good, from answers such as ``g b -``."""
    said = {"g": "pos", "b": "neg", "-": None}
    rows = tuple(TriedRow(chr(97 + at), f"text {at}", "pos", said[one]) for at, one in enumerate(answers))
    return Tried(prompt, "rows.csv", "f" * 64, 8, 0, model, model, "float32", "contextual", rows, 0.5, 20.0, 30.0, when)


def changed(**changes: object) -> PromptFile:
    return replace(PROMPT, design=replace(DESIGN, **changes))  # type: ignore[arg-type]


def test_versions_are_counted_by_what_they_say_and_every_try_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "p.history"
    assert read_history(folder) == ()
    other = changed(instruction="Judge it.")
    paths = [
        keep(folder, tried(PROMPT, "gbg", "2026-01-02T00:00")),
        keep(folder, tried(other, "ggg", "2026-01-03T00:00")),
        keep(folder, tried(replace(PROMPT, model="small"), "gbg", "2026-01-04T00:00", model="large")),
    ]
    assert len(set(paths)) == 3
    assert keep(folder, tried(other, "ggg", "2026-01-05T00:00")) == paths[1]
    history = read_history(folder)
    assert [(one.version, one.model, one.score) for one in history] == [
        (1, "small", 2 / 3),
        (1, "large", 2 / 3),
        (2, "small", 1.0),
    ]
    assert history[2].prompt == other
    assert json.loads(paths[1].read_text("utf-8"))["scores"]["accuracy"] == 1.0
    assert pick(history, 1, "p.yaml").model == "large"
    with pytest.raises(OptionError, match="the versions 1 to 2; 3 came"):
        pick(history, 3, "p.yaml")


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other", "schema_version": 1}', "{}"])
def test_a_broken_version_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=r"x\.json must be a version"):
        read_history(tmp_path)


def test_rows_gained_and_lost_on_what_both_answered() -> None:
    before, after = tried(PROMPT, "gbbb-g", "1"), tried(PROMPT, "bggg-gb", "2")
    change = change_between(before, after)
    assert change is not None
    assert [pair[1].id for pair in change.gained] == ["b", "c", "d"]
    assert [pair[0].id for pair in change.lost] == ["a"]
    assert (change.common, change.right_before, change.right_after) == (6, 2, 4)
    assert change.p == mcnemar_mid_p(1, 3) == pytest.approx(0.375)
    elsewhere = replace(after, rows=tuple(replace(row, id=f"other {row.id}") for row in after.rows))
    assert change_between(before, elsewhere) is None


def test_changed_words_are_told_part_by_part() -> None:
    assert part_changes(PROMPT, replace(PROMPT, model="x", scores={"accuracy": 1.0})) == ()
    (part,) = part_changes(PROMPT, changed(instruction="Judge the new review."))
    assert part.part == "instruction"
    assert part.pieces == (
        Piece("same", "Judge the "),
        Piece("gone", "old"),
        Piece("new", "new"),
        Piece("same", " review."),
    )
    shown = (Demonstration(0, "one", "pos"), Demonstration(1, "two", "neg"))
    new = changed(other_words=((), ("great",)), demonstrations=shown, definitions=("broken", ""))
    assert [part.part for part in part_changes(PROMPT, new)] == [
        "label neg",
        "label pos",
        "demonstrations",
        "  new",
        "  new",
    ]
    turned = replace(new, design=replace(new.design, demonstrations=shown[::-1]))
    (part,) = part_changes(new, turned)
    assert part.pieces[0].text == "the same 2 in another order"
    (part,) = part_changes(PROMPT, replace(PROMPT, calibration="none"))
    assert part.part == "calibration"


def test_files_and_versions_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    write_prompt_file(path, PROMPT)
    with pytest.raises(OptionError, match="No other version"):
        diff_prompts(str(path))
    folder = history_folder(path)
    keep(folder, tried(changed(cue="Mood"), "bbg", "1"))
    keep(folder, tried(PROMPT, "gbg", "2", model="large"))
    found = diff_prompts(str(path))
    assert (found.before, found.after) == (f"{path} version 1", f"{path}, version 2")
    assert [part.part for part in found.parts] == ["cue"]
    assert found.rows is None, "they were tried with different models"
    keep(folder, tried(PROMPT, "gbg", "3"))
    found = diff_prompts(f"{path}@1", f"{path}@2")
    assert found.rows is not None
    assert [pair[0].id for pair in found.rows.gained] == ["a"]
    with pytest.raises(OptionError, match="the versions 1 to 2; 5 came"):
        diff_prompts(f"{path}@5", str(path))
