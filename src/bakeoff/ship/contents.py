"""The files of a bundle: where they may lie, and that they are as they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bakeoff.errors import BundleError

__all__ = [
    "CARD",
    "CODE_SUFFIXES",
    "MANIFEST",
    "METHOD",
    "SHIP_AGAIN",
    "WEIGHTS",
    "BundleFile",
    "check_files",
    "digest",
    "walk",
]

MANIFEST, CARD, METHOD, WEIGHTS = "bundle.json", "README.md", "method", "weights"

SHIP_AGAIN = "Ship the contender again from its study, or copy the whole folder again from where it was written."

#: Endings of files that some loader would run or unpickle; a bundle needs none of them.
CODE_SUFFIXES = frozenset(
    {
        ".bat",
        ".bin",
        ".ckpt",
        ".cmd",
        ".dll",
        ".dylib",
        ".exe",
        ".h5",
        ".joblib",
        ".pickle",
        ".pkl",
        ".ps1",
        ".pt",
        ".pth",
        ".py",
        ".pyc",
        ".pyd",
        ".sh",
        ".so",
    }
)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A listed file: its path with ``/`` between the parts, its sha256, and its size in bytes."""

    path: str
    sha256: str
    size: int


def digest(path: Path) -> str:
    """Give the sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[Path]:
    """Give everything under a folder but folders, in order, without following links."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        else:
            yield path


def check_files(place: Path, files: tuple[BundleFile, ...]) -> None:
    """Hold a bundle's files to what is listed of them.

    Parameters
    ----------
    place : Path
        The bundle's folder.
    files : tuple of BundleFile
        As `bundle.json` lists them.

    Raises
    ------
    BundleError
        If one is missing, changed, a link or not listed, lies outside, or could carry code.
    """
    listed = {file.path for file in files}
    if len(listed) < len(files):
        raise BundleError(f"{place / MANIFEST} lists a file twice.", next_step=SHIP_AGAIN)
    for file in files:
        _check_name(file.path, place)
    for part in (METHOD, WEIGHTS):
        root = place / part
        if root.is_symlink():
            raise BundleError(f"{root} is a link; a bundle holds its files itself.", next_step=SHIP_AGAIN)
        for path in walk(root) if root.is_dir() else ():
            name = path.relative_to(place).as_posix()
            if path.is_symlink():
                raise BundleError(f"{path} is a link; a bundle holds its files itself.", next_step=SHIP_AGAIN)
            if name not in listed:
                raise BundleError(
                    f"{path} is no part of the bundle: {MANIFEST} does not list it.", next_step=SHIP_AGAIN
                )
    if not (place / METHOD).is_dir():
        raise BundleError(f"The bundle {place} has no folder {METHOD}.", next_step=SHIP_AGAIN)
    for file in files:
        _check_content(place / file.path, file)


def _check_name(name: str, place: Path) -> None:
    """Hold a listed path to the bundle's own layout; what is not spelled plainly is refused."""
    parts = PurePosixPath(name).parts
    plain = (
        name == "/".join(parts)
        and not {"..", "."} & set(parts)
        and not any(character in name for character in "\\:\0")
        and (name == CARD or (len(parts) > 1 and parts[0] in {METHOD, WEIGHTS}))
    )
    if not plain:
        raise BundleError(
            f"{place / MANIFEST} lists {name!r}; only {CARD} and files under {METHOD}/ and {WEIGHTS}/ may stand there.",
            next_step="Do not use this bundle: it was made to reach other files.",
        )
    if PurePosixPath(name).suffix.lower() in CODE_SUFFIXES:
        raise BundleError(
            f"{place / MANIFEST} lists {name!r}, a kind of file that could carry code; a bundle holds none.",
            next_step="Do not use this bundle, unless you know who made it and why.",
        )


def _check_content(path: Path, file: BundleFile) -> None:
    if path.is_symlink():
        raise BundleError(f"{path} is a link; a bundle holds its files itself.", next_step=SHIP_AGAIN)
    if not path.is_file():
        raise BundleError(f"The bundle's file {path} is missing.", next_step=SHIP_AGAIN)
    size = path.stat().st_size
    if size != file.size:
        raise BundleError(
            f"The bundle's file {path} has changed: it must have {file.size} bytes and has {size}.",
            next_step=SHIP_AGAIN,
        )
    found = digest(path)
    if found != file.sha256:
        raise BundleError(
            f"The bundle's file {path} has changed: its sha256 must be {file.sha256} and is {found}.",
            next_step=SHIP_AGAIN,
        )
