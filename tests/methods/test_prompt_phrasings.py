"""Other phrasings of a prompt: all render, all say the same, and the real decoder answers in each."""

from __future__ import annotations

import pytest

from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.floors import Majority
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.methods.prompt.phrasings import PHRASINGS, phrasings_of
from bakeoff.methods.prompt.score_store import clear_store
from bakeoff.methods.prompt.template import Demonstration, design_for
from bakeoff.tasks import classification_task

TASK = classification_task(
    name="sentiment", labels=("negative", "positive"), metric="accuracy", instruction="Judge the review."
)
DESIGN = design_for(TASK, (Demonstration(0, "Lovely sound.", "positive"),))
TEXTS = ["The lens is superb, I am happy.", "A waste of money, it broke.", "Lovely sound.", "Awful, awful support."]
RIGHT = ("positive", "negative", "positive", "negative")


def test_there_are_eight_beside_it_and_the_prompt_as_it_stands_comes_first():
    found = phrasings_of(DESIGN)
    assert len(found) == len(PHRASINGS) >= 9
    assert next(iter(found.values())) == DESIGN
    assert len({design.render().prefix + design.render().query("T") for design in found.values()}) == len(found)


@pytest.mark.parametrize("name", PHRASINGS)
def test_each_says_the_same(name):
    rendered = phrasings_of(DESIGN)[name].render()
    whole = rendered.prefix + rendered.query("A {{ strange }} text")
    assert "Judge the review." in whole
    assert "Lovely sound." in whole
    assert "A {{ strange }} text" in whole
    assert rendered.continuations == (" negative", " positive")
    assert not whole.endswith((" ", "\n"))


def test_a_method_without_a_prompt_has_none():
    assert Majority(TASK).fit(["a", "b"], ["negative", "positive"]).rephrased(TEXTS) == ()


@pytest.mark.models
def test_the_real_decoder_answers_in_every_phrasing(catalogue_cache):
    clear_store()
    fitted = LabelScorePrompt(TASK, "smollm2-135m", calibration="contextual").fit([], [])
    found = fitted.rephrased(TEXTS)
    assert [one.name for one in found] == list(PHRASINGS)
    assert all(len(one.plain) == len(one.calibrated) == len(TEXTS) for one in found)
    assert found[0].calibrated == tuple(fitted.predict(TEXTS)) == RIGHT
    assert found[0].prompt == fitted.details_["prompt"]
    assert len({one.prompt for one in found}) > 2
    late = RunContext(deadline=Deadline.after(-1.0))
    clear_store()
    fitted.context_ = late
    assert fitted.rephrased(TEXTS) == ()
