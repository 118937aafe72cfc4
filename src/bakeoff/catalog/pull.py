"""Bring an entry into the cache, and find it there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from bakeoff.catalog.cache import aside, cache_folder, publish, remove
from bakeoff.catalog.entries import entry
from bakeoff.catalog.facts import Entry
from bakeoff.catalog.sources import FetchError, describe, fetch
from bakeoff.errors import SourceError

__all__ = ["is_here", "locate", "pull"]

Progress = Callable[[int, int], None]


def is_here(item: Entry | str) -> bool:
    """Say whether an entry is in the cache, all files in their full size.

    Contents were compared with their sha256 before the folder got its name, and are not read again.

    Parameters
    ----------
    item : Entry or str
        An entry, or its name.

    Returns
    -------
    bool

    Raises
    ------
    SourceError
        If the catalogue has no such name.
    """
    found = entry(item) if isinstance(item, str) else item
    folder = _final(found)
    try:
        return all((folder / file.name).stat().st_size == file.size for file in found.files)
    except OSError:
        return False


def locate(name: str) -> Path:
    """Give the folder of an entry that was pulled before.

    Parameters
    ----------
    name : str
        Name in the catalogue.

    Returns
    -------
    Path

    Raises
    ------
    SourceError
        If it is not in the cache, or the catalogue has no such name.
    """
    found = entry(name)
    if not is_here(found):
        raise SourceError(
            f"{found.name!r} is not in the cache folder {cache_folder()}.",
            next_step=f"Fetch it with: bakeoff {_verb(found)} pull {found.name}",
        )
    return _final(found)


def pull(item: Entry | str, progress: Progress | None = None) -> Path:
    """Bring an entry into the cache, unless it is there already.

    The sources are tried in order. A file whose size or sha256 differs never enters the cache; an interrupted pull
    leaves nothing behind but a hidden folder, which the next one deletes.

    Parameters
    ----------
    item : Entry or str
        An entry, or its name.
    progress : callable, optional
        Called with bytes done and bytes in all, again from zero for each source.

    Returns
    -------
    Path
        The entry's folder.

    Raises
    ------
    SourceError
        If no source could give it, the cache cannot be written, or the catalogue has no such name.
    """
    found = entry(item) if isinstance(item, str) else item
    final = _final(found)
    if is_here(found):
        return final
    try:
        return _pull(found, final, progress)
    except OSError as error:
        raise SourceError(
            f"{found.name!r} could not be written to the cache folder {cache_folder()}: {error}.",
            next_step=f"Make room for {_room(found)} MB, or set BAKEOFF_CACHE to a folder that can be written.",
        ) from error


def _pull(found: Entry, final: Path, progress: Progress | None) -> Path:
    failures = []
    for source in found.sources:
        work = aside(final)
        try:
            folder = work / "entry"
            folder.mkdir()
            fetch(found, source, folder, work, progress)
            if final.exists() and not is_here(found):
                remove(final)  # damaged after it was published
            return publish(folder, final)
        except FetchError as failure:
            failures.append(f"{describe(source)}: {failure}")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    tried = "; ".join(f"({number}) {text}" for number, text in enumerate(failures, start=1))
    raise SourceError(
        f"No source could give {found.name!r}. Tried {tried.rstrip('.')}.",
        next_step=_instead(found),
    )


def _instead(found: Entry) -> str:
    if found.kind == "model":
        other = "give a local model instead of the name: a folder with config.json and safetensors, or a .gguf file"
    else:
        other = "give a file of your own rows instead of the name"
    return f"Open the way to a package index (pip config) or to the Hugging Face hub, or {other}."


def _final(found: Entry) -> Path:
    # The fingerprint keeps the files of two releases apart, should an entry ever change.
    return cache_folder() / _verb(found) / found.name / found.fingerprint


def _verb(found: Entry) -> str:
    return "models" if found.kind == "model" else "data"


def _room(found: Entry) -> int:
    return (found.size + 2 * found.download_size) // 1_000_000 + 1
