"""Tables and downloads of catalogue entries, for ``bakeoff models`` and ``bakeoff data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.cli.json_output import Given

__all__ = ["pull_entry", "show_entries"]


def show_entries(given: Given, kind: Literal["model", "data"]) -> None:
    """Give the catalogue's entries of one kind.

    Parameters
    ----------
    given : Given
    kind : {"model", "data"}
    """
    given.give(lambda: _listed(kind), lambda console: _show(console, kind))


def _listed(kind: Literal["model", "data"]) -> dict[str, Any]:
    from bakeoff.catalog import cache_folder, entries, is_here

    found = [
        {
            "name": one.name,
            "description": one.description,
            "licence": one.licence,
            "family": one.family,
            "parameters": one.parameters,
            "bytes_to_fetch": one.download_size,
            "bytes_on_disk": one.size,
            "is_here": is_here(one),
        }
        for one in entries(kind)
    ]
    return {"folder": cache_folder(), "entries": found}


def _show(console: Console, kind: Literal["model", "data"]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from bakeoff.catalog import HubSource, InstalledSource, cache_folder, entries, is_here

    for one in entries(kind):
        table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False, padding=(0, 1), show_edge=False)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        here = "here" if is_here(one) else f"not here; {one.download_size / 1e6:.0f} MB to fetch"
        facts = [f"{one.size / 1e6:.1f} MB on disk", here]
        if one.parameters:
            facts.insert(0, f"{one.family}, {one.parameters / 1e6:.1f} M parameters")
        sources = [
            f"hub {source.repository}"
            if isinstance(source, HubSource)
            else f"installed package {source.package}"
            if isinstance(source, InstalledSource)
            else f"package {source.package} {source.version}"
            for source in one.sources
        ]
        console.print(Text(one.name, style="bold"))
        table.add_row("  what", Text(one.description))
        table.add_row("  size", Text("; ".join(facts)))
        table.add_row("  licence", Text(one.licence))
        table.add_row("  sources", Text(", then ".join(sources)))
        console.print(table)
    console.print(Text(f"kept in {cache_folder()}", style="dim"))
    verb = "models" if kind == "model" else "data"
    console.print(Text(f"fetch one with: bakeoff {verb} pull NAME", style="dim"))


def pull_entry(given: Given, name: str, kind: Literal["model", "data"]) -> None:
    """Fetch an entry with a progress bar.

    Parameters
    ----------
    given : Given
    name : str
    kind : {"model", "data"}

    Raises
    ------
    SourceError
        If there is no such entry, or no source could give it.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from bakeoff.catalog import entry, pull
    from bakeoff.errors import SourceError

    found = entry(name, kind)
    if found.kind != kind:
        other = "models" if found.kind == "model" else "data"
        raise SourceError(
            f"{name!r} is a {'model' if found.kind == 'model' else 'data set'} of the catalogue.",
            next_step=f"Fetch it with: bakeoff {other} pull {name}",
        )
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=given.console, transient=False) as bar:
        task = bar.add_task(name, total=found.download_size)
        folder = pull(name, progress=lambda done, total: bar.update(task, completed=done, total=total))
        bar.update(task, completed=found.download_size, total=found.download_size)
    given.give(lambda: {"name": name, "folder": folder}, lambda console: console.print(str(folder), markup=False))
