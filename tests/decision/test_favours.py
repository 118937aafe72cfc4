"""Each of the five considerations can favour either way: over various studies none says the same thing always."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_builders import FACTS, SHOTS, TFIDF, TUNED, ZERO, make_evidence

from bakeoff.decision import decide
from bakeoff.records import Assumptions, Measured, Requirement

NAMES = ["task_requirements", "control_vs_flexibility", "time_and_resources", "complexity", "performance_goals"]


def _study(tuned, asked, prompt=ZERO, measured=None, **settings):
    before = {64: tuned[0], 256: tuned[1]}
    curve = {0: asked} if prompt is ZERO else {64: asked, 256: asked}
    curves = [(TUNED, before), (prompt, curve), (TFIDF, {64: 0.5, 256: 0.52})]
    evidence = make_evidence(curves, **({"facts": FACTS, "rows": 800, "seed_deviation": 0.002} | settings))
    return evidence if measured is None else replace(evidence, measured=measured)


def _limits(*limits):
    return {"requirements": tuple(Requirement(figure, sense, value) for figure, sense, value in limits)}


STUDIES = {
    "tuning far ahead and quick": _study((0.8, 0.93), 0.6, **_limits(("p95_ms", "<=", 20.0))),
    "prompting far ahead": _study((0.55, 0.6), 0.9, **_limits(("fit_seconds", "<=", 30.0))),
    "equal": _study((0.8, 0.8), 0.8, shared=0.999),
    "a prompt that spreads over its seeds": _study((0.8, 0.9), 0.8, prompt=SHOTS, seed_deviation=0.05, seed=3),
    "many predictions": _study((0.8, 0.8), 0.8, shared=0.999, assumptions=Assumptions(volume=1e7)),
    "few predictions": _study((0.8, 0.8), 0.8, shared=0.999, assumptions=Assumptions(volume=1.0)),
    "an hour to tune": _study(
        (0.8, 0.8), 0.8, shared=0.999, facts=FACTS | {TUNED.name: FACTS[TUNED.name] | {"fit_seconds": 3600.0}}
    ),
    "later rows": _study((0.8, 0.93), 0.6, measured=Measured(months_to_test=2.0)),
}


@pytest.fixture(scope="module")
def favoured():
    decisions = {name: decide(evidence) for name, evidence in STUDIES.items()}
    return {name: {one.name: one.favours for one in decision.considerations} for name, decision in decisions.items()}


@pytest.mark.parametrize("name", NAMES)
def test_no_consideration_favours_the_same_in_all_studies(favoured, name):
    found = {study[name] for study in favoured.values()}
    assert {"fine-tuning", "prompting"} <= found, found


def test_the_clear_studies_are_favoured_as_they_should(favoured):
    ahead, behind, equal = (favoured[name] for name in ("tuning far ahead and quick", "prompting far ahead", "equal"))
    assert ahead["performance_goals"] == ahead["complexity"] == ahead["task_requirements"] == "fine-tuning"
    assert behind["performance_goals"] == behind["complexity"] == behind["task_requirements"] == "prompting"
    assert equal["performance_goals"] == equal["task_requirements"] == "neither"
    assert favoured["few predictions"]["time_and_resources"] == "prompting"
    assert favoured["many predictions"]["time_and_resources"] == "fine-tuning"
    assert favoured["a prompt that spreads over its seeds"]["time_and_resources"] == "neither"
    assert favoured["an hour to tune"]["control_vs_flexibility"] == "prompting"
