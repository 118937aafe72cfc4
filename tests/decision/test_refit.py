"""What to expect of a refit on more rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.decision import answers_compare, expected_of_refit


def test_four_times_the_rows_may_halve_the_errors_and_need_not_help() -> None:
    assert expected_of_refit((0.7, 0.8), 100, 400) == pytest.approx((0.7, 0.9))


@pytest.mark.parametrize(("n", "rows"), [(100, 100), (100, 80), (0, 500)])
def test_without_more_rows_the_interval_stays(n: int, rows: int) -> None:
    assert expected_of_refit((0.7, 0.8), n, rows) == (0.7, 0.8)


@pytest.mark.parametrize(("n", "rows", "compare"), [(100, 400, True), (100, 401, False), (0, 500, True)])
def test_answers_compare_up_to_four_times_the_rows(n: int, rows: int, compare: bool) -> None:
    assert answers_compare(n, rows) is compare


@given(st.floats(-1, 1), st.floats(0, 0.5), st.integers(1, 10_000), st.integers(1, 1_000_000))
def test_it_holds_the_measured_interval_and_never_passes_one(low: float, width: float, n: int, rows: int) -> None:
    high = min(low + width, 1.0)
    expected = expected_of_refit((low, high), n, rows)
    assert expected[0] == low
    assert high <= expected[1] <= 1.0
