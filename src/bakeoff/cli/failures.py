"""How a command that fails says so: a sentence and the next step for people, an object for programs."""

from __future__ import annotations

import errno
import itertools
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from bakeoff.cli.json_output import FLAG, print_document
from bakeoff.errors import NoVerdictError, TrialError, UserError

__all__ = ["Failure", "tell", "told_of"]


#: What the system says where there is no room or no right to write: nothing that another version would mend.
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES})


class Failure:
    """What went wrong, and how the program leaves.

    Parameters
    ----------
    kind : str
        The first word of the line for people.
    message : str
    next_step : str
        Empty where there is none.
    exit_code : int
    style : str
        Of the first line.
    """

    def __init__(self, kind: str, message: str, next_step: str, exit_code: int, style: str = "bold red") -> None:
        self.kind = kind
        self.message = message
        self.next_step = next_step
        self.exit_code = exit_code
        self.style = style


def told_of(error: BaseException, help_line: str, arguments: Sequence[str]) -> Failure | None:
    """Say what an error is to the user.

    Parameters
    ----------
    error : BaseException
    help_line : str
        How to ask for the help of the command that was given.
    arguments : sequence of str
        Of the program, for what came.

    Returns
    -------
    Failure or None
        None for a fault of ours, whose traceback is wanted.
    """
    if isinstance(error, UserError):
        return Failure("error", error.message, error.next_step, 2)
    if isinstance(error, TrialError):
        return Failure("failed", str(error), "", 1)
    if isinstance(error, NoVerdictError):
        return Failure("no verdict", str(error), "", 3, "bold yellow")
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", "The command was interrupted.", "", 130, "bold yellow")
    if isinstance(error, OSError) and error.errno in _NOT_WRITTEN:
        place = "" if error.filename is None else f"{error.filename}: "
        next_step = "Make room, or give the right to read and write there, and run it again."
        return Failure("error", f"{place}{error.strerror}.", next_step, 2)
    # Usage errors of the parser know what they say and how the program leaves; their classes are private to it.
    message: Any = getattr(error, "format_message", None)
    if message is None:
        return None
    told = _plainly(message(), arguments)
    near: Any = getattr(error, "possibilities", None)
    next_step = f"See: {help_line}"
    if near:
        told = told.partition(" (")[0]
        next_step = f"Did you mean {' or '.join(near)}? {next_step}"
    return Failure("error", told, next_step, getattr(error, "exit_code", 2))


def _plainly(message: str, arguments: Sequence[str]) -> str:
    """Put what the parser says of a value into plain words: what is allowed, and what came."""
    told = message.replace("\n\t", " ").replace("Value error, ", "")
    allowed = None
    if bound := re.search(r"Input should be (greater|less) than or equal to (\S+)$", told):
        allowed = f"it must be {'at least' if bound[1] == 'greater' else 'at most'} {bound[2]}"
    elif kind := re.search(r"Input should be a valid (integer|number).*$", told):
        allowed = f"it must be a {'whole number' if kind[1] == 'integer' else 'number'}"
    if allowed is None:
        return told
    option = re.search(r"'(-[^']+)'", told)
    names = option[1].split(" / ") if option else []
    came = next((value for name, value in itertools.pairwise(arguments) if name in names), None)
    start = told.partition("Input should be")[0]
    return f"{start}{allowed}{'.' if came is None else f'; {came!r} came.'}"


def tell(failure: Failure, command: str, arguments: Sequence[str]) -> None:
    """Tell a failure: on standard error for people, on standard output where a program asked for JSON.

    Parameters
    ----------
    failure : Failure
    command : str
        As it was typed.
    arguments : sequence of str
        Of the program.
    """
    from rich.console import Console
    from rich.text import Text

    if FLAG in arguments:
        told = {"error": failure.message, "next_step": failure.next_step or None}
        print_document(command, failure.exit_code, told)
        return
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    if failure.exit_code == 130:
        errors.print(Text("interrupted.", style=failure.style))
        return
    width = errors.width if errors.is_terminal else sys.maxsize
    errors.print(
        Text(_wrapped(f"{failure.kind}: {failure.message}", len(failure.kind) + 2, width), style=failure.style)
    )
    if failure.next_step:
        indent = " " * (len(failure.kind) + 2)
        errors.print(Text(_wrapped(indent + failure.next_step, len(indent), width)))


def _wrapped(text: str, indent: int, width: int) -> str:
    """Break between words alone, so that paths and commands stay whole."""
    lines = text.splitlines() or [""]
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
        if len(line) > width
        else line
        for line in lines
    )
