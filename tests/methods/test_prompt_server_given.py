"""A prompt file of the user's, answered by a real llama.cpp server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import OutputControl
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_to_plain
from bakeoff.methods.prompt.server_given import GivenServerPrompt, sent_characters, server_control
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import classification_task
from bakeoff.testing import MethodSuite

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
DESIGN = PromptDesign(
    "Judge the review.",
    ("positive", "negative"),
    ("good", "bad"),
    ("", "it broke"),
    cue="Verdict",
    demonstrations=(Demonstration(-1, "Loved\nit.", "positive"),),
    other_words=(("great",), ()),
)
TEXTS = ["I love it, excellent.", "It broke at once."]


def filed(**changes) -> str:
    """Give the text of a prompt file."""
    return yaml.safe_dump(prompt_to_plain(replace(PromptFile(DESIGN), **changes)))


def given(relay, **changes) -> GivenServerPrompt:
    return GivenServerPrompt(TASK, f"{relay.url}#smollm2", prompt=filed(**changes)).fit([], [])


@pytest.mark.models
def test_a_plain_prompt_is_sent_to_the_letter_and_held_to_all_its_words(chat_server, relay_to):
    relay = relay_to(chat_server.partition("/v1")[0])
    made = given(relay)
    answers = made.answer(TEXTS)
    assert [body["messages"] for body in relay.bodies] == [
        [
            {
                "role": "user",
                "content": "Judge the review.\nbad: it broke\n\nText: Loved it.\nVerdict: good\n\n"
                f"Text: {text}\nVerdict:",
            }
        ]
        for text in relay_order(relay, TEXTS)
    ]
    schema = relay.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"] == {"label": {"enum": ["bad", "good", "great"]}}
    assert {answer.value for answer in answers} <= set(TASK.labels)
    assert all(json.loads(answer.raw)["label"] in ("good", "bad", "great") for answer in answers)
    assert made.details_["demonstrations"] == [-1]


def relay_order(relay, texts):
    """Give the texts in the order in which they came, since rows are asked side by side."""
    said = [body["messages"][-1]["content"] for body in relay.bodies]
    return sorted(texts, key=lambda text: next(place for place, one in enumerate(said) if text in one))


@pytest.mark.models
def test_a_chat_prompt_is_sent_as_turns_and_read_as_its_control_says(chat_server, relay_to):
    relay = relay_to(chat_server.partition("/v1")[0])
    control = OutputControl("free", most_tokens=6, stop=("\n",), temperature=0.2, top_p=0.9)
    made = given(relay, design=replace(DESIGN, form="chat"), control="generated", output=control)
    made.answer(TEXTS[:1])
    (body,) = relay.bodies
    assert [(one["role"], one["content"]) for one in body["messages"]] == [
        ("system", "Judge the review.\nbad: it broke"),
        ("user", "Text: Loved\nit.\nVerdict:"),
        ("assistant", "good"),
        ("user", f"Text: {TEXTS[0]}\nVerdict:"),
    ]
    sent = {name: body[name] for name in ("max_tokens", "temperature", "top_p", "stop")}
    assert sent == {"max_tokens": 6, "temperature": 0.2, "top_p": 0.9, "stop": ["\n"]}
    assert "response_format" not in body


@pytest.mark.models
def test_what_is_no_label_is_asked_again_as_the_file_says_and_then_abstains(chat_server, relay_to):
    relay = relay_to(chat_server.partition("/v1")[0], lambda _number: "wrong label")
    control = OutputControl("free", retries=2, retry_temperature=0.4)
    (answer,) = given(relay, control="generated", output=control).answer(TEXTS[:1])
    assert answer.value is None
    assert answer.abstention == "answer is no label: 'banana' (the last of 3 attempts)"
    assert [body["temperature"] for body in relay.bodies] == [0.0, 0.4, 0.4]


@pytest.mark.models
class TestGivenServerPrompt(MethodSuite):
    """The public suite."""

    fit_rows = 4
    answer_rows = 2

    @pytest.fixture(autouse=True)
    def _address(self, chat_server: str) -> None:
        type(self).address = chat_server

    def make(self, task, seed):
        design = PromptDesign("Judge it.", task.labels, task.words, ("",) * len(task.labels))
        return GivenServerPrompt(task, self.address, seed, prompt=filed(design=design))


def test_reasons_and_other_labels_are_refused():
    thinking = PromptFile(DESIGN, "generated", output=OutputControl(reasoning_tokens=20))
    with pytest.raises(OptionError, match=r"p\.yaml asks for 20 tokens of reasons .* Set reasoning_tokens to 0"):
        server_control(thinking, "p.yaml")
    assert server_control(PromptFile(DESIGN), "p.yaml") == OutputControl("choice")


def test_what_is_sent_beside_a_text_is_counted():
    plain = "Judge the review.\nbad: it broke\n\nText: Loved it.\nVerdict: good\n\nText: \nVerdict:"
    assert sent_characters(DESIGN) == len(plain)


def test_registry_entry_makes_the_method():
    spec = method_spec("given-prompt-server")
    made = load_method(spec.name)(task=TASK, model="http://localhost:1/v1#m", seed=0, characters=3, prompt=filed())
    assert isinstance(made, GivenServerPrompt)
    assert (spec.takes_prompt, spec.model) == (True, "server")
