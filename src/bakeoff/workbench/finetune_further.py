"""Fine-tune a bundle further, with new rows or more epochs, and say what it forgot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.data import Columns, Rows, Source, Split, check_rows, fingerprint, label_names, labels_of
from bakeoff.decision import mcnemar_mid_p
from bakeoff.errors import OptionError, UserError
from bakeoff.methods.contract import Method
from bakeoff.methods.registry import load_method
from bakeoff.ship import Bundle, BundleFacts, TunedFigures, check_place, read_bundle, tuned_card
from bakeoff.ship.contents import METHOD
from bakeoff.tasks import Task, task_of_kind
from bakeoff.workbench.finetune import settings_of
from bakeoff.workbench.fitting import (
    Scored,
    calibration_figures,
    context_for,
    rows_source,
    sample,
    scored,
    write_fitted,
)
from bakeoff.workbench.options import DataOptions, Watcher
from bakeoff.workbench.prepare import check_meaning
from bakeoff.workbench.rows import divide, known_before, read_source

__all__ = ["BeforeAfter", "FurtherOptions", "FurtherOutcome", "finetune_further"]

#: A score that fell by less says nothing where the rows do not show it either.
_FORGOTTEN = 0.02


@dataclass(frozen=True, slots=True)
class FurtherOptions:
    """How a bundle is tuned further.

    Parameters
    ----------
    bundle : Path
    n : int or None
        New rows to learn from; all train rows where None.
    settings : tuple of str
        ``NAME=VALUE`` of the method, in place of the bundle's.
    seed : int or None
        Of the split, the sample and the fit; the bundle's where None.
    earlier : str or None
        Source of the earlier rows, where the bundle does not say it or they were moved.
    seconds : float or None
        Within which training ends.
    """

    bundle: Path
    n: int | None = None
    settings: tuple[str, ...] = ()
    seed: int | None = None
    earlier: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The same rows answered before and after.

    Parameters
    ----------
    before, after : Scored
    lost, gained : int
        Rows that were right before and are wrong now, and the other way round; 0 for regression.
    p : float
        McNemar's mid-p of the two; NaN for regression.
    """

    before: Scored
    after: Scored
    lost: int
    gained: int
    p: float

    @property
    def fell(self) -> bool:
        """Whether the score fell, by two points or more, or by what the rows show."""
        return self.before.score - self.after.score >= _FORGOTTEN or self.fall_is_shown

    @property
    def fall_is_shown(self) -> bool:
        """Whether the rows tell the fall of the score from chance."""
        return self.before.score > self.after.score and self.p < 0.05


@dataclass(frozen=True, slots=True)
class FurtherOutcome:
    """What came of it.

    Parameters
    ----------
    task : Task
        With the labels that are new.
    new_labels : tuple of str
    n : int
        New rows that were learned from.
    test : BeforeAfter
        Test rows of the new rows.
    earlier : BeforeAfter or None
        Validation rows of the earlier rows; None where they were not found.
    earlier_unknown : str
        Why they were not found.
    seconds : float
        Of the fit.
    history : tuple of mapping
    bundle : Path
    learned_before : int
        Test and validation rows of the new rows that were left out, since the bundle had learned from their texts.
    """

    task: Task
    new_labels: tuple[str, ...]
    n: int
    test: BeforeAfter
    earlier: BeforeAfter | None
    earlier_unknown: str
    seconds: float
    history: tuple[dict[str, Any], ...]
    bundle: Path
    learned_before: int = 0


def finetune_further(
    source: str,
    data: DataOptions,
    options: FurtherOptions,
    *,
    output: Path,
    command: str = "",
    watcher: Watcher | None = None,
) -> FurtherOutcome:
    """Go on from a bundle with new rows, compare it with what it was, and write the bundle that came of it.

    Parameters
    ----------
    source : str
        Of the new rows; they may have labels that the bundle does not know.
    data : DataOptions
    options : FurtherOptions
    output : Path
        Folder of the new bundle; the earlier one is left as it is unless it is the same folder.
    command : str
        How to repeat it, for the card.
    watcher : Watcher, optional

    Returns
    -------
    FurtherOutcome

    Raises
    ------
    UserError
        If the bundle, rows or options cannot be used.
    TrialError
        If the fit fails.
    """
    watcher = watcher or Watcher()
    check_place(output)
    shipped, before = _read_earlier(options.bundle)
    facts = shipped.facts
    options = replace(options, seed=facts.seed if options.seed is None else options.seed)
    rows, overlap = _without_learned(_new_rows(source, data, facts, options, watcher), facts, options)
    after = _fitted(shipped, rows, options, output, watcher)
    watcher.step("answering the new test rows, and the earlier validation rows, before and after")
    test = _compared(before, after, rows.split.test, after.seed)
    earlier, unknown = _earlier(facts, options, before, after, rows.train)
    watcher.step("writing the bundle, and answering with what was written")
    written = _write(after, facts, rows, test, output, command)
    added = tuple(label for label in rows.task.labels if label not in facts.task.labels)
    seconds, history = after.usage_.seconds, tuple(after.history_)
    return FurtherOutcome(rows.task, added, len(rows.train), test, earlier, unknown, seconds, history, written, overlap)


def _read_earlier(folder: Path) -> tuple[Bundle, Method]:
    """Read a bundle and load its method, which must be one that can go on."""
    shipped = read_bundle(folder)
    method = shipped.load()
    if not method.can_continue:
        raise OptionError(
            f"The bundle {folder} holds the method {shipped.facts.contender.method!r}, which learns anew each time.",
            next_step="Fit it on all rows, the earlier ones and the new ones, with 'bakeoff finetune'.",
        )
    return shipped, method


@dataclass(frozen=True, slots=True)
class _NewRows:
    """The new rows, divided; where they came from, and the task with their labels."""

    source: str
    columns: Columns
    split: Split
    task: Task
    train: Rows


def _new_rows(
    source: str, data: DataOptions, facts: BundleFacts, options: FurtherOptions, watcher: Watcher
) -> _NewRows:
    watcher.step("reading the rows")
    seed = options.seed or 0
    read, split = _read(source, _as_learned(data, facts), seed)
    task = _task(facts.task, split)
    checks = (*check_rows(read), *split.checks)
    watcher.checked(checks, known_before(read, task, split))
    check_meaning(checks)
    return _NewRows(source, read.columns, split, task, sample(split.train, options.n, seed))


def _learned_before(facts: BundleFacts, options: FurtherOptions) -> frozenset[str]:
    """Give the texts that the bundle learned from; none where its rows cannot be found any more."""
    source = options.earlier or facts.rows_from
    if not source:
        return frozenset()
    try:
        _found, split = _read(source, _as_learned(DataOptions(), facts), facts.seed)
        train = sample(split.train, min(facts.rows, len(split.train)), facts.seed)
    except UserError:
        if options.earlier:
            raise
        # The outcome says why, once it looks for what was forgotten.
        return frozenset()
    return frozenset(train.texts)


def _without_learned(rows: _NewRows, facts: BundleFacts, options: FurtherOptions) -> tuple[_NewRows, int]:
    """Leave out of the rows to be scored those that the bundle learned from; say how many they are.

    Another seed divides the same file otherwise: most of its test rows were learned from then, so that is refused.
    """
    learned = _learned_before(facts, options)

    def new(part: Rows) -> Rows:
        return part.take([place for place, text in enumerate(part.texts) if text not in learned])

    test, validation = new(rows.split.test), new(rows.split.validation)
    lost = len(rows.split.test) - len(test)
    if lost and rows_source(rows.source) == facts.rows_from and options.seed != facts.seed:
        raise OptionError(
            f"{lost} of the {len(rows.split.test)} test rows were learned from when the bundle was made: it divided "
            f"{rows.source} with the seed {facts.seed}, and --seed {options.seed} divides it otherwise.",
            next_step="Leave --seed away.",
        )
    if not len(test) or not len(validation):
        raise OptionError(
            "All test or all validation rows have texts that the bundle learned from, so nothing can be scored.",
            next_step="Give rows that are new.",
        )
    split = replace(rows.split, test=test, validation=validation)
    return replace(rows, split=split), lost + len(rows.split.validation) - len(validation)


def _write(after: Method, facts: BundleFacts, rows: _NewRows, test: BeforeAfter, output: Path, command: str) -> Path:
    given = {name: getattr(after, name) for name in facts.contender.parameters}
    new = replace(
        facts,
        contender=replace(facts.contender, parameters=given),
        task=rows.task,
        seed=after.seed,
        rows=len(rows.train),
        fingerprint=fingerprint({"train": rows.train}, rows.task.labels),
        text_columns=rows.columns.text,
        text_pair=rows.columns.text_pair,
        rows_from=rows_source(rows.source),
    )
    validation, _answers, rate = scored(after, rows.split.validation, rows.task, after.seed)
    figures = TunedFigures(
        learned_rows=len(rows.train),
        validation=(validation.score, validation.interval, validation.rows),
        test=(test.after.score, test.after.interval, test.after.rows),
        floor=float("nan"),
        seconds=after.usage_.seconds,
        rows_per_second=rate,
        cut=after.cut_,
        calibration=calibration_figures(test.after),
    )
    card = tuned_card(rows.task, new.contender, figures, seed=after.seed, repeat=command, bundle_name=output.name)
    return write_fitted(after, new, card, output, rows.split.test.texts)


def _as_learned(data: DataOptions, facts: BundleFacts) -> DataOptions:
    """Read the columns that the bundle learned from, where others are not asked for."""
    return replace(
        data,
        text=data.text or facts.text_columns,
        text_pair=data.text_pair or facts.text_pair,
        label=data.label or facts.task.name,
        kind=facts.task.kind,
    )


def _read(source: str, data: DataOptions, seed: int) -> tuple[Source, Split]:
    read = read_source(source, data)
    return read, divide(read, seed=seed, seeds=1, division="one")


def _task(known: Task, split: Split) -> Task:
    """Give the earlier task with the new rows' labels added."""
    found = label_names(
        known.kind, (one for rows in (split.train, split.validation, split.test) for one in rows.labels)
    )
    others = zip(known.labels, known.other_words, strict=True) if known.other_words else ()
    return task_of_kind(
        known.kind,
        name=known.name,
        labels=sorted({*known.labels, *found}),
        metric=known.metric,
        words=dict(zip(known.labels, known.words, strict=True)),
        definitions=dict(zip(known.labels, known.definitions, strict=True)),
        instruction=known.instruction,
        other_words=dict(others),
    )


def _fitted(shipped: Bundle, rows: _NewRows, options: FurtherOptions, output: Path, watcher: Watcher) -> Method:
    facts = shipped.facts
    settings = {**facts.contender.parameters, **settings_of(facts.contender.method, options.settings)}
    made = load_method(facts.contender.method)(task=rows.task, model=shipped.model, seed=options.seed or 0, **settings)
    watcher.step(f"tuning {facts.contender.name} further on {len(rows.train):,} rows")
    context = replace(context_for(options.seconds, watcher, output), dtype=facts.dtype)
    made.within(context).continuing(shipped.folder / METHOD, facts.task.labels)
    return made.fit(rows.train.texts, rows.train.labels)


def _earlier(
    facts: BundleFacts, options: FurtherOptions, before: Method, after: Method, train: Rows
) -> tuple[BeforeAfter | None, str]:
    """Compare on the validation rows of the earlier rows; say why where they cannot be had."""
    source = options.earlier or facts.rows_from
    if not source:
        return None, "the bundle does not say where its rows came from"
    try:
        _found, split = _read(source, _as_learned(DataOptions(), facts), facts.seed)
    except UserError as error:
        if options.earlier:
            raise
        return None, f"{error.message}"
    rows = split.validation
    names, kind = set(facts.task.labels), facts.task.kind
    # A validation row of then that was learned from now says nothing of what was forgotten.
    learned = frozenset(train.texts)
    known = [
        place
        for place, (label, text) in enumerate(zip(rows.labels, rows.texts, strict=True))
        if names.issuperset(labels_of(kind, label)) and text not in learned
    ]
    if not known:
        return None, f"no validation row of {source} has a label of the bundle and is not among the new rows"
    return _compared(before, after, rows.take(known), facts.seed), ""


def _compared(before: Method, after: Method, rows: Rows, seed: int) -> BeforeAfter:
    """Score both on the same rows; a row of a label that the first does not know is wrong for it."""
    first, then, _rate = scored(before, rows, after.task, seed)
    second, now, _rate = scored(after, rows, after.task, seed)
    if rows.kind == "regression":
        # Hardly any answer is the number itself, so that none is right or wrong.
        return BeforeAfter(first, second, 0, 0, float("nan"))
    lost, gained = _turned(rows.labels, then, now), _turned(rows.labels, now, then)
    return BeforeAfter(first, second, lost, gained, mcnemar_mid_p(lost, gained))


def _turned(truth: Sequence[str], first: Sequence[str | None], second: Sequence[str | None]) -> int:
    return sum(a == label != b for label, a, b in zip(truth, first, second, strict=True))
