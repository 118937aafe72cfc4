"""What is expected before anything is measured."""

from __future__ import annotations

import pytest

from bakeoff.decision import expectation
from bakeoff.decision.prior import MEASURED, OpenSet

MADE = (
    OpenSet("a", 2, 16, -0.1),
    OpenSet("b", 4, 64, -0.05),
    OpenSet("c", 2, 64, 0.02),
    OpenSet("d", 2, 256, 0.1),
    OpenSet("e", 6, 1024, 0.2),
    OpenSet("f", 2, 1024, 0.0),
)


def test_sets_with_as_many_rows_a_label_are_counted():
    few = expectation(2, 40, MADE, least=2)
    assert (few.way, few.ahead, few.sets, few.rows_a_label) == ("prompt", 2, 3, (8, 64))
    assert few.probability == pytest.approx(3 / 5)
    many = expectation(3, 600, MADE, least=2)
    assert (many.way, many.ahead, many.sets) == ("finetune", 2, 2)
    assert many.probability == pytest.approx(3 / 4)


def test_where_nothing_was_measured_nothing_is_expected():
    none = expectation(77, 77, MADE)
    assert (none.way, none.sets, none.probability) == (None, 0, 0.5)
    assert expectation(2, 40, MADE[1:3], least=1).way is None, "one for each"
    assert expectation(2, 40, MADE, least=4).way is None, "three are not four"


def test_what_is_shipped_was_measured_on_open_sets():
    assert all(one.labels >= 2 and one.n >= 0 and -1 <= one.difference <= 1 for one in MEASURED)
    assert len({(one.name, one.n) for one in MEASURED}) == len(MEASURED)
