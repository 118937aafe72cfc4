"""``bakeoff prompt`` where the answer is a text: draft, try two versions, write without rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bakeoff.cli.app import app
from bakeoff.data import references_of
from bakeoff.testing import rows_of_kind

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("catalogue_cache")]


def test_a_prompt_of_texts_is_drafted_tried_changed_and_asked_to_write(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts, labels = rows_of_kind("generation", 48)
    rows = [{"source": text, "target": references_of(label)[0]} for text, label in zip(texts, labels, strict=True)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = CliRunner()
    drafted = run.invoke(
        app, ["prompt", "new", "rows.jsonl", "--task", "generation", "--sentence", "Write the review.", "--shots", "2",
              "--form", "plain", "--n", "8", "-o", "p.yaml"]
    )  # fmt: skip
    assert drafted.exit_code == 0, drafted.output
    assert "a text that is written" in drafted.output
    text = Path("p.yaml").read_text("utf-8")
    Path("p.yaml").write_text(text.replace("by: written", "by: written\n  most_tokens: 4"), "utf-8")
    first = run.invoke(app, ["prompt", "try", "p.yaml", "rows.jsonl", "--n", "8", "--rows", "2"])
    assert first.exit_code == 0, first.output
    assert "chrf" in first.output
    assert "  right" in first.output
    Path("p.yaml").write_text(Path("p.yaml").read_text("utf-8").replace("most_tokens: 4", "most_tokens: 12"), "utf-8")
    second = run.invoke(app, ["prompt", "try", "p.yaml", "rows.jsonl", "--n", "8", "--json"])
    assert second.exit_code == 0, second.output
    document = json.loads(second.stdout)["result"]
    assert document["change"]["score_after"] == pytest.approx(document["chrf"])
    assert document["change"]["score_after"] > document["change"]["score_before"]
    assert document["rows"][0]["references"]
    Path("checks.yaml").write_text(
        "short: {kind: length, most_words: 3}\nend: {kind: pattern, must: '[.]$'}\n", "utf-8"
    )
    checked = run.invoke(app, ["prompt", "try", "p.yaml", "rows.jsonl", "--n", "8", "--checks", "checks.yaml",
                               "--metric", "form", "--json"])  # fmt: skip
    assert checked.exit_code == 0, checked.output
    by_checks = json.loads(checked.stdout)["result"]
    assert by_checks["form"] == pytest.approx(sum(by_checks["checks"].values()) / 2)
    assert {row["answer"] for row in by_checks["rows"]} == {row["answer"] for row in document["rows"]}
    assert by_checks["change"] is None  # chrF and form are not held against each other
    wrote = run.invoke(app, ["prompt", "write", "p.yaml", texts[0], "--seeds", "1", "--checks", "checks.yaml"])
    assert "tokens; short " in wrote.output
    assert wrote.exit_code == 0, wrote.output
    assert "the likeliest token each time" in wrote.output
    diff = run.invoke(app, ["prompt", "diff", "p.yaml@1", "p.yaml@2"])
    assert diff.exit_code == 0, diff.output
    assert "permutation test" in " ".join(diff.output.split())
