"""Several prompts at once, with the small real decoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sentiment_rows import LABELS, MODEL, RIGHT, TASK, TEXTS, UNSEEN
from small_suites import SmallDecoderSuite

from bakeoff.errors import BundleError, OptionError
from bakeoff.methods.contract import Deadline, RunContext
from bakeoff.methods.prompt.phrasings import ENSEMBLE, WORDINGS
from bakeoff.methods.prompt.prompt_file import read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.several import SeveralPrompts
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.tasks import classification_task

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("small_decoder")]


def method(model: str = MODEL, **settings) -> SeveralPrompts:
    return SeveralPrompts(TASK, model, **{"words": 20, "wordings": ("as it stands", "this is"), **settings})


class TestChosen(SmallDecoderSuite):
    __test__ = True

    def make(self, task, seed):
        return SeveralPrompts(task, self.decoder, seed, words=20)


class TestNeighboursOfSomeShots(SmallDecoderSuite):
    __test__ = True

    def make(self, task, seed):
        shown = {"shots": 2, "demonstration_sets": 2}
        return SeveralPrompts(task, self.decoder, seed, "neighbours", ("as it stands",), 20, **shown)


def test_without_rows_it_is_the_calibrated_prompts():
    fitted = method().fit([], [])
    assert fitted.details_["reading"] == "calibrated"
    assert fitted.predict(UNSEEN).tolist() == RIGHT
    assert len(fitted.details_["prompts"]) == 2
    assert fitted.details_["prompts"][1] == "(text)\nThis is"
    assert 0 < fitted.details_["label_mass"] < 1


def test_words_are_likely_ones_that_no_label_begins_with():
    fitted = method().fit([], [])
    for words in fitted.details_["words"]:
        assert len(words) == len(set(words)) == 20
        assert all(word.startswith(" ") and word[1:].isalpha() for word in words)
        assert not {" negative", " positive"} & set(words)


def test_labelled_rows_can_turn_the_answer():
    turned = {"negative": "positive", "positive": "negative"}
    fitted = method(reading="affine").fit(TEXTS, [turned[label] for label in LABELS])
    assert fitted.details_["reading"] == "affine"
    assert (fitted.predict(TEXTS) == np.array([turned[label] for label in LABELS])).mean() > 0.8


def test_rows_that_a_prompt_shows_do_not_teach(tiny_decoder: str):
    fitted = method(tiny_decoder, shots=3, demonstration_sets=2).fit(TEXTS, LABELS)
    shown = {each.row for one in fitted._prompts for each in one.design.demonstrations}
    assert len(fitted._prompts) == 4
    assert 3 < len(shown) <= 6
    assert fitted.details_["reading_rows"] == 16 - len(shown)
    assert fitted.details_["labels_read"] == 16
    # A bundle's card tells of every row that stands in one of its prompts.
    assert fitted.details_["demonstrations"] == sorted(shown)


def test_seeds_and_budgets_share_the_scores_of_the_rows_they_answer(tiny_decoder: str):
    first = method(tiny_decoder, seed=0).fit(TEXTS[:12], LABELS[:12])
    paid = first.answer(UNSEEN)
    other = method(tiny_decoder, seed=1).fit(TEXTS[4:], LABELS[4:])
    reused = other.details_["reused_rows"]
    assert reused == 2 * 8
    charged = other.answer(UNSEEN)
    assert other.details_["reused_rows"] - reused == 2 * len(UNSEEN)
    assert [a.seconds for a in charged] == [a.seconds for a in paid]
    assert [a.tokens_in for a in charged] == [a.tokens_in for a in paid]
    assert other.usage_.seconds > other.reused_seconds_ > 0


def test_a_deadline_between_fit_and_answers(tiny_decoder: str):
    fitted = method(tiny_decoder).fit(TEXTS, LABELS)
    fitted.context_ = RunContext(deadline=Deadline(0.0))
    assert [answer.abstention for answer in fitted.answer(UNSEEN)] == ["time was up"] * 4
    assert fitted.cut_


def test_other_weights_are_refused(tiny_decoder: str, tmp_path: Path):
    fitted = method(tiny_decoder).fit(TEXTS, LABELS)
    fitted.save(tmp_path)
    prompt = read_prompt_file(tmp_path / "prompt-2.yaml")
    write_prompt_file(tmp_path / "prompt-2.yaml", replace(prompt, model_sha256="0" * 64))
    with pytest.raises(BundleError, match="000000000000"):
        SeveralPrompts.load(tmp_path, fitted.get_params(deep=False))


@pytest.mark.parametrize("name", ["prompt-ensemble", "prompt-affine", "prompt-neighbours"])
def test_registry_entries_make_the_method(name):
    made = load_method(name)(task=TASK, model=MODEL, seed=0, **method_spec(name).parameters)
    assert isinstance(made, SeveralPrompts)
    assert tuple(made.wordings) == ENSEMBLE


@pytest.mark.parametrize("name", WORDINGS)
def test_every_wording_is_answered_in(name):
    answers = method(wordings=(name,), words=0).fit([], []).answer(UNSEEN)
    assert [answer.abstention for answer in answers] == [None] * 4


def test_wrong_settings():
    with pytest.raises(OptionError, match="'rhyming' came"):
        method(wordings=("rhyming",)).fit([], [])
    with pytest.raises(OptionError, match="'tea leaves' came"):
        method(reading="tea leaves").fit([], [])
    with pytest.raises(OptionError, match="-1 came"):
        method(shots=-1).fit([], [])


def test_all_words_of_a_label_count_in_every_wording():
    many = classification_task(
        name="sentiment", labels=TASK.labels, metric="accuracy", other_words={"positive": ("excellent",)}
    )
    settings = {"words": 0, "wordings": ("as it stands", "this is"), "reading": "calibrated"}
    # The same words as labels of their own: what the label's score is to be is the sum over them.
    apart = classification_task(name="sentiment", labels=("excellent", *TASK.labels), metric="accuracy")
    one = SeveralPrompts(many, MODEL, **settings).fit([], [])
    each = SeveralPrompts(apart, MODEL, **settings).fit([], [])
    assert one.details_["prompts"] == each.details_["prompts"]
    summed, alone = one._said(UNSEEN).scores, each._said(UNSEEN).scores
    assert np.allclose(summed[:, :, 0], alone[:, :, 1], atol=1e-4)
    assert np.allclose(summed[:, :, 1], np.logaddexp(alone[:, :, 0], alone[:, :, 2]), atol=1e-4)
    taught = SeveralPrompts(many, MODEL, words=10).fit(TEXTS, LABELS)
    assert all(" excellent" not in words for words in taught.details_["words"])
    assert taught.predict(UNSEEN).tolist() == RIGHT
