"""The benchmark of prompts: how results are scored, kept and compared, and the server that a peer asks."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path

import pytest

from bakeoff.data import Rows
from bakeoff.tasks import classification_task

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def _record(name, seed, contender, score, version, fit=1.0, answer=1.0):
    return {
        "set": name, "seed": seed, "contender": contender, "version": version, "score": score, "accuracy": score,
        "fit_seconds": fit, "answer_seconds": answer,
    }  # fmt: skip


def test_an_answer_that_is_none_is_wrong():
    import prompting

    rows = Rows.of(["a", "b", "c", "d"], ["no", "no", "yes", "yes"])
    data = prompting.Data(
        "made up", classification_task(name="label", labels=["no", "yes"], metric="accuracy"), rows, rows
    )
    found = prompting.scored(data, ["no", None, "yes", "no"])
    assert found["accuracy"] == pytest.approx(0.5)
    assert found["rows"] == 4


def test_a_lead_is_in_points_over_sets_and_a_speed_over_all_seconds():
    import prompting

    results = {}
    for name, ours, theirs, seconds in (("one", 0.9, 0.6, 100.0), ("two", 0.5, 0.4, 300.0)):
        results[name, 0, "chosen"] = _record(name, 0, "chosen", ours, 1, fit=8.0, answer=12.0)
        results[name, 0, "dspy_mipro"] = _record(name, 0, "dspy_mipro", theirs, "dspy", fit=seconds, answer=20.0)
    assert prompting.named_figures(results) == {"over_dspy_mipro": 20.0}
    assert prompting.speed_figures(results) == {"speed_vs_dspy_mipro": 11.0}
    assert prompting.speed_figures({key: one for key, one in results.items() if key[2] == "chosen"}) == {}


def test_a_peer_with_less_time_is_another_contender(tmp_path):
    import kept
    import prompting

    path = tmp_path / prompting.RESULTS
    short, whole = (argparse.Namespace(peer_adapter="json", peer_seconds=seconds) for seconds in (60, 1200))
    version = prompting.method_spec(prompting.CONTENDERS["chosen"]).version
    kept.append_records(
        path,
        [
            _record("trec", 0, "chosen", 0.7, version),
            _record("trec", 1, "chosen", 0.7, -1),
            _record("trec", 0, "dspy_bootstrap", 0.3, prompting.peer_version(short)),
            _record("trec", 1, "dspy_bootstrap", 0.5, prompting.peer_version(whole)),
        ],
    )
    assert set(prompting.read_results(path, whole)) == {("trec", 0, "chosen"), ("trec", 1, "dspy_bootstrap")}


def test_the_server_answers_in_the_form_that_a_schema_gives(catalogue_cache, tmp_path):
    import llama_server

    from bakeoff.catalog import resolve_model

    weights = llama_server.in_bfloat16(resolve_model("smollm2-135m").path, tmp_path / "served.gguf")
    schema = {"type": "object", "properties": {"label": {"enum": ["left", "right"]}}, "required": ["label"]}
    asked = {
        "model": llama_server.SERVED,
        "messages": [{"role": "user", "content": "Which hand do most people write with?"}],
        # White space is free in the grammar: a short limit may cut an answer of many spaces.
        "max_tokens": 100,
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }
    with llama_server.served(weights, slots=1, threads=1) as url:
        assert url.startswith("http://127.0.0.1:")
        request = urllib.request.Request(f"{url}/chat/completions", json.dumps(asked).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=300) as response:
            said = json.load(response)["choices"][0]["message"]["content"]
    assert json.loads(said)["label"] in ("left", "right")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(request, timeout=30)
