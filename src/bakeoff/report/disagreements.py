"""Test rows for the page: what the verdict's two contenders answered to each, and all that explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.data import spaced, split_fields
from bakeoff.decision.panel import Panel
from bakeoff.records import Decision, Trial
from bakeoff.report.answered import Answered, answered, pair_of, record_of, shared_seed
from bakeoff.report.embedded import embedded
from bakeoff.report.figures import visible_text
from bakeoff.report.row_layout import GROUPS, Layout, ShownRows, Side
from bakeoff.report.written_rows import WrittenLayout, group_by_score, scores_of_rows

__all__ = ["Disagreements", "ShownRows", "disagreements", "shown_trials"]


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The rows' section of the page.

    Parameters
    ----------
    names, arms : tuple of str
        Of the two contenders, the chosen one first.
    seed : str
        Whose answers are shown, in words.
    seeds : tuple of int
        How many seeds of each contender were counted.
    counts : mapping of str to int
        Test rows by group of `GROUPS`, those included that are left out.
    rows, shown : int
        Test rows, and those that the page holds.
    cut : int
        Rows whose text is longer than is shown.
    with_texts : bool
    written : bool
        Whether answers are texts, of which none is right or wrong as a whole: groups go by which scores higher.
    source : str
        The records behind it.
    data : str
        JSON in which nothing can end a script element.
    """

    names: tuple[str, str]
    arms: tuple[str, str]
    seed: str
    seeds: tuple[int, int]
    counts: Mapping[str, int]
    rows: int
    shown: int
    cut: int
    with_texts: bool
    written: bool
    source: str
    data: str


def shown_trials(panel: Panel, decision: Decision) -> tuple[Trial, ...]:
    """Give the trials of which probabilities and written answers are shown: one seed of the verdict's contenders."""
    pair = pair_of(panel, decision)
    if len(pair) < 2:
        return ()
    seed = shared_seed(pair)
    return tuple(trial for one in pair for trial, _rows in one.trials(one.place(seed)))


def disagreements(panel: Panel, decision: Decision, rows: ShownRows | None) -> Disagreements | None:
    """Lay out the test rows by what the verdict's two contenders answered.

    Parameters
    ----------
    panel : Panel
    decision : Decision
    rows : ShownRows or None

    Returns
    -------
    Disagreements or None
        None where no rows are to be shown, the verdict has no two contenders with finished trials, or answers are
        numbers, of which none is right or wrong as a whole.
    """
    pair = pair_of(panel, decision)
    if rows is None or len(pair) < 2 or panel.evidence.task.kind == "regression" or not rows.ids:
        return None
    seed = shared_seed(pair)
    texts = None if rows.texts is None else _texts(panel.evidence.task.kind, rows.texts)
    sides = [Side(panel, one, seed, rows) for one in pair]
    written = panel.evidence.task.kind == "generation"
    groups = _groups(panel, sides, written=written)
    layout = WrittenLayout if written else Layout
    laid = layout(panel, sides, _others(panel, decision, pair, seed), groups, rows, texts)
    kept = laid.kept()
    trials = [trial for side in sides for trial, _rows in side.trials]
    return Disagreements(
        names=(pair[0].name, pair[1].name),
        arms=(pair[0].cell.contender.arm, pair[1].cell.contender.arm),
        seed=f"{'round' if panel.evidence.folds else 'seed'} {seed}",
        seeds=(len(pair[0].cell.seeds), len(pair[1].cell.seeds)),
        counts={name: Counter(groups)[name] for name in GROUPS},
        rows=len(groups),
        shown=len(kept),
        cut=laid.cut,
        with_texts=texts is not None,
        written=written,
        source=record_of(trials),
        data=embedded(laid.data(kept)),
    )


def _groups(panel: Panel, sides: Sequence[Side], *, written: bool) -> list[str]:
    """Give each row's group: by right answers, or by scores where texts were written."""
    if written:
        scores = [scores_of_rows(panel, side.values) for side in sides]
        return [group_by_score(first, second) for first, second in zip(*scores, strict=True)]
    return [_group(first, second) for first, second in zip(sides[0].hits, sides[1].hits, strict=True)]


def _group(first: bool, second: bool) -> str:
    return next(name for name, hits in GROUPS.items() if hits == (first, second))


def _texts(kind: str, texts: Sequence[str]) -> list[str]:
    """Write rows' texts for people: fields apart, nothing hidden."""
    plain = spaced(texts) if kind == "tagging" else ["\n\n".join(split_fields(text)) for text in texts]
    return [visible_text(text) for text in plain]


def _others(panel: Panel, decision: Decision, pair: Sequence[Answered], seed: int) -> list[tuple[Answered, int]]:
    known = {one.name for one in pair}
    names = [contender.name for contender in panel.evidence.contenders if contender.name not in known]
    found = [one for name in names if (one := answered(panel, decision, name)) is not None]
    return [(one, one.place(seed)) for one in found]
