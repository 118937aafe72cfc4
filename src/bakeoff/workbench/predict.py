"""Answer a file of rows with a bundle."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import DataError, OptionError
from bakeoff.records import Answer
from bakeoff.workbench.answer_files import check_output, row_writer
from bakeoff.workbench.unfinished import Counts, Unfinished

if TYPE_CHECKING:
    from bakeoff.data import RowFile, Table
    from bakeoff.methods.contract import Method
    from bakeoff.ship import Bundle, BundleFacts
    from bakeoff.study.sending import Sending

__all__ = [
    "BATCH_ROWS",
    "EMPTY_TEXT",
    "PredictSummary",
    "ServerUse",
    "answer_rows",
    "check_sent",
    "find_texts",
    "known_columns",
    "load_to_answer",
    "predict",
    "refuse_labels_alone",
]

#: Rows that are answered together, and then written.
BATCH_ROWS = 512

#: Abstention of a row without text; the method is not asked.
EMPTY_TEXT = "empty text"

#: Rows whose texts are written at once while a file is looked through.
_LOOK_ROWS = 4096


def _tell_nobody(_sending: Sending) -> None:
    return


def _tell_nothing(_done: int, _rows: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class ServerUse:
    """How a bundle that asks a server may do so.

    Parameters
    ----------
    allow_send : frozenset of str
        Hosts to which texts may be sent.
    terms : ServerTerms
        Prices and limits.
    told : callable
        Told what will be sent, before anything is.
    """

    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)
    told: Callable[[Sending], None] = _tell_nobody


@dataclass(frozen=True, slots=True)
class PredictSummary:
    """What was answered.

    Parameters
    ----------
    rows : int
        Rows in the file.
    answered, abstained : int
        Rows with a label, and rows with a reason instead; together they are `rows`.
    seconds : float
        Time to answer and to write, loading left out, and rows that were answered before.
    output : Path
        The file with the answers.
    unshared : int
        Answered rows that have no probabilities though they were asked for.
    resumed : int
        Rows that an interrupted run had answered before.
    """

    rows: int
    answered: int
    abstained: int
    seconds: float
    output: Path
    unshared: int = 0
    resumed: int = 0


def predict(
    bundle: Path,
    source: Path,
    output: Path | None = None,
    *,
    text: Sequence[str] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    probabilities: bool = False,
    restart: bool = False,
    servers: ServerUse | None = None,
    progress: Callable[[int, int], None] | None = None,
    told: Callable[[int, int], None] = _tell_nothing,
) -> PredictSummary:
    """Answer every row of a file, in order; go on with what an interrupted run had written, to the same bytes.

    Parameters
    ----------
    bundle, source, output : Path
        Folder of a bundle; a file of rows, of any size; a .csv, .tsv, .jsonl or .ndjson file, which appears once whole.
    text, encoding, delimiter, header
        As for `bakeoff.data`. Without `text`, the columns that the bundle learned from.
    probabilities, restart : bool
        Whether to add a column ``probability_LABEL`` for each; to begin anew where an interrupted run left answers.
    servers, progress, told : ServerUse, callables
        For a bundle that asks a server; told rows done and all rows; told them once where a run is gone on with.

    Returns
    -------
    PredictSummary

    Raises
    ------
    BundleError, DataError, OptionError
        If one of them cannot be used, or an interrupted run answered others.
    """
    from bakeoff.data import open_rows
    from bakeoff.ship import read_bundle

    target, shipped, servers = check_output(Path(source), output), read_bundle(bundle), servers or ServerUse()
    rows = open_rows(source, encoding=encoding, delimiter=delimiter, header=header)
    file = Unfinished(target, _made_from(shipped, rows, (tuple(text), encoding, delimiter, header, probabilities)))
    with file.opened(restart=restart):
        texts_of = find_texts(next(rows.tables(_LOOK_ROWS)), text, shipped.facts)
        _check_texts(rows, texts_of, shipped, servers)
        method = load_to_answer(shipped, servers, probabilities)
        return _answer_all(method, rows, texts_of, file, probabilities, progress, told)


def _check_texts(rows: RowFile, texts_of: Callable[[Table], list[str]], bundle: Bundle, servers: ServerUse) -> None:
    """Write all texts once, so that a row that has none is told before anything is answered.

    Where they go to a server, say what will be sent, and refuse what may not be, before it is.
    """
    from bakeoff.methods.registry import method_spec

    asks_server = method_spec(bundle.facts.contender.method).model == "server"
    asked: list[str] = []
    for table in rows.tables(_LOOK_ROWS):
        texts = texts_of(table)
        # Kept in memory only where every one of them is paid for.
        asked += [text for text in texts if text] if asks_server else []
    check_sent(bundle, asked, servers)


def check_sent(bundle: Bundle, asked: Sequence[str], servers: ServerUse) -> None:
    """Say what a bundle will send to a server for some texts, and refuse what may not be sent, before it is.

    Parameters
    ----------
    bundle : Bundle
    asked : sequence of str
        Texts; what they are plays no part where the bundle asks no server.
    servers : ServerUse

    Raises
    ------
    OptionError
        If a host is not allowed, or a limit would be passed.
    """
    from bakeoff.study.sending import asking_of, sendings
    from bakeoff.workbench.sending import check_sending

    found = sendings([asking_of(bundle.facts.contender, asked)], bundle.facts.task, servers.terms.prices)
    check_sending(found, servers.allow_send, servers.terms.limits)
    for each in found:
        servers.told(each)


def load_to_answer(bundle: Bundle, servers: ServerUse, probabilities: bool) -> Method:
    """Load a bundle's method for answering, or refuse it where it has not the probabilities that are asked for."""
    from bakeoff.methods.contract import RunContext

    method = bundle.load(RunContext(dtype=bundle.facts.dtype, allow_send=servers.allow_send, terms=servers.terms))
    if probabilities:
        refuse_labels_alone(method)
    return method


def refuse_labels_alone(method: Method) -> None:
    """Refuse to give probabilities where a method has no honest ones."""
    if not (method.honest_probabilities or method.some_probabilities):
        raise OptionError(
            f"The method {type(method).__name__} has no honest probabilities: its answers are labels alone.",
            next_step="Leave --probabilities out.",
        )


def _answer_all(
    method: Method,
    rows: RowFile,
    texts_of: Callable[[Table], list[str]],
    file: Unfinished,
    probabilities: bool,
    progress: Callable[[int, int], None] | None,
    told: Callable[[int, int], None],
) -> PredictSummary:
    """Answer the rows behind those that are answered."""
    counts, labels = file.counts, method.task.labels if probabilities else ()
    resumed, started = counts.rows, time.perf_counter()
    if resumed:
        told(resumed, rows.rows)
    for table in rows.tables(BATCH_ROWS, counts.rows):
        answers = answer_rows(method, texts_of(table))
        answered = sum(answer.value is not None for answer in answers)
        unshared = 0
        if probabilities:
            _refuse_untold(method, answers)
            unshared = sum(answer.value is not None and answer.probabilities is None for answer in answers)
        written = io.StringIO(newline="")
        write = row_writer(written, file.target, rows.columns, labels, method.task.kind, header=not counts.rows)
        for row, answer in zip(table.cells, answers, strict=True):
            write(row, answer)
        counts = Counts(counts.rows + len(table), counts.answered + answered, counts.unshared + unshared)
        file.write(written.getvalue().encode(), counts)
        if progress is not None:
            progress(counts.rows, rows.rows)
    if counts.rows != rows.rows:
        raise DataError(
            f"{rows.source} had {rows.rows:,} rows when it was looked through, and {counts.rows:,} when they were "
            "answered.",
            next_step="Ask again when nothing changes the file any more.",
        )
    abstained, seconds = counts.rows - counts.answered, time.perf_counter() - started
    return PredictSummary(counts.rows, counts.answered, abstained, seconds, file.target, counts.unshared, resumed)


def _made_from(bundle: Bundle, rows: RowFile, how: tuple[object, ...]) -> dict[str, str]:
    """Name what the answers hang on, in the user's words."""
    from importlib.metadata import version

    from bakeoff.ship.contents import MANIFEST, digest

    return {
        "the file of rows": rows.sha256,
        "the bundle": digest(bundle.folder / MANIFEST),
        "how the rows are read or written": json.dumps(how),
        "the version of bakeoff": version("bakeoff"),
    }


def _refuse_untold(method: Method, answers: Sequence[Answer]) -> None:
    """Refuse where a server answered and told no log-probabilities, out of which a label's would be made."""
    answered = any(answer.value is not None for answer in answers)
    if answered and not method.honest_probabilities and not method.details_.get("tells_probabilities"):
        raise OptionError(
            f"The server {method.model} tells no log-probabilities, so its answers have no probabilities.",
            next_step="Leave --probabilities out: answers that came are not asked for again.",
        )


def known_columns(facts: BundleFacts, rows: RowFile | Table) -> tuple[str, ...]:
    """Give the columns that a bundle learned from; refused where rows lack one."""
    known = facts.text_columns
    missing = [column for column in known if column not in rows.columns]
    if missing:
        raise DataError(
            f"The bundle learned from the column {missing[0]!r}; {rows.source} has {', '.join(rows.columns)}.",
            next_step="Name the column of the text with --text.",
        )
    return known


def find_texts(table: Table, columns: Sequence[str], facts: BundleFacts) -> Callable[[Table], list[str]]:
    """Give what makes texts of rows as they were made for learning, empty where a row has none.

    Parameters
    ----------
    table : Table
        The first rows of a file; columns are found in them, and are the same for all others.
    columns : sequence of str
        Of the text; without any, those that the bundle learned from.
    facts : BundleFacts

    Returns
    -------
    callable
        Given a table of the same columns.

    Raises
    ------
    DataError
        If a column is not there.
    """
    from bakeoff.data import find_columns, written_texts

    columns = (columns,) if isinstance(columns, str) else tuple(columns) or known_columns(facts, table)
    kind, pair = facts.task.kind, facts.text_pair
    if pair is not None and pair not in table.columns:
        raise DataError(
            f"The bundle learned from pairs, the second text in {pair!r}; {table.source} has "
            f"{', '.join(table.columns)}.",
            next_step="Rename the column of the second text.",
        )
    found = find_columns(table, text=columns, text_pair=pair, need_label=False, kind=kind)
    # Columns that were joined for learning must not become pairs because one has a usual name.
    found = replace(found, text_pair=pair)
    return lambda rows: written_texts(rows, found, kind)


def answer_rows(method: Method, texts: Sequence[str]) -> list[Answer]:
    """Ask the method for the rows that have a text, and give all answers in the order of the rows."""
    answers = [Answer(None, abstention=EMPTY_TEXT)] * len(texts)
    asked = [place for place, text in enumerate(texts) if text]
    for place, answer in zip(asked, method.answer([texts[place] for place in asked]), strict=True):
        answers[place] = answer
    return answers
