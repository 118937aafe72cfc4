"""The benchmark of bundles on rows that their study never had: how rows are drawn, and answers held to a card."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from served_bundle import CARD, write_served

COUNTS = {"train": 60, "validation": 50, "test": 700}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    for part, count in COUNTS.items():
        rows = [{"text": f"{part} {i}", "label": "ab"[i % 2], "score": 1.0} for i in range(count)]
        # Copies of rows of every part, in other words of the same letters.
        rows += [{"text": f" {other.upper()}  {i} ", "label": "a"} for other in COUNTS for i in range(50)]
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("tested", "together"), [(100, False), (600, True)])
def test_no_text_of_the_study_is_among_the_fresh_rows(source, tested, together):
    import fresh_rows

    parts, told = fresh_rows.draw(source, (40, 30, tested), 400 if not together else 120)
    assert [len(rows) for rows in parts.values()] == [40, 30, tested, 120 if together else 400]
    keys = [fresh_rows.text_key(row) for rows in parts.values() for row in rows]
    assert len(set(keys)) == len(keys)
    assert ("all files" in told) is together
    assert {"score"} & {field for rows in parts.values() for row in rows for field in row} == set()
    assert fresh_rows.draw(source, (40, 30, tested), 400 if not together else 120)[0] == parts


def test_too_few_fresh_rows_are_refused(source):
    import fresh_rows

    with pytest.raises(SystemExit, match="leaves 110 fresh rows; 300 are needed"):
        fresh_rows.draw(source, (60, 40, 600), 400)


def test_the_bundle_is_given_no_label(source, tmp_path):
    import fresh_rows

    parts, _ = fresh_rows.draw(source, (40, 30, 100), 300)
    fresh_rows.write_parts(tmp_path / "out", parts)
    with (tmp_path / "out" / "fresh.csv").open(encoding="utf-8", newline="") as file:
        assert [dict(row) for row in csv.DictReader(file)] == [{"text": row["text"]} for row in parts["fresh"]]
    labels = json.loads((tmp_path / "out" / "fresh-labels.json").read_text("utf-8"))
    assert labels == [row["label"] for row in parts["fresh"]]


def test_answers_are_held_to_the_interval_of_the_card(tmp_path):
    import fresh_rows

    bundle = write_served(tmp_path)  # its card: .640 [.548, .732]
    truth = ["positive", "negative"] * 150

    def place(right: int, deviation: float = 0.0) -> dict:
        answers = [label if at < right else None for at, label in enumerate(truth)]
        return fresh_rows.held(bundle, truth, answers, deviation)

    assert [place(right)["place"] for right in (164, 165, 219, 220)] == ["below", "inside", "inside", "above"]
    found = place(192)
    assert (found["fresh"], found["card"], found["low"], found["high"], found["z"]) == (0.64, 0.64, 0.548, 0.732, 0.0)
    # Half a width of 1.96 standard errors of .0469, and a fresh error of sqrt(.64 x .36 / 300) = .0277: 91%.
    assert found["expected"] == pytest.approx(0.909, abs=0.01)
    assert place(192, 0.05)["expected"] == pytest.approx(0.787, abs=0.01)
    with pytest.raises(SystemExit, match="knows no label 'other'"):
        fresh_rows.held(bundle, ["other"], ["positive"], 0.0)
    (tmp_path / "more").mkdir()
    more = "\n**Expected of this bundle: accuracy in [.548, .800].** The lower end is that.\n"
    bundle = write_served(tmp_path / "more", card=CARD + more)
    assert [place(right)["place"] for right in (164, 220, 240, 241)] == ["below", "inside", "inside", "above"]
    assert [place(right)["inside_at_n"] for right in (219, 220)] == [True, False]


def test_what_is_shipped_of_a_study_without_a_bundle_hangs_on_no_test_score():
    import fresh_rows

    board = [
        {"contender": "a", "validation_score": 0.7, "score": 0.9},
        {"contender": "b", "validation_score": 0.8, "score": 0.6},
    ]
    named = {"contender": None, "meanwhile": "a"}
    assert fresh_rows.to_ship({"verdict": named, "leaderboard": board}) == "a"
    assert fresh_rows.to_ship({"verdict": named | {"meanwhile": None}, "leaderboard": board}) == "b"


def test_the_chance_of_so_many():
    import fresh_rows

    assert fresh_rows.chance_of_at_least([0.9, 0.8, 0.5], 2) == pytest.approx(0.9 * 0.8 + (0.9 * 0.2 + 0.1 * 0.8) * 0.5)
