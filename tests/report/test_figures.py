"""Figures as text: one form each, honest at the edges."""

from __future__ import annotations

import math

import pytest

from bakeoff.report import figures

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.906, ".906"), (1.0, "1.000"), (0.9996, "1.000"), (0.0, ".000"), (-0.25, "-.250"), (-1.5, "-1.500"), (NAN, "-"),
     (None, "-"), (-0.0001, ".000")],
)  # fmt: skip
def test_scores_have_three_decimals_and_no_leading_zero(value, text):
    assert figures.score_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.032, "+3.2 points"), (-0.0041, "-0.4 points"), (0.0, "0.0 points"), (-0.0001, "0.0 points"), (math.inf, "-")],
)
def test_differences_are_in_points_with_their_sign(value, text):
    assert figures.points_text(value) == text


def test_an_interval_with_an_unknown_end_is_missing():
    assert figures.interval_text((0.884, 0.927)) == "[.884, .927]"
    assert figures.points_interval_text((-0.009, 0.056)) == "[-0.9, +5.6]"
    assert figures.interval_text((0.884, NAN)) == figures.points_interval_text(None) == "-"


@pytest.mark.parametrize(
    ("value", "text"), [(0.004, "p = .004"), (0.00099, "p < .001"), (1.0, "p = 1.000"), (NAN, "p not known")]
)
def test_p_values(value, text):
    assert figures.p_phrase(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42, "0.42 ms"),
        (2.94, "2.9 ms"),
        (9.96, "10 ms"),
        (9.6, "9.6 ms"),
        (34.4, "34 ms"),
        (1234, "1.2 s"),
        (0.002, "< 0.01 ms"),
        (0, "0 ms"),
    ],
)
def test_milliseconds_have_two_significant_digits(value, text):
    assert figures.milliseconds_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.4, "0.4 s"), (0.001, "0 s"), (33.6, "34 s"), (59.7, "1 min"), (125, "2 min 5 s"), (3600, "1 h"),
     (4321, "1 h 12 min"), (3 * 86400 + 4 * 3600, "3 d 4 h"), (NAN, "-")],
)  # fmt: skip
def test_durations(value, text):
    assert figures.duration_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100%"), (0.9999, "99.9%"), (0.996, "99.6%"), (0.00001, "0.1%"), (0.0, "0%"), (NAN, "-")],
)
def test_a_share_short_of_all_is_never_shown_as_all(value, text):
    assert figures.share_text(value) == text


def test_counts_sizes_rates_and_money():
    assert figures.count_text(12_345) == "12,345"
    assert figures.count_text(1_400_000) == "1.4 million"
    assert figures.count_text(52.4) == "52"
    assert figures.size_text(1234) == "1.2 GB"
    assert figures.rate_text(3226) == "3,226 rows/s"
    assert figures.money_text(0.0021, "USD") == "0.0021 USD"
    assert figures.money_text(12.4, "EUR") == "12.40 EUR"
    assert figures.money_text(1e-8, "USD") == "< 0.00001 USD"


def test_text_from_data_cannot_drive_the_terminal_or_turn_its_direction():
    assert figures.clean_text("a\n\tb") == "a b"
    assert figures.clean_text("x\x1b[31mred\x9b") == r"x\x1b[31mred\x9b"
    assert figures.clean_text("safe\u202eevil\u2066") == r"safe\u202eevil\u2066"
    assert figures.clean_text("Zürich 日本") == "Zürich 日本"


@pytest.mark.parametrize(
    ("key", "value", "name", "text"),
    [("p95_ms", 34.4, "p95", "34 ms"), ("fit_seconds", 40.0, "fit", "40 s"), ("seconds", 40.0, "seconds", "40 s"),
     ("valid_rate_prompt", 1.0, "valid rate prompt", "100%"), ("score", 0.9, "score", ".900"),
     ("labels", 77, "labels", "77"),
     ("rows_per_second", 310.0, "rows per second", "310 rows/s"), ("met", True, "met", "yes"), ("x", None, "x", "-"),
     ("scores", [0.5, NAN], "scores", ".500, -"), ("limits", {"p95_ms": 50.0}, "limits", "p95 50 ms")],
)  # fmt: skip
def test_a_figure_is_shown_by_its_name(key, value, name, text):
    assert figures.figure_name(key) == name
    assert figures.figure_text(key, value) == text


def test_units():
    assert figures.unit_text(0.897, "score") == ".897"
    assert figures.unit_text(4300.0, "predictions a month") == "4,300 predictions a month"
    assert figures.unit_text(49.0, "ms") == "49 ms"
    assert figures.unit_text(1.5, "points") == "1.5 points"
