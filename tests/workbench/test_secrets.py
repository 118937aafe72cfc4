"""A key and a customer's row are planted, and looked for in all that a study, its bundle and a server of it leave."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pytest

from bakeoff.testing import text_rows
from in_process import Program
from served_bundle import serving

KEY = "sk-planted-1f6c0e5b9d"
SERVING_KEY = "served-planted-77aa13c9"
#: A row as it stands in the file, and a name in it that no other text has.
ROW = "Zebulonia Quistgaard wrote that the parcel of the seventh came without its lid"
NAME = b"zebulonia"


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def holding(wanted: bytes, paths: list[Path]) -> set[str]:
    """Give the names of the files that hold some bytes, in whatever case."""
    return {path.name for path in paths if wanted.lower() in path.read_bytes().lower()}


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    texts, labels = text_rows(48)
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["review", "sentiment"])
        table.writerow([ROW, labels[0]])
        table.writerows((f"{text} Order {number}.", labels[number]) for number, text in enumerate(texts))
    return path


def test_keys_and_rows_stay_where_they_belong(
    reviews, tmp_path, own_home, program: Program, relay_to, monkeypatch, caplog
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")
    caplog.set_level(logging.DEBUG)
    faults = ("says: negative", "500", "says: positive", "429", "says: positive")
    relay = relay_to("http://127.0.0.1:9", lambda number: faults[number % 5])
    study = tmp_path / "study"
    told = program(
        "run", reviews, "--prompt-model", f"{relay.url}#planted", "--method", "server-zero-shot", "--method", "tfidf",
        "--split", "one", "--budgets", "0,16", "--seeds", "1", "--until", "measured", "--no-texts", "-o", study,
    )  # fmt: skip
    assert told.code in (0, 3), told.err
    assert {head["Authorization"] for head in relay.headers} == {f"Bearer {KEY}"}
    assert any(ROW in message for message in relay.charged), "the row was asked for"
    shipped = program("ship", study, "--contender", "tfidf")
    assert shipped.code == 0, shipped.err
    relay.fault = lambda _number: "401"
    refused = program("add", study, "--prompt-model", f"{relay.url}#refused", "--method", "server-few-shot")
    wrong = program("run", reviews, "--label", ROW)

    with serving(study / "bundle", key=SERVING_KEY) as client:
        right, other = {"Authorization": f"Bearer {SERVING_KEY}"}, {"Authorization": "Bearer other"}
        answered = client.post("/predict", json={"text": ROW}, headers=right)
        assert answered.status_code == 200
        said = [answered, client.post("/predict", json={"text": ROW}, headers=other)]
        said += [client.post("/predict", json={"nothing": ROW}, headers=right), client.get("/metrics", headers=right)]
        served = "".join(one.text for one in said)

    everything = files(tmp_path, own_home)
    assert len(everything) > 15
    for key in (KEY, SERVING_KEY):
        assert holding(key.encode(), everything) == set()
        for text in (told, shipped, refused, wrong):
            assert key not in text.out + text.err
        assert key not in served + caplog.text
    # The study keeps its rows, and the cache what a server was asked; nobody else has them.
    kept = holding(ROW.encode(), everything) - {"reviews.csv"}
    assert "study.sqlite" in kept
    assert {name for name in kept if not name.endswith(".json")} <= {"study.sqlite", "study.sqlite-wal"}
    assert holding(ROW.encode(), files(study)) <= {"study.sqlite", "study.sqlite-wal"}
    # TF-IDF keeps words and pairs of words of the rows that it learned from, and that is told.
    assert holding(NAME, files(study)) <= {"study.sqlite", "study.sqlite-wal", "vocabulary.json"}
    for text in (told, shipped, refused):
        assert ROW not in text.out + text.err
    assert ROW not in caplog.text
