"""An exported model answers as the bundle does, without the package, and what was measured of it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bakeoff.errors import OptionError
from bakeoff.methods.contract import RunContext
from bakeoff.methods.finetune.token_rows import predict_logits
from bakeoff.methods.heads import softmax
from bakeoff.methods.outputs import outputs_of
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, read_bundle, write_bundle
from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows
from bakeoff.workbench.export import ExportSummary, export
from served_bundle import write_served
from small_models import write_encoder_folder

pytest.importorskip("onnxruntime")
TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
TEXTS, LABELS = text_rows(48)


def _ship(folder: Path, name: str, **parameters: object) -> Path:
    """Fit a method on a tiny encoder, and write its bundle."""
    model = write_encoder_folder(folder / "encoder") if not (folder / "encoder").is_dir() else str(folder / "encoder")
    saved = folder / f"{name} saved"
    saved.mkdir()
    names = dict(zip(sorted(set(LABELS)), TASK.labels, strict=True))
    load_method(name)(task=TASK, model=model, seed=0, **parameters).fit(TEXTS, [names[one] for one in LABELS]).save(
        saved
    )
    version = method_spec(name).version
    made = Contender(name, name, version, "finetune", model, None, parameters, seeded=True, uses_labels=True)
    facts = BundleFacts(made, TASK, 0, len(TEXTS), "f" * 64, text_columns=("review",))
    return write_bundle(folder / f"{name} bundle", method_folder=saved, facts=facts, card="# The bundle's card\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def bundle(place) -> Path:
    return _ship(place, "full", max_epochs=1, least_steps=8)


@pytest.fixture(scope="module")
def rows(place) -> Path:
    file = place / "rows.jsonl"
    labels = [TASK.labels[number % 2] for number in range(len(TEXTS))]
    lines = [{"review": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
    file.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"review": ""}]), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def exported(place, bundle, rows) -> ExportSummary:
    return export(bundle, place / "exported", int8=True, rows=rows, label="label")


def test_both_models_are_compared_with_the_bundle(exported, bundle) -> None:
    whole, small = exported.models
    assert (whole.name, small.name) == ("model.onnx", "model.int8.onnx")
    assert (exported.rows, whole.same) == (48, 48)
    assert whole.largest_difference < 1e-4 < small.largest_difference
    assert small.same > 40
    assert whole.score == exported.bundle_score
    answers = [answer.value for answer in read_bundle(bundle).load().answer(TEXTS)]
    right = sum(value == TASK.labels[number % 2] for number, value in enumerate(answers))
    assert exported.bundle_score == pytest.approx(right / 48)
    card = (exported.folder / "README.md").read_text(encoding="utf-8")
    assert "Measured on 48 rows" in card
    assert "| `model.onnx` |" in card
    assert "(0.0 points) |" in card or "(+0.0 points) |" in card
    assert (exported.folder / "BUNDLE.md").read_text(encoding="utf-8") == "# The bundle's card\n"


_ALONE = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not {"bakeoff", "torch", "transformers"} & set(sys.modules)
"""


def test_the_folder_answers_without_the_package(exported, bundle, tmp_path) -> None:
    command = [sys.executable, "-I", "-c", _ALONE, str(exported.folder / "predict.py"), *TEXTS[:5]]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    found = [json.loads(line) for line in printed.splitlines()]
    wanted = read_bundle(bundle).load().answer(TEXTS[:5])
    assert [one["prediction"] for one in found] == [answer.value for answer in wanted]
    for one, answer in zip(found, wanted, strict=True):
        assert list(one["probabilities"]) == list(TASK.labels)
        assert list(one["probabilities"].values()) == pytest.approx(answer.probabilities, abs=1e-4)


def test_an_empty_text_is_an_abstention_as_the_bundle_has_it(exported, bundle) -> None:
    from bakeoff.ship.onnx_predict import Exported
    from bakeoff.workbench.open_bundle import open_bundle

    texts = ["", TEXTS[0], " \t", None]
    found = [one["prediction"] for one in Exported(str(exported.folder)).answers(texts)]
    assert found == list(open_bundle(bundle).predict(texts))
    assert found[0] is None
    assert found[1] in TASK.labels
    assert found[2:] == [None, None]


def test_a_model_that_was_not_written_is_told_with_those_that_were(monkeypatch, capsys) -> None:
    from bakeoff.ship import onnx_predict

    monkeypatch.setattr("sys.argv", ["predict.py", "--model", "model.int8.onnx", "Works well."])
    with pytest.raises(SystemExit) as left:
        onnx_predict.main()
    assert left.value.code == 2
    assert "there is no model model.int8.onnx" in capsys.readouterr().err


def test_a_pair_that_lacks_a_text_is_an_abstention(exported) -> None:
    from bakeoff.ship.onnx_predict import Exported

    model = Exported(exported.folder)
    assert not model.about["pairs"]
    assert model.answers([" \t"])[0]["prediction"] is None
    model.about["pairs"] = True
    one, other = TEXTS[:2]
    lacking = [(one, ""), ("", other), (" ", other), (one, None), (one,), one, "", None]
    *none, whole = (told["prediction"] for told in model.answers([*lacking, (one, other)]))
    assert none == [None] * len(lacking)
    assert whole in TASK.labels


@pytest.mark.parametrize(("kind", "pair", "pairs"), [("regression", "other", True), ("regression", None, False)])
def test_a_program_of_numbers_is_told_whether_they_are_of_pairs(bundle, tmp_path, kind, pair, pairs) -> None:
    from dataclasses import replace

    from bakeoff.ship.onnx_folder import write_rest

    shipped = read_bundle(bundle)
    task = replace(TASK, kind=kind, labels=(), metric="pearson")
    write_rest(shipped.load().exportable(), replace(shipped.facts, task=task, text_pair=pair), "0" * 64, tmp_path)
    assert json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))["pairs"] is pairs


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_scores_are_read_as_the_bundle_reads_them(exported, kind) -> None:
    from dataclasses import replace

    from bakeoff.data import write_labels, write_number
    from bakeoff.ship.onnx_predict import Exported

    task = replace(TASK, kind=kind, labels=TASK.labels if kind == "multi-label" else (), metric="micro-f1")
    outputs = outputs_of(task)
    model = Exported(exported.folder)
    scores = model.scores(TEXTS).astype(np.float64)
    if kind == "multi-label":
        shares = 1 / (1 + np.exp(-scores))
        outputs.thresholds = np.array([np.median(shares[:, 0]), 1.0])
        outputs.least_one = True
    else:
        outputs.mean, outputs.scale = 3.0, 2.5
    model.about["reading"] = outputs.reading()
    given = [one["prediction"] for one in model.answers(TEXTS)]
    written = [write_labels(one) if kind == "multi-label" else write_number(one) for one in given]
    assert written == [value for value, _shares in outputs.told(scores)]
    assert len(set(written)) > 1


def test_of_numbers_no_share_of_same_answers_is_told() -> None:
    from io import StringIO

    from rich.console import Console

    from bakeoff.cli.export import _show
    from bakeoff.ship.onnx_card import exported_card
    from bakeoff.workbench.export import ExportedModel, ExportSummary

    models = [ExportedModel("model.onnx", 91.0, 2e-7, same, 0.9) for same in (None, 59)]
    said = [StringIO(), StringIO()]
    for model, stream in zip(models, said, strict=True):
        _show(Console(file=stream), ExportSummary(Path("out"), "full", "pearson", 60, "test rows", 0.9, (model,)))
    assert ["answers the same" in stream.getvalue() for stream in said] == [False, True]
    cards = [
        exported_card("full", "pearson", (60, "rows", None), [("model.onnx", 91.0, 2e-7, one.same, None)])
        for one in models
    ]
    assert ["98" in card for card in cards] == [False, True]


@pytest.mark.parametrize(("name", "settings"), [("probe", {}), ("lora-encoder", {"max_epochs": 1, "least_steps": 8})])
def test_other_encoders_give_one_network_too(place, name, settings) -> None:
    """Head and adapters are inside of the network that is exported, and the bundle answers on as it did."""
    if name == "lora-encoder":
        pytest.importorskip("peft")
    method = read_bundle(_ship(place, name, **settings)).load(RunContext())
    wanted = method.predict_proba(TEXTS[:6])
    found = method.exportable()
    ids = found.tokenizer(TEXTS[:6], truncation=True, max_length=found.max_tokens)["input_ids"]
    assert softmax(predict_logits(found.network, ids, found.pad)) == pytest.approx(wanted, abs=1e-5)
    assert not any("lora" in part for part, _ in found.network.named_parameters())
    assert method.predict_proba(TEXTS[:6]) == pytest.approx(wanted, abs=1e-9)


def test_what_cannot_be_exported_is_refused_before_anything_is_written(bundle, rows, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"What is exported is an encoder with a head on it .* is of tfidf"):
        export(write_served(tmp_path), tmp_path / "new", rows=rows)
    with pytest.raises(OptionError, match="is there already"):
        export(bundle, tmp_path, rows=rows)
    with pytest.raises(OptionError, match="No study stands beside the bundle"):
        export(bundle, tmp_path / "new")
    with pytest.raises(OptionError, match="are of the file of --rows"):
        export(bundle, tmp_path / "new", label="label")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".partial*"))
