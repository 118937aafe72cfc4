"""Prompts pass the contract suite on every kind of task, and do what the kind asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import join_fields, labels_of, split_fields
from bakeoff.methods.contract import Method
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.methods.prompt.label_sets import LabelSetPrompt
from bakeoff.methods.prompt.prompt_file import read_prompt_file
from bakeoff.methods.prompt.prompt_head import PromptHead
from bakeoff.methods.prompt.scale import NO_RANGE, ScalePrompt, range_in
from bakeoff.methods.prompt.several import SeveralPrompts
from bakeoff.methods.prompt.tag_marks import TagMarks, choose_tagged, type_words
from bakeoff.methods.registry import load_method, method_specs
from bakeoff.models.decoder import load_decoder
from bakeoff.models.marks import MarkScorer
from bakeoff.records import Answer
from bakeoff.tasks import Task, task_of_kind
from bakeoff.testing import MethodSuite, rows_of_kind, task_for_kind
from small_models import write_decoder_folder

KINDS = ("classification", "multi-label", "regression", "pair", "tagging")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a decoder of 20,000 random weights."""
    return write_decoder_folder(tmp_path_factory.mktemp("decoder"))


class _Prompted(MethodSuite):
    __test__ = False
    answer_rows = 4
    decoder: str

    @pytest.fixture(autouse=True)
    def models(self, tiny: str) -> None:
        """Give the suite its decoder."""
        type(self).decoder = tiny


class TestLabelScoresOfPairs(_Prompted):
    __test__ = True
    kind = "pair"

    def make(self, task: Task, seed: int) -> Method:
        return LabelScorePrompt(task, self.decoder, seed, shots=2, calibration="batch")


class TestSeveralPromptsOfPairs(_Prompted):
    __test__ = True
    kind = "pair"

    def make(self, task: Task, seed: int) -> Method:
        return SeveralPrompts(task, self.decoder, seed, words=10)


class TestLabelSets(_Prompted):
    __test__ = True
    kind = "multi-label"

    def make(self, task: Task, seed: int) -> Method:
        return LabelSetPrompt(task, self.decoder, seed)


class TestHeadOfSeveralLabels(_Prompted):
    __test__ = True
    kind = "multi-label"

    def make(self, task: Task, seed: int) -> Method:
        return PromptHead(task, self.decoder, seed, words=10)


class TestHeadOfNumbers(_Prompted):
    __test__ = True
    kind = "regression"

    def make(self, task: Task, seed: int) -> Method:
        return PromptHead(task, self.decoder, seed, words=10)


class TestScale(_Prompted):
    __test__ = True
    kind = "regression"
    # What the process has scored before needs no time.
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return ScalePrompt(task, self.decoder, seed, shots=2)


class TestTagMarks(_Prompted):
    __test__ = True
    kind = "tagging"

    def make(self, task: Task, seed: int) -> Method:
        return TagMarks(task, self.decoder, seed, shots=2, words=5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_both_ways_and_a_floor_by_default(kind: str) -> None:
    arms = {spec.arm for spec in method_specs() if kind in spec.kinds and spec.by_default}
    assert {"floor", "finetune", "prompt"} <= arms
    for spec in method_specs():
        if spec.arm == "prompt" and spec.model == "decoder" and kind in spec.kinds:
            assert issubclass(load_method(spec.name), Method)


def test_both_texts_of_a_pair_stand_in_the_prompt_and_in_its_file(tiny: str, tmp_path: Path) -> None:
    texts, labels = rows_of_kind("pair", 8)
    method = LabelScorePrompt(task_for_kind("pair"), tiny, shots=2).fit(texts, labels)
    first, second = split_fields(texts[method.design_.demonstrations[0].row])
    assert f"Text: {first}\nSecond text: {second}\nOpinion: " in method.details_["prompt"]
    assert method._prompt.query(join_fields(["a\nb", "c"])) == "a b\nSecond text: c\nOpinion:"
    assert method.details_["row_place"]["between"] == "\nSecond text: "
    method.save(tmp_path)
    kept = read_prompt_file(tmp_path / "prompt.yaml").design
    assert kept == method.design_
    assert kept.messages(texts[0])[-1]["content"].endswith(method._prompt.query(texts[0]))


def test_a_set_is_the_likeliest_label_and_those_nearly_as_likely(tiny: str) -> None:
    method = LabelSetPrompt(task_for_kind("multi-label"), tiny, share=0.5)
    assert labels_of("multi-label", method._value_of((0.4, 0.19, 0.2, 0.21))) == ("device", "neutral", "positive")
    assert labels_of("multi-label", replace_share(method, 1.0)._value_of((0.4, 0.19, 0.2, 0.21))) == ("device",)


def replace_share(method: LabelSetPrompt, share: float) -> LabelSetPrompt:
    return LabelSetPrompt(method.task, method.model, share=share)


@pytest.mark.parametrize("make", [ScalePrompt, partial(PromptHead, words=5)])
def test_numbers_of_pairs_are_asked_with_both_texts(make, tiny: str, tmp_path: Path) -> None:
    texts, labels = rows_of_kind("regression", 12)
    pairs = [join_fields([text, "It is."]) for text in texts]
    method = make(task_for_kind("regression"), tiny).fit(pairs, labels)
    method.save(tmp_path)
    kept = [read_prompt_file(path).design.between for path in tmp_path.glob("prompt*.yaml")]
    assert set(kept) == {"\nSecond text: "}


@pytest.mark.parametrize(
    ("instruction", "found"),
    [
        ("Rate the mood from -4 to 4.", (-4.0, 4.0)),
        ("How alike are they, between 1 (not) and 5 (the same)?", (1.0, 5.0)),
        ("Give the number for the text.", None),
        ("Count from 3 to 3.", None),
    ],
)
def test_the_range_of_numbers_is_read_in_the_instruction(instruction: str, found: tuple[float, float] | None) -> None:
    assert range_in(instruction) == found


def test_without_rows_a_scale_takes_its_range_from_the_instruction_or_abstains(tiny: str) -> None:
    task = task_for_kind("regression")
    blind = ScalePrompt(task, tiny).fit([], [])
    assert blind.answer(["good"]) == [Answer(None, abstention=NO_RANGE)]
    told = ScalePrompt(replace(task, instruction="Rate from 10 to 20."), tiny).fit([], [])
    numbers = told.predict(["good", "bad", "It is awful."])
    assert ((numbers > 10) & (numbers < 20)).all()
    assert len(set(numbers.tolist())) == 3


def test_ratings_are_brought_to_the_labels_unit(tiny: str) -> None:
    texts, labels = rows_of_kind("regression", 24)
    first = ScalePrompt(task_for_kind("regression"), tiny, shots=4).fit(texts, labels)
    moved = [repr(100 + 10 * float(label)) for label in labels]
    second = ScalePrompt(task_for_kind("regression"), tiny, shots=4).fit(texts, moved)
    np.testing.assert_allclose(second.predict(texts), 100 + 10 * first.predict(texts), atol=1e-6)
    assert first.details_["calibration_rows"] == 20
    shown = sorted(float(labels[row]) for row in first.details_["demonstrations"])
    assert shown[0] < 0.5 < shown[-1]


def test_every_type_of_entity_is_shown_before_one_is_shown_twice() -> None:
    texts = [join_fields(["w"] * 3)] * 6
    labels = ["O O O", "B-A O O", "B-A O O", "O B-B O", "O O O", "B-C B-A O"]
    for seed in range(4):
        shown = {labels[row] for row in choose_tagged(texts, labels, 2, seed)}
        assert shown == {"O B-B O", "B-C B-A O"}
    assert len(set(choose_tagged(texts, labels, 9, 0))) == 6


def test_types_are_told_by_given_words_by_usual_ones_or_by_their_names() -> None:
    tags = ("B-PER", "I-PER", "B-first_name", "I-first_name", "O")
    assert type_words(task_of_kind("tagging", name="tags", labels=tags, metric="entity-F1")) == {
        "PER": "person",
        "first_name": "first name",
    }
    given = task_of_kind("tagging", name="tags", labels=tags, metric="entity-F1", words={"PER": "human"})
    assert type_words(given)["PER"] == "human"
    assert type_words(task_of_kind("tagging", name="tags", labels=("N", "V"), metric="token-accuracy"))["N"] == "n"


def test_marked_rows_stand_in_the_prompt_and_a_word_that_comes_twice_is_asked_twice(tiny: str, tmp_path: Path) -> None:
    texts, labels = rows_of_kind("tagging", 16)
    method = TagMarks(task_for_kind("tagging"), tiny, shots=2, words=5).fit(texts, labels)
    shown = method.design_.demonstrations[0]
    marked = [
        f"{word} (thing)" if tag != "O" else word
        for word, tag in zip(split_fields(shown.text), shown.label.split(), strict=True)
    ]
    assert f"\nMarked: {' '.join(marked)}\n\n" in method.details_["prompt"]
    answer = method.answer([join_fields(["The", "battery", "is", "no", "battery", ""])])[0]
    assert answer.value is not None
    assert len(answer.value.split(" ")) == 6
    method.save(tmp_path)
    assert json.dumps(method.details_["words"])
    assert read_prompt_file(tmp_path / "prompt.yaml").control == "marks"
    long = method.answer([join_fields(["word"] * 300)])[0]
    assert (long.value, long.abstention) == (None, "the text and the prompt are longer than the model's context")


def test_scores_of_marks_are_those_of_each_beginning_read_alone(tiny: str) -> None:
    from bakeoff.methods.loaded import model_files

    decoder = load_decoder(model_files(tiny), dtype="float32", device="cpu")
    scorer = MarkScorer(decoder, max_batch_tokens=40)
    rows, candidates = [["The", "screen", "is", "is"], ["It"]], [5, 30, 99]
    packed = scorer.score("Show:", rows, "\nMarked:", " (", candidates)
    scorer.packed = False
    plain = scorer.score("Show:", rows, "\nMarked:", " (", candidates)
    for one, other in zip(packed, plain, strict=True):
        np.testing.assert_allclose(one.logs, other.logs, atol=1e-4)
    import torch

    ids = [
        token
        for part in ("Show:", " The", " screen", " is", " is", "\nMarked:", " The", " screen", " (")
        for token in decoder.tokenizer(part, add_special_tokens=False)["input_ids"]
    ]
    with torch.inference_mode():
        logs = torch.log_softmax(decoder.model(torch.tensor([ids])).logits[0, -1], -1)
    np.testing.assert_allclose(packed[0].logs[1, 1:], logs[candidates].numpy(), atol=1e-4)
