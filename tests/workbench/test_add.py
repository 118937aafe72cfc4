"""What is put into a study: which contenders a prompt file makes, and what the study keeps of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, PromptDesign
from bakeoff.methods.registry import method_spec
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.store import StudyStore
from bakeoff.workbench.add import Addition, _facts_of_prompts, _new_contenders, _unseeing_prompts, add
from bakeoff.workbench.options import Watcher
from made_study import ASKED, TUNED, make_study

pytestmark = pytest.mark.models

LABELS = ("negative", "positive")
DESIGN = PromptDesign("Is it positive or negative?", LABELS, LABELS, ("", ""))


@pytest.fixture
def study(tmp_path: Path, catalogue_cache: Path) -> Path:
    """Give a decided study of the small real models."""
    folder = make_study(tmp_path / "study")
    models = (replace(TUNED, model="minilm-l6"), replace(ASKED, model="smollm2-135m"))
    known = [replace(one, version=method_spec(one.method).version) for one in models]
    with StudyStore(folder) as store:
        store.set_fact("contenders", [contender_to_json(one) for one in known])
    return folder


def prompt_file(folder: Path, *shown: str) -> Path:
    """Write a prompt that shows these texts."""
    path = folder / "mine.yaml"
    shots = tuple(Demonstration(place, text, "positive") for place, text in enumerate(shown))
    write_prompt_file(path, PromptFile(replace(DESIGN, demonstrations=shots)))
    return path


def names(store: StudyStore, what: Addition) -> list[str]:
    prompts = _unseeing_prompts(store, what.prompts)
    return [one.name for one in _new_contenders(store, what, prompts, Watcher())]


def test_a_prompt_alone_is_asked_of_the_studys_own_model(study: Path, tmp_path: Path) -> None:
    path = prompt_file(tmp_path, "train 1")
    with StudyStore(study) as store:
        assert [name for name in names(store, Addition(prompts=(path,))) if name not in ("majority", "tfidf")] == [
            "mine.yaml smollm2-135m"
        ]


def test_a_further_encoder_leaves_the_prompt_its_model(study: Path, tmp_path: Path) -> None:
    what = Addition(methods=("probe",), encoders=("minilm-l6",), prompts=(prompt_file(tmp_path),))
    with StudyStore(study) as store:
        found = names(store, what)
    assert {"mine.yaml smollm2-135m", "probe minilm-l6"} <= set(found)
    assert len(found) == len(set(found))


def test_a_prompt_without_a_model_is_refused(study: Path, tmp_path: Path) -> None:
    with StudyStore(study) as store:
        store.set_fact("contenders", [one for one in store.fact("contenders") if one["arm"] != "prompt"])
    with pytest.raises(OptionError, match="needs a model in process to prompt"):
        add(study, Addition(prompts=(prompt_file(tmp_path),)))


@pytest.mark.parametrize("text", ["validation 7", "Test 3"])
def test_a_prompt_that_knows_a_scored_row_is_refused(study: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(OptionError, match="must not know the rows that its score is of"):
        add(study, Addition(prompts=(prompt_file(tmp_path, "train 1", text),)))


def test_a_prompt_is_kept_once(study: Path, tmp_path: Path) -> None:
    with StudyStore(study) as store:
        prompts = _unseeing_prompts(store, (prompt_file(tmp_path),))
        facts = _facts_of_prompts(store, prompts)
        assert [one["name"] for one in facts["given_prompts"]] == ["mine.yaml"]
        assert store.fact("given_prompts") is None, "written with the plan, or not at all"
        store.set_facts(facts)
        assert _facts_of_prompts(store, prompts) == {}
