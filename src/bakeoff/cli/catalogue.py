"""Tables and downloads of catalogue entries, for ``bakeoff models`` and ``bakeoff data``."""

from __future__ import annotations

from typing import Literal

__all__ = ["pull_entry", "show_entries"]


def show_entries(kind: Literal["model", "data"]) -> None:
    """Print the catalogue's entries of one kind.

    Parameters
    ----------
    kind : {"model", "data"}
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bakeoff.catalog import HubSource, cache_folder, entries, is_here

    console = Console(highlight=False)
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


def pull_entry(name: str, kind: Literal["model", "data"]) -> None:
    """Fetch an entry with a progress bar.

    Parameters
    ----------
    name : str
    kind : {"model", "data"}

    Raises
    ------
    SourceError
        If there is no such entry, or no source could give it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from bakeoff.catalog import entry, pull
    from bakeoff.errors import SourceError

    found = entry(name)
    if found.kind != kind:
        other = "models" if found.kind == "model" else "data"
        raise SourceError(
            f"{name!r} is a {'model' if found.kind == 'model' else 'data set'} of the catalogue.",
            next_step=f"Fetch it with: bakeoff {other} pull {name}",
        )
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=False) as bar:
        task = bar.add_task(name, total=found.download_size)
        folder = pull(name, progress=lambda done, total: bar.update(task, completed=done, total=total))
        bar.update(task, completed=found.download_size, total=found.download_size)
    Console(highlight=False, soft_wrap=True).print(str(folder), markup=False)
