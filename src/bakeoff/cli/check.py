"""``bakeoff check``: look at rows before anything is measured on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given, plain

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.check import CheckOutcome

__all__ = ["check"]


def check(
    context: typer.Context,
    source: options.Source,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    task: options.TaskKind = "auto",
    checks: options.ChecksFile = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Check rows: duplicates, leaks, rare and conflicting labels, encoding; writes nothing."""
    from bakeoff.workbench.check import check as check_source

    outcome = check_source(source, options.data_options(context.params), seed=seed, checks=checks)
    failed = any(one.status == "FAIL" for one in outcome.checks)
    given = Given("check", as_json)
    given.give(lambda: plain(outcome), lambda console: _show(console, outcome), exit_code=2 if failed else 0)


def _show(console: Console, outcome: CheckOutcome) -> None:
    from bakeoff.cli.live import print_checks
    from bakeoff.report.terminal import checks_table

    print_checks(console, outcome.columns, outcome.split, outcome.rows, outcome.forecast)
    console.print(checks_table(outcome.checks))
    long = outcome.long_texts
    if long is not None and long.longer:
        about = f" (about, by {long.drawn:,} of them)" if long.drawn else ""
        told = f"{long.longer:,} of {long.texts:,} texts{about} are longer than the {long.max_tokens:,} tokens"
        console.print(f"{told} that {long.model} reads: their ends are cut.", markup=False)
