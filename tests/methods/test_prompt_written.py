"""A text that the small real decoder writes: shown rows, held in length and words, chosen among draws, and kept."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data import target_of
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.prompt.chosen_text import least_risk, likeliest, passing_most
from bakeoff.methods.prompt.prompt_file import (
    PromptFile,
    prompt_digest,
    prompt_text,
    read_prompt_file,
    write_prompt_file,
)
from bakeoff.methods.prompt.server_given_writing import GivenServerWriting, server_writing
from bakeoff.methods.prompt.server_written import ServerWriter
from bakeoff.methods.prompt.template import Demonstration
from bakeoff.methods.prompt.writing_control import WritingControl, read_text, stop_of
from bakeoff.methods.prompt.written import WrittenPrompt
from bakeoff.methods.prompt.written_design import told_length, written_design
from bakeoff.methods.prompt.written_search import SearchedWriting
from bakeoff.tasks import Task, TextCheck
from bakeoff.testing import MethodSuite, rows_of_kind, task_for_kind
from small_models import write_decoder_folder

MODEL = "smollm2-135m"
TASK = task_for_kind("generation")
POEM = "The sea is grey,\nthe gulls complain;\nwe sail today\nthrough wind and rain."

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("small_decoder")]


class _Written(MethodSuite):
    __test__ = False
    kind = "generation"
    fit_rows = 4
    answer_rows = 2


class TestFewShot(_Written):
    __test__ = True

    def make(self, task, seed):
        return WrittenPrompt(task, MODEL, seed, shots=2, form="plain", most_tokens=3)


def test_texts_are_written_as_the_demonstrations_show_and_kept_in_a_bundle(tmp_path: Path):
    texts, labels = rows_of_kind("generation", 16)
    fitted = WrittenPrompt(TASK, MODEL, shots=4, demonstrations="retrieved", form="plain").fit(texts, labels)
    unseen = [texts[14], texts[15]]
    answers = fitted.answer(unseen)
    assert fitted.score(unseen, labels[14:]) > 0.5
    assert all("\n" not in answer.value and answer.tokens_out > 3 for answer in answers)
    assert fitted.control_.stop == ("\n",)
    assert fitted.details_["cut_share"] == 0.0
    fitted.save(tmp_path)
    again = WrittenPrompt.load(tmp_path, fitted.get_params(deep=False))
    assert again.predict(unseen).tolist() == [answer.value for answer in answers]
    kept = read_prompt_file(tmp_path / "prompt.yaml")
    assert (kept.control, kept.design.labels, kept.writing) == ("written", (), fitted.control_)


def test_draws_are_chosen_words_required_and_a_late_fit_is_cut():
    texts, labels = rows_of_kind("generation", 8)
    settings = {"shots": 2, "form": "plain", "most_tokens": 8, "temperature": 0.8, "candidates": 3}
    fitted = WrittenPrompt(TASK, MODEL, choose_by="probability", required=("zebra",), **settings).fit(texts, labels)
    answer = fitted.answer(texts[6:7])[0]
    assert (answer.value, answer.abstention) == (None, "the answer lacks the word 'zebra'")
    assert answer.raw
    assert answer.tokens_out >= 6
    assert fitted.details_["draws_per_row"] == 3.0
    late = WrittenPrompt(TASK, MODEL, **settings).within(RunContext(Deadline(0.0))).fit(texts, labels)
    assert [one.abstention for one in late.answer(texts[:2])] == ["time was up"] * 2
    assert late.cut_


def test_a_search_compares_prompts_inside_the_rows():
    texts, labels = rows_of_kind("generation", 16)
    fitted = SearchedWriting(TASK, MODEL, searched=2, most_tokens=6).fit(texts, labels)
    assert [len(found) for found in fitted.rounds_] == [2]
    best, other = fitted.rounds_[0]
    assert best.score >= other.score
    assert {best.candidate.form, other.candidate.form} == {"plain", "chat"}
    assert fitted.design_.form == best.candidate.form
    assert len(fitted.details_["search"][0]) == 2
    # Rows that the prompt shows are none of those that compared it.
    assert best.rows == 8


def test_a_prompt_file_holds_the_texts_to_write_and_the_control(tmp_path: Path):
    shown = [Demonstration(0, "about: the sea\n\nlines: 4", POEM)]
    design = written_design(TASK, shown, form="plain")
    control = WritingControl(most_tokens=40, stop=("\n\n",), no_repeat_ngram=3, required=("sea",), forbidden=("love",))
    prompt = PromptFile(design, "written", writing=control)
    write_prompt_file(tmp_path / "p.yaml", prompt)
    text = (tmp_path / "p.yaml").read_text("utf-8")
    assert "target: |-\n    The sea is grey,\n" in text
    assert read_prompt_file(tmp_path / "p.yaml") == prompt
    assert prompt_digest(prompt) != prompt_digest(PromptFile(design, "written", writing=WritingControl()))
    # Lines of texts stand; a blank line, which parts what is shown, does not.
    assert "Input: about: the sea\nlines: 4\nOutput: The sea is grey,\nthe gulls" in design.render().prefix
    for change, reason in (
        (("forbidden:", "banned:"), "'banned' came"),
        (("most_tokens: 40", "most_tokens: 0"), "most_tokens must be 1 or more; 0 came"),
        (("by: written", "by: generated"), "written; 0 and the control 'generated'"),
        (("target: |-", "label: |-"), "each demonstration a 'target'"),
    ):
        (tmp_path / "q.yaml").write_text(text.replace(*change), "utf-8")
        with pytest.raises(DataError, match=reason):
            read_prompt_file(tmp_path / "q.yaml")


def test_what_ends_a_text_and_how_long_it_is_told_to_be():
    assert stop_of(["one line", "another"], "Input:") == ("\n",)
    assert stop_of([POEM], "Input:") == ("\n\n",)
    assert stop_of([f"{POEM}\n\n{POEM}"], "Input:") == ("\n\nInput:",)
    assert stop_of([], "Input:") == ("\n\n",)
    assert told_length([POEM, POEM]) == "Write 4 lines of about 4 words."
    assert told_length(["a b c"]) == "Write about 3 words."
    assert told_length([]) == ""


def test_answers_are_read_or_refused():
    assert read_text(WritingControl(), " a text \n", "length") == ("a text", None)
    assert read_text(WritingControl(), " \n", "whole") == (None, "the answer is empty")
    held = WritingControl(schema='{"type": "object"}', field="poem")
    assert read_text(held, '{"poem": " a text"}', "whole") == ("a text", None)
    assert read_text(held, '{"poem": 3}', "whole") == (None, "the answer has no text under 'poem'")
    assert read_text(held, '{"poe', "length") == (None, "the answer was cut at its most tokens")
    words = WritingControl(required=("Sea",), forbidden=("gull",))
    assert read_text(words, "the sea, gulls", "whole") == ("the sea, gulls", None)
    assert read_text(words, "the sea, a gull", "whole") == (None, "the answer has the word 'gull'")
    with pytest.raises(OptionError, match="candidates must be 1 at a temperature of 0; 4 came"):
        WritingControl(candidates=4)


def test_the_chosen_text_agrees_most_with_the_others_or_is_the_likeliest():
    texts = ["zzzz", "the cat sat on the mat", "the cat sat on a mat", "a dog"]
    assert least_risk(TASK, texts) in (1, 2)
    assert likeliest([-9.0, -4.0, -5.0], [9, 2, 10]) == 2
    assert target_of("a\x1eb") == "a"


def _checked(**settings) -> Task:
    return replace(TASK, checks=(TextCheck("words", "pattern", settings),))


def test_texts_that_pass_most_checks_go_before_the_rest():
    texts = ["the cat sat on the mat", "the cat sat on a mat", "a dog", "the dog sat"]
    free = least_risk(TASK, texts)
    assert free in (0, 1)
    assert passing_most(TASK, "about: dogs", texts) == [0, 1, 2, 3]
    task = _checked(must="dog")
    assert passing_most(task, "", texts) == [2, 3]
    # Those that do not pass still say what a text should be like.
    assert least_risk(task, texts, passing_most(task, "", texts)) == 3
    asked = TextCheck("asked", "required-words", {"words": r"about: ([^\n]+)"})
    several = replace(TASK, checks=(asked, TextCheck("end", "pattern", {"must": "mat$"})))
    said = ["cat dog", "a cat on a mat", "no mat", "dog"]
    # A share counts as its part: one word of two and the end make more than both words without it.
    assert passing_most(several, "about: cat, dog", said) == [1]
    assert passing_most(several, "no words asked for", said) == [1, 2]


def test_drawn_texts_are_chosen_by_the_checks_of_their_own_row(tmp_path: Path):
    texts, labels = rows_of_kind("generation", 6)
    model, asked = write_decoder_folder(tmp_path / "model"), texts[4:]
    settings = {"shots": 1, "form": "plain", "most_tokens": 6, "temperature": 1.0, "candidates": 4}
    for choose_by in ("risk", "probability"):
        fitted = WrittenPrompt(TASK, model, choose_by=choose_by, **settings).fit(texts, labels)
        assert fitted.details_["chosen_by"] == choose_by
        said = fitted.predict(asked).tolist()
        # The same draws, of which the one that was chosen for the first row passes no longer.
        fitted.task = _checked(must_not=f"^{re.escape(said[0])}$")
        held = fitted.predict(asked).tolist()
        assert held[0] != said[0]
        assert held[1] == said[1]
    held = WrittenPrompt(fitted.task, model, **settings).fit(texts, labels)
    assert held.details_["chosen_by"] == "checks, then risk"
    # A model without a chat format is asked to continue the text.
    bare = WrittenPrompt(TASK, model, shots=1, most_tokens=2).fit(texts, labels)
    assert (bare.form, bare.design_.form) == ("chat", "plain")


def test_a_servers_texts_are_chosen_by_checks_too(chat_server, relay_to):
    relay = relay_to(chat_server.partition("/v1")[0])
    texts, labels = rows_of_kind("generation", 8)
    settings = {"shots": 2, "most_tokens": 6, "temperature": 1.0, "candidates": 3}
    free = ServerWriter(TASK, f"{relay.url}#smollm2", **settings).fit(texts, labels)
    answer = free.answer(texts[:2])[0]
    assert sorted(body["seed"] for body in relay.bodies) == [0, 0, 1, 1, 2, 2]
    assert 6 < answer.tokens_out <= 18
    task = _checked(must_not=f"^{re.escape(answer.value)}$")
    held = ServerWriter(task, f"{relay.url}#smollm2", **settings).fit(texts, labels)
    assert held.answer(texts[:2])[0].value not in (answer.value, None)
    # What was drawn before is not asked for again.
    assert len(relay.bodies) == 6


def test_a_server_writes_with_a_prompt_file(chat_server, relay_to, tmp_path: Path):
    relay = relay_to(chat_server.partition("/v1")[0])
    design = written_design(TASK, [Demonstration(0, "about: the sea", POEM)], form="plain")
    control = WritingControl(most_tokens=6, temperature=0.5, required=("zebra",), retries=1)
    text = prompt_text(PromptFile(design, "written", writing=control))
    fitted = GivenServerWriting(TASK, f"{relay.url}#smollm2", prompt=text).fit([], [])
    answer = fitted.answer(["about: rain"])[0]
    assert (answer.value, answer.abstention) == (None, "the answer lacks the word 'zebra'")
    assert [body["temperature"] for body in relay.bodies] == [0.5, 0.7]
    assert relay.bodies[0]["messages"][0]["content"].endswith("Input: about: rain\nOutput:")
    assert fitted.control_.stop == ("\n\n",)
    fitted.save(tmp_path)
    assert GivenServerWriting.load(tmp_path, fitted.get_params(deep=False)).design_ == design
    with pytest.raises(OptionError, match=r"p\.yaml sets no_repeat_ngram, which models in process alone"):
        server_writing(PromptFile(design, "written", writing=WritingControl(no_repeat_ngram=3)), "p.yaml")


def test_a_server_writes_behind_demonstrations_and_its_prompt_is_kept(chat_server, tmp_path: Path):
    texts, labels = rows_of_kind("generation", 8)
    fitted = ServerWriter(TASK, chat_server, shots=2, most_tokens=6, stop=("\n",)).fit(texts, labels)
    answers = fitted.answer(texts[:2])
    assert all(answer.value and answer.tokens_out <= 6 for answer in answers)
    assert "[assistant]\n" in fitted.details_["prompt"]
    fitted.save(tmp_path)
    again = ServerWriter.load(tmp_path, fitted.get_params(deep=False))
    assert (again.design_, again.control_) == (fitted.design_, fitted.control_)
    assert [answer.value for answer in again.answer(texts[:2])] == [answer.value for answer in answers]
