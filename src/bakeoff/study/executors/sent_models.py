"""Models that are sent to other machines: told by the sha256 of their files, put there once, and checked."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bakeoff.catalog import ModelFiles, aside, entry_cache, publish, resolve_model
from bakeoff.errors import TrialError

__all__ = ["FETCHING", "SentFile", "SentModel", "describe_model", "find_model", "keep_model", "pieces_of"]

#: What is told while a model comes.
FETCHING = "fetching its model"
#: A file goes in pieces of so many bytes, so that no store must hold it whole.
PIECE_BYTES = 64 * 2**20
#: Weights in forms that are never read, which would be sent for nothing.
_NEVER_READ = (".bin", ".h5", ".msgpack", ".onnx", ".ot", ".pt", ".pth", ".tflite")

#: Gives the pieces of a file by its name, in order.
Pieces = Callable[[str], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a model: its name below the model's folder, its bytes, and their sha256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SentModel:
    """A model as the study's machine has it.

    Parameters
    ----------
    name, known_as : str
        As jobs name it, and as `bakeoff.catalog.ModelFiles` does.
    path : str
        Where it is on the study's machine: a folder, or one file.
    form : {"folder", "gguf"}
    sha256 : str
        Of its weights, as `ModelFiles` has it.
    files : tuple of SentFile
    """

    name: str
    known_as: str
    path: str
    form: Literal["folder", "gguf"]
    sha256: str
    files: tuple[SentFile, ...]

    @property
    def key(self) -> str:
        """sha256 over names and contents, the same for the same files under any path."""
        return hashlib.sha256(json.dumps([asdict(file) for file in self.files]).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def path_of(self, file: SentFile) -> Path:
        """Give where a file is on the study's machine."""
        return Path(self.path) if self.form == "gguf" else Path(self.path) / file.name

    def within(self, folder: Path) -> ModelFiles:
        """Give the model's files inside another folder."""
        path = folder / self.files[0].name if self.form == "gguf" else folder
        return ModelFiles(self.known_as, path, self.form, self.sha256)


def describe_model(name: str) -> SentModel:
    """Find a model on this machine and read what its files are.

    Parameters
    ----------
    name : str
        A catalogue name, a folder, a ``.gguf`` file or ``hf:owner/name``.

    Returns
    -------
    SentModel

    Raises
    ------
    ModelError, SourceError
        As `bakeoff.catalog.resolve_model` does.
    """
    found = resolve_model(name)
    paths = [found.path] if found.form == "gguf" else _read_files(found.path)
    root = found.path.parent if found.form == "gguf" else found.path
    files = tuple(SentFile(path.relative_to(root).as_posix(), path.stat().st_size, _digest(path)) for path in paths)
    return SentModel(name, found.name, str(found.path), found.form, found.sha256, files)


def _read_files(folder: Path) -> list[Path]:
    """Give the files of a model's folder, hidden ones and weights in other forms left out."""
    inside = (path for path in sorted(folder.rglob("*")) if path.is_file())
    shown = (path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return [path for path in shown if path.suffix not in _NEVER_READ]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pieces_of(path: Path) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Read a file piece by piece.

    Parameters
    ----------
    path : Path

    Yields
    ------
    ndarray of uint8
        At most `PIECE_BYTES` each; none for an empty file.
    """
    with path.open("rb") as stream:
        while len(piece := np.frombuffer(stream.read(PIECE_BYTES), dtype=np.uint8)):
            yield piece


def find_model(model: SentModel, *, here: bool) -> ModelFiles | None:
    """Find a sent model on this machine.

    Parameters
    ----------
    model : SentModel
    here : bool
        Whether this is the study's machine, where it stands under its own path.

    Returns
    -------
    ModelFiles or None
        None where it was never sent to this machine.
    """
    if here and all(model.path_of(file).is_file() for file in model.files):
        return ModelFiles(model.known_as, Path(model.path), model.form, model.sha256)
    folder = entry_cache("sent-models", model.key)
    return model.within(folder) if folder.is_dir() else None


def keep_model(model: SentModel, pieces: Pieces, tell: Callable[[str, float], None]) -> ModelFiles:
    """Write a sent model into this machine's cache, for all its later jobs.

    Parameters
    ----------
    model : SentModel
    pieces : callable
        Gives the pieces of a file by its name.
    tell : callable
        Told of progress.

    Returns
    -------
    ModelFiles

    Raises
    ------
    TrialError
        If what came is not what was sent.
    """
    final = entry_cache("sent-models", model.key)
    folder, done = aside(final), 0
    try:
        for file in model.files:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with path.open("wb") as stream:
                for piece in pieces(file.name):
                    stream.write(memoryview(piece))
                    digest.update(piece)
                    done += len(piece)
                    tell(FETCHING, done / max(model.size, 1))
            if digest.hexdigest() != file.sha256:
                raise TrialError(f"{file.name} of {model.name} came with another sha256 than it was sent with")
        return model.within(publish(folder, final))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
