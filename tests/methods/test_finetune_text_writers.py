"""Models tuned to write pass the contract suite, learn their targets, and are what they were after a reload."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
import torch

from bakeoff.errors import OptionError
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.finetune.lora_text_writer import LoraTextWriter
from bakeoff.methods.finetune.seq2seq_text_writer import Seq2SeqTextWriter
from bakeoff.methods.finetune.text_writer import FullTextWriter
from bakeoff.tasks import Task
from bakeoff.testing import MethodSuite
from bakeoff.testing.rows import rows_of_kind, task_for_kind
from small_models import write_decoder_folder, write_seq2seq_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "decoder": write_decoder_folder(folder / "decoder"),
        "seq2seq": write_seq2seq_folder(folder / "seq2seq"),
    }


class WriterSuite(MethodSuite):
    kind = "generation"
    answer_rows = 3
    family = "decoder"
    settings: ClassVar[dict[str, int]] = {"epochs": 1, "batch_rows": 4, "least_steps": 1}

    @pytest.fixture(autouse=True)
    def _models(self, folders: dict[str, str]) -> None:
        type(self).model = folders[self.family]


class TestFull(WriterSuite):
    def make(self, task: Task, seed: int) -> Method:
        return FullTextWriter(task=task, model=self.model, seed=seed, **self.settings)


class TestLora(WriterSuite):
    def make(self, task: Task, seed: int) -> Method:
        return LoraTextWriter(task=task, model=self.model, seed=seed, rank=2, **self.settings)


class TestSeq2Seq(WriterSuite):
    family = "seq2seq"

    def make(self, task: Task, seed: int) -> Method:
        return Seq2SeqTextWriter(task=task, model=self.model, seed=seed, **self.settings)


@pytest.mark.parametrize(
    ("method", "family", "settings"),
    [
        (FullTextWriter, "decoder", {"frozen_share": 0.0}),
        (LoraTextWriter, "decoder", {"rank": 8, "frozen_share": 0.0}),
        (Seq2SeqTextWriter, "seq2seq", {}),
    ],
)
def test_a_random_model_learns_one_target_by_heart(method, family, settings, folders, tmp_path):
    task = task_for_kind("generation")
    texts, labels = rows_of_kind("generation", 8)
    labels = [labels[0]] * 8
    made = method(
        task=task, model=folders[family], learning_rate=1e-2, epochs=1, least_steps=80, batch_rows=8, **settings
    )
    made.fit(texts, labels)
    assert [answer.value for answer in made.answer(texts[:2])] == [labels[0]] * 2
    assert made.details_["most_tokens"] >= 8
    assert made.history_[-1]["loss"] < 0.6 * made.history_[0]["loss"]
    made.save(tmp_path)
    again = method.load(tmp_path, made.get_params(deep=False))
    assert [each.value for each in again.answer(texts)] == [each.value for each in made.answer(texts)]


def test_adapters_are_merged_and_fits_go_on_from_what_is_saved(folders, tmp_path):
    task = task_for_kind("generation")
    texts, labels = rows_of_kind("generation", 12)
    made = LoraTextWriter(task=task, model=folders["decoder"], rank=2, least_steps=4, epochs=1, merge=True)
    made.fit(texts, labels)
    assert made.details_["merged"]["largest_difference"] < 1e-3
    made.save(tmp_path)
    assert json.loads((tmp_path / "writer.json").read_text())["most_tokens"] == made.most_tokens_
    further = LoraTextWriter(task=task, model=folders["decoder"], rank=2, least_steps=1, epochs=1, merge=True)
    further.continuing(tmp_path, ()).fit(texts, labels)
    assert further.answer(texts[:1])


def test_only_upper_layers_change(folders):
    made = FullTextWriter(task=task_for_kind("generation"), model=folders["decoder"], least_steps=2, epochs=1)
    from bakeoff.methods import loaded

    before = {
        name: own.clone() for name, own in loaded.decoder(folders["decoder"], "float32", "cpu").model.named_parameters()
    }
    made.fit(*rows_of_kind("generation", 8))
    changed = {
        name.split(".")[2] for name, own in made.decoder_.model.named_parameters() if not torch.equal(own, before[name])
    }
    layers = int(made.decoder_.model.config.num_hidden_layers)
    assert changed == {str(at) for at in range(layers // 2, layers)}


def test_held_out_rows_are_judged_by_what_is_written(folders):
    texts, labels = rows_of_kind("generation", 120)
    made = FullTextWriter(task=task_for_kind("generation"), model=folders["decoder"], epochs=1, batch_rows=32)
    made.fit(texts, labels)
    assert made.details_["held_out_rows"] == 18
    assert made.history_[-1]["held_out_score"] is not None
    assert 0.0 <= made.history_[-1]["held_out_score"] <= 1.0


def test_settings_and_time(folders):
    task = task_for_kind("generation")
    with pytest.raises(OptionError, match="frozen_share"):
        FullTextWriter(task=task, model=folders["decoder"], frozen_share=1.0).fit(*rows_of_kind("generation", 8))
    made = FullTextWriter(task=task, model=folders["decoder"], least_steps=2, epochs=1)
    made.fit(*rows_of_kind("generation", 8))
    made.context_ = RunContext(deadline=Deadline.after(-1.0))
    answers = made.answer(["The battery"])
    assert answers[0].value is None
    assert answers[0].abstention == "time was up"
    assert made.cut_


def test_training_that_is_shortened_leaves_time_to_write(folders):
    settings = {"task": task_for_kind("generation"), "model": folders["decoder"], "epochs": 1}
    # What is loaded here once takes none of the time below.
    FullTextWriter(**settings, least_steps=1).fit(*rows_of_kind("generation", 8)).answer(["The battery"])
    made = FullTextWriter(**settings, least_steps=100_000)
    made.within(RunContext(deadline=Deadline.after(6.0), may_shorten=True)).fit(*rows_of_kind("generation", 8))
    assert made.details_["share_of_steps"] < 1
    assert not made.cut_
    assert made.context_.deadline.left > 0.5
    assert all(answer.value for answer in made.answer(["The battery"]))
    assert not made.cut_


def test_a_third_of_the_time_is_left_for_writing_where_training_may_be_shortened(folders):
    made = FullTextWriter(task=task_for_kind("generation"), model=folders["decoder"])
    made.context_ = RunContext(deadline=Deadline.after(100.0), may_shorten=True)
    assert 60 < made._training_context().deadline.left < 67
    for context in (RunContext(deadline=Deadline.after(100.0)), RunContext(may_shorten=True)):
        made.context_ = context
        assert made._training_context() is context
