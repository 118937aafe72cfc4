"""Texts without a label: kept apart from the rows, for methods that learn from such."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.data.check import Check, counted
from bakeoff.data.duplicates import near_duplicates, same_key
from bakeoff.data.rows import Source, joined

__all__ = ["MOST_KEPT", "keep_unlabelled"]

#: More texts are not kept: a prompt would take hours to label them.
MOST_KEPT = 5_000


def keep_unlabelled(
    source: Source, *, seed: int, further: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[Check, ...]]:
    """Choose the unlabelled texts that a study keeps: none twice, and none that is like a labelled row.

    Every labelled row may be a test row, and a method must not have read its text before.

    Parameters
    ----------
    source : Source
        From `read_rows`.
    seed : int
        Draws `MOST_KEPT` of more.
    further : sequence of str
        Texts of another file.

    Returns
    -------
    texts : tuple of str
    checks : tuple of Check
        What was kept and left out; none where there is nothing without a label.
    """
    first: dict[str, str] = {}
    given = [*source.unlabelled, *further]
    for text in given:
        if text.strip():
            first.setdefault(same_key(text), text)
    if not first:
        return (), ()
    texts = list(first.values())
    if len(texts) > MOST_KEPT:
        drawn = np.random.default_rng(seed).choice(len(texts), MOST_KEPT, replace=False)
        texts = [texts[place] for place in sorted(drawn.tolist())]
    labelled = joined([rows for _, rows in source.splits]).texts
    numbers = near_duplicates([*labelled, *texts]).tolist()
    known = set(numbers[: len(labelled)])
    kept = tuple(text for text, number in zip(texts, numbers[len(labelled) :], strict=True) if number not in known)
    told = (
        f"{counted(len(given), 'text')} without a label: {len(kept):,} are kept apart, for methods that learn from such"
    )
    left = f"; {len(given) - len(kept):,} are copies, like a labelled row, or more than {MOST_KEPT:,}"
    detail = f"{told}{left if len(kept) < len(given) else ''}."
    return kept, (Check("unlabelled", "PASS", detail),)
