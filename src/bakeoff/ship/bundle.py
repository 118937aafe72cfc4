"""A bundle: the folder in which a fitted method is handed over.

::

    bundle/
      bundle.json   what it is, and the sha256 and size of every other file
      README.md     the model card
      method/       what the method's `save` wrote
      weights/      the pre-trained model, where it was asked for

Nothing in the folder is run, and nothing outside it is reached through it: one file of the method or the weights that
`bundle.json` does not list, that changed, that is a link, or that could carry code, and the bundle is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import BakeoffError, BundleError, OptionError
from bakeoff.records import Contender, Reference
from bakeoff.ship.contents import MANIFEST, METHOD, SHIP_AGAIN, WEIGHTS, BundleFile, check_files
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method, RunContext

__all__ = ["SCHEMA", "Bundle", "BundleFacts", "BundleFile", "read_bundle"]

#: Version of the layout of `bundle.json`.
SCHEMA = 1
#: Bytes of `bundle.json`, which lists a few files: a larger one was made to fill the memory.
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a bundle says of the method in it.

    Parameters
    ----------
    contender : Contender
        The method, its version, its model and its settings.
    task : Task
    seed : int
        Of the refit.
    rows : int
        Labelled rows that it was refitted on.
    fingerprint : str
        Of those rows.
    dtype : {"float32", "bfloat16"}
        Data type of forward passes under which it was measured.
    text_columns : tuple of str
        Columns whose texts it learned from; several were joined by a line break.
    text_pair : str or None
        Column of the second text of a pair.
    rows_from : str
        Source of those rows; empty where it is not known.
    reference : Reference or None
        What the study knew of its rows, for later rows to be held against; None where no study measured it.
    """

    contender: Contender
    task: Task
    seed: int
    rows: int
    fingerprint: str
    dtype: str = "float32"
    text_columns: tuple[str, ...] = ()
    rows_from: str = ""
    text_pair: str | None = None
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The part of `bundle.json` that the writer adds to the facts."""

    bakeoff_version: str
    created: str
    versions: Mapping[str, str]
    self_contained: bool
    files: tuple[BundleFile, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files were all found as they were written.

    Parameters
    ----------
    folder : Path
        Absolute, links resolved.
    facts : BundleFacts
    bakeoff_version : str
        Version that wrote it.
    created : str
        When, in UTC, ISO 8601.
    versions : mapping of str to str
        Packages that can change answers, and their versions when it was written.
    self_contained : bool
        Whether it answers without any model from elsewhere.
    files : tuple of BundleFile
        Every file but `bundle.json`.
    """

    folder: Path
    facts: BundleFacts
    bakeoff_version: str
    created: str
    versions: Mapping[str, str]
    self_contained: bool
    files: tuple[BundleFile, ...]

    @property
    def model(self) -> str | None:
        """Name of the model to load: the folder `weights/` where there is one."""
        weights = self.folder / WEIGHTS
        return str(weights) if weights.is_dir() else self.facts.contender.model

    @property
    def size_mb(self) -> float:
        """Size of all files, in MB."""
        return sum(file.size for file in self.files) / 1e6

    def load(self, context: RunContext | None = None) -> Method:
        """Rebuild the fitted method.

        Parameters
        ----------
        context : RunContext, optional
            Surroundings; by default those of a method without limits, with the data type of the bundle.

        Returns
        -------
        Method
            Answers as the shipped method did.

        Raises
        ------
        BundleError
            If the settings do not fit the method, or the model at hand is not the one that the bundle was made with.
        SourceError
            If the model is not part of the bundle and cannot be found.
        """
        from bakeoff.methods.contract import RunContext
        from bakeoff.methods.registry import load_method

        contender = self.facts.contender
        self._check_model()
        method = load_method(contender.method)
        settings = {**contender.parameters, "task": self.facts.task, "model": self.model, "seed": self.facts.seed}
        unknown = sorted(set(settings) - set(method._get_param_names()))
        if unknown:
            raise BundleError(
                f"The bundle {self.folder} sets {unknown[0]!r}, which the method {contender.method!r} does not have.",
                next_step=SHIP_AGAIN,
            )
        try:
            return method.load(self.folder / METHOD, settings, context or RunContext(dtype=self.facts.dtype))
        except BakeoffError:
            raise
        except Exception as error:  # whatever a file holds that no method wrote
            raise BundleError(
                f"The bundle {self.folder} is no whole {contender.method!r}: {type(error).__name__}: {error}.",
                next_step=SHIP_AGAIN,
            ) from error

    def _check_model(self) -> None:
        """Hold the model to the sha256 it had; weights in the bundle were checked as its files, and stand for it."""
        contender = self.facts.contender
        if contender.model is None or contender.model_sha256 is None:
            return
        from bakeoff.catalog import ModelFiles
        from bakeoff.methods.loaded import model_files, stand_in

        weights = self.folder / WEIGHTS
        if weights.is_dir():
            stand_in(str(weights), ModelFiles(contender.model, weights, "folder", contender.model_sha256))
        if self.self_contained or contender.second_sha256 is not None:  # a mixture holds its prompt's model to its own
            return
        found = model_files(contender.model)
        if found.sha256 != contender.model_sha256:
            raise BundleError(
                f"The bundle {self.folder} was made with the model {contender.model!r} of sha256 "
                f"{contender.model_sha256[:12]}; the one at {found.path} has {found.sha256[:12]}.",
                next_step="Put the first model there again, or ship the contender again with --with-weights.",
            )


def read_bundle(folder: Path | str) -> Bundle:
    """Read a bundle and check every file in it.

    Parameters
    ----------
    folder : Path or str

    Returns
    -------
    Bundle
        Nothing is loaded yet.

    Raises
    ------
    BundleError
        If it is no bundle, of another schema, incomplete or changed, leads out of its folder, holds what could be code,
        or was made by a method that this version does not know or has in another version.
    """
    place = Path(folder).absolute()
    value = _read_manifest(place)
    place = place.resolve()
    facts, about = _parse(value, place)
    _check_spec(facts.contender, about.bakeoff_version)
    check_files(place, about.files)
    return Bundle(
        folder=place,
        facts=facts,
        bakeoff_version=about.bakeoff_version,
        created=about.created,
        versions=about.versions,
        self_contained=about.self_contained,
        files=about.files,
    )


def replaced_name(final: Path) -> str:
    """Give the beginning of the name under which an old bundle waits while a new one takes its place."""
    return f".{final.name}.replaced-"


def _read_manifest(place: Path) -> dict[str, Any]:
    path = place / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise BundleError(f"{place} is no bundle: it has no file {MANIFEST}.", next_step=_where_else(place))
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise BundleError(f"{path} may have {_MOST_BYTES:,} bytes; it has {size:,}.", next_step=SHIP_AGAIN)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON: {error}.", next_step=SHIP_AGAIN) from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA or isinstance(schema, bool):
        raise BundleError(
            f"{path} is of schema {schema!r}; this version of bakeoff reads schema {SCHEMA}.",
            next_step="Use the version of bakeoff that wrote it, or ship the contender again with this one.",
        )
    return dict(value)


def _where_else(place: Path) -> str:
    waiting = sorted(place.parent.glob(f"{replaced_name(place)}*")) if place.parent.is_dir() and place.name else []
    if waiting and not place.exists():
        return f"Its writing was interrupted; the bundle that stood there is whole: rename {waiting[-1]} to {place}."
    inside = place / "bundle"
    if (inside / MANIFEST).is_file():
        return f"Did you mean {inside}?"
    return "Give the folder that `bakeoff run` or `bakeoff ship` wrote."


def _parse(value: Mapping[str, Any], place: Path) -> tuple[BundleFacts, _Manifest]:
    from pydantic import TypeAdapter, ValidationError

    try:
        text = json.dumps(value)  # strict mode takes tuples from JSON only
        facts = TypeAdapter(BundleFacts).validate_json(text, strict=True)
        about = TypeAdapter(_Manifest).validate_json(text, strict=True)
    except RecursionError as error:
        raise BundleError(f"{place / MANIFEST} nests too deeply.", next_step=SHIP_AGAIN) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"{place / MANIFEST} does not follow schema {SCHEMA}: {where}: {first['msg']}.", next_step=SHIP_AGAIN
        ) from error
    return facts, about


def _check_spec(contender: Contender, written_by: str) -> None:
    from importlib.metadata import version

    from bakeoff.methods.registry import method_spec

    here = version("bakeoff")
    cure = f"Use bakeoff {written_by}, or ship the contender again with this version."
    try:
        spec = method_spec(contender.method)
    except OptionError as error:
        raise BundleError(
            f"The bundle was made by bakeoff {written_by} with the method {contender.method!r} of version "
            f"{contender.version}, which bakeoff {here} does not have.",
            next_step=f"Install the package that brings the method. {cure}",
        ) from error
    if spec.version != contender.version:
        raise BundleError(
            f"The bundle was made with version {contender.version} of the method {contender.method!r}; "
            f"bakeoff {here} has version {spec.version}, which answers differently.",
            next_step=cure,
        )
