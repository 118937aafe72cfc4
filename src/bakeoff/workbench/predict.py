"""Answer a file of rows with a bundle."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import DataError, OptionError
from bakeoff.records import Answer

if TYPE_CHECKING:
    from bakeoff.data import Table
    from bakeoff.methods.contract import Method
    from bakeoff.ship import Bundle, BundleFacts
    from bakeoff.study.sending import Sending

__all__ = [
    "BATCH_ROWS",
    "EMPTY_TEXT",
    "PredictSummary",
    "ServerUse",
    "answer_rows",
    "known_columns",
    "load_to_answer",
    "parsed_value",
    "predict",
    "renamed",
    "texts_of",
]

#: Rows that are answered together, and then written.
BATCH_ROWS = 512

#: Abstention of a row without text; the method is not asked.
EMPTY_TEXT = "empty text"

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson")
_PROBABILITY = "probability_"

_Cell = str | float | tuple[str, ...] | None


def _tell_nobody(_sending: Sending) -> None:
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
        Time to answer and to write, loading left out.
    output : Path
        The file with the answers.
    unshared : int
        Answered rows that have no probabilities though they were asked for.
    """

    rows: int
    answered: int
    abstained: int
    seconds: float
    output: Path
    unshared: int = 0


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
    servers: ServerUse | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PredictSummary:
    """Answer every row of a file, in order, and write the answers beside the columns that came.

    Written are all columns of the input, then ``prediction`` (empty for an abstention; a JSON list of several labels)
    and ``abstention`` (the reason, else empty); a column of the input with one of these names becomes ``NAME_input``.
    The file appears once whole.

    Parameters
    ----------
    bundle, source : Path
        Folder of a bundle, and a file of rows; labels are not needed.
    output : Path
        A .csv, .tsv, .jsonl or .ndjson file, replaced if it is there; else ``NAME.predictions.csv`` beside the source.
    text, encoding, delimiter, header
        As for `bakeoff.data`. Without `text`, the columns that the bundle learned from, where the file has them all.
    probabilities : bool
        Whether to add one column a label, ``probability_LABEL``; empty where a server leaves them open.
    servers, progress : ServerUse, callable
        For a bundle that asks a server; told the rows done and all rows.

    Returns
    -------
    PredictSummary

    Raises
    ------
    BundleError, DataError, OptionError
        If the bundle, the rows or the output cannot be used.
    """
    from bakeoff.data import read_table
    from bakeoff.ship import read_bundle

    target, shipped = _check_output(Path(source), output), read_bundle(bundle)
    table = read_table(source, encoding=encoding, delimiter=delimiter, header=header)
    columns = text or known_columns(shipped, table)
    texts = texts_of(table, columns, shipped.facts)
    method = load_to_answer(shipped, texts, servers or ServerUse())
    return _answer_all(method, table, texts, target, probabilities, progress)


def load_to_answer(shipped: Bundle, texts: Sequence[str], servers: ServerUse) -> Method:
    """Load the method; where it asks a server, say what will be sent, and refuse what may not be, before it is."""
    from bakeoff.methods.contract import RunContext
    from bakeoff.study.sending import asking_of, sendings
    from bakeoff.workbench.sending import check_sending

    contender, asked = shipped.facts.contender, [text for text in texts if text]
    found = sendings([asking_of(contender, asked)], shipped.facts.task, servers.terms.prices)
    check_sending(found, servers.allow_send, servers.terms.limits)
    for each in found:
        servers.told(each)
    return shipped.load(RunContext(dtype=shipped.facts.dtype, allow_send=servers.allow_send, terms=servers.terms))


def _answer_all(
    method: Method,
    table: Table,
    texts: Sequence[str],
    target: Path,
    probabilities: bool,
    progress: Callable[[int, int], None] | None,
) -> PredictSummary:
    if probabilities and not (method.honest_probabilities or method.some_probabilities):
        raise OptionError(
            f"The method {type(method).__name__} has no honest probabilities: its answers are labels alone.",
            next_step="Leave --probabilities out.",
        )
    started = time.perf_counter()
    answered = unshared = 0
    with _written_aside(target) as stream:
        write = _writer(stream, target, table.columns, method.task.labels if probabilities else (), method.task.kind)
        for start in range(0, len(table), BATCH_ROWS):
            rows = table.cells[start : start + BATCH_ROWS]
            answers = answer_rows(method, texts[start : start + BATCH_ROWS])
            if probabilities:
                _refuse_untold(method, answers)
                unshared += sum(answer.value is not None and answer.probabilities is None for answer in answers)
            for row, answer in zip(rows, answers, strict=True):
                write(row, answer)
            answered += sum(answer.value is not None for answer in answers)
            if progress is not None:
                progress(start + len(rows), len(table))
    seconds = time.perf_counter() - started
    return PredictSummary(len(table), answered, len(table) - answered, seconds, target, unshared)


def _refuse_untold(method: Method, answers: Sequence[Answer]) -> None:
    """Refuse where a server answered and told no log-probabilities, out of which a label's would be made."""
    answered = any(answer.value is not None for answer in answers)
    if answered and not method.honest_probabilities and not method.details_.get("tells_probabilities"):
        raise OptionError(
            f"The server {method.model} tells no log-probabilities, so its answers have no probabilities.",
            next_step="Leave --probabilities out: answers that came are not asked for again.",
        )


def _check_output(source: Path, output: Path | None) -> Path:
    target = Path(output) if output is not None else source.with_name(f"{source.stem}.predictions.csv")
    allowed = (*_DELIMITERS, *_JSON_LINES)
    if target.suffix.lower() not in allowed:
        raise OptionError(
            f"The output must end in one of {', '.join(allowed)}; {target.name!r} came.", next_step="Name another file."
        )
    if not target.parent.is_dir():
        raise OptionError(
            f"The output {target} has no folder to stand in: {target.parent} does not exist.",
            next_step="Make the folder, or name another.",
        )
    if target.is_dir():
        raise OptionError(f"The output must be a file; {target} is a folder.", next_step="Name a file in it.")
    if target.exists() and source.exists() and target.samefile(source):
        raise OptionError(
            f"The output must be another file than the rows; {target} came for both.", next_step="Name another file."
        )
    return target


def known_columns(bundle: Bundle, table: Table) -> tuple[str, ...]:
    """Give the columns of the text that the bundle learned from, or refuse a table that lacks one."""
    known = bundle.facts.text_columns
    missing = [column for column in known if column not in table.columns]
    if missing:
        raise DataError(
            f"The bundle learned from the column {missing[0]!r}; {table.source} has {', '.join(table.columns)}.",
            next_step="Name the column of the text with --text.",
        )
    return known


def texts_of(table: Table, columns: Sequence[str], facts: BundleFacts) -> list[str]:
    """Make the texts as they were made for learning; empty where a row has none."""
    from bakeoff.data import find_columns, written_texts

    kind, pair = facts.task.kind, facts.text_pair
    if pair is not None and pair not in table.columns:
        raise DataError(
            f"The bundle learned from pairs, the second text in {pair!r}; {table.source} has "
            f"{', '.join(table.columns)}.",
            next_step="Rename the column of the second text.",
        )
    found = find_columns(table, text=columns, text_pair=pair, need_label=False, kind=kind)
    # Columns that were joined for learning must not become pairs because one has a usual name.
    return written_texts(table, replace(found, text_pair=pair), kind)


def answer_rows(method: Method, texts: Sequence[str]) -> list[Answer]:
    """Ask the method for the rows that have a text, and give all answers in the order of the rows."""
    answers = [Answer(None, abstention=EMPTY_TEXT)] * len(texts)
    asked = [place for place, text in enumerate(texts) if text]
    for place, answer in zip(asked, method.answer([texts[place] for place in asked]), strict=True):
        answers[place] = answer
    return answers


def _writer(
    stream: TextIO, target: Path, columns: Sequence[str], labels: Sequence[str], kind: str
) -> Callable[[Sequence[_Cell], Answer], None]:
    """Give the function that writes one row in the format that the output's ending names."""
    ours = ["prediction", "abstention", *(f"{_PROBABILITY}{label}" for label in labels)]
    names = [*renamed(columns, ours), *ours]
    suffix = target.suffix.lower()

    def added(answer: Answer) -> list[_Cell]:
        shares = answer.probabilities or (None,) * len(labels)
        rounded = [None if share is None else round(share, 6) for share in shares[: len(labels)]]
        return [answer.value, answer.abstention, *rounded]

    def plain(answer: Answer) -> list[Any]:
        """Give what is added to a JSON record, lists and numbers as such."""
        value, *others = added(answer)
        return [None if value is None else parsed_value(kind, str(value)), *others]

    if suffix in _JSON_LINES:

        def write_json(row: Sequence[_Cell], answer: Answer) -> None:
            record = dict(zip(names, [*row, *plain(answer)], strict=True))
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")

        return write_json

    from bakeoff.data import safe_cell

    table = csv.writer(stream, delimiter=_DELIMITERS[suffix], lineterminator="\n")
    table.writerow([safe_cell(name) for name in names])

    def write_cells(row: Sequence[_Cell], answer: Answer) -> None:
        table.writerow([_tabled(cell) for cell in (*row, *added(answer))])

    return write_cells


def _tabled(cell: _Cell) -> _Cell:
    """Give a cell as a table holds it: a list, which has no form of its own there, as JSON; no text as a formula."""
    from bakeoff.data import safe_cell

    if isinstance(cell, tuple):
        return json.dumps(cell, ensure_ascii=False)
    return safe_cell(cell) if isinstance(cell, str) else cell


def parsed_value(kind: str, value: str) -> Any:
    """Read a written label: a list of labels or tags, a number, or the label itself."""
    from bakeoff.data import labels_of

    if kind == "regression":
        return float(value)
    return list(labels_of(kind, value)) if kind in ("multi-label", "tagging") else value


def renamed(columns: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Rename the input's columns that have our names, so that readers find ours under one name always."""
    taken = {*columns, *ours}
    names = []
    for column in columns:
        name = column
        if column in ours:
            name = f"{column}_input"
            while name in taken:
                name += "_"
            taken.add(name)
        names.append(name)
    return names


@contextlib.contextmanager
def _written_aside(target: Path) -> Iterator[TextIO]:
    """Give a stream to a hidden file beside the target, which takes its name when the block ends well."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
