"""Rows of texts that were written: which of two answers scores higher, and what each check says of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bakeoff.data import references_of, source_of
from bakeoff.decision.panel import Panel
from bakeoff.report.answered import Answered
from bakeoff.report.embedded import embedded
from bakeoff.report.figures import visible_text
from bakeoff.report.row_layout import MOST_CHARACTERS, Layout, Side
from bakeoff.tasks import check_value
from bakeoff.tasks.scoring import TalliedScoring

__all__ = ["WrittenLayout", "group_by_score", "scores_of_rows"]

#: Scores that are nearer count as the same: they are shown with three decimals.
_SAME = 0.0005
#: Stands for a text that is left out of the page.
_LEFT_OUT = -2


def scores_of_rows(panel: Panel, values: Sequence[str | None]) -> list[float]:
    """Score each row's answer alone on the task's metric.

    Parameters
    ----------
    panel : Panel
    values : sequence of str or None, length rows

    Returns
    -------
    list of float
        NaN where the metric does not apply to the row.
    """
    scoring = panel.scoring
    assert isinstance(scoring, TalliedScoring)
    sums = scoring.tally(panel.truth["test"], scoring.codes(values))
    found: list[float] = scoring.of_sums(sums).tolist()
    return found


def group_by_score(first: float, second: float) -> str:
    """Give the group of a row: ``lost`` where the second answer scores higher, ``gained`` where the first does."""
    if math.isnan(first) or math.isnan(second) or abs(first - second) < _SAME:
        return "both"
    return "gained" if first > second else "lost"


class WrittenLayout(Layout):
    """Rows of written texts as compact JSON; where texts are left out, scores and checks stay.

    Targets and answers are texts of the rows as much as their sources are.
    """

    def _size(self, row: int) -> int:
        if self.texts is None:
            return 200
        answers = [side.values[row] for side in self.sides] + [one.values(place)[row] for one, place in self.others]
        texts = [*references_of(self._truth(row)), *(answer for answer in answers if answer)]
        return super()._size(row) + 60 + sum(len(embedded({"": one})) for one in texts)

    def data(self, kept: Sequence[int]) -> dict[str, Any]:
        """Give the JSON value."""
        further = [references_of(self._truth(row))[1:] if self.texts is not None else () for row in kept]
        return {
            **super().data(kept),
            "written": self.panel.metric,
            "checks": [visible_text(check.name) for check in self.panel.evidence.task.checks],
            "references": [[self._code(one) for one in more] for more in further],
            # Codes were given to further references above.
            "values": [visible_text(value)[:MOST_CHARACTERS] for value in self.places],
        }

    def _truth(self, row: int) -> str:
        return self.panel.evidence.test_labels[row]

    def _code(self, value: str | None) -> int:
        if self.texts is None and value is not None:
            return _LEFT_OUT
        return super()._code(None if value is None else references_of(value)[0])

    def _side(self, side: Side, kept: Sequence[int], prompts: list[Any]) -> dict[str, Any]:
        return {
            **super()._side(side, kept, prompts),
            "scores": self._scores(side.values, kept),
            "checked": [self._checked(row, side.values[row]) for row in kept],
        }

    def _other(self, one: Answered, place: int, kept: Sequence[int]) -> dict[str, Any]:
        return {**super()._other(one, place, kept), "scores": self._scores(one.values(place), kept)}

    def _scores(self, values: Sequence[str | None], kept: Sequence[int]) -> list[int | None]:
        found = scores_of_rows(self.panel, values)
        return [None if math.isnan(found[row]) else round(1000 * found[row]) for row in kept]

    def _checked(self, row: int, answer: str | None) -> list[int | None]:
        """Give each check's value in thousandths; None where it does not apply."""
        source = source_of(self._truth(row))
        values = [check_value(check, source, answer or "") for check in self.panel.evidence.task.checks]
        return [None if value is None else round(1000 * value) for value in values]

    def _written(self, written: tuple[str | None, str | None]) -> list[str | None]:
        """Give why there is no answer; what was written is the answer, which is shown as it is."""
        return [super()._written(written)[0] if self.texts is not None else None, None]
