"""Test rows as compact JSON for the page: two contenders' answers, and all that explains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import Panel
from bakeoff.report.answered import Answered
from bakeoff.report.embedded import embedded
from bakeoff.report.figures import visible_text
from bakeoff.report.prompts import PromptShown, prompt_shown

__all__ = ["GROUPS", "MOST_CHARACTERS", "Layout", "ShownRows", "Side", "shown"]

#: Characters of a row's text, and of all rows' records, that a page holds at most.
MOST_CHARACTERS, MOST_BYTES = 4_000, 1_900_000
#: Of a row's probabilities, how many are shown.
_MOST_SHARES = 5
#: By right answers of first and second: the digit of a group, in the order in which rows are shown.
GROUPS: Mapping[str, tuple[bool, bool]] = {
    "lost": (False, True),
    "gained": (True, False),
    "neither": (False, False),
    "both": (True, True),
}

Shares = Sequence[tuple[float, ...] | None]


@dataclass(frozen=True, slots=True)
class ShownRows:
    """What a study's store holds of the answered test rows beside their labels and answers.

    Parameters
    ----------
    ids : tuple of str
    numbers : tuple of int
        Where each row starts in its file.
    texts : tuple of str or None
        None where rows are shown without their texts.
    probabilities : mapping of str to sequence
        By the key of a trial: one per label, or None, for each row that it answered.
    written : mapping of str to sequence of (str or None, str or None)
        By the key of a trial: why it abstained, and what its model wrote.
    """

    ids: tuple[str, ...]
    numbers: tuple[int, ...]
    texts: tuple[str, ...] | None
    probabilities: Mapping[str, Shares] = field(default_factory=dict)
    written: Mapping[str, Sequence[tuple[str | None, str | None]]] = field(default_factory=dict)


def _right(panel: Panel, one: Answered) -> NDArray[np.bool_]:
    """Say which answers are right, shape (seeds, rows); an abstention never is."""
    return np.asarray((one.cell.test == panel.truth["test"]) & (one.cell.test >= 0))


class Side:
    """One of the two contenders: its answers of one seed, and what records hold beside them, row by row.

    Parameters
    ----------
    panel : Panel
    one : Answered
    seed : int
    rows : ShownRows
    """

    def __init__(self, panel: Panel, one: Answered, seed: int, rows: ShownRows) -> None:
        self.one = one
        place = one.place(seed)
        self.trials = one.trials(place)
        self.values = one.values(place)
        right = _right(panel, one)
        self.hits = [bool(hit) for hit in right[place]]
        self.right = [int(count) for count in right.sum(axis=0)]
        self.shares: dict[int, tuple[float, ...]] = {}
        self.written: dict[int, tuple[str | None, str | None]] = {}
        self.trial_of: dict[int, int] = {}
        for number, (trial, answered_rows) in enumerate(self.trials):
            shares, written = rows.probabilities.get(trial.key, ()), rows.written.get(trial.key, ())
            for at, row in enumerate(answered_rows):
                self.trial_of[row] = number
                if at < len(shares) and (given := shares[at]) is not None:
                    self.shares[row] = given
                if at < len(written) and any(written[at]):
                    self.written[row] = written[at]

    def prompts(self, *, with_texts: bool) -> list[PromptShown | None]:
        """Give the prompt of each trial, where it has one and rows are shown with their texts."""
        contender = self.one.cell.contender
        return [prompt_shown(contender, trial) if with_texts else None for trial, _rows in self.trials]


class Layout:
    """The rows as compact JSON: answers as places in one list of values, columns in place of records.

    Parameters
    ----------
    panel : Panel
    sides : sequence of Side
    others : sequence of (Answered, int)
        The other contenders, each with the place of the seed that is shown.
    groups : sequence of str
        Of `GROUPS`, for each row.
    rows : ShownRows
    texts : sequence of str or None
        None where rows are shown without their texts.
    """

    def __init__(
        self,
        panel: Panel,
        sides: Sequence[Side],
        others: Sequence[tuple[Answered, int]],
        groups: Sequence[str],
        rows: ShownRows,
        texts: Sequence[str] | None,
    ) -> None:
        self.panel, self.sides, self.others, self.groups, self.rows, self.texts = (
            panel, sides, others, groups, rows, texts,
        )  # fmt: skip
        self.labels = panel.evidence.task.labels
        self.places: dict[str, int] = {label: place for place, label in enumerate(self.labels)}

    @property
    def cut(self) -> int:
        """Rows whose text is longer than is shown."""
        return sum(len(text) > MOST_CHARACTERS for text in self.texts or ())

    def kept(self) -> list[int]:
        """Choose the rows that a page has room for, in the order of their groups."""
        order = [row for name in GROUPS for row, group in enumerate(self.groups) if group == name]
        kept, left = [], MOST_BYTES
        for row in order:
            left -= self._size(row)
            if left < 0:
                break
            kept.append(row)
        return kept

    def _size(self, row: int) -> int:
        """Give about how many bytes a row takes."""
        texts = [self.texts[row][:MOST_CHARACTERS]] if self.texts is not None else []
        texts += [text for side in self.sides for text in side.written.get(row, ()) if text]
        shares = sum(row in side.shares for side in self.sides)
        return 70 + 9 * _MOST_SHARES * shares + 5 * len(self.others) + sum(len(embedded({"": one})) for one in texts)

    def data(self, kept: Sequence[int]) -> dict[str, Any]:
        """Give the JSON value."""
        truth = [self._code(self.panel.evidence.test_labels[row]) for row in kept]
        prompts: list[Mapping[str, Any]] = []
        sides = [self._side(side, kept, prompts) for side in self.sides]
        others = [self._other(one, place, kept) for one, place in self.others]
        digits = {name: str(number) for number, name in enumerate(GROUPS)}
        return {
            "values": [visible_text(value) for value in self.places],
            "group": "".join(digits[self.groups[row]] for row in kept),
            "ids": [visible_text(self.rows.ids[row]) for row in kept],
            "numbers": [self.rows.numbers[row] for row in kept],
            "truth": truth,
            "texts": None if self.texts is None else [self._text(row) for row in kept],
            "sides": sides,
            "prompts": prompts,
            "others": others,
        }

    def _text(self, row: int) -> str:
        text = (self.texts or ())[row]
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} [cut here]"

    def _code(self, value: str | None) -> int:
        return -1 if value is None else self.places.setdefault(value, len(self.places))

    def _side(self, side: Side, kept: Sequence[int], prompts: list[Mapping[str, Any]]) -> dict[str, Any]:
        contender, cell = side.one.cell.contender, side.one.cell
        places = []
        for shown in side.prompts(with_texts=self.texts is not None):
            places.append(-1 if shown is None else len(prompts))
            prompts += [] if shown is None else [shown.plain()]
        return {
            "name": visible_text(contender.name),
            "arm": contender.arm,
            "n": cell.n,
            "seeds": len(cell.seeds),
            "answers": [self._code(side.values[row]) for row in kept],
            "right": [side.right[row] for row in kept],
            "shares": [self._shares(side.shares.get(row), row) for row in kept] if side.shares else None,
            "written": {at: self._written(side.written[row]) for at, row in enumerate(kept) if row in side.written},
            "prompt": [places[side.trial_of[row]] for row in kept] if any(at >= 0 for at in places) else None,
        }

    def _written(self, written: tuple[str | None, str | None]) -> list[str | None]:
        """Give why there is no answer, and what the model wrote, which may repeat the row's text."""
        reason, raw = written
        return [shown(reason), shown(raw) if self.texts is not None else None]

    def _shares(self, shares: tuple[float, ...] | None, row: int) -> list[int] | None:
        """Give the likeliest labels and that of the row, each with its probability in thousandths."""
        if shares is None or len(shares) != len(self.labels):
            return None
        order = sorted(range(len(shares)), key=lambda at: -shares[at])[:_MOST_SHARES]
        own = self.places.get(self.panel.evidence.test_labels[row], -1)
        order += [own] if 0 <= own < len(shares) and own not in order else []
        return [number for at in order for number in (at, round(1000 * shares[at]))]

    def _other(self, one: Answered, place: int, kept: Sequence[int]) -> dict[str, Any]:
        values, hits = one.values(place), _right(self.panel, one)[place]
        return {
            "name": visible_text(one.name),
            "arm": one.cell.contender.arm,
            "n": one.cell.n,
            "answers": [self._code(values[row]) for row in kept],
            "hits": "".join("1" if hits[row] else "0" for row in kept),
        }


def shown(text: str | None) -> str | None:
    """Give a text as a page may hold it: nothing hidden, not too long."""
    return None if text is None else visible_text(text)[:MOST_CHARACTERS]
