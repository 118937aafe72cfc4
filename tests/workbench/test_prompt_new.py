"""Prompt files drafted from rows, and from a sentence alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data import nested_order
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.prompt_file import read_prompt_file
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.prompt_new import DraftOptions, draft_prompt
from bakeoff.workbench.rows import divide, read_source


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    lines = [f"review {place} says {'fine' if place % 2 else 'awful'} things,{place % 2}" for place in range(300)]
    path = tmp_path / "rows.csv"
    path.write_text("text,quality\n" + "\n".join(line.replace(",1", ",good").replace(",0", ",bad") for line in lines))
    return path


def test_from_rows_as_the_methods_choose(rows: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text(
        "good: {words: [good, great], definition: praise}\nbad: {examples: [broken]}\n"
    )
    options = DraftOptions(labels=str(tmp_path / "labels.yaml"), shots=4, n=20, seed=3)
    done = draft_prompt(tmp_path / "p.yaml", str(rows), DataOptions(), options)
    design = read_prompt_file(tmp_path / "p.yaml").design
    assert design == done.prompt.design
    assert (design.instruction, design.cue) == ("Classify the quality of the text.", "Quality")
    assert (design.labels, design.words, design.other_words) == (("bad", "good"), ("bad", "good"), ((), ("great",)))
    assert design.definitions == ("such as: broken", "praise")
    split = divide(read_source(str(rows), DataOptions()), seed=3, seeds=3, division="auto")
    sample = split.train.take(nested_order(split.train.labels, 3000)[:20])
    chosen = choose_demonstrations(sample.texts, sample.labels, 4, 3)
    assert [(each.row, each.text) for each in design.demonstrations] == [(row, sample.texts[row]) for row in chosen]
    assert not {each.text for each in design.demonstrations} & {*split.validation.texts, *split.test.texts}


def test_from_a_sentence_alone(tmp_path: Path) -> None:
    sentence = "Is this review positive or negative?"
    draft_prompt(tmp_path / "p.yaml", None, DataOptions(), DraftOptions(sentence=sentence))
    prompt = read_prompt_file(tmp_path / "p.yaml")
    assert (prompt.design.instruction, prompt.design.labels) == (sentence, ("positive", "negative"))
    assert prompt.design.demonstrations == ()
    assert prompt.calibration == "contextual"
    assert prompt.design.render().query("It broke.") == "It broke.\nAnswer:"
    draft_prompt(
        tmp_path / "q.yaml",
        None,
        DataOptions(),
        DraftOptions(sentence="Sort the mail.", labels="sales, spam", form="chat"),
    )
    found = read_prompt_file(tmp_path / "q.yaml").design
    assert (found.labels, found.form) == (("sales", "spam"), "chat")


def test_what_cannot_be_drafted_is_refused(rows: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    cases = [
        (None, DraftOptions(), OptionError, "neither came"),
        (None, DraftOptions(sentence="Sort the mail."), OptionError, "No two labels were found in the sentence"),
        (None, DraftOptions(sentence="Sort.", labels="no.yaml"), DataError, "no.yaml"),
        (str(rows), DraftOptions(labels="good,bad"), OptionError, "those of the rows"),
        (str(rows), DraftOptions(n=0), OptionError, "0 came"),
    ]
    for source, options, kind, words in cases:
        with pytest.raises(kind, match=words):
            draft_prompt(path, source, DataOptions(), options)
        assert not path.exists()
    path.write_text("mine")
    good = DraftOptions(sentence="Good or bad?")
    with pytest.raises(OptionError, match="is there already"):
        draft_prompt(path, None, DataOptions(), good)
    assert path.read_text() == "mine"
    draft_prompt(path, None, DataOptions(), good, replaced=True)
    assert read_prompt_file(path).design.labels == ("Good", "bad")
