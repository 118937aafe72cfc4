"""Hold new rows against those of a bundle's study: what has shifted, and whether to decide again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.errors import DataError
from bakeoff.records import AuditedScore, Look, Redecision, Reference
from bakeoff.workbench.known_study import KnownStudy, known_study, none_left, standing_in, unseen
from bakeoff.workbench.predict import (
    BATCH_ROWS,
    ServerUse,
    answer_rows,
    check_sent,
    find_texts,
    known_columns,
    load_to_answer,
)

if TYPE_CHECKING:
    from bakeoff.data import Drawn, Table
    from bakeoff.methods.contract import Method
    from bakeoff.records import Answer
    from bakeoff.ship import Bundle, BundleFacts
    from bakeoff.workbench.audit import LabelledRows

__all__ = ["LEAST_LOSS", "MOST_ROWS", "WatchOptions", "Watched", "watch"]

#: Rows that are drawn and answered; more would show shifts too small to matter.
MOST_ROWS = 2000
#: Loss, on the metric's scale, from which on deciding again is worth it.
LEAST_LOSS = 0.05


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How new rows are looked at.

    Parameters
    ----------
    study : Path or None
        Folder of the bundle's study; where None, the folder that the bundle stands in, if that is its study.
    rows : int or None
        Most rows to draw and answer; 2,000 where None, and all where they have labels.
    audit : int or None
        Rows to draw for labelling.
    write : Path or None
        Sheet to write them to; ``NAME.audit.csv`` beside the rows where None.
    labelled : Path or None
        A sheet that was filled in.
    loss : float
        Least loss that is worth deciding again, on the metric's scale.
    text : sequence of str
        Columns of the text; those of the bundle where empty.
    label : str or None
        Column of labels, where the new rows have some; that of the study where None.
    encoding, delimiter, header
        As for `bakeoff.data`.
    seed : int
        Of all draws.
    servers : ServerUse
        For a bundle that asks a server.
    """

    study: Path | None = None
    rows: int | None = None
    audit: int | None = None
    write: Path | None = None
    labelled: Path | None = None
    loss: float = LEAST_LOSS
    text: Sequence[str] = ()
    label: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    seed: int = 0
    servers: ServerUse = field(default_factory=ServerUse)


@dataclass(frozen=True, slots=True)
class Watched:
    """What new rows came to.

    Parameters
    ----------
    contender : str
    rows, answered, empty : int
        Rows of the file, those that were drawn and looked at, and those of them without a text.
    study_rows : int
        Labelled rows of the study.
    looks : tuple of Look
    copies, copies_before : float
        Share of the drawn rows whose text came before among them, and of the study's rows.
    seen : float or None
        Share of the drawn rows that stand in the study, or nearly so; None without the study's folder.
    score : AuditedScore or None
        On the labelled rows; None without any.
    foretold : float or None
        By the model card.
    interval, expected : (float, float) or None
        95% interval of `foretold`, and what to expect of the bundle, which may have learned from more rows.
    n, rows_refitted : int
        Labelled rows that the trials behind `foretold` learned from (0 where not known), and the bundle.
    redecision : Redecision or None
    unlabelled, in_study : int
        Rows of the sheet, or of the file, that have no label, and labelled ones that stand in the study, or nearly so:
        they are not scored.
    sheet : Path or None
        That was written.
    sheet_rows : int
        Rows in it.
    notes : tuple of str
        What could not be told, and why.
    """

    contender: str
    rows: int
    answered: int
    empty: int
    study_rows: int
    looks: tuple[Look, ...]
    copies: float
    copies_before: float
    seen: float | None
    score: AuditedScore | None = None
    foretold: float | None = None
    interval: tuple[float, float] | None = None
    expected: tuple[float, float] | None = None
    n: int = 0
    rows_refitted: int = 0
    redecision: Redecision | None = None
    unlabelled: int = 0
    in_study: int = 0
    sheet: Path | None = None
    sheet_rows: int = 0
    notes: tuple[str, ...] = ()

    @property
    def shifted(self) -> tuple[str, ...]:
        """Names of the looks that show a shift which matters."""
        return tuple(look.name for look in self.looks if look.finding == "shifted")


def watch(
    bundle: Path, source: Path, options: WatchOptions, *, progress: Callable[[int, int], None] | None = None
) -> Watched:
    """Hold new rows against those of a bundle's study.

    Parameters
    ----------
    bundle, source : Path
        Folder of a bundle, and a file of rows.
    options : WatchOptions
    progress : callable, optional
        Told the rows done and all rows.

    Returns
    -------
    Watched

    Raises
    ------
    BundleError, DataError, OptionError, StudyError
        If bundle, rows, sheet or study cannot be used.
    """
    from bakeoff.ship import read_bundle
    from bakeoff.workbench.audit import refuse_written

    shipped = read_bundle(bundle)
    known = known_study(shipped, options.study)
    drawn = _drawn(shipped, source, options)
    columns = options.text or known_columns(shipped.facts, drawn.table)
    texts = find_texts(drawn.table, columns, shipped.facts)(drawn.table)
    labelled, left = _labelled(shipped, drawn, texts, options)
    sheet = None if options.audit is None else options.write or source.with_name(f"{source.stem}.audit.csv")
    if sheet is not None:
        refuse_written(sheet)
    truth = labelled or ([], [])
    check_sent(shipped, [text for text in (*texts, *truth[0]) if text], options.servers)
    method = load_to_answer(shipped, options.servers, probabilities=False)
    answers = _answered(method, texts, progress)
    standing = standing_in(known.texts, [*texts, *truth[0]], shipped.facts.task.kind)
    found = _looked(shipped, known, texts, answers, standing, options.seed)
    truth, in_study = unseen(truth, standing or frozenset())
    told = replace(found, rows=drawn.rows, sheet=sheet, unlabelled=left, in_study=in_study)
    if sheet is not None:
        # Last, so that the same command can be given again after a refusal or a stop.
        shown = (*columns, shipped.facts.text_pair) if shipped.facts.text_pair else tuple(columns)
        told = replace(told, sheet_rows=_sheet_rows(sheet, drawn, texts, shown, standing or frozenset(), options))
    if not truth[0]:
        return replace(told, notes=(*told.notes, none_left(in_study))) if in_study else told
    by_text = dict(zip(texts, answers, strict=True))
    return _scored(told, shipped, truth, _answers_to(truth[0], by_text, method), options)


def _sheet_rows(
    sheet: Path,
    drawn: Drawn,
    texts: Sequence[str],
    columns: Sequence[str],
    standing: frozenset[str],
    options: WatchOptions,
) -> int:
    """Write the sheet of an audit; give its rows."""
    from bakeoff.workbench.audit import write_audit

    assert options.audit is not None
    return write_audit(sheet, drawn.table, texts, columns, options.audit, options.seed, known=standing)


def _labelled(
    shipped: Bundle, drawn: Drawn, texts: Sequence[str], options: WatchOptions
) -> tuple[LabelledRows | None, int]:
    """Give the rows whose label is known, from a sheet or a column, and how many have none."""
    from bakeoff.workbench.audit import labelled_of, read_audit

    if options.labelled is not None:
        return read_audit(options.labelled, drawn.wanted, _named(shipped, options))
    label = _label_column(shipped, drawn.table, options)
    return (None, 0) if label is None else labelled_of(drawn.table, texts, label, _named(shipped, options))


def _named(shipped: Bundle, options: WatchOptions) -> BundleFacts:
    """Give the bundle's facts, with the columns of the text that were named."""
    return replace(shipped.facts, text_columns=tuple(options.text)) if options.text else shipped.facts


def _drawn(shipped: Bundle, source: Path, options: WatchOptions) -> Drawn:
    from bakeoff.data import draw_rows
    from bakeoff.workbench.audit import sheet_rows

    wanted = sheet_rows(options.labelled) if options.labelled is not None else ()
    read = {"encoding": options.encoding, "delimiter": options.delimiter, "header": options.header}
    most = options.rows or MOST_ROWS
    drawn = draw_rows(source, most, seed=options.seed, wanted=wanted, **read)  # type: ignore[arg-type]
    if options.rows is None and options.labelled is None and _label_column(shipped, drawn.table, options) is not None:
        return draw_rows(source, None, seed=options.seed, **read)  # type: ignore[arg-type]
    return drawn


def _label_column(shipped: Bundle, table: Table, options: WatchOptions) -> str | None:
    """Give the column of labels: the one that is named, or the study's own where the file has it filled."""
    if options.label is not None:
        if options.label not in table.columns:
            raise DataError(
                f"{table.source} has no column {options.label!r}; it has {', '.join(table.columns)}.",
                next_step="Name another with --label.",
            )
        return options.label
    name = shipped.facts.task.name
    return name if name in table.columns and any(table.column(name)) else None


def _answered(method: Method, texts: Sequence[str], progress: Callable[[int, int], None] | None) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(texts), BATCH_ROWS):
        answers += answer_rows(method, texts[start : start + BATCH_ROWS])
        if progress is not None:
            progress(len(answers), len(texts))
    return answers


def _looked(
    shipped: Bundle,
    known: KnownStudy,
    texts: Sequence[str],
    answers: Sequence[Answer],
    standing: frozenset[str] | None,
    seed: int,
) -> Watched:
    from bakeoff.decision import drift, expected_of_refit
    from bakeoff.decision.vocabulary import unknown_shares

    reference, interval = known.reference, _interval(known.reference)
    there = [place for place, text in enumerate(texts) if text.strip()]
    new = [texts[place] for place in there]
    looks = [
        drift.lengths_look(reference, [len(text.split()) for text in new]),
        drift.unknown_words_look(reference, unknown_shares(new, reference.words)),
        *_answer_looks(shipped, reference, [answers[place].value for place in there], seed),
    ]
    if known.texts is not None:
        looks.insert(0, drift.texts_look(_some(known.texts, seed), _some(new, seed), seed))
    return Watched(
        contender=shipped.facts.contender.name,
        rows=len(texts),
        answered=len(texts),
        empty=len(texts) - len(new),
        study_rows=reference.rows,
        looks=drift.corrected(looks),
        copies=1 - len(set(new)) / len(new) if new else 0.0,
        copies_before=reference.copies,
        seen=None if standing is None or not new else sum(text in standing for text in new) / len(new),
        foretold=reference.score,
        interval=interval,
        expected=None if interval is None else expected_of_refit(interval, reference.n, shipped.facts.rows),
        n=reference.n,
        rows_refitted=shipped.facts.rows,
        notes=known.notes,
    )


def _answer_looks(shipped: Bundle, reference: Reference, told: Sequence[str | None], seed: int) -> list[Look]:
    """Hold answers and abstentions against those of the trials, unless these had far fewer rows to learn from."""
    from bakeoff.decision import answers_compare, drift
    from bakeoff.decision.answer_profile import RANKED, countable, rankable

    kind, n, rows = shipped.facts.task.kind, reference.n, shipped.facts.rows
    if not answers_compare(n, rows):
        why = f"the bundle has learned from {rows:,} rows, the study's trials from {n:,}"
        return [drift.look_without(name, why) for name in ("answers", "abstentions")]
    given = [value for value in told if value is not None]
    return [
        drift.numbers_look(reference, rankable(kind, given))
        if kind in RANKED
        else drift.answers_look(reference, countable(kind, given), seed),
        drift.abstentions_look(reference, len(told) - len(given), len(told)),
    ]


def _some(texts: Sequence[str], seed: int) -> list[str]:
    """Draw at most as many texts as are looked at."""
    import numpy as np

    if len(texts) <= MOST_ROWS:
        return list(texts)
    return [texts[place] for place in np.random.default_rng(seed).choice(len(texts), MOST_ROWS, replace=False)]


def _interval(reference: Reference) -> tuple[float, float] | None:
    low, high = reference.low, reference.high
    return None if low is None or high is None else (low, high)


def _answers_to(texts: Sequence[str], known: dict[str, Answer], method: Method) -> list[Answer]:
    """Give answers to texts: those that are known, and of the others new ones."""
    lacking = [text for text in texts if text not in known]
    known = known | dict(zip(lacking, _answered(method, lacking, None), strict=True))
    return [known[text] for text in texts]


def _scored(
    found: Watched, shipped: Bundle, truth: LabelledRows, answers: Sequence[Answer], options: WatchOptions
) -> Watched:
    from bakeoff.decision.redecide import audited_score, redecide
    from bakeoff.tasks import truths

    task = shipped.facts.task
    score = audited_score(task, truths(task, *truth), [answer.value for answer in answers], options.seed)
    if found.foretold is None or found.expected is None:
        note = "The study has no score of this contender on test rows, so there is nothing to compare with."
        return replace(found, score=score, notes=(*found.notes, note))
    return replace(found, score=score, redecision=redecide(score, found.foretold, found.expected, options.loss))
