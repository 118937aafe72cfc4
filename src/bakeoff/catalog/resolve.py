"""From what a user types for a model to files on this machine: a catalogue name, a path, or a hub repository."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bakeoff.catalog.cache import aside, cache_folder, publish, write_file
from bakeoff.catalog.entries import entries, entry
from bakeoff.catalog.facts import Entry
from bakeoff.catalog.hub import HubDownloadError, download_snapshot, latest_commit
from bakeoff.catalog.pull import locate
from bakeoff.catalog.pull import pull as pull_entry
from bakeoff.errors import ModelError, SourceError

__all__ = ["ModelFiles", "resolve_model"]

_REPOSITORY = re.compile(
    r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?\Z",
    re.ASCII,
)
_FORMS = "a catalogue name, a folder with config.json and safetensors, a .gguf file, or hf:owner/name"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model whose files are on this machine.

    Parameters
    ----------
    name : str
        The catalogue name, the ``hf:`` name, or the name of the local folder or file.
    path : Path
        The folder, or the ``.gguf`` file.
    form : {"folder", "gguf"}
        Which of the two it is.
    sha256 : str
        Digest of the weights, the same for the same weights in another place.
    """

    name: str
    path: Path
    form: Literal["folder", "gguf"]
    sha256: str


def resolve_model(
    name_or_path: str | os.PathLike[str],
    pull: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> ModelFiles:
    """Find a model's files; fetch them first where they are not here.

    A catalogue name goes before a local folder of that name: write ``./name`` for the folder.

    Parameters
    ----------
    name_or_path : str or path
        A catalogue name; a folder in the Hugging Face layout; a ``.gguf`` file; or ``hf:owner/name``, to which
        ``@revision`` may be added.
    pull : bool, default True
        Fetch what is not here. Where False, that is an error.
    progress : callable, optional
        Called with bytes done and bytes in all while a catalogue entry is pulled.

    Returns
    -------
    ModelFiles

    Raises
    ------
    ModelError
        If it is no model, or a form that cannot be used.
    SourceError
        If it is not here and cannot be fetched, or the catalogue has no such name.
    """
    given = os.fspath(name_or_path)
    if given.startswith("hf:"):
        return _from_hub(given, pull)
    if given.lower() in {item.name for item in entries()}:
        found = entry(given)
        if found.kind != "model":
            raise ModelError(
                f"{given!r} is a data set of the catalogue; a model is {_FORMS}.",
                next_step="List the models with: bakeoff models",
            )
        folder = pull_entry(found.name, progress) if pull else locate(found.name)
        return _from_catalogue(found, folder)
    path = Path(given).expanduser()
    if path.exists():
        return _from_path(path.resolve() if path.is_dir() else path.absolute())
    if path.suffix == ".gguf" or len(path.parts) > 1 or path.is_absolute():
        step = f"Check the path (the working folder is {Path.cwd()})."
        raise ModelError(f"{given} does not exist; a model is {_FORMS}.", next_step=step)
    return _from_catalogue(entry(given, "model"), path)  # raises: no such name, with the near matches


def _from_catalogue(found: Entry, folder: Path) -> ModelFiles:
    weights = next(file for file in found.files if file.name.endswith((".gguf", ".safetensors")))
    if weights.name.endswith(".gguf"):
        return ModelFiles(found.name, folder / weights.name, "gguf", weights.sha256)
    return ModelFiles(found.name, folder, "folder", weights.sha256)


def _from_path(path: Path) -> ModelFiles:
    if path.is_file():
        with path.open("rb") as stream:
            is_gguf = stream.read(4) == b"GGUF"
        if not is_gguf:
            raise ModelError(
                f"{path} is not a GGUF file; a model is {_FORMS}.",
                next_step="Give the model's folder, or a .gguf file that is whole.",
            )
        return ModelFiles(path.stem, path, "gguf", _digest(path))
    inside = sorted(path.glob("*.gguf"))
    if not (path / "config.json").is_file():
        raise ModelError(
            f"The folder {path} has no config.json, so it is no model in the Hugging Face layout.",
            next_step=f"Give the file itself: {inside[0]}" if inside else f"A model is {_FORMS}.",
        )
    return ModelFiles(path.name, path, "folder", _folder_digest(path))


def _folder_digest(folder: Path) -> str:
    weights = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"The folder {folder} has no .safetensors weights; other formats can run code when they are read.",
            next_step="Save the model again with save_pretrained(folder), which writes safetensors.",
        )
    if len(weights) == 1:
        return _digest(weights[0])
    lines = "".join(f"{_digest(path)}  {path.name}\n" for path in weights)
    return hashlib.sha256(lines.encode()).hexdigest()


def _digest(path: Path) -> str:
    """Hash a file; remember it by path, size and time, since a gigabyte takes seconds."""
    facts = path.stat()
    key = f"{path}\n{facts.st_size}\n{facts.st_mtime_ns}\n{facts.st_ino}"
    note = cache_folder() / "digests" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(note.read_text(encoding="utf-8"))["sha256"])
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        write_file(note, json.dumps({"path": str(path), "sha256": digest}).encode())
    return digest


def _from_hub(given: str, pull: bool) -> ModelFiles:
    match = _REPOSITORY.match(given)
    if match is None:
        raise ModelError(
            f"A hub model is written hf:owner/name or hf:owner/name@revision, not {given!r}.",
            next_step="Copy the name from the model's page.",
        )
    repository, revision = match["repository"], match["revision"]
    parent = cache_folder() / "hub" / repository.replace("/", "--")
    folder = _here(parent, revision)
    if pull:
        try:
            folder = _snapshot(repository, revision, parent)
        except HubDownloadError as failure:
            if folder is None:
                raise SourceError(
                    f"{given!r} could not be fetched. Tried hub repository {repository}: {failure}.",
                    next_step="Open the way to the hub, or give a local folder or .gguf file instead.",
                ) from failure
    if folder is None:
        raise SourceError(
            f"{given!r} is not in the cache folder {cache_folder()}.",
            next_step=f"Fetch it with: bakeoff models pull {given}",
        )
    return ModelFiles(given, folder, "folder", _folder_digest(folder))


def _here(parent: Path, revision: str | None) -> Path | None:
    """Find the newest snapshot in the cache, or the one of a revision that was pulled before."""
    if revision is not None:
        with contextlib.suppress(OSError):
            commit = (parent / f"{revision}.ref").read_text(encoding="utf-8")
            return parent / commit if (parent / commit).is_dir() else None
        return parent / revision if (parent / revision).is_dir() else None
    if not parent.is_dir():
        return None
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return max(folders, key=lambda path: path.stat().st_mtime, default=None)


def _snapshot(repository: str, revision: str | None, parent: Path) -> Path:
    commit = latest_commit(repository, revision)
    final = parent / commit
    if not final.is_dir():
        folder = aside(final)
        try:
            download_snapshot(repository, commit, folder)
            if not (folder / "config.json").is_file():
                raise ModelError(
                    f"hf:{repository} has no config.json, so it is no transformers model.",
                    next_step="Name a repository with safetensors, or give a local .gguf file.",
                )
            _folder_digest(folder)  # refuses a repository without safetensors before it is kept
            publish(folder, final)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if revision is not None and revision != commit:
        write_file(parent / f"{revision}.ref", commit.encode())
    return final
