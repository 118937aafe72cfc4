"""Rewriting the instruction of a prompt that writes texts: by the metric, on rows that the rewriter has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.data import references_of
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.writing_control import WritingControl
from bakeoff.methods.prompt.written_design import written_design
from bakeoff.testing import rows_of_kind, task_for_kind
from bakeoff.workbench.prompt_history import history_folder, read_history
from fault_relay import SAYS
from small_models import write_decoder_folder

LONG = "Tell of everything that the input names, in a sentence or two."


def test_the_version_that_scores_best_on_rows_it_was_not_made_from_is_written(program, tmp_path: Path, relay_to):
    texts, labels = rows_of_kind("generation", 60)
    rows = [{"source": f"{text} No. {at}", "target": references_of(label)[0]}
            for at, (text, label) in enumerate(zip(texts, labels, strict=True))]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "checks.yaml").write_text(
        "odd: {kind: pattern, must: '[aeiou]'}\nlong: {kind: length, least_words: 4}\n"
    )
    design = written_design(task_for_kind("generation"), form="plain")
    write_prompt_file(tmp_path / "p.yaml", PromptFile(design, "written", writing=WritingControl(most_tokens=8)))
    copied = rows[0]["target"]
    replies = [SAYS + json.dumps({"fault": "f", "instruction": said}) for said in (f"Say: {copied}", LONG)]
    relay = relay_to("http://127.0.0.1:9", lambda number: replies[number])
    model = write_decoder_folder(tmp_path / "model")
    told = ("prompt", "improve", "p.yaml", "rows.jsonl", "--rewriter", f"{relay.url}#big", "--n", 24, "--rewrites", 2,
            "--model", model, "--dtype", "float32", "-o", "q.yaml")  # fmt: skip
    done = program(*told, "--checks", "checks.yaml", "--metric", "form", "--json")
    assert done.code == 0, done.err
    document = done.document["result"]
    assert document["rewrites"]["refused"] == {"copied": 1}
    shown = relay.bodies[0]["messages"][0]["content"]
    assert '"score": ' in shown
    assert '"fails": ["' in shown
    assert "writes the text that belongs to it" in shown
    history = read_history(history_folder(tmp_path / "q.yaml"))
    assert {one.prompt.design.instruction for one in history} == {design.instruction, LONG}
    assert {one.metric for one in history} == {"form"}
    assert all(one.checks and 0 <= one.score <= 1 for one in history), "a version knows its checks when it is read"
    change = document["change"]
    assert change["rows"] == 12
    # Texts of random weights: whichever scores better on the rows that choose is written, and the start stays if none.
    better = change["score_after"] > change["score_before"]
    assert (tmp_path / "q.yaml").exists() == better
    if better:
        assert read_prompt_file(tmp_path / "q.yaml").scores["form_on_choosing_rows"] == pytest.approx(
            change["score_after"]
        )
    seen = {row["source"] for row in rows if json.dumps(row["source"])[1:-1] in shown}
    assert 0 < len(seen) <= 8
    assert "is for prompts that write texts" not in done.err
