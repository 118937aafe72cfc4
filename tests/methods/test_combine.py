"""Distillation and the cascade: the suite, who learns from which rows, and where the threshold stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.errors import OptionError, TrialError
from bakeoff.methods import loaded
from bakeoff.methods.combine.cascade import Cascade, choose_threshold
from bakeoff.methods.combine.distil import Distillation, likelier
from bakeoff.methods.combine.tuned_prompt import TunedPrompt
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.forecast import ModelSpeed, Workload
from bakeoff.methods.prompt.phrasings import wording_of
from bakeoff.methods.prompt.prompt_file import read_prompt_file
from bakeoff.methods.prompt.score_store import clear_store
from bakeoff.methods.prompt.template import design_for
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Answer
from bakeoff.tasks import Task, classification_task
from bakeoff.testing import MethodSuite, text_rows
from small_models import write_decoder_folder, write_encoder_folder

TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
TUNED = {"max_epochs": 1, "least_steps": 3, "learning_rate": 1e-3}
PROMPT = {"words": 5, "wordings": ("as it stands", "this is")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("models")
    return {
        "model": write_encoder_folder(place / "encoder"),
        "prompt_model": write_decoder_folder(place / "decoder"),
    }


@pytest.fixture(autouse=True)
def _no_kept_scores() -> None:
    clear_store()


class _Mixed(MethodSuite):
    fit_rows = 64

    @pytest.fixture(autouse=True)
    def _models(self, folders: dict[str, str]) -> None:
        self.folders = folders


class TestDistillation(_Mixed):
    def make(self, task: Task, seed: int) -> Method:
        return Distillation(task, seed=seed, tuned=TUNED, prompt=PROMPT, **self.folders)

    def labelled(self) -> tuple[list[str], list[Any]]:
        """Give rows of which one in two has no label."""
        texts, labels = text_rows(self.fit_rows // 2)
        pairs = [
            row for text, label in zip(texts, labels, strict=True) for row in ((f"{text} Oh.", None), (text, label))
        ]
        return [text for text, _ in pairs], [label for _, label in pairs]

    def test_inside_scikit_learn(self) -> None:
        """Labels of which some are None cannot be divided by label; rows without one count in no score."""
        from sklearn.model_selection import KFold, cross_val_score

        texts, labels = self.labelled()
        parts = KFold(2, shuffle=True, random_state=0)
        scores = cross_val_score(self.make(self.task(), 0), texts, labels, cv=parts, error_score="raise")
        assert np.all((scores >= 0) & (scores <= 1))


class TestCascade(_Mixed):
    def make(self, task: Task, seed: int) -> Method:
        return Cascade(task, seed=seed, tuned=TUNED, prompt=PROMPT, **self.folders)


class TestTunedPrompt(_Mixed):
    fit_rows = 32

    def make(self, task: Task, seed: int) -> Method:
        return _tuned_prompt(self.folders, task, seed)


def _tuned_prompt(folders: dict[str, str], task: Task = TASK, seed: int = 0, **settings: Any) -> TunedPrompt:
    given = {"learning_rate": 1e-2, "epochs": 1, "batch_rows": 4, "least_steps": 4, "rank": 2, "candidates": 6}
    return TunedPrompt(task, folders["prompt_model"], seed, **given | settings)


def _distilled(folders: dict[str, str], labelled: int, bare: list[str], **settings: Any) -> Distillation:
    texts, labels = text_rows(labelled)
    method = Distillation(TASK, tuned=TUNED, prompt=PROMPT, **folders, **settings)
    return method.fit([*texts, *bare], [*labels, *(None for _ in bare)])


BARE = [f"{text} Indeed." for text in text_rows(40)[0]]


def test_unlabelled_texts_change_what_is_learned(folders: dict[str, str]) -> None:
    asked = [f"{text} Well." for text in text_rows(12)[0]]
    few, many = (_distilled(folders, 16, BARE[:count]) for count in (8, 40))
    assert not np.allclose(few.predict_proba(asked), many.predict_proba(asked), atol=1e-4)
    told = many.details_
    assert told["asked_rows"] == told["labelled_rows"] == 40
    assert 20 <= told["taken_rows"] < 40
    assert 0 <= told["prompt_agreement"] <= 1
    assert told["agreement_is_in_sample"]


def test_the_bill_holds_both_parts(folders: dict[str, str]) -> None:
    method = _distilled(folders, 16, BARE)
    tuned, told = method.tuned_.usage_, method.details_
    assert method.usage_.tokens_in == tuned.tokens_in + told["labelling_tokens"]
    assert told["labelling_tokens"] > 0
    # A second fit finds the prompt's scores, and is charged as the first.
    again = _distilled(folders, 16, BARE)
    assert again.usage_.tokens_in == pytest.approx(method.usage_.tokens_in, rel=0.02)
    assert again.reused_seconds_ > method.reused_seconds_


def test_without_labelled_rows_the_zero_shot_prompt_teaches(folders: dict[str, str]) -> None:
    method = _distilled(folders, 0, BARE, taken_share=1.0)
    assert method.details_["labelled_by"] == "zero-shot prompt"
    assert method.details_["prompt_agreement"] is None
    assert method.details_["taken_rows"] == 40
    assert not any(answer.abstention for answer in method.answer(BARE[:3]))


def test_at_most_so_many_are_labelled_and_none_twice(folders: dict[str, str]) -> None:
    texts, _ = text_rows(16)
    method = _distilled(folders, 16, [*texts, *BARE, *BARE], most_unlabelled=30)
    assert method.details_["asked_rows"] == 30


def test_without_unlabelled_texts_the_trial_fails(folders: dict[str, str]) -> None:
    with pytest.raises(TrialError, match="needs unlabelled texts"):
        _distilled(folders, 16, [])
    with pytest.raises(TrialError, match="3 rows of"):
        _distilled(folders, 0, BARE[:3], taken_share=1.0)


def test_settings_that_make_no_sense(folders: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="taken_share must be above 0"):
        _distilled(folders, 16, BARE, taken_share=0.0)
    with pytest.raises(OptionError, match="prompt_model must name a decoder"):
        Cascade(TASK, folders["model"]).fit(*text_rows(40))


def test_of_each_label_the_surer_are_taken() -> None:
    surenesses = [(0.9, 0.1), (0.6, 0.4), (0.7, 0.3), (0.45, 0.55), (0.4, 0.6)]
    rows = [Answer("ab"[int(np.argmax(one))], probabilities=one) for one in surenesses]
    rows.append(Answer(None, abstention="time was up"))
    assert likelier(rows, 0.5) == [0, 2, 4]
    assert likelier(rows, 1.0) == [0, 1, 2, 3, 4]


def _right(truth: str) -> Any:
    return lambda given: float(np.mean([one == own for one, own in zip(given, truth, strict=True)]))


@pytest.mark.parametrize(("tuned", "prompted", "expected"), [
    ("aaaa", "aaaa", (0.0, 0.0, 1.0)),  # equal: none is sent
    ("bbaa", "aaaa", (0.7, 0.5, 1.0)),  # the unsure half is wrong
    ("bbaa", "aabb", (0.7, 0.5, 1.0)),
    ("bbbb", "aaaa", (0.9, 1.0, 1.0)),  # the prompt alone: the highest that was seen, not more
    ("aabb", "bbbb", (0.0, 0.0, 0.5)),
    ("baaa", "abaa", (0.6, 0.25, 1.0)),
])  # fmt: skip
def test_the_threshold_scores_best_and_of_equals_is_the_cheaper(tuned: str, prompted: str, expected: Any) -> None:
    found = choose_threshold(np.array([0.6, 0.7, 0.8, 0.9]), list(tuned), list(prompted), _right("aaaa"))
    assert (found.threshold, found.sent_share, found.score) == expected


def test_the_threshold_is_chosen_on_rows_that_no_part_learned_from(
    folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, labels = text_rows(40)
    texts = [f"{text} Number {place}." for place, text in enumerate(texts)]
    learned: list[set[str]] = []
    for part in ("_new_tuned", "_new_prompt"):
        made = getattr(Cascade, part)

        def noting(self: Cascade, made: Any = made) -> Any:
            method = made(self)
            fit = method.fit
            method.fit = lambda X, y: (learned.append(set(X)), fit(X, y))[1]
            return method

        monkeypatch.setattr(Cascade, part, noting)
    cascade = Cascade(TASK, tuned=TUNED, prompt=PROMPT, **folders).fit(texts, labels)
    assert learned[0] == learned[1]
    assert len(learned[0]) == 30
    choosing = [place for place, text in enumerate(texts) if text not in learned[0]]
    assert cascade.threshold_.rows == len(choosing) == 10
    asked = [texts[place] for place in choosing]
    own = cascade.tuned_.answer(asked)
    assert cascade.threshold_.tuned_score == np.mean(
        [a.value == labels[at] for a, at in zip(own, choosing, strict=True)]
    )
    assert cascade.threshold_.score >= max(cascade.threshold_.tuned_score, cascade.threshold_.prompt_score)


def test_rows_below_the_threshold_get_the_prompts_answers_and_pay_for_both(folders: dict[str, str]) -> None:
    cascade = Cascade(TASK, tuned=TUNED, prompt=PROMPT, **folders).fit(*text_rows(40))
    own, said = cascade.tuned_.answer(BARE), cascade.prompt_.answer(BARE)
    sure = [max(answer.probabilities or ()) for answer in own]
    middle = float(np.median(sure))
    cascade.threshold_ = choose_threshold(np.array([middle]), ["b"], ["a"], _right("a"))
    before = dict(cascade.details_)
    answers = cascade.answer(BARE)
    for first, second, answer, probability in zip(own, said, answers, sure, strict=True):
        meant = second if probability <= middle else first
        assert answer.value == meant.value
        assert answer.probabilities == pytest.approx(meant.probabilities, abs=1e-5)
        assert answer.tokens_in >= first.tokens_in + (second.tokens_in if probability <= middle else 0)
    assert cascade.details_["answered_rows"] - before["answered_rows"] == len(BARE)
    assert cascade.details_["answered_by_prompt"] == sum(one <= middle for one in sure)


def test_a_saved_mixture_names_its_decoder_and_needs_no_encoder(
    folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cascade = Cascade(TASK, tuned=TUNED, prompt=PROMPT, **folders).fit(*text_rows(40))
    cascade.save(tmp_path)
    told = (tmp_path / "prompt" / "prompt-1.yaml").read_text()
    assert loaded.model_files(folders["prompt_model"]).sha256 in told
    parameters = {**cascade.get_params(deep=False), "model": "not here"}
    again = Cascade.load(tmp_path, parameters, RunContext())
    assert again.threshold_ == cascade.threshold_
    assert again.predict(BARE).tolist() == cascade.predict(BARE).tolist()
    student = _distilled(folders, 16, BARE)
    (tmp_path / "student").mkdir()
    student.save(tmp_path / "student")
    nowhere = {**student.get_params(deep=False), "model": "not here", "prompt_model": "nor here"}
    assert Distillation.load(tmp_path / "student", nowhere).predict(BARE).tolist() == student.predict(BARE).tolist()


def test_a_decoder_is_tuned_under_the_best_prompt_of_the_search(folders: dict[str, str], tmp_path: Path) -> None:
    rows = text_rows(32)
    method = _tuned_prompt(folders).fit(*rows)
    best = method.details_["search"][-1][0]
    assert best["shots"] == 0
    assert len({one["wording"] for one in method.details_["search"][0]}) > 3
    around = wording_of(design_for(TASK), best["wording"]).render()
    assert method.details_["prompt"] == f"{around.prefix}(text){around.ending}"
    decode = method.decoder_.tokenizer.decode
    assert decode(method._token_ids(["  All\nright."])[0][0]) == f"{around.prefix}All right.{around.ending}"
    assert [decode(ids) for ids in method.network_.targets] == [f" {word}" for word in method.design_.words]
    assert method.usage_.seconds > method.details_["search_seconds"]
    # Whoever tunes under another prompt answers otherwise.
    other = _tuned_prompt(folders, candidates=1).fit(*rows)
    assert other.details_["search"][-1][0]["wording"] == "as it stands"
    if best["wording"] != "as it stands":
        assert not np.allclose(other.predict_proba(BARE), method.predict_proba(BARE), atol=1e-4)
    method.save(tmp_path)
    assert read_prompt_file(tmp_path / "prompt.yaml").design == method.design_


@pytest.mark.parametrize("name", ["distil", "cascade", "tuned-prompt"])
def test_a_spec_makes_its_method_and_forecasts_both_parts(name: str) -> None:
    spec = method_spec(name)
    second = {"prompt_model": "two"} if spec.second_model else {}
    made = load_method(name)(task=TASK, model="one", seed=0, **second, **spec.parameters)
    assert {**made.get_params(deep=False), **spec.parameters} == made.get_params(deep=False)
    assert spec.least_n == made.least_n
    fast, slow = ModelSpeed(1e6, 1e6, 0.0, 20.0), ModelSpeed(1e3, 1e3, 0.0, 20.0)
    work = Workload(64, 100, 2, 0.0, 1.0, fast, spec.parameters, second_speed=fast, unlabelled=600)
    assert spec.forecast(replace(work, speed=slow)) > spec.forecast(work) + 10
    if spec.second_model:
        assert spec.forecast(replace(work, second_speed=slow)) > spec.forecast(work) + 10
    if spec.learns_from_unlabelled:
        assert spec.forecast(work) > spec.forecast(replace(work, unlabelled=100))
        assert spec.forecast(replace(work, n=0)) > 0
