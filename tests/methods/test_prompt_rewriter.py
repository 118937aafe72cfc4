"""What a strong model is shown and what is taken from its reply: no labelled text comes back as an instruction."""

from __future__ import annotations

import json

import pytest

from bakeoff.methods.prompt.copied import copied_words
from bakeoff.methods.prompt.reflection import read_instruction, reflection_messages, row_record
from bakeoff.methods.prompt.rewriter import PART, Rewriter
from bakeoff.methods.prompt.template import PromptDesign
from bakeoff.models.server import ServerModel, parse_server
from bakeoff.records import Answer
from fault_relay import SAYS

DESIGN = PromptDesign("Judge the review.", ("neg", "pos"), ("bad", "good"), ("it failed", ""))
TEXT = "The wheel is stiff, and the third battery was dead within a week of light use."
RECORD = row_record(DESIGN, TEXT, "neg", Answer("pos", probabilities=(0.25, 0.75)), ("neg", "pos"))


@pytest.mark.parametrize(
    ("instruction", "found"),
    [
        ("Say bad where the third BATTERY was: dead within a day.", "the third battery was dead within a"),
        ("Say bad where a battery was dead within one week of use.", None),
        ("Dead within a week of light use means bad; the wheel is stiff too.", "dead within a week of light use"),
        ("Great value! Or not.", None),
        ("Is it broke, sadly, at once?", "broke sadly at once"),
        ("", None),
        ("这个电池在一个星期之内就完全没电了说明它不好", "这个电池在一个星期之内就完全没电了"),
        ("这个电池不好", None),
    ],
)
def test_long_runs_of_words_are_found(instruction: str, found: str | None) -> None:
    texts = [TEXT, "Great value!", "Broke, sadly, at once...", "我买的这个电池在一个星期之内就完全没电了。"]
    copied = copied_words(instruction, texts)
    assert (copied or "").replace(" ", "") == (found or "").replace(" ", "")


def test_what_the_start_said_may_be_said_again() -> None:
    said = "Say bad where the third battery was dead within a week."
    assert copied_words(said, [TEXT]) is not None
    assert copied_words(said, [TEXT], ["Note: the third battery was dead within a week."]) is None
    assert copied_words(f"{said} Of light use.", [TEXT], [said]) == "was dead within a week of light use"


@pytest.mark.parametrize(
    ("reply", "instruction"),
    [
        ('{"fault": "x", "instruction": " Judge it.\\nWell. "}', "Judge it.\nWell."),
        ('I think {so}.\n```json\n{"instruction": "One"}\n```', "One"),
        ('{"instruction": "First try"} no: {"instruction": "Second"}', "Second"),
        ('{"instruction": "raw\nline"}', "raw\nline"),
        ('{"instruction": "Stop <|im_end|> here"}', "Stop < |im_end| > here"),
        ('{"instruction": "half', None),
        ('{"instruction": ""}', None),
        ('{"instruction": "..."}', None),
        ('{"instruction": 3}', None),
        ('["instruction"]', None),
        ("Judge it.", None),
        ("{" * 5000, None),
        ("", None),
    ],
)
def test_replies_are_read_or_of_no_use(reply: str, instruction: str | None) -> None:
    assert read_instruction(reply) == instruction


def test_a_row_is_shown_with_answer_label_and_probabilities() -> None:
    assert RECORD == {"text": TEXT, "answer": "good", "right": "bad", "probabilities": {"good": 0.75, "bad": 0.25}}
    long = row_record(DESIGN, "x" * 5000, "neg", Answer(None, abstention="too long"), ("neg", "pos"))
    assert (len(long["text"]), long["answer"]) == (1004, "none: too long")
    (message,) = reflection_messages(DESIGN, "Judge {it}.", [RECORD, long])
    for part in ("Judge {it}.", "- bad: it failed\n- good\n", json.dumps(RECORD), '"instruction": "..."'):
        assert part in message["content"]
    many = tuple(map(str, range(12)))
    wide = PromptDesign("Sort.", many, many, ("",) * 12)
    shares = tuple(float(share) for share in range(12, 0, -1))
    shown = row_record(wide, "t", "11", Answer("0", probabilities=shares), many)["probabilities"]
    assert list(shown) == ["0", "1", "2", "3", "4", "11"]


def asked(server: str, **more: object) -> Rewriter:
    name = parse_server(server)
    return Rewriter(ServerModel(name.url, name.model), DESIGN, [TEXT], most_tokens=40, **more)


def say(instruction: str) -> str:
    return SAYS + json.dumps({"fault": "f", "instruction": instruction})


@pytest.mark.models
def test_replies_of_no_use_are_counted_with_their_reason(chat_server, relay_to) -> None:
    told = [
        say("Say bad where the third battery was dead within a week."),
        say("judge the  REVIEW."),
        say("word " * 241),
        SAYS + "I would rather not.",
        say("Say bad where something failed."),
        say("Say bad where something failed."),
    ]
    relay = relay_to(chat_server, lambda number: told[number])
    rewriter = asked(f"{relay.url}#smollm2")
    found = [rewriter.propose({PART: DESIGN.instruction}, {PART: [RECORD]}, [PART]) for _ in told]
    assert found == [{}, {}, {}, {}, {PART: "Say bad where something failed."}, {}]
    assert rewriter.rewrites.refused == {"copied": 1, "repeated": 2, "unusable": 2}
    assert rewriter.rewrites.asked == 6
    assert "'the third battery was dead within a week'" in rewriter.rewrites.reasons[0]
    assert "I would rather not." in rewriter.rewrites.reasons[3]
    # Each rewrite is asked for with a seed of its own, and the form of the reply is held.
    assert len({body["seed"] for body in relay.bodies}) == 6
    assert all(body["response_format"]["type"] == "json_schema" for body in relay.bodies)
    assert TEXT in relay.bodies[0]["messages"][0]["content"]


@pytest.mark.models
def test_a_refused_key_ends_all_and_failed_calls_end_it_after_three(chat_server, relay_to) -> None:
    relay = relay_to(chat_server, lambda _number: "401")
    rewriter = asked(f"{relay.url}#smollm2")
    assert [rewriter.propose({PART: "a"}, {PART: [RECORD]}, [PART]) for _ in range(2)] == [{}, {}]
    assert relay.seen == 1
    assert "refuses the key" in str(rewriter.failure)

    relay = relay_to(chat_server, lambda _number: "429")
    rewriter = asked(f"{relay.url}#smollm2")
    assert [rewriter.propose({PART: "a"}, {PART: [RECORD]}, [PART]) for _ in range(4)] == [{}] * 4
    assert relay.seen == 3 * 6  # each call is tried six times; the fourth is not made
    assert rewriter.rewrites.refused == {"failed": 3}
    assert str(rewriter.stopped).startswith("3 calls failed one after another, the last: rate-limit")
