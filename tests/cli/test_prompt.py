"""The prompt verbs as a person uses them, with the small real decoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.methods.prompt.score_store import clear_store
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.prompt_new import DraftOptions, draft_prompt
from bakeoff.workbench.rows import divide, read_source
from in_process import Program


@pytest.mark.models
def test_new_try_change_try_history_diff(program: Program, reviews: Path, tmp_path: Path) -> None:
    def said(*arguments: object) -> str:
        clear_store()  # as in a process of its own, where nothing was scored yet
        done = program("prompt", *arguments)
        assert done.code == 0, done.out + done.err
        assert max(map(len, done.out.splitlines())) <= 80
        return " ".join(done.out.split())

    assert "4 of the n = 24 labelled rows" in said("new", reviews, "--n", 24, "--shots", 4)
    first = said("try", "prompt.yaml", reviews, "--n", 24)
    assert "version 1" in first
    assert "20 of the n = 24 labelled rows of seed 0; 4 that the prompt shows are left out" in first
    assert "against" not in first
    path = tmp_path / "prompt.yaml"
    path.write_text(path.read_text("utf-8").replace("Classify the", "Tell me the"), "utf-8")
    assert "not tried yet" in said("diff", "prompt.yaml")
    second = said("try", "prompt.yaml", reviews, "--n", 24)
    assert "changed instruction, since version 1" in second
    assert "on 20 rows that both answered; gained" in second
    assert "[-Classify-]{+Tell me+}" in said("diff", "prompt.yaml@1", "prompt.yaml@2")
    document = json.loads(program("prompt", "history", "prompt.yaml", "--json").out)["result"]
    assert [one["version"] for one in document["tries"]] == [1, 2]
    assert document["tries"][1]["change"]["rows"] == 20
    clear_store()
    again = json.loads(program("prompt", "try", "prompt.yaml", reviews, "--n", 24, "--json").out)["result"]
    assert again["accuracy"] == document["tries"][1]["accuracy"]
    assert len(again["rows"]) == again["answered"] == 20
    listed = said("history", "prompt.yaml")
    assert listed.count("smollm2-135m") == 2

    split = divide(read_source(str(reviews), DataOptions()), seed=0, seeds=3, division="auto")
    kept = [json.loads(file.read_text("utf-8")) for file in (tmp_path / "prompt.history").glob("*.json")]
    assert len(kept) == 2
    for one in kept:
        assert {row["id"] for row in one["rows"]} <= set(split.train.ids)
        assert all(row["answer"] in ("negative", "positive") for row in one["rows"])
        assert len(one["model_sha256"]) == len(one["fingerprint"]) == 64


CASES = {
    "no prompt file": (["try", "no.yaml", "a.csv"], ["no.yaml", "cannot be read"]),
    "other labels": (
        ["try", "p.yaml", "a.csv"],
        ["p.yaml", "'bad' stands in the prompt alone", "'n' stands in the rows alone"],
    ),
    "no rows": (["try", "p.yaml", "no.csv"], ["no.csv"]),
    "no server": (
        ["try", "q.yaml", "a.csv", "--model", "http://localhost:9/v1#m"],
        ["localhost:9", "cannot be reached"],
    ),
    "server elsewhere": (
        ["try", "q.yaml", "a.csv", "--n", "12", "--model", "https://api.example.org/v1#m"],
        ["12 rows in 12 calls to api.example.org (m)", "price unknown", "--allow-send api.example.org"],
    ),
    "no history": (["history", "p.yaml"], ["p.history", "bakeoff prompt try"]),
    "unknown version": (["diff", "p.yaml@3", "p.yaml"], ["no version", "3 came"]),
    "nothing to compare": (["diff", "p.yaml"], ["No other version"]),
    "nothing to draft from": (["new", "-o", "x.yaml"], ["--sentence"]),
    "against nothing": (["try", "q.yaml", "a.csv", "--against", "4"], ["4 came"]),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_cannot_be_used_is_explained(case: str, program: Program, tmp_path: Path) -> None:
    arguments, words = CASES[case]
    lines = "\n".join(f"text number {i} is {'good' if i % 2 else 'bad'},{'pn'[i % 2]}" for i in range(60))
    (tmp_path / "a.csv").write_text(f"review,sentiment\n{lines}\n")
    for name, labels in (("p.yaml", "good,bad"), ("q.yaml", "n,p")):
        draft_prompt(tmp_path / name, None, DataOptions(), DraftOptions(sentence="Judge it.", labels=labels))
    done = program("prompt", *arguments)
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
