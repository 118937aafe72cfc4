"""The lines that a benchmark keeps, read again after an interruption."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def test_nothing_is_there_before_the_first_record(tmp_path):
    import kept

    assert kept.read_records(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("left", [b'{"case": 2, "sco', '{"case": "ünfini'.encode()[:12], b"\n\n"])
def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path, left):
    import kept

    path = tmp_path / "records.jsonl"
    kept.append_records(path, [{"case": 0}, {"case": 1}])
    with path.open("ab") as file:
        file.write(left)
    kept.append_records(path, [{"case": 3}])
    kept.append_records(path, [{"case": 4}])
    assert [record["case"] for record in kept.read_records(path)] == [0, 1, 3, 4]


def test_a_cut_first_line_does_not_take_the_next_one_with_it(tmp_path):
    import kept

    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"case"')
    kept.append_records(path, [{"case": 1}])
    assert kept.read_records(path) == [{"case": 1}]
