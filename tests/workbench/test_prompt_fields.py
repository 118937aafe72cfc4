"""A prompt as the fields of a form: what comes back is what went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data import Rows
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_digest
from bakeoff.methods.prompt.template import Demonstration, design_for
from bakeoff.tasks import classification_task
from bakeoff.workbench.prompt_fields import fields_of, prompt_of_fields, prompt_of_text, row_key
from bakeoff.workbench.prompt_lab import Lab

TASK = classification_task(
    name="mood", labels=("bad", "good"), metric="accuracy", other_words={"bad": ("poor",)}, words={"bad": "awful"}
)
ROWS = Rows.of([f"row number {n} of the\nsample" for n in range(12)], [TASK.labels[n % 2] for n in range(12)])


def _lab(*shown: Demonstration, calibration: str = "none") -> Lab:
    prompt = PromptFile(design_for(TASK, shown), calibration=calibration)
    return Lab(Path("prompt.yaml"), prompt, TASK, (12,), ROWS, 12, 0, ("smollm2-135m",), (), False, "rows.csv")


def _shown(place: int) -> Demonstration:
    return Demonstration(place, ROWS.texts[place], ROWS.labels[place])


def test_a_form_that_is_left_as_it_is_says_the_same() -> None:
    own = Demonstration(-1, "a text of one's own", "good")
    lab = _lab(_shown(5), own, _shown(2), calibration="contextual")
    fields = fields_of(lab.prompt)
    assert fields.words == ("awful | poor", "good")
    # A page sends its own rows in their order, wherever they stand in the prompt.
    sent = replace(fields, shown=(fields.shown[1], fields.shown[2], fields.shown[0]))
    assert prompt_digest(prompt_of_fields(lab, sent)) == prompt_digest(lab.prompt)
    assert prompt_digest(prompt_of_text(lab, lab.text)) == prompt_digest(lab.prompt)


def test_rows_are_shown_and_left_out() -> None:
    lab = _lab(_shown(5), _shown(2))
    fields = fields_of(lab.prompt)
    keys = [row_key(ROWS.texts[place], ROWS.labels[place]) for place in (0, 2)]
    made = prompt_of_fields(lab, replace(fields, shown=tuple(keys)))
    assert [each.row for each in made.design.demonstrations] == [2, 0]
    with pytest.raises(OptionError, match="is not among the rows"):
        prompt_of_fields(lab, replace(fields, shown=("0" * 16,)))
    every = tuple(row_key(text, label) for text, label in zip(ROWS.texts, ROWS.labels, strict=True))
    with pytest.raises(OptionError, match="At least 4 rows"):
        prompt_of_fields(lab, replace(fields, shown=every))


def test_a_stored_calibration_is_found_anew_once_a_form_was_sent() -> None:
    lab = _lab(calibration="contextual")
    lab = replace(lab, prompt=replace(lab.prompt, shift=(0.5, -0.5), scores={"accuracy": 0.9}))
    made = prompt_of_fields(lab, fields_of(lab.prompt))
    assert (made.shift, dict(made.scores)) == ((), {})


def test_labels_are_those_of_the_rows() -> None:
    lab = _lab()
    with pytest.raises(DataError, match="must be those of the rows"):
        prompt_of_text(lab, lab.text.replace("label: good", "label: fine"))
