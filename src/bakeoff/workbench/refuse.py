"""Refuse what a study cannot be made of, before anything is written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from bakeoff.errors import OptionError
from bakeoff.methods.registry import method_specs
from bakeoff.records import Contender
from bakeoff.study.folder import STORE_FILE
from bakeoff.workbench.options import StudyOptions

__all__ = ["check_contenders", "check_options", "check_place"]


def check_options(options: StudyOptions) -> None:
    """Refuse methods and files that there are not, and less than one seed.

    Parameters
    ----------
    options : StudyOptions

    Raises
    ------
    OptionError
        If one is wanted.
    """
    names = [spec.name for spec in method_specs() if not spec.takes_prompt]
    for name in options.methods or ():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise OptionError(
                f"A method is one of {', '.join(names)}; {name!r} came.",
                next_step=f"Did you mean {near[0]!r}?" if near else "Choose among these.",
            )
    if options.predictions is not None and not options.predictions.is_file():
        raise OptionError(
            f"--predictions names a file of answers; {options.predictions} is none.", next_step="Check the path."
        )
    if options.seeds < 1:
        raise OptionError(
            f"A study needs at least one seed; {options.seeds} came.", next_step="Give --seeds 3 or more."
        )


def check_place(folder: Path | None) -> None:
    """Refuse a folder that holds a study, a file in its place, and a place that cannot be written to.

    Parameters
    ----------
    folder : Path or None
    """
    if folder is not None and (folder / STORE_FILE).exists():
        raise OptionError(
            f"The folder {folder} holds a study already.",
            next_step=f"Continue it with 'bakeoff resume {folder}', or name another folder with --output.",
        )
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OptionError(
            f"--output names a folder; {folder} is a file.", next_step="Name a folder that is not there yet."
        )
    if folder is not None:
        above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            why = "is a file" if not above.is_dir() else "cannot be written to"
            raise OptionError(
                f"--output names a folder that can be made; {folder} cannot, since {above} {why}.",
                next_step="Name another folder with --output.",
            )


def check_contenders(contenders: Sequence[Contender], missing: Sequence[str], options: StudyOptions) -> None:
    """Refuse methods by name that these models and rows do not allow.

    Parameters
    ----------
    contenders : sequence of Contender
    missing : sequence of str
        Why further ones cannot be had.
    options : StudyOptions

    Raises
    ------
    OptionError
        If one is wanted.
    """
    if options.methods is None:
        return
    known = {contender.method for contender in contenders}
    unknown = [name for name in options.methods if name not in known]
    if unknown:
        raise OptionError(
            f"The method {unknown[0]!r} is not among those that these models and rows allow: "
            f"{', '.join(sorted(known)) or 'none'}.",
            next_step=" ".join(one for one in missing if one.startswith(unknown[0]))
            or "Choose among these, or give a model that it can use.",
        )
