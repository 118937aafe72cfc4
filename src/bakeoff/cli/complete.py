"""What the shell offers on Tab: methods, models, data sets, studies and their contenders; nothing heavy is loaded."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

__all__ = ["bundles", "contenders", "data_sets", "methods", "models", "rows", "studies", "tuning_methods"]

#: By which the shell's script says what it wants.
_SHELL = "_BAKEOFF_COMPLETE"
#: Endings of files that hold rows.
_ROWS = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
#: Folders in which studies are looked for, beside the one that is being typed.
_STUDIES = ("", "bakeoff-studies/")


def methods(incomplete: str) -> list[str]:
    """Offer the methods of a study."""
    from bakeoff.cli.options import METHODS, NAMED_METHODS

    return _starting(f"{METHODS}, {NAMED_METHODS}".split(", "), incomplete)


def tuning_methods(incomplete: str) -> list[str]:
    """Offer the methods that tune a model."""
    from bakeoff.cli.options import TUNING_METHODS

    return _starting(TUNING_METHODS.split(", "), incomplete)


def models(incomplete: str) -> list[tuple[str, str]]:
    """Offer the models of the catalogue; folders and files where none fits, by the shell itself."""
    from bakeoff.catalog.entries import entries

    return [(one.name, one.description) for one in entries("model") if one.name.startswith(incomplete)]


def data_sets(incomplete: str) -> list[tuple[str, str]]:
    """Offer the data sets of the catalogue."""
    from bakeoff.catalog.entries import entries

    return [(one.name, one.description) for one in entries("data") if one.name.startswith(incomplete)]


def rows(incomplete: str) -> list[tuple[str, str]]:
    """Offer data sets of the catalogue, and files that hold rows; other paths, by the shell itself."""
    folder, _, start = incomplete.rpartition("/")
    files = [
        (f"{folder}/{path.name}" if "/" in incomplete else path.name, "file")
        for path in _listed(Path(folder or ("/" if "/" in incomplete else ".")))
        if path.name.startswith(start) and path.name.lower().endswith(_ROWS)
    ]
    return [*data_sets(incomplete), *files]


def studies(incomplete: str) -> list[str]:
    """Offer the folders of studies: here, in ``bakeoff-studies``, and in the folder that is being typed."""
    folder = incomplete.rpartition("/")[0]
    places = dict.fromkeys((*_STUDIES, f"{folder}/" if "/" in incomplete else ""))
    found = (f"{place}{path.name}" for place in places for path in _listed(Path(place or ".")) if _is_study(path))
    return _starting(dict.fromkeys(found), incomplete)


def bundles(incomplete: str) -> list[str]:
    """Offer the folders of bundles: here, and of the studies that are found."""
    here = [path.name for path in _listed(Path()) if (path / "bundle.json").is_file()]
    theirs = [f"{study}/bundle" for study in studies("") if (Path(study) / "bundle" / "bundle.json").is_file()]
    return _starting([*here, *theirs], incomplete)


def contenders(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the contenders of the study that was typed before, from its leaderboard."""
    study = context.params.get("study") or context.params.get("a")
    try:
        with (Path(str(study)) / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
            names = dict.fromkeys(row["contender"] for row in csv.DictReader(file))
    except (OSError, KeyError, ValueError):
        return []
    found = _starting(names, incomplete)
    # Of the three shells, bash alone takes a completion as it is, so that its spaces would divide it.
    return [name.replace(" ", "\\ ") for name in found] if os.environ.get(_SHELL, "").endswith("bash") else found


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        return


def _is_study(path: Path) -> bool:
    return (path / "study.sqlite").is_file()
