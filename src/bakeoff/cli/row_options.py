"""The options that name the rows and the task, each with its help; and how they become one value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bakeoff.cli import complete

if TYPE_CHECKING:
    from bakeoff.workbench.options import DataOptions

__all__ = [
    "CONTENDERS",
    "DECISION",
    "PLACES",
    "PLAN",
    "ROWS",
    "SERVERS",
    "TASK",
    "ChecksFile",
    "Delimiter",
    "Encoding",
    "Group",
    "Instruction",
    "Label",
    "LabelsFile",
    "Metric",
    "MinLabelRows",
    "NoHeader",
    "Rare",
    "Source",
    "TaskKind",
    "Text",
    "TextPair",
    "Time",
    "Unlabelled",
    "data_options",
    "option",
]

#: Headings under which the help lists options, where a command has many.
ROWS, TASK, CONTENDERS, PLAN, DECISION, SERVERS, PLACES = (
    "Rows",
    "Task",
    "Contenders",
    "Plan and time",
    "Requirements and costs",
    "Servers",
    "Output",
)


def option(*names: str, help: str, panel: str | None = None, **settings: Any) -> Any:  # noqa: A002  # typer's own word
    """Declare an option; its default is shown only where that says something."""
    shown = settings.pop("show_default", False)
    return typer.Option(*names, help=help, show_default=shown, rich_help_panel=panel, **settings)


# Rows
Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A .csv, .tsv, .jsonl, .parquet or .xlsx file, a folder with train/validation/test files, the name of a "
        "data set in the catalogue, or hf:owner/name.",
        show_default=False,
        autocompletion=complete.rows,
    ),
]
Text = Annotated[
    list[str] | None, option("--text", metavar="COLUMN", help="Column of the text; repeat to join several.", panel=ROWS)
]
TextPair = Annotated[
    str | None, option("--text-pair", metavar="COLUMN", help="Column of the second text of a pair.", panel=ROWS)
]
Label = Annotated[str | None, option("--label", metavar="COLUMN", help="Column of the label.", panel=ROWS)]
Group = Annotated[
    str | None,
    option(
        "--group", metavar="COLUMN", help="Column whose members (a customer, a document) stay together.", panel=ROWS
    ),
]
Time = Annotated[
    str | None,
    option("--time", metavar="COLUMN", help="Column of the time: the latest rows are the test.", panel=ROWS),
]
Encoding = Annotated[
    str | None, option("--encoding", metavar="NAME", help="Encoding, where it is not UTF-8.", panel=ROWS)
]
Delimiter = Annotated[
    str | None,
    option("--delimiter", metavar="SIGN", help="What divides the cells of a row, where it is not found.", panel=ROWS),
]
NoHeader = Annotated[
    bool, option("--no-header", help="The first row is data; columns are numbered from 1.", panel=ROWS)
]
MinLabelRows = Annotated[
    int,
    option(
        "--min-label-rows",
        metavar="ROWS",
        min=1,
        help="Least rows of a label that is kept.",
        panel=ROWS,
        show_default=True,
    ),
]
Rare = Annotated[
    Literal["drop", "merge"],
    option(
        "--rare", metavar="drop|merge", help="What to do with the rows of rarer labels.", panel=ROWS, show_default=True
    ),
]
Unlabelled = Annotated[
    Path | None,
    option(
        "--unlabelled",
        metavar="FILE",
        help="File of further texts without a label, for methods that learn from such.",
        panel=ROWS,
    ),
]

# Task
TaskKind = Annotated[
    Literal["auto", "classification", "multi-label", "regression", "pair", "tagging", "generation"],
    option(
        "--task",
        metavar="KIND",
        help="Kind of the task: classification, multi-label, regression, pair, tagging or generation; auto: told by "
        "the columns.",
        panel=TASK,
        show_default=True,
    ),
]
Metric = Annotated[
    str | None,
    option(
        "--metric",
        metavar="NAME",
        help="Such as accuracy or macro-F1; by default chosen by kind and labels.",
        panel=TASK,
    ),
]
Instruction = Annotated[
    str | None, option("--instruction", metavar="TEXT", help="What prompts tell the model.", panel=TASK)
]
LabelsFile = Annotated[
    Path | None,
    option(
        "--labels", metavar="FILE", help="YAML or JSON file: what each label means, its words, examples.", panel=TASK
    ),
]
ChecksFile = Annotated[
    Path | None,
    option(
        "--checks",
        metavar="FILE",
        help="YAML file of checks that written texts must pass: lines, rhymes, words, slots.",
        panel=TASK,
    ),
]


def data_options(given: Mapping[str, Any]) -> DataOptions:
    """Collect what a command was told about its rows.

    Parameters
    ----------
    given : mapping
        The command's parameters by name.

    Returns
    -------
    DataOptions
    """
    from bakeoff.workbench.options import DataOptions

    return DataOptions(
        text=tuple(given["text"] or ()),
        text_pair=given.get("text_pair"),
        # Commands without the option are for one label a row.
        kind=given.get("task", "classification"),
        label=given["label"],
        group=given["group"],
        time=given["time"],
        encoding=given["encoding"],
        delimiter=given["delimiter"],
        header=not given["no_header"],
        min_label_rows=given["min_label_rows"],
        rare=given["rare"],
        unlabelled=given.get("unlabelled"),
    )
