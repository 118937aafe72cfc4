"""Token classification: each token of a row has a tag, and runs of tags are entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data import entity_type, labels_of
from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["TAGGING_METRICS", "Entity", "TaggingScoring", "entities_of"]

#: First token, the token behind the last, and type.
Entity = tuple[int, int, str]

TAGGING_METRICS: Mapping[str, str] = {
    "entity-F1": "F1 over entities, right where first token, last token and type are; an abstention finds none",
    "token-accuracy": "share of tokens with the right tag; an abstention has none right",
}


def entities_of(tags: Sequence[str]) -> tuple[Entity, ...]:
    """Find the entities of a row's tags.

    Parameters
    ----------
    tags : sequence of str
        ``"O"``, or ``"B-TYPE"`` and ``"I-TYPE"``. An inside tag that follows no tag of its type begins an entity, as
        conlleval and seqeval's default mode have it.

    Returns
    -------
    tuple of (int, int, str)
        First token, the token behind the last, and type.
    """
    found: list[Entity] = []
    start, inside = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        name = entity_type(tag)
        if inside and (tag.startswith("B-") or name != inside):
            found.append((start, place, inside))
            inside = ""
        if name and not inside:
            start, inside = place, name
    return tuple(found)


class TaggingScoring(TalliedScoring):
    """Tags of tokens, scored by the entities that they make.

    Parameters
    ----------
    metric : str
        One of `TAGGING_METRICS`.
    """

    metrics = tuple(TAGGING_METRICS)

    def __init__(self, metric: str) -> None:
        super().__init__(metric)
        self._sizes: dict[tuple[str, int, int], tuple[float, float, float]] = {}

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give a row's hits, and entities (or tokens) answered and true."""
        met = self.met
        pairs = zip(truth.tolist(), answers.tolist(), strict=True)
        return np.array([self._size(met, *pair) for pair in pairs], dtype=np.float64).reshape(len(truth), 3)

    def of_sums(self, sums: Reals) -> Reals:
        """Give F1, or the share of right tokens, of sums over rows."""
        hits, answered, true = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.metric == "token-accuracy":
                return np.asarray(np.where(true > 0, hits / true, 0.0))
            return np.asarray(np.where(true + answered > 0, 2 * hits / (true + answered), 0.0))

    def _size(self, met: Sequence[str], truth: int, answer: int) -> tuple[float, float, float]:
        key = (self.metric, truth, answer)
        if key not in self._sizes:
            true, given = (labels_of("tagging", met[code]) if code >= 0 else () for code in (truth, answer))
            if self.metric == "token-accuracy":
                right = sum(one == other for one, other in zip(true, given, strict=False))
                self._sizes[key] = (right, len(given), len(true))
            else:
                wanted, found = set(entities_of(true)), set(entities_of(given))
                self._sizes[key] = (len(wanted & found), len(found), len(wanted))
        return self._sizes[key]
