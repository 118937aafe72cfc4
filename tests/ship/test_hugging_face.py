"""A tuned model written in the Hugging Face layout gives the bundle's own scores, and says what it cannot hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from bakeoff.errors import OptionError
from bakeoff.methods.contract import Method
from bakeoff.methods.registry import load_method
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.tasks import Task
from bakeoff.testing.rows import rows_of_kind, task_for_kind
from bakeoff.workbench.export_folder import export_folder
from small_models import write_decoder_folder, write_encoder_folder

CARD = """# sentiment: full tiny

## Score

**accuracy .846**, 95% interval [.787, .904]: the mean of 3 seeds on 300 test rows, with n = 256 labelled rows.

## Use

```
bakeoff predict bundle new.csv
```

## Repeat

Seed 0.
"""

Shipped = tuple[Method, Path]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {"encoder": write_encoder_folder(folder / "encoder"), "decoder": write_decoder_folder(folder / "decoder")}


@pytest.fixture
def shipped(tmp_path: Path) -> Callable[..., Shipped]:
    """Give a function that fits a method on easy rows and writes its bundle."""

    def make(name: str, model: str, kind: str = "classification", arm: Any = "finetune", **settings: Any) -> Shipped:
        task: Task = task_for_kind(kind)
        method = load_method(name)(task=task, model=model, seed=0, **settings)
        method.fit(*rows_of_kind(kind, 24))
        saved = tmp_path / f"saved-{name}"
        saved.mkdir()
        method.save(saved)
        contender = Contender(f"{name} tiny", name, _version(name), arm, model, None, settings, True, True)
        facts = BundleFacts(contender, task, seed=0, rows=24, fingerprint="f" * 64, text_columns=("review",))
        return method, write_bundle(tmp_path / "bundle", method_folder=saved, facts=facts, card=CARD)

    return make


def _version(name: str) -> str:
    from bakeoff.methods.registry import method_spec

    return method_spec(name).version


def _loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def _logits(folder: Path, texts: list[str]) -> Any:
    model, tokenizer = _loaded(folder)
    batch = tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return model(**batch).logits.double().numpy()


TEXTS = [*rows_of_kind("classification", 12, seed=5)[0], "a", "The case, the case, the case! " * 30]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("probe", {}),
        ("full", {"max_epochs": 1, "least_steps": 8}),
        ("lora-encoder", {"max_epochs": 1, "least_steps": 4, "rank": 2}),
    ],
)
def test_a_tuned_classifier_loads_by_itself_with_equal_scores(name, settings, tiny, shipped, tmp_path):
    method, bundle = shipped(name, tiny["encoder"], **settings)
    done = export_folder(bundle, tmp_path / "written")
    assert done.form.loader == "AutoModelForSequenceClassification"
    found = _logits(done.folder, TEXTS)
    shares = np.exp(found - found.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), method.predict_proba(TEXTS), atol=1e-3)
    model, _ = _loaded(done.folder)
    assert model.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}
    assert model.config.problem_type == "single_label_classification"


@pytest.mark.models
def test_the_real_encoder_keeps_its_scores_and_the_pipeline_its_answers(shipped, catalogue_cache, tmp_path):
    from transformers import pipeline

    method, bundle = shipped("probe", "minilm-l6")
    done = export_folder(bundle, tmp_path / "written")
    right = method.head_.scores(method._embedded(TEXTS, use_deadline=False)[0].vectors)
    right = np.maximum(right, -1e4)
    np.testing.assert_allclose(_logits(done.folder, TEXTS), right, atol=2e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = pipeline("text-classification", str(done.folder))(TEXTS, truncation=True)
    assert [answer["label"] for answer in answers] == method.predict(TEXTS).tolist()
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    told = yaml.safe_load(card.split("---\n")[1])
    assert (told["license"], told["language"]) == ("apache-2.0", ["en"])
    assert told["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    metric = told["model-index"][0]["results"][0]["metrics"][0]
    assert (metric["type"], metric["value"]) == ("accuracy", 0.846)
    assert "bakeoff predict bundle new.csv`" in card
    assert "```python\nfrom transformers import pipeline" in card
    assert card.count("## Use") == 1
    assert "## Repeat\n\nSeed 0." in card


def test_thresholds_stand_in_the_card_and_numbers_come_in_their_own_unit(tiny, shipped, tmp_path):
    method, bundle = shipped("probe", tiny["encoder"], kind="multi-label")
    done = export_folder(bundle, tmp_path / "several")
    found = 1 / (1 + np.exp(-_logits(done.folder, TEXTS)))
    np.testing.assert_allclose(found, method.predict_proba(TEXTS), atol=1e-3)
    assert _loaded(done.folder)[0].config.problem_type == "multi_label_classification"
    read = f"device {method.outputs_.thresholds[0]:g}, negative"
    assert read in (done.folder / "README.md").read_text(encoding="utf-8")


def test_a_number_comes_in_its_own_unit(tiny, shipped, tmp_path):
    method, bundle = shipped("probe", tiny["encoder"], kind="regression")
    done = export_folder(bundle, tmp_path / "number")
    np.testing.assert_allclose(_logits(done.folder, TEXTS)[:, 0], method.predict(TEXTS), atol=2e-3)
    assert _loaded(done.folder)[0].config.problem_type == "regression"


def test_a_decoder_that_writes_loads_by_itself_with_its_adapters_merged(tiny, shipped, tmp_path):
    from transformers import AutoModelForCausalLM

    method, bundle = shipped(
        "write-lora", tiny["decoder"], kind="generation", epochs=1, least_steps=2, rank=2, frozen_share=0.0
    )
    done = export_folder(bundle, tmp_path / "writer")
    ids = torch.tensor(method._read(["about: It\nopinion: positive"])[0])
    with torch.inference_mode():
        own = method.decoder_.model(input_ids=ids).logits
        found = AutoModelForCausalLM.from_pretrained(done.folder).eval()(input_ids=ids).logits
    torch.testing.assert_close(found, own, atol=1e-4, rtol=1e-4)
    assert not list(done.folder.glob("adapter*"))
    assert "max_new_tokens" in (done.folder / "README.md").read_text(encoding="utf-8")


def test_what_has_no_weights_of_its_own_is_refused_and_nothing_is_replaced(tiny, shipped, make_bundle, tmp_path):
    with pytest.raises(OptionError, match="is a plain baseline without a pre-trained model"):
        export_folder(make_bundle(), tmp_path / "written")
    (tmp_path / "written").mkdir()
    with pytest.raises(OptionError, match="is there already"):
        export_folder(make_bundle(), tmp_path / "written")
    _, bundle = shipped("tagger", tiny["encoder"], kind="tagging", max_epochs=1, least_steps=2)
    with pytest.raises(OptionError, match="Tags hang on how words are marked"):
        export_folder(bundle, tmp_path / "tags")
    assert not (tmp_path / "tags").exists()


def test_a_prompt_is_refused(tmp_path, tiny, shipped):
    _, bundle = shipped("zero-shot", tiny["decoder"], arm="prompt")
    with pytest.raises(OptionError, match="is a prompt, which has no weights of its own"):
        export_folder(bundle, tmp_path / "written")
