"""``bakeoff compare``: a look at two contenders of a study, or at two files of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given, plain
from bakeoff.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.compare import Compared

__all__ = ["compare"]

#: What the file of a study is called.
_STUDY = "study.sqlite"


_Where = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="Folder of a study; or, for two files of answers, the labelled rows, as for 'run'.",
        show_default=False,
        autocompletion=complete.studies,
    ),
]
_A = Annotated[
    str,
    typer.Argument(
        metavar="A",
        help="A contender, as on the leaderboard; or a file of answers.",
        show_default=False,
        autocompletion=complete.contenders,
    ),
]
_B = Annotated[
    str, typer.Argument(metavar="B", help="Another.", show_default=False, autocompletion=complete.contenders)
]
_Budget = Annotated[
    int | None,
    options.option("--n", metavar="ROWS", min=0, help="Label budget; that of the verdict where both have it."),
]


def compare(
    context: typer.Context,
    study: _Where,
    a: _A,
    b: _B,
    n: _Budget = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    as_json: options.Json = False,
) -> None:
    """Compare two contenders, or two files of answers, on the same rows.

    It gives the paired difference with its interval, and for each seed the rows that one alone has right, with
    McNemar's mid-p. It is a look: no test that was declared before the run, and not corrected for other looks.
    Two versions of a prompt are compared by 'bakeoff prompt diff'.
    """
    from bakeoff.workbench.compare import compare_answers, compare_contenders

    if (Path(study) / _STUDY).is_file() or not (Path(a).is_file() or Path(b).is_file()):
        done = compare_contenders(Path(study), a, b, n=n)
    elif n is not None:
        raise OptionError("--n belongs to two contenders of a study; two files came.", next_step="Leave --n away.")
    else:
        done = compare_answers(study, options.data_options(context.params), Path(a), Path(b))
    Given("compare", as_json).give(
        lambda: {"where": done.where, "declared": done.declared, "notes": done.notes, **plain(done.look)},
        lambda console: _show(console, done),
    )


def _show(console: Console, done: Compared) -> None:
    from rich.table import Table
    from rich.text import Text

    from bakeoff.report.figures import (
        clean_text,
        count_text,
        p_phrase,
        points_interval_text,
        points_text,
        score_text,
    )

    look = done.look
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=12, style="dim")
    table.add_column(overflow="fold")
    labelled = f", n = {count_text(look.n)}" if look.n else ""
    table.add_row("A LOOK", Text(f"at {look.rows:,} rows of {clean_text(done.where)}{labelled}", style="bold"))
    for letter, name, score in (("a", look.a, look.score_a), ("b", look.b, look.score_b)):
        table.add_row(letter, Text(f"{clean_text(name)}: {look.metric} {score_text(score)}"))
    seeds = f", {look.seeds} seeds" if look.seeds > 1 else ""
    told = f"{points_text(look.difference)} {points_interval_text(look.ci)}, {p_phrase(look.p)}{seeds}"
    table.add_row("a minus b", Text(told, style="bold"))
    for number, pair in enumerate(look.pairs):
        seed = f"seed {pair.seed}: " if pair.seed is not None else ""
        rows = f"only a {pair.only_a}, only b {pair.only_b}, both {pair.both}, neither {pair.neither}"
        table.add_row("" if number else "rows right", Text(f"{seed}{rows}; McNemar's mid-p, {p_phrase(pair.p)}"))
    for note in done.notes:
        table.add_row("note", Text(clean_text(note)))
    declared = "The study declared this comparison: its test of record, corrected, is in the report."
    look_alone = "Not declared before the run, and not corrected for other looks: a hint, no verdict."
    table.add_row("read it as", Text(declared if done.declared else look_alone))
    console.print(table)
