"""From a file without labels to a sheet, and from a filled sheet to a study with unlabelled texts."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

from in_process import Program

WORDS = ["garden", "kettle", "river", "lantern", "window", "carpet", "engine", "bottle", "ladder", "mirror"]
TEXTS = [
    f"the {one} beside the {two} was {'fine' if i % 2 else 'poor'} {i}" for i, one in enumerate(WORDS) for two in WORDS
]


def test_a_sample_is_labelled_by_hand_and_measured(program: Program, tmp_path: Path, catalogue_cache: Path) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("review\n" + "".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    refused = program("run", "bare.csv")
    assert refused.code == 2
    assert "bakeoff label DATA --write SHEET" in refused.err
    drawn = program("label", "bare.csv", "--write", "sheet.csv", "--rows", "40")
    assert drawn.code == 0, drawn.err
    assert "bakeoff run sheet.csv --unlabelled bare.csv" in drawn.out
    with (tmp_path / "sheet.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert all(row["review"] in TEXTS and row["label"] == "" for row in rows)
    assert program("label", "bare.csv", "--write", "sheet.csv").code == 2
    with (tmp_path / "sheet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "label"])
        writer.writerows([row["review"], "good" if "fine" in row["review"] else "bad"] for row in rows)
    ended = program(
        "run", "sheet.csv", "--unlabelled", "bare.csv", "--method", "tfidf", "--seeds", "1", "--no-ship",
        "-o", "study", "--until", "measured",
    )  # fmt: skip
    assert ended.code in (0, 3), ended.err
    with sqlite3.connect(tmp_path / "study" / "study.sqlite") as db:
        kept = {text for (text,) in db.execute("SELECT text FROM unlabelled")}
        checks = json.loads(db.execute("SELECT value FROM facts WHERE name = 'checks'").fetchone()[0])
    assert kept
    assert kept < set(TEXTS)
    assert kept.isdisjoint(row["review"] for row in rows)
    assert any(check["name"] == "unlabelled" for check in checks)
