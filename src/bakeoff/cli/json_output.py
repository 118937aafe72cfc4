"""What a command gives: lines for people, or one JSON document for programs; the only place that tells them apart."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bakeoff import __version__

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FLAG", "SCHEMA_VERSION", "Given", "plain", "print_document"]

FLAG = "--json"
#: Version of the shape of every document; raised when a reader of the old one would break.
SCHEMA_VERSION = 1


class Given:
    """What one command gives.

    Parameters
    ----------
    command : str
        As it is typed, such as ``"prompt try"``.
    as_json : bool
        Whether standard output is for a program: one document, and nothing else.
    soft_wrap : bool
        Whether long lines are left whole, for paths and commands that are copied.
    """

    def __init__(self, command: str, as_json: bool, *, soft_wrap: bool = False) -> None:
        from rich.console import Console

        self.command = command
        self.as_json = as_json
        #: Where progress is told: standard error where a program reads standard output.
        self.console = Console(highlight=False, stderr=as_json, soft_wrap=soft_wrap)

    def give(
        self, document: Callable[[], Mapping[str, Any]], show: Callable[[Console], object], *, exit_code: int = 0
    ) -> None:
        """Print the result, as one document or for people, and leave where the exit code is another than 0.

        Parameters
        ----------
        document : callable
            Gives the result as a mapping; asked only where a program reads it.
        show : callable
            Prints the result to a console; called only where people read it.
        exit_code : int

        Raises
        ------
        typer.Exit
            If `exit_code` is not 0.
        """
        if self.as_json:
            print_document(self.command, exit_code, {"result": document()})
        else:
            show(self.console)
        if exit_code:
            raise typer.Exit(exit_code)


def print_document(command: str, exit_code: int, content: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output.

    Parameters
    ----------
    command : str
    exit_code : int
        With which the command will leave.
    content : mapping
        ``result``, or ``error`` and ``next_step``.
    """
    document = {"schema": SCHEMA_VERSION, "bakeoff_version": __version__, "command": command, "exit_code": exit_code}
    # ASCII alone, which no encoding of a terminal or a pipe can break.
    text = json.dumps(document | plain(content), indent=2, allow_nan=False)
    print(text, file=sys.stdout, flush=True)


def plain(value: Any) -> Any:
    """Turn facts into what JSON has.

    Parameters
    ----------
    value : object
        A record, mapping, sequence, path, number or text.

    Returns
    -------
    object
        Numbers that JSON lacks are None.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, Sequence | set | frozenset):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)
