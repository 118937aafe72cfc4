"""The five rows in which guides set the two ways side by side: every row carries what was measured."""

from __future__ import annotations

import math
from dataclasses import replace

from decision_builders import FACTS, LORA, PROBE, SHOTS, TFIDF, TUNED, ZERO, contender, make_evidence, realistic

from bakeoff.decision import decide
from bakeoff.records import Measured, Reading, Rephrased


def _rows(evidence):
    return {one.aspect: one for one in decide(evidence).differences}


def test_every_row_has_both_columns_and_evidence():
    rows = _rows(realistic())
    for row in rows.values():
        assert row.finetune.endswith(".")
        assert row.prompt.endswith(".")
        assert any(mark.isdigit() for mark in row.evidence), row.aspect
    assert rows["weights"].finetune == "Updated. 22.7 million parameters trained."
    assert rows["weights"].prompt == "Not updated: the model answers as it came, a prompt of 10 words was designed."
    assert rows["tailoring"].finetune == "Tailored to 512 labelled rows."
    assert "and 8 demonstrations; 8 of 512 labelled rows were read" in rows["tailoring"].prompt
    assert "prompt: Classify the sentiment" in rows["tailoring"].evidence
    assert rows["re-training"].finetune == "Needed for every change of labels or data: 73 s."
    assert rows["re-training"].prompt == "Not needed: a new prompt is ready in 4.0 s."
    assert "from n = 32 to 512" in rows["adaptation"].finetune
    assert "93.0% of the probability" in rows["adaptation"].evidence


def test_weights_are_shown_by_their_hashes():
    evidence = realistic()
    reading = Reading(1.4, 3.0, "3" * 64, "4" * 64)
    told = _rows(replace(evidence, measured=Measured(readings={"smollm2-135m": reading})))["weights"].evidence
    assert "sha256 11111111 before, 22222222 after (full minilm-l6)" in told
    assert "sha256 33333333 before, 44444444 after all prompts (smollm2-135m)" in told


def test_adapters_and_a_probe_leave_the_models_own_weights():
    def told(one, **details):
        facts = FACTS | {one.name: {"details": details}}
        return _rows(make_evidence([(one, {64: 0.8}), (ZERO, {0: 0.7}), (TFIDF, {64: 0.6})], facts=facts))["weights"]

    adapted = told(LORA, weights_changed=True, base_weights_changed=False, base_sha256="5" * 64)
    assert "adapters; the model's own weights stay" in adapted.finetune
    assert "sha256 55555555 of the model, which was not trained" in adapted.evidence
    assert "only a layer on top" in told(PROBE, weights_changed=False).finetune
    assert "reports nothing" in told(PROBE).finetune


def test_the_phrasings_and_later_rows_stand_beside_the_gain():
    scores = Rephrased(("as it stands", "quoted"), (0.8, 0.6), 0.1, 100)
    measured = Measured(rephrased={"smollm2-135m": (scores, scores)}, months_to_test=2.0)
    told = _rows(replace(realistic(), measured=measured))["adaptation"].evidence
    assert "2 phrasings, zero-shot: .600 to .800 on 100 rows" in told
    assert told.count("a month later") == 2


def test_where_each_is_impractical_is_measured():
    rows = _rows(realistic())["impractical where"]
    assert "Without labels: this one saw 512; with 32 labels: .7" in rows.finetune
    assert "without any" in rows.finetune
    assert "under 95 ms (its p95 here)" in rows.prompt
    served = contender("zero-shot big", "prompt", model="http://host/v1#big", seeded=False, uses_labels=False)
    slow = FACTS | {
        TUNED.name: {"fit_seconds": 7200.0},
        served.name: {"size_mb": 3100.0, "p95_ms": math.nan, "p50_ms": 700.0, "details": {"demonstrations_dropped": 3}},
    }
    evidence = make_evidence([(TUNED, {64: 0.9}), (served, {0: 0.8}), (TFIDF, {64: 0.6})], facts=slow)
    rows = _rows(evidence)["impractical where"]
    assert "labels change often: 2.0 h a time" in rows.finetune
    assert "without any" not in rows.finetune
    for part in (
        "under 700 ms (its median here)",
        "3 demonstrations did not fit",
        "3.1 GB of weights",
        "may not leave the machine",
    ):
        assert part in rows.prompt


def test_a_missing_arm_is_said_to_be_missing():
    rows = _rows(make_evidence([(TUNED, {64: 0.8, 128: 0.8}), (TFIDF, {64: 0.6, 128: 0.6})], facts=FACTS))
    assert {row.prompt for row in rows.values()} == {"No prompted contender finished."}
    rows = _rows(make_evidence([(SHOTS, {64: 0.8}), (ZERO, {0: 0.6})], facts=FACTS))
    assert {row.finetune for row in rows.values()} == {"No fine-tuned contender finished."}
