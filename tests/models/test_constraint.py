"""Masks of llguidance over small tokenizers: what may be written, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bakeoff.errors import OptionError
from bakeoff.models.constraint import Matchers, choice_constraint, json_constraint, regex_constraint


@pytest.fixture(scope="module")
def matchers(byte_level):
    tokenizer = byte_level()
    return Matchers(tokenizer, 420, [tokenizer.eos_token_id]), tokenizer


def allowed(matchers, matcher):
    words = np.zeros(matchers.words, dtype=np.int32)
    matcher.fill(words)
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return set(np.flatnonzero(bits).tolist())


def written(matchers, tokenizer, constraint, text):
    """Take a text token by token; None where one is not allowed."""
    made, matcher = matchers, matchers.start(constraint)
    left = list(tokenizer(text)["input_ids"])
    while left:
        if left[0] not in allowed(made, matcher):
            return None
        for taken in matcher.take(left[0]):
            if left and left[0] == taken:
                left.pop(0)
    return matcher


def test_a_choice_ends_where_nothing_may_follow(matchers):
    made, tokenizer = matchers
    constraint = choice_constraint([" card", " card_arrival", ' "quoted" \\n', " naïve 你好", "two\nlines"])
    for option in json.loads(constraint.text):
        matcher = written(made, tokenizer, constraint, option)
        assert matcher.whole
        assert matcher.ended is (option != " card")
    assert written(made, tokenizer, constraint, " cat") is None
    short = written(made, tokenizer, constraint, " card")
    assert tokenizer.eos_token_id in allowed(made, short)
    assert not written(made, tokenizer, constraint, " ").whole


def test_forced_tokens_come_along(matchers):
    made, tokenizer = matchers
    ids = tokenizer(" top_up_failed")["input_ids"]
    matcher = made.start(choice_constraint([" top_up_failed", " y"]))
    assert matcher.take(ids[0]) == ids
    assert matcher.ended


def test_an_expression_is_matched_from_beginning_to_end(matchers):
    made, tokenizer = matchers
    constraint = regex_constraint("[0-9]{2,3}x")
    assert written(made, tokenizer, constraint, "12x").ended
    assert written(made, tokenizer, constraint, "1x") is None
    assert written(made, tokenizer, constraint, "a12x") is None


def test_json_holds_to_its_schema_without_white_space(matchers):
    made, tokenizer = matchers
    schema = {
        "type": "object",
        "properties": {"label": {"enum": ["positive", "negative"]}},
        "required": ["label"],
        "additionalProperties": False,
    }
    assert written(made, tokenizer, json_constraint(schema), '{"label":"positive"}').ended
    assert written(made, tokenizer, json_constraint(json.dumps(schema)), '{"label":"neutral"}') is None
    assert written(made, tokenizer, json_constraint(schema), '{ "label"') is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: choice_constraint([]), "A choice needs one or more texts"),
        (lambda: choice_constraint(["a", ""]), "none empty; "),
        (lambda: json_constraint("{"), "The JSON Schema cannot be used: Expecting"),
        (lambda: json_constraint({"type": "colour"}), "The JSON Schema cannot be used: 'colour' is not valid"),
    ],
)
def test_wrong_ones_are_refused_at_once(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (regex_constraint("(a"), r"The regular expression '\(a' cannot be used: unclosed group"),
        (regex_constraint(r"(?!a)b"), "neither look-around nor references back"),
        (json_constraint({"type": "string", "not": {"const": "a"}}), "The JSON Schema .* cannot be used: "),
    ],
)
def test_those_that_no_mask_can_hold_are_refused_at_the_first_use(matchers, constraint, message):
    with pytest.raises(OptionError, match=message):
        matchers[0].start(constraint)


def test_two_texts_under_way_do_not_meet(matchers):
    made, tokenizer = matchers
    constraint = choice_constraint([" positive", " negative"])
    one, two = made.start(constraint), made.start(constraint)
    one.take(tokenizer(" positive")["input_ids"][0])
    assert allowed(made, two) == allowed(made, made.start(constraint))
    assert allowed(made, one) != allowed(made, two)


def test_only_a_few_grammars_are_kept(matchers):
    made, _ = matchers
    for number in range(20):
        made.start(choice_constraint([f"{number}", "a"]))
    assert len(made._grammars) == 8
