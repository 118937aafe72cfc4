"""From a file without labels to a sheet, and from a filled sheet to a study with unlabelled texts."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

Bakeoff = Callable[..., subprocess.CompletedProcess[str]]

WORDS = ["garden", "kettle", "river", "lantern", "window", "carpet", "engine", "bottle", "ladder", "mirror"]
TEXTS = [
    f"the {one} beside the {two} was {'fine' if i % 2 else 'poor'} {i}" for i, one in enumerate(WORDS) for two in WORDS
]


def test_a_sample_is_labelled_by_hand_and_measured(bakeoff: Bakeoff, tmp_path: Path, catalogue_cache: Path) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("review\n" + "".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    refused = bakeoff("run", "bare.csv")
    assert refused.returncode == 2
    assert "bakeoff label DATA --write SHEET" in refused.stderr
    drawn = bakeoff("label", "bare.csv", "--write", "sheet.csv", "--rows", "40")
    assert drawn.returncode == 0, drawn.stderr
    assert "bakeoff run sheet.csv --unlabelled bare.csv" in drawn.stdout
    with (tmp_path / "sheet.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert all(row["review"] in TEXTS and row["label"] == "" for row in rows)
    assert bakeoff("label", "bare.csv", "--write", "sheet.csv").returncode == 2
    with (tmp_path / "sheet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "label"])
        writer.writerows([row["review"], "good" if "fine" in row["review"] else "bad"] for row in rows)
    ended = bakeoff(
        "run", "sheet.csv", "--unlabelled", "bare.csv", "--method", "tfidf", "--seeds", "1", "--no-ship",
        "-o", "study", "--until", "measured",
    )  # fmt: skip
    assert ended.returncode in (0, 3), ended.stderr
    with sqlite3.connect(tmp_path / "study" / "study.sqlite") as db:
        kept = {text for (text,) in db.execute("SELECT text FROM unlabelled")}
        checks = json.loads(db.execute("SELECT value FROM facts WHERE name = 'checks'").fetchone()[0])
    assert kept
    assert kept < set(TEXTS)
    assert kept.isdisjoint(row["review"] for row in rows)
    assert any(check["name"] == "unlabelled" for check in checks)
