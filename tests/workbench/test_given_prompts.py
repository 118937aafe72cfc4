"""Prompt files that a person brings to a study: their contenders, and the rows they have seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bakeoff.catalog.prices import PriceTable
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import OutputControl
from bakeoff.methods.prompt.given_prompt import GivenPrompt
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_to_plain, write_prompt_file
from bakeoff.methods.prompt.server_given import sent_characters
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.methods.registry import load_method
from bakeoff.study.contenders import CandidateModel, build_contenders
from bakeoff.study.sending import asking_of, sendings
from bakeoff.tasks import classification_task
from bakeoff.testing import MethodSuite
from bakeoff.workbench.given_prompts import divide_unseen, read_given_prompts
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.prompt_history import Tried, TriedRow, history_folder, keep
from bakeoff.workbench.rows import read_source
from small_models import write_decoder_folder

DESIGN = PromptDesign(
    "Judge the review.",
    ("bad", "good"),
    ("bad", "good"),
    ("", ""),
    demonstrations=(Demonstration(0, "Review 3 is FINE", "good"),),
    other_words=(("awful",), ()),
)
LABELS = DESIGN.labels
PROMPT = PromptFile(DESIGN, calibration="contextual")


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """Write a prompt that shows one row and was tried on another."""
    path = tmp_path / "mine.yaml"
    write_prompt_file(path, PROMPT)
    rows = (TriedRow("x", "review 4 is fine", "bad", "bad"),)
    keep(
        history_folder(path),
        Tried(PROMPT, "rows", "f" * 64, 1, 0, "m", "m", "float32", "none", rows, 0.5, 1.0, 1.0, "2026"),
    )
    return path


def rows_file(folder: Path, count: int) -> str:
    """Write so many rows, each of its own."""
    lines = [f"review {place} is {'so' * (place % 7)} fine,{('bad', 'good')[place % 2]}" for place in range(count)]
    lines[3], lines[4] = "review 3 is fine,good", "review 4 is fine,bad"
    (folder / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    return str(folder / "rows.csv")


@pytest.mark.parametrize("seed", range(4))
def test_no_row_that_a_prompt_has_seen_is_tested(prompt: Path, tmp_path: Path, seed: int) -> None:
    given = read_given_prompts([prompt], LABELS)
    read = read_source(rows_file(tmp_path, 120), DataOptions())
    kept, split, (check, versions) = divide_unseen(read, given, StudyOptions(seed=seed))
    assert (len(kept), split.rows is not None) == (118, True)
    assert "2 rows that a given prompt shows" in check.detail
    one = StudyOptions(seed=seed, division="one")
    assert (versions.status, versions.detail) == ("PASS", "Version 1 of 1 tried; try score 1.000 on 1 rows.")
    kept, split, (check, _) = divide_unseen(read, given, one)
    assert len(kept) == 120
    tested = {*split.validation.texts, *split.test.texts}
    assert not tested & {"review 3 is fine", "review 4 is fine"}
    _, plain, checks = divide_unseen(read, (), one)
    assert (checks, plain.train) == ((), split.train)


def test_each_prompt_is_a_contender_with_every_decoder(prompt: Path, tmp_path: Path) -> None:
    shifted = tmp_path / "own.yaml"
    write_prompt_file(shifted, replace(PROMPT, shift=(0.5, -0.5), model="a", model_sha256="1"))
    given = read_given_prompts([prompt, shifted], LABELS)
    models = [CandidateModel(name, "decoder", sha, 10, name) for name, sha in (("a", "1"), ("b", "2"))]
    made, _ = build_contenders(models, kind="classification", methods=("probe",), train_rows=9, prompts=given)
    found = {one.name: one.parameters["calibration"] for one in made if one.arm == "prompt"}
    assert found == {
        "mine.yaml a": "contextual",
        "mine.yaml b": "contextual",
        "own.yaml a": "file",
        "own.yaml b": "contextual",
    }
    none, _ = build_contenders(models, kind="classification", methods=None, train_rows=9)
    assert "given-prompt" not in {one.method for one in none}


def test_what_cannot_be_a_contender_is_refused(prompt: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="'fine' stands in the rows alone"):
        read_given_prompts([prompt], ("bad", "fine", "good"))
    write_prompt_file(tmp_path / "w.yaml", replace(PROMPT, control="generated"))
    with pytest.raises(OptionError, match="'generated'"):
        read_given_prompts([tmp_path / "w.yaml"], LABELS)
    thinking = OutputControl(reasoning_tokens=9)
    write_prompt_file(tmp_path / "w.yaml", replace(PROMPT, control="generated", output=thinking))
    with pytest.raises(OptionError, match="9 tokens of reasons"):
        read_given_prompts([tmp_path / "w.yaml"], LABELS, servers=True)


def test_a_server_is_asked_with_every_prompt_and_told_what_is_sent(prompt: Path, tmp_path: Path) -> None:
    written = tmp_path / "written.yaml"
    write_prompt_file(written, replace(PROMPT, control="generated", output=OutputControl("free", retries=1)))
    given = read_given_prompts([prompt, written], LABELS, servers=True)
    server = "http://localhost:1/v1#m"
    models = [CandidateModel("a", "decoder", "1", 10, "a"), CandidateModel(server, "server", None, 0, "m")]
    made, missing = build_contenders(models, kind="classification", methods=("probe",), train_rows=9, prompts=given)
    prompts = {one.name: one for one in made if one.arm == "prompt"}
    assert set(prompts) == {"mine.yaml a", "mine.yaml m", "written.yaml m"}
    assert "written.yaml asks for a written answer: servers alone were asked." in missing
    assert prompts["written.yaml m"].parameters == {
        "shots": 1,
        "characters": sent_characters(DESIGN),
        "prompt": written.read_text("utf-8"),
    }
    task = classification_task(name="quality", labels=LABELS, metric="accuracy")
    texts = ["one two three"] * 10
    (sent,) = sendings([asking_of(prompts["written.yaml m"], texts, n=0)], task, PriceTable())
    assert (sent.rows, sent.calls) == (1, 10)
    assert sent.tokens_in == pytest.approx(10 * (3 * 1.3 + 16 + sent_characters(DESIGN) / 4.5))


@pytest.mark.models
def test_it_answers_as_its_file_does(prompt: Path, catalogue_cache: Path) -> None:
    task = classification_task(name="quality", labels=("bad", "good"), metric="accuracy")
    settings = {"shots": 1, "calibration": "contextual", "prompt": prompt.read_text("utf-8")}
    texts = ["A lovely thing.", "It broke at once.", "Superb sound.", "I want my money back."]
    given = load_method("given-prompt")(task=task, model="smollm2-135m", seed=0, **settings).fit([], [])
    assert isinstance(given, GivenPrompt)
    read = LabelScorePrompt(task, "smollm2-135m", calibration="contextual", prompt_file=str(prompt)).fit([], [])
    assert given.design_.other_words == (("awful",), ())
    assert given.predict_proba(texts).tolist() == read.predict_proba(texts).tolist()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a decoder of 20,000 random weights."""
    return write_decoder_folder(tmp_path_factory.mktemp("decoder"))


class TestGivenPrompt(MethodSuite):
    """The public suite, which no weights decide."""

    model: str

    @pytest.fixture(autouse=True)
    def _decoder(self, tiny: str) -> None:
        type(self).model = tiny

    def make(self, task, seed):
        design = PromptDesign("Judge it.", task.labels, task.words, ("",) * len(task.labels))
        text = yaml.safe_dump(prompt_to_plain(PromptFile(design, calibration="contextual")))
        return GivenPrompt(task, self.model, seed, prompt=text)


def test_trying_several_versions_is_told_and_kept_without_texts(prompt: Path, tmp_path: Path) -> None:
    changed = replace(PROMPT, design=replace(DESIGN, instruction="Is it good?"))
    rows = tuple(
        TriedRow(f"r{at}", f"secret text {at}", "good", said) for at, said in enumerate(("good", "bad", "bad"))
    )
    folder = history_folder(prompt)
    for version, answers, when in ((PROMPT, rows, "2026-02"), (changed, (rows[0], *rows[:1] * 2), "2026-03")):
        keep(folder, Tried(version, "rows", "e" * 64, 3, 0, "m", "m", "float32", "none", answers, 0.5, 1.0, 1.0, when))
    write_prompt_file(prompt, changed)
    (given,) = read_given_prompts([prompt], LABELS)
    assert [(one.version, one.rows, round(one.accuracy, 3)) for one in given.tries] == [
        (1, 1, 1.0),
        (1, 3, 0.333),
        (2, 3, 1.0),
    ]
    assert given.tries[-1].digest == given.digest != given.tries[0].digest
    assert "secret" not in repr(given.tries)
    read = read_source(rows_file(tmp_path, 120), DataOptions())
    *_, (_, check) = divide_unseen(read, (given,), StudyOptions())
    assert check.status == "WARN"
    assert check.name == "versions of mine.yaml"
    assert check.detail.startswith("Version 2 of 2 tried; try score .333 -> 1.000 on 3 rows. Their labels chose it")
    write_prompt_file(prompt, replace(changed, design=replace(DESIGN, instruction="Another.")))
    *_, (_, check) = divide_unseen(read, read_given_prompts([prompt], LABELS), StudyOptions())
    assert check.detail == "2 tried, and this one is none of them."
