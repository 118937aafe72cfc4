"""Output control that a real llama.cpp server keeps, by JSON Schema and by grammar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import OutputControl
from bakeoff.methods.prompt.prompt_file import read_prompt_file
from bakeoff.methods.prompt.server_control import ControlledServerPrompt, llama_grammar, response_format
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import classification_task

pytestmark = pytest.mark.models

TASK = classification_task(name="kind", labels=("abbreviation", "human being", "location"), metric="accuracy")
TEXTS = ["What is the term for a group of geese ?", "Where is Milan ?", "Who was Galileo ?"]


def fitted(address, **settings):
    return ControlledServerPrompt(TASK, address, **settings).fit([], [])


def test_every_answer_is_a_label_where_the_server_is_held_to_them(chat_server):
    free = fitted(chat_server, control="free").answer(TEXTS)
    assert any(answer.value is None for answer in free)
    in_json = fitted(chat_server).answer(TEXTS)
    assert [json.loads(answer.raw)["label"] for answer in in_json] == [answer.value for answer in in_json]
    assert {answer.value for answer in in_json} <= set(TASK.labels)
    by_grammar = fitted(chat_server, send_as="grammar").answer(TEXTS)
    assert {answer.raw for answer in by_grammar} <= set(TASK.labels)
    assert [answer.value for answer in by_grammar] == [answer.raw for answer in by_grammar]
    assert all(answer.probabilities is None for answer in by_grammar)


def test_all_words_of_a_label_may_be_written(chat_server):
    words = {"location": "whereabouts", "abbreviation": "short form", "human being": "person"}
    task = classification_task(
        name="kind", labels=TASK.labels, metric="accuracy", words=words, other_words={"location": ("place", "city")}
    )
    made = ControlledServerPrompt(task, chat_server, send_as="grammar").fit([], [])
    assert '"place" | "city"' in dict(made._request("x").settings)["grammar"]
    assert all(answer.value in task.labels for answer in made.answer(TEXTS))


def test_an_expression_is_sent_as_a_schema(chat_server):
    answers = fitted(chat_server, control="regex", pattern="(location|human being)").answer(TEXTS)
    assert {answer.value for answer in answers} <= {"location", "human being"}


def test_answers_that_are_no_label_are_asked_again_as_often_as_said(chat_server):
    once = fitted(chat_server, control="free", most_tokens=2)
    again = fitted(chat_server, control="free", most_tokens=2, retries=2)
    for first, last in zip(once.answer(TEXTS), again.answer(TEXTS), strict=True):
        if first.value is None:
            assert last.tokens_in >= 2 * first.tokens_in
            assert last.value or last.abstention.endswith("(the last of 3 attempts)")
    assert again.usage_.calls > once.usage_.calls == len(TEXTS)


def test_the_control_is_saved_with_the_prompt(chat_server, tmp_path: Path):
    first = fitted(chat_server, send_as="grammar", top_p=0.9, stop=("\n",))
    first.save(tmp_path)
    assert read_prompt_file(tmp_path / "prompt.yaml").output == first.control_
    again = ControlledServerPrompt.load(tmp_path, first.get_params(deep=False))
    assert again.predict(TEXTS).tolist() == first.predict(TEXTS).tolist()


def test_a_grammar_escapes_what_it_must():
    assert llama_grammar(['say "no"', "a\nb", "naïve"]) == 'root ::= "say \\"no\\"" | "a\\nb" | "naïve"'


def test_a_schema_holds_the_label_alone():
    schema = response_format(OutputControl("json-schema"), ["yes", "no"])["json_schema"]["schema"]
    assert schema["properties"] == {"label": {"enum": ["yes", "no"]}}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"send_as": "xml"}, "send_as must be one of response_format, grammar; 'xml' came"),
        ({"send_as": "grammar", "control": "free"}, "A grammar is sent for the control 'choice'; 'free' came"),
        ({"control": "regex"}, "pattern must be given"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(OptionError, match=message):
        ControlledServerPrompt(TASK, "http://127.0.0.1:1/v1#m", **settings).fit([], [])


def test_registry_entry_makes_the_method():
    spec = method_spec("server-choice")
    made = load_method("server-choice")(task=TASK, model="http://localhost:1/v1#m", seed=0, **spec.parameters)
    assert isinstance(made, ControlledServerPrompt)
    assert not spec.by_default
