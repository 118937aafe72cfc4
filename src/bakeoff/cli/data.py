"""``bakeoff data``: the data sets of the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli import catalogue, complete, options
from bakeoff.cli.command import Command, Group
from bakeoff.cli.json_output import Given

__all__ = ["app"]

app = typer.Typer(
    help="List the data sets of the catalogue, or pull one.",
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def show(context: typer.Context, as_json: options.Json = False) -> None:
    """List the data sets of the catalogue: names, sizes, licences, sources, and whether they are here."""
    if context.invoked_subcommand is None:
        catalogue.show_entries(Given("data", as_json), "data")


@app.command("pull", cls=Command, short_help="Fetch one into the cache")
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name in the catalogue.", show_default=False, autocompletion=complete.data_sets
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Fetch one, check its sha256, and keep it in the cache."""
    catalogue.pull_entry(Given("data pull", as_json, soft_wrap=True), name, "data")
