from __future__ import annotations

import math

import pytest

from bakeoff.methods.prompt.server_answers import ServerPrompt
from bakeoff.methods.prompt.server_probabilities import label_probabilities
from bakeoff.tasks import classification_task

LABELS, WORDS = ("neg", "neu", "pos"), ("negative", "neutral", "positive")


def found(shares, answered="pos", labels=LABELS, words=WORDS):
    return label_probabilities([(token, math.log(share)) for token, share in shares], labels, words, answered)


def test_tokens_that_begin_one_label_are_its_probability():
    shares = [("pos", 0.5), (" Positive", 0.2), ("negative", 0.1), ("neutral", 0.1), ("The", 0.1)]
    assert found(shares) == pytest.approx((1 / 9, 1 / 9, 7 / 9))


def test_a_label_may_be_written_as_its_name_or_its_word():
    assert found([("yes", 0.7), ("a", 0.3)], "a", ("a", "b"), ("no", "yes")) is None
    assert found([("yes", 0.7), ("a", 0.3)], "b", ("a", "b"), ("no", "yes")) == pytest.approx((0.3, 0.7))


def test_all_words_of_a_label_add_up():
    labels, words = ("neg", "pos", "pos"), ("negative", "positive", "great")
    shares = [("great", 0.5), ("pos", 0.2), ("neg", 0.3)]
    assert found(shares, "pos", labels, words) == pytest.approx((0.3, 0.7))


@pytest.mark.parametrize(
    ("shares", "answered"),
    [
        ([], "pos"),
        ([("pos", 1.0)], None),
        ([("pos", 0.9), ("ne", 0.1)], "pos"),  # it begins two labels
        ([("pos", 0.6), ("neg", 0.3)], "pos"),  # a tenth is not told
        ([("pos", 0.3), ("neg", 0.1), ("The", 0.6)], "pos"),  # it would rather write something else
        ([("pos", 0.9), ("neg", 0.1)], "neg"),  # another label than the one that was written
        ([("", 0.9), ("pos", 0.1)], "pos"),
    ],
)
def test_where_they_are_open_there_are_none(shares, answered):
    assert found(shares, answered) is None


def test_what_is_not_known_moves_no_label_by_more_than_a_twentieth():
    shares = [("pos", 0.75), ("neg", 0.201), ("ne", 0.02)]
    probabilities = found(shares)
    assert probabilities == pytest.approx((0.201 / 0.951, 0, 0.75 / 0.951))
    for at, true in ((0, 0.25), (1, 0.049), (2, 0.799)):  # the open 5% to one label
        assert abs(probabilities[at] - true) <= 0.05 + 1e-9


@pytest.mark.models
def test_a_real_server_gives_some(chat_server):
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    shown = [("I love it.", "positive"), ("It broke at once.", "negative")] * 4
    fitted = ServerPrompt(task, chat_server, shots=8).fit(*zip(*shown, strict=True))
    answers = fitted.answer(["Works great, I am happy.", "Terrible, do not buy it.", "Excellent battery."])
    given = [answer for answer in answers if answer.probabilities is not None]
    assert given
    for answer in given:
        assert sum(answer.probabilities) == pytest.approx(1.0)
        assert task.labels[max(range(2), key=answer.probabilities.__getitem__)] == answer.value
        assert max(answer.probabilities) < 1.0
