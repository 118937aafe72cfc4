"""What ratings of two contenders come to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bakeoff.errors import DataError
from bakeoff.workbench.rate import Rating, RatingBoard, read_ratings, tally_of


def _board(*choices: str) -> RatingBoard:
    # Every second row has the first contender right.
    names = [("a", "b") if n % 2 == 0 else ("b", "a") for n in range(len(choices))]
    ratings = [Rating(str(n), *names[n], choice) for n, choice in enumerate(choices)]  # type: ignore[arg-type]
    return RatingBoard(("a", "b"), (), tuple(ratings))


def test_wins_are_counted_by_contender_and_not_by_side() -> None:
    tally = tally_of(_board("left", "right", "left", "left", "both", "neither", "neither"))
    assert (tally.wins, tally.both, tally.neither) == ((3, 1), 1, 2)
    assert tally.rate == 0.75
    assert tally.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)  # Wilson, 3 of 4


def test_without_a_win_there_is_no_rate() -> None:
    tally = tally_of(_board("both", "neither"))
    assert tally.wins == (0, 0)
    assert math.isnan(tally.rate)


def test_a_contender_that_has_the_name_of_a_choice_is_counted_apart() -> None:
    board = RatingBoard(("both", "b"), (), (Rating("1", "both", "b", "left"), Rating("2", "both", "b", "both")))
    tally = tally_of(board)
    assert (tally.wins, tally.both) == ((1, 0), 1)


@pytest.mark.parametrize("text", ["{}", "[]", '{"row": "1", "left": "a", "right": "b", "choice": "best"}', "\udcff"])
def test_a_broken_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "ratings.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"ratings\.jsonl"):
        read_ratings(tmp_path)
