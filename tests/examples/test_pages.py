"""Commands in the pages are commands: each bash block is parsed, and those that are marked run for real.

``<!-- run -->`` on the line before a block says that tests run it;
``<!-- run slow -->``, that ``scripts/docs run`` does. Python blocks are compiled, and those that are marked run as
well, each with the names that those above it left.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from bakeoff.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
_BLOCK = re.compile(r"^(?:<!-- (run|run slow) -->\n)?```bash\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


_PYTHON = re.compile(r"^(?:<!-- (run|run slow) -->\n)?```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def _blocks(text: str) -> list[tuple[str, list[list[str]]]]:
    """Give each bash block's mark, and its commands' arguments behind ``bakeoff``."""
    return [
        (mark, [shlex.split(line)[1:] for line in body.replace("\\\n", " ").splitlines() if line.strip()])
        for mark, body in _BLOCK.findall(text)
    ]


def _parsed(arguments: list[str]) -> Any:
    command: Any = typer.main.get_command(app)
    left = list(arguments)
    while hasattr(command, "commands") and left and left[0] in command.commands:
        command = command.commands[left.pop(0)]
    return command.make_context(" ".join(arguments), left)


def _run_page(text: str, marks: tuple[str, ...]) -> None:
    for mark, commands in _blocks(text):
        for arguments in commands if mark in marks else ():
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, f"bakeoff {shlex.join(arguments)}\n{result.output}\n{result.exception!r}"
    names: dict[str, Any] = {}
    for mark, body in _PYTHON.findall(text):
        if mark in marks:
            exec(compile(body, "page", "exec"), names)


def test_every_command_of_a_bash_block_is_parsed() -> None:
    count = 0
    for name, text in PAGES.items():
        assert text.count("```bash") == len(_blocks(text)), name
        for arguments in (one for _, commands in _blocks(text) for one in commands):
            _parsed(arguments)
            count += 1
    assert count > 40


def test_an_option_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(Exception, match="--no-such-option"):
        _parsed(["run", "reviews.csv", "--no-such-option"])


def test_marks_stand_before_blocks_alone() -> None:
    for name, text in PAGES.items():
        marks = re.findall(r"<!-- run.*-->", text)
        assert len(marks) == sum(1 for mark, _ in (*_blocks(text), *_PYTHON.findall(text)) if mark), name


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if "<!-- run -->" in text])
def test_marked_commands_run(name: str, rows_folder: Path) -> None:
    _run_page(PAGES[name], ("run",))


@pytest.mark.pages
@pytest.mark.models
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if "<!-- run slow -->" in text])
def test_slow_commands_run(name: str, rows_folder: Path) -> None:
    _run_page(PAGES[name], ("run", "run slow"))


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if "```python" in text])
def test_python_blocks_are_python(name: str) -> None:
    for body in re.findall(r"^```python\n(.*?)^```", PAGES[name], flags=re.MULTILINE | re.DOTALL):
        compile(body, name, "exec")
