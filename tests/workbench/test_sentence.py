"""Labels are found in the sentence that asks for them, or not at all."""

from __future__ import annotations

import pytest

from bakeoff.workbench.sentence import labels_in

CASES = {
    "Is this review positive or negative?": ("positive", "negative"),
    "Is the tone of this mail friendly, neutral, or rude?": ("friendly", "neutral", "rude"),
    "Is this a bug report, a feature request or a question?": ("bug report", "feature request", "question"),
    "Classify the ticket as billing, delivery or other.": ("billing", "delivery", "other"),
    "Sort each mail into: sales, support and spam": ("sales", "support", "spam"),
    "Say whether the news is about sports or politics": ("sports", "politics"),
    "Answer with 'in stock' or 'sold out'.": ("in stock", "sold out"),
    "Is the review positive or negative in tone?": ("positive", "negative"),
    "Does the mail ask for money back?": ("yes", "no"),
    "Sort the mails.": (),
    "Summarise the text, please": (),
    "": (),
}


@pytest.mark.parametrize("sentence", CASES)
def test_labels_of_a_sentence(sentence: str) -> None:
    assert labels_in(sentence) == CASES[sentence]
