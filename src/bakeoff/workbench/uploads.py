"""Rows that came as an upload: kept in the folder of the study that is to be made of them."""

from __future__ import annotations

import datetime
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bakeoff.data import Cell, read_table
from bakeoff.errors import DataError, StudyError
from bakeoff.methods.registry import method_specs
from bakeoff.methods.spec import MethodSpec
from bakeoff.study.folder import STORE_FILE
from bakeoff.workbench.options import DataOptions, StudyOptions, parse_duration, parse_requirement
from bakeoff.workbench.processes import StudyProcess, start_process
from bakeoff.workbench.refuse import check_options

__all__ = [
    "FORMATS",
    "RowsSeen",
    "StartOptions",
    "is_upload",
    "keep_upload",
    "offered_methods",
    "see_rows",
    "start_study",
    "uploaded_file",
]

#: Endings of files that can be uploaded.
FORMATS = (".csv", ".tsv", ".jsonl", ".xlsx", ".parquet")
_PLACE = "upload"
_SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True)
class RowsSeen:
    """The beginning of an uploaded file.

    Parameters
    ----------
    file : str
        Its name.
    columns : tuple of str
    first : tuple of tuple of (str, tuple of str, or None)
        Cells of the first rows.
    rows : int
        In all.
    """

    file: str
    columns: tuple[str, ...]
    first: tuple[tuple[Cell, ...], ...]
    rows: int


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What may be settled of a study before it starts.

    Parameters
    ----------
    time_limit : str
        Such as ``"12m"``; empty for none.
    methods : tuple of str
        All that a study has by default where empty.
    requirements : tuple of str
        Such as ``"accuracy>=0.9"``.
    volume : str
        Predictions a month.
    """

    time_limit: str = ""
    methods: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    volume: str = ""


def keep_upload(folder: Path, name: str, content: BinaryIO) -> Path:
    """Keep an uploaded file in a new folder, from which a study can be started.

    Parameters
    ----------
    folder : Path
        Holds the studies.
    name : str
        The file's, as the browser gave it.
    content : binary file
        At its beginning.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    DataError
        If it has another ending than `FORMATS`, or nothing is in it.
    """
    bare = name.replace("\\", "/").rpartition("/")[2]
    suffix = Path(bare).suffix.lower()
    if suffix not in FORMATS:
        raise DataError(
            f"A file of rows ends in one of {', '.join(FORMATS)}; {bare[:80]!r} came.",
            next_step="Choose another file, or convert it.",
        )
    if not content.read(1):
        raise DataError(f"The file {bare[:80]!r} is empty.", next_step="Choose a file with rows.")
    content.seek(0)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(bare).stem).strip("-.")[:60] or "rows"
    study = _new_folder(folder, stem)
    part = study / f".{_PLACE}-{os.getpid()}"
    part.mkdir()
    with (part / f"{stem}{suffix}").open("wb") as file:
        shutil.copyfileobj(content, file)
    part.rename(study / _PLACE)
    return study


def _new_folder(folder: Path, stem: str) -> Path:
    base = f"{stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = folder / (base if number == 1 else f"{base}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise StudyError(f"There are a thousand folders {base} already.", next_step="Wait a second.")


def is_upload(study: Path) -> bool:
    """Tell whether a folder holds uploaded rows."""
    return (study / _PLACE).is_dir()


def uploaded_file(study: Path) -> Path:
    """Give the file of rows that a folder holds.

    Parameters
    ----------
    study : Path

    Returns
    -------
    Path

    Raises
    ------
    StudyError
        If there is none.
    """
    files = sorted((study / _PLACE).glob("*")) if is_upload(study) else []
    if not files:
        raise StudyError(f"{study.name} holds no uploaded rows.", next_step="Upload the file again.")
    return files[0]


def see_rows(study: Path) -> RowsSeen:
    """Read columns and first rows of an upload.

    Parameters
    ----------
    study : Path

    Returns
    -------
    RowsSeen
    """
    file = uploaded_file(study)
    table = read_table(file)
    return RowsSeen(file.name, table.columns, table.cells[:_SHOWN_ROWS], len(table))


def offered_methods() -> tuple[MethodSpec, ...]:
    """Give the methods that can be chosen by name: those for one label a row that need no server and no file."""
    return tuple(
        spec
        for spec in method_specs()
        if "classification" in spec.kinds
        and spec.arm != "floor"
        and spec.model in ("encoder", "decoder")
        and not spec.takes_prompt
        and spec.available
    )


def start_study(study: Path, data: DataOptions, options: StartOptions) -> StudyProcess:
    """Start the process that measures uploaded rows.

    Parameters
    ----------
    study : Path
        Holds the upload, and will hold the study.
    data : DataOptions
        Its columns.
    options : StartOptions

    Returns
    -------
    StudyProcess

    Raises
    ------
    OptionError, DataError
        If an option, or the name of a column, cannot be used; nothing is started then.
    StudyError
        If the study was started already.
    """
    if (study / STORE_FILE).exists():
        raise StudyError(f"The study {study.name} was started already.", next_step="Resume it on its own page.")
    for one in options.requirements:
        parse_requirement(one)
    if options.time_limit:
        parse_duration(options.time_limit)
    check_options(StudyOptions(methods=options.methods or None))
    arguments = _arguments(study, data, options)
    for one in arguments:
        _check_argument(one)
    return start_process(study, arguments)


def _arguments(study: Path, data: DataOptions, options: StartOptions) -> Sequence[str]:
    """Give the command line; values stand behind an equals sign, so that none is taken for an option."""
    return (
        "run",
        *(f"--text={name}" for name in data.text),
        *(f"--{name}={value}" for name in ("label", "group") if (value := getattr(data, name)) is not None),
        *((f"--time-limit={options.time_limit}",) if options.time_limit else ()),
        *(f"--method={name}" for name in options.methods),
        *(f"--require={one}" for one in options.requirements),
        *((f"--volume={_volume(options.volume)}",) if options.volume else ()),
        f"--output={study.absolute()}",
        str(uploaded_file(study).absolute()),
    )


def _check_argument(argument: str) -> None:
    """Refuse what no command line can carry: a null character, and half of a pair of surrogates."""
    try:
        held = b"\0" not in os.fsencode(argument)
    except UnicodeEncodeError:
        held = False
    if not held:
        raise DataError(
            f"{argument!r} holds a character that cannot be handed to another process.",
            next_step="Rename the column in the file, and upload it again.",
        )


def _volume(text: str) -> str:
    from bakeoff.workbench.assume import parse_assumption

    parse_assumption(f"volume={text}")
    return text
