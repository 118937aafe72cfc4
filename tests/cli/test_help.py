"""The help reads well at 80 columns, and its examples are ones that the parser takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer.main

from bakeoff.cli import options, row_options
from bakeoff.cli.app import app
from bakeoff.cli.examples import EXAMPLES
from in_process import Program

ROOT: Any = typer.main.get_command(app)


def walk(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


COMMANDS = dict(walk())


def test_every_command_has_two_to_four_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for command, examples in EXAMPLES.items():
        assert 2 <= len(examples) <= 4, command


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: command or "bakeoff")
def test_examples_are_taken_by_the_parser(command: str) -> None:
    for _what, line in EXAMPLES[command]:
        name, *words = shlex.split(line)
        assert name == "bakeoff"
        known, path = ROOT, []
        context = ROOT.make_context("bakeoff", list(words))
        while words and words[0] in getattr(known, "commands", {}):
            path.append(words.pop(0))
            known = known.commands[path[-1]]
            context = known.make_context(path[-1], list(words), parent=context)
        assert " ".join(path).startswith(command), line
        assert not hasattr(known, "commands") or known.invoke_without_command, f"{line} names no command"
        assert not context.args, line


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command or "bakeoff")
def test_help_fits_and_speaks_plainly(
    command: str, columns: int, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = program(*command.split(), "--help")
    assert done.code == 0
    # A word that is longer than a line stays whole: a path or a command is copied.
    assert all(len(line) <= columns or " " not in line.strip() for line in done.out.splitlines()), done.out
    for sign in (r"<[a-z]", r"list\[", "x>=", r"float range", "None"):
        assert not re.search(sign, done.out), sign
    assert "Examples:" in done.out


def test_the_first_help_lists_commands_by_purpose(program: Program) -> None:
    told = program("--help").out
    for name in COMMANDS:
        if name and " " not in name:
            assert f"\n  {name} " in told, name
    assert told.index("Find out which way is better:") < told.index("\n  run ") < told.index("Use the winner:")


def test_options_that_choose_name_every_choice() -> None:
    for module in (options, row_options):
        for name in module.__all__:
            kind, *settings = get_args(getattr(module, name)) or (None,)
            choices = [one for part in (kind, *get_args(kind)) for one in get_args(part) if isinstance(one, str)]
            if isinstance(kind, type(None)) or not choices or not settings:
                continue
            told = f"{settings[0].metavar} {settings[0].help}"
            for choice in choices:
                assert choice in told, f"{name}: {choice}"


def test_run_groups_its_options(program: Program) -> None:
    told = program("run", "--help").out
    headings = ["Arguments:", "Rows:", "Task:", "Contenders:", "Plan and time:", "Requirements and costs:", "Output:"]
    assert [told.index(f"\n{heading}") for heading in headings] == sorted(told.index(f"\n{one}") for one in headings)
    assert "--machine-hour-cost" in told


def test_every_command_can_answer_a_program() -> None:
    for name, command in COMMANDS.items():
        does_nothing_alone = hasattr(command, "commands") and not command.invoke_without_command
        given = any("--json" in parameter.opts for parameter in command.params)
        assert given is not (does_nothing_alone or name == "ui"), name
