"""Token classification: each token of a row has a tag, and runs of tags are entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.data import entity_type, labels_of
from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["TAGGING_METRICS", "Entity", "TaggingScoring", "entities_of", "likeliest_tags", "with_beginnings"]

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


def with_beginnings(tags: Sequence[str], known: Sequence[str]) -> list[str]:
    """Write an inside tag that begins an entity as the beginning that it is.

    Parameters
    ----------
    tags : sequence of str
        Of a row's tokens.
    known : sequence of str
        Tags of the task; a type that has no ``"B-"`` among them keeps its inside tags.

    Returns
    -------
    list of str
        The same entities, by `entities_of`.
    """
    before = ["", *map(entity_type, tags)]
    return [
        f"B-{kind}" if tag.startswith("I-") and kind != last and f"B-{kind}" in known else tag
        for tag, kind, last in zip(tags, before[1:], before, strict=False)
    ]


def likeliest_tags(scores: Reals, tags: Sequence[str]) -> list[str]:
    """Give a row the tags of the highest sum of scores in which no entity begins with an inside tag.

    The best path is found token by token (Viterbi 1967). A tag by itself says ``"I-"`` where the token before it was
    read as another type, which makes two entities of one.

    Parameters
    ----------
    scores : ndarray of float64, shape (tokens, tags)
        Logits, or log-probabilities. Where no path is finite, a token's tag is its best.
    tags : sequence of str
        In the order of the columns. A type without ``"B-"`` among them begins with its inside tag.

    Returns
    -------
    list of str, length tokens
    """
    if not len(scores):
        return []
    kinds = np.array([entity_type(tag) for tag in tags], dtype=object)
    bound = np.array([tag.startswith("I-") and f"B-{kind}" in tags for tag, kind in zip(tags, kinds, strict=True)])
    barred = np.where(bound & (kinds[:, None] != kinds), -np.inf, 0.0)
    total = scores[0] + np.where(bound, -np.inf, 0.0)
    steps = []
    for own in scores[1:]:
        paths = total[:, None] + barred
        steps.append(paths.argmax(axis=0))
        total = paths.max(axis=0) + own
    if not np.isfinite(total).any():
        return [tags[code] for code in scores.argmax(axis=1)]
    found = [int(total.argmax())]
    for step in reversed(steps):
        found.append(int(step[found[-1]]))
    return [tags[code] for code in reversed(found)]


class TaggingScoring(TalliedScoring):
    """Tags of tokens, scored by the entities that they make.

    Parameters
    ----------
    metric : str
        One of `TAGGING_METRICS`.
    """

    kind = "tagging"
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
