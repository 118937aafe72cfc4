"""``bakeoff models``: the models of the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli import catalogue

__all__ = ["app"]

app = typer.Typer(
    help="List the models of the catalogue, or pull one.", invoke_without_command=True, rich_markup_mode=None
)


@app.callback()
def show(context: typer.Context) -> None:
    """List the models of the catalogue: names, sizes, licences, sources, and whether they are here."""
    if context.invoked_subcommand is None:
        catalogue.show_entries("model")


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name in the catalogue.", show_default=False)],
) -> None:
    """Fetch one, check its sha256, and keep it in the cache."""
    catalogue.pull_entry(name, "model")
