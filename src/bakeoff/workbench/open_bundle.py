"""A bundle that is loaded once and answers rows in memory, and gives them back as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.data import Cell, Table, whole_characters
from bakeoff.data.frames import opened_frame, table_of_frame
from bakeoff.errors import DataError
from bakeoff.records import Answer
from bakeoff.workbench.answer_files import parsed_value, renamed
from bakeoff.workbench.predict import (
    BATCH_ROWS,
    ServerUse,
    answer_rows,
    check_sent,
    find_texts,
    load_to_answer,
    refuse_labels_alone,
)

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method
    from bakeoff.ship import Bundle

__all__ = ["OpenBundle", "open_bundle"]


class OpenBundle:
    """A bundle's method, loaded; made by `open_bundle`.

    Parameters
    ----------
    bundle : Bundle
    servers : ServerUse
        For a bundle that asks a server.

    Attributes
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle, servers: ServerUse) -> None:
        self.bundle = bundle
        self._servers = servers
        self._method: Method | None = None

    def predict(self, rows: Any, *, text: Sequence[str] = (), probabilities: bool = False) -> Any:
        """Answer rows.

        Parameters
        ----------
        rows : DataFrame, Dataset, Series, or sequence of str
            A table of pandas, polars or pyarrow, a ``datasets.Dataset``, or the texts themselves.
        text : sequence of str
            Columns of the text; those that the bundle learned from where not given.
        probabilities : bool
            Whether to add a column for each label, ``probability_LABEL``.

        Returns
        -------
        DataFrame, Dataset, or list
            A table of the same kind, its rows and index as they were, with the columns ``prediction`` (missing for an
            abstention) and ``abstention`` (the reason, else missing); a column that had one of these names becomes
            ``NAME_input``. Of texts a list of answers, None for an abstention.

        Raises
        ------
        DataError, OptionError, BundleError
            If the rows, the options or the bundle cannot be used.
        """
        _refuse_single(rows)
        kind = type(rows)  # which is asked for columns, as a lazy frame itself would read its source to tell them
        if not hasattr(kind, "columns") and not hasattr(kind, "column_names"):
            table = _table_of_texts(rows, tokens=self.bundle.facts.task.kind == "tagging")
            texts = find_texts(table, table.columns, self.bundle.facts)(table) if table else []
            return [self._value(answer) for answer in self._answers(texts, probabilities)]
        name = type(rows).__name__
        if not hasattr(kind, "features"):
            rows = opened_frame(rows).to_native()  # read once: a lazy frame may have another order each time
        table = table_of_frame(rows, name)
        answers = self._answers(find_texts(table, text, self.bundle.facts)(table), probabilities)
        return _with_columns(rows, table, self._added(answers, probabilities))

    def _answers(self, texts: Sequence[str], probabilities: bool) -> list[Answer]:
        check_sent(self.bundle, [text for text in texts if text], self._servers)
        if self._method is None:
            self._method = load_to_answer(self.bundle, self._servers, probabilities)
        if probabilities:  # also where an earlier call, which asked for none, loaded it
            refuse_labels_alone(self._method)
        found: list[Answer] = []
        for start in range(0, len(texts), BATCH_ROWS):
            found += answer_rows(self._method, texts[start : start + BATCH_ROWS])
        return found

    def _value(self, answer: Answer) -> Any:
        return None if answer.value is None else parsed_value(self.bundle.facts.task.kind, answer.value)

    def _added(self, answers: Sequence[Answer], probabilities: bool) -> dict[str, list[Any]]:
        labels = self.bundle.facts.task.labels
        added = {
            "prediction": [self._value(answer) for answer in answers],
            "abstention": [answer.abstention for answer in answers],
        }
        if not probabilities:
            return added
        shares = [answer.probabilities or (None,) * len(labels) for answer in answers]
        return {**added, **{f"probability_{label}": [row[at] for row in shares] for at, label in enumerate(labels)}}


def open_bundle(folder: Path | str, *, servers: ServerUse | None = None) -> OpenBundle:
    """Open a bundle to answer tables and texts in memory; it is loaded with the first rows.

    Parameters
    ----------
    folder : Path or str
    servers : ServerUse, optional
        For a bundle that asks a server: to which hosts texts may be sent, on what terms.

    Returns
    -------
    OpenBundle

    Raises
    ------
    BundleError
        If it is no bundle, or one that was changed.

    Examples
    --------
    ``answered = open_bundle("bundle").predict(frame, probabilities=True)``
    """
    from bakeoff.ship import read_bundle

    return OpenBundle(read_bundle(folder), servers or ServerUse())


def _refuse_single(rows: Any) -> None:
    """Refuse what Python also goes through: a text by its letters, and a dictionary by its keys."""
    if isinstance(rows, str | bytes):
        raise DataError(
            "Rows are a table or a list of texts, and one text came: its letters would be answered.",
            next_step="Put it into a list: predict([text]).",
        )
    if isinstance(rows, Mapping):
        raise DataError(
            f"Rows are a table or a list of texts, and a {type(rows).__name__} came, of which only the names would be "
            f"answered.",
            next_step="Make a table of its columns, such as pandas.DataFrame(rows), or hand over one of its values.",
        )


def _table_of_texts(rows: Any, *, tokens: bool) -> Table:
    """Give texts, or lists of tokens, as a table of one column, so that they are read as those of a file are."""
    cells = [_cell_of_element(one, position, tokens) for position, one in enumerate(rows)]
    return Table(type(rows).__name__, ("text",), tuple((cell,) for cell in cells), tuple(range(1, len(cells) + 1)))


def _cell_of_element(value: Any, position: int, tokens: bool) -> Cell:
    """Give an element of a list as the cell of a file: nothing where there is none, a number as it is written."""
    if hasattr(value, "as_py"):  # of pyarrow, whose elements are of types of its own
        value = value.as_py()
    # NaN and its like, of which pandas' own cannot even be asked whether it equals itself.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return None
    if tokens and isinstance(value, list | tuple):
        return tuple(map(str, value))
    if not isinstance(value, str | Number):
        raise DataError(
            f"A list of rows holds the texts themselves; its element {position} is of type {type(value).__name__}.",
            next_step="Give the texts, or a table with the columns that the bundle learned from.",
        )
    return whole_characters(str(value))


def _with_columns(rows: Any, table: Table, added: dict[str, list[Any]]) -> Any:
    """Give a table of the same kind with further columns."""
    names = dict(zip(table.columns, renamed(table.columns, tuple(added)), strict=True))
    changed = {old: new for old, new in names.items() if old != new}
    if hasattr(rows, "column_names") and hasattr(rows, "features"):
        found = rows.rename_columns(changed) if changed else rows
        for name, values in added.items():
            found = found.add_column(name, values)
        return found
    import narwhals

    opened = opened_frame(rows)
    opened = opened.rename({column: names[str(column)] for column in opened.columns if str(column) in changed})
    space = narwhals.get_native_namespace(opened)
    kinds = {name: _kind(values) for name, values in added.items()}
    columns = [narwhals.new_series(name, values, kinds[name], backend=space) for name, values in added.items()]
    # What has an index keeps it: new columns stand row by row beside the others.
    return opened.with_columns(*columns).to_native()


def _kind(values: Sequence[Any]) -> Any:
    """Give the type of a column, which cannot be told where no row has a value; None where it is told by the values."""
    import narwhals

    met = next((value for value in values if value is not None), None)
    if met is None or isinstance(met, str):
        return narwhals.String
    return narwhals.Float64 if isinstance(met, float) else None
