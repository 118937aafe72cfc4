"""Prompts as sent, by what their trials recorded."""

from __future__ import annotations

from typing import Any

from bakeoff.records import Contender, Trial, Usage
from bakeoff.report.prompts import PromptShown, prompt_shown


def shown(details: dict[str, Any]) -> PromptShown:
    contender = Contender("p m", "p", "1", "prompt", "m", None, {}, seeded=True, uses_labels=True)
    trial = Trial("k", "p m", 8, 0, "done", None, (), (), 1.0, 1.0, 1.0, 1.0, 1.0, Usage(), details)
    found = prompt_shown(contender, trial)
    assert found is not None
    return found


def test_the_texts_of_a_pair_stand_in_one_place_with_what_divides_them() -> None:
    place = {"ending": "\nLabel:", "folded": True, "between": "\nSecond text: "}
    one = shown({"prompt": "Text: ", "row_place": place})
    assert one.wordings == (("Text: ", "\nLabel:"),)
    assert one.plain()["between"] == "\nSecond text: "
    assert shown({"prompt": "Text: ", "row_place": {"ending": ":", "folded": True}}).plain()["between"] is None


def test_one_wording_is_not_told_to_be_read_with_others() -> None:
    prompts = ["Text: Ann (person)\n\nText: (text)\nMarked: (text up to a word) ("]
    one = shown({"prompt": "Text:", "prompts": prompts})
    assert one.wordings == (("Text: Ann (person)\n\nText: ", "\nMarked: (text up to a word) ("),)
    assert "read together" not in one.note
    assert "read together" in shown({"prompt": "", "prompts": ["a (text)", "b (text)"]}).note
