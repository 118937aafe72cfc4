"""A prompt as the fields of a form: what comes back is what went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data import Rows
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_digest
from bakeoff.methods.prompt.template import Demonstration, design_for
from bakeoff.report.figures import visible_text
from bakeoff.tasks import classification_task
from bakeoff.workbench.prompt_fields import PromptFields, fields_of, prompt_of_fields, prompt_of_text, row_key
from bakeoff.workbench.prompt_history import Tried, TriedRow
from bakeoff.workbench.prompt_lab import Lab, run_of

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
    assert fields.words == ("awful\npoor", "good")
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


_TEXT = st.text(st.sampled_from("ab |:\n\r\t \u200b\u2028\u202e\u00ad\u00e9'\"#{}"), max_size=12)
_WORD = _TEXT.filter(lambda word: bool(word.strip()))


def _as_a_browser_sends(text: str) -> str:
    """Give a text as a page shows it in a form, and a browser sends it; line ends as the app then reads them."""
    return visible_text(text).replace("\r\n", "\n").replace("\r", "\n")


def _sent(fields: PromptFields) -> PromptFields:
    names = ("instruction", "cue", "opening", "row")
    changed = {name: _as_a_browser_sends(getattr(fields, name)) for name in names}
    lists = {name: tuple(map(_as_a_browser_sends, getattr(fields, name))) for name in ("words", "definitions")}
    return replace(fields, **changed, **lists)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.tuples(_TEXT, _TEXT, _TEXT, _TEXT),
    words=st.lists(_WORD, min_size=4, max_size=4, unique_by=lambda word: " ".join(word.split()).casefold()),
    twice=st.booleans(),
)
def test_whatever_a_prompt_holds_a_form_that_is_left_changes_nothing(
    texts: tuple[str, str, str, str], words: list[str], twice: bool
) -> None:
    instruction, cue, first, second = texts
    lab = _lab(_shown(5), *([_shown(5)] if twice else []))
    design = replace(
        lab.prompt.design, instruction=instruction, cue=cue, definitions=(first, second), words=(words[0], words[1]),
        other_words=((words[2],), (words[3],)), opening=f"{{{{ instruction }}}}\r\n{first}".replace("{}", ""),
    )  # fmt: skip
    try:
        kept = prompt_of_text(lab, replace(lab, prompt=replace(lab.prompt, design=design)).text)
    except (DataError, OptionError):
        return  # no prompt that there could be
    lab = replace(lab, prompt=kept)
    assert prompt_digest(prompt_of_fields(lab, _sent(fields_of(kept)))) == prompt_digest(kept)
    assert prompt_digest(prompt_of_text(lab, _as_a_browser_sends(lab.text))) == prompt_digest(kept)


def test_a_field_that_is_edited_leaves_the_others() -> None:
    lab = _lab()
    design = replace(
        lab.prompt.design,
        cue="On a scale,\nthe mood",
        words=("a|b", "good \u200b"),
        other_words=(("poor",), ()),
        definitions=("two\nlines", ""),
    )
    lab = replace(lab, prompt=replace(lab.prompt, design=design))
    fields = _sent(fields_of(lab.prompt))
    assert fields.words == ("a|b\npoor", "good \\u200b")
    made = prompt_of_fields(lab, replace(fields, instruction="Another one.", words=("a|b\n\n mean ", fields.words[1])))
    assert made.design == replace(design, instruction="Another one.", other_words=(("mean",), ()))


def _tried(lab: Lab, version: int, answers: list[str], **changes: object) -> Tried:
    rows = zip(lab.rows.ids, lab.rows.texts, lab.rows.labels, answers, strict=False)
    values: dict[str, object] = {"prompt": lab.prompt, "model": lab.models[0]}
    more = {"source": "rows.csv", "fingerprint": "f", "n": 12, "seed": 0, "model_sha256": "a", "dtype": "float32"}
    more |= {"calibration": "none", "label_mass": None, "rows_per_second": 1.0, "tokens_per_row": 9.0, "when": "2026"}
    kept = tuple(TriedRow(*row) for row in rows)
    return Tried(**(values | more | changes), rows=kept, version=version)  # type: ignore[arg-type]


def test_answers_are_those_of_the_last_try_of_the_version_that_is_shown() -> None:
    lab = replace(_lab(), models=("one", "two"))
    assert (lab.last_try, lab.model) == (None, "one")
    other = replace(lab.prompt, design=replace(lab.prompt.design, instruction="Another one."))
    first, again = _tried(lab, 1, ["bad"] * 12), _tried(lab, 1, ["good"] * 3, model="two")
    lab = replace(lab, history=(first, again, _tried(lab, 2, ["bad"] * 12, prompt=other)))
    assert lab.last_try is again
    assert lab.model == "one"  # of the last try
    assert replace(lab, prompt=other).last_try is lab.history[-1]
    assert replace(lab, prompt=replace(lab.prompt, model="two")).model == "two"
    assert replace(lab, prompt=replace(lab.prompt, calibration="batch")).last_try is None


def test_a_whole_file_is_asked_of_the_model_that_it_names() -> None:
    lab = replace(_lab(), models=("one", "two", "three"))
    for named, whole, asked in (("two", True, "two"), ("two", False, "three"), ("other", True, "three")):
        run = run_of(Path("study"), lab, replace(lab.prompt, model=named), model="three", whole=whole)
        assert run.options.model == asked, (named, whole)
    assert run_of(Path("study"), lab, lab.prompt, whole=True).options.model == "one"
