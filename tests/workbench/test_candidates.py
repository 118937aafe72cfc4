"""Which models a study looks for."""

from __future__ import annotations

import pytest

from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.options import StudyOptions, Watcher

SERVER = "http://localhost:9/v1#m"


class Told(Watcher):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


@pytest.mark.parametrize(("methods", "found"), [(("server-zero-shot",), [SERVER]), (("tfidf",), []), ((), [SERVER])])
def test_a_model_that_no_method_uses_is_neither_fetched_nor_looked_for(
    methods: tuple[str, ...], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakeoff.workbench.candidates.pull", lambda name, **_: pytest.fail(f"{name} was fetched"))
    told = Told()
    models, _ = candidate_models(StudyOptions(prompt_models=(SERVER,), methods=methods), told)
    assert [model.name for model in models] == found
    assert told.steps == []


@pytest.mark.models
@pytest.mark.parametrize(
    ("methods", "kind", "found"),
    [
        (("probe",), "classification", ["minilm-l6"]),
        (("zero-shot",), "classification", ["smollm2-135m"]),
        (("distil",), "classification", ["minilm-l6", "smollm2-135m"]),
        (("tagger",), "tagging", ["minilm-l6"]),
        (None, "classification", ["minilm-l6", "smollm2-135m"]),
        (None, "tagging", ["minilm-l6", "smollm2-135m"]),
        (None, "generation", ["smollm2-135m"]),
    ],
)
def test_what_the_methods_use_is_found(
    methods: tuple[str, ...] | None, kind: str, found: list[str], catalogue_cache: object
) -> None:
    models, _ = candidate_models(StudyOptions(methods=methods), Told(), kind)
    assert [model.name for model in models] == found
