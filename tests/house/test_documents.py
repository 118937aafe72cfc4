"""What README and docs say of the tree and of the commands is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from bakeoff.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_readme_names_every_room_and_no_other() -> None:
    tree = README.partition("## The tree")[2]
    named = set(re.findall(r"^  (\w+)/ ", tree, flags=re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "src" / "bakeoff").glob("*/__init__.py")}
    assert named == rooms
    for folder in re.findall(r"^(\w+)/ ", tree, flags=re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(path: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = path.read_text(encoding="utf-8")
    for command, rest in re.findall(r"\bbakeoff ([a-z]+)\b([^\n`]*)", text):
        if command in commands:
            found = commands[command]
            verb = rest.split()[0] if rest.split() else ""
            if hasattr(found, "commands") and re.fullmatch("[a-z]+", verb):
                assert verb in found.commands, f"{path.name}: bakeoff {command} {verb}"
                found = found.commands[verb]
            options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
            for option in re.findall(r"(?<!\S)(--?[a-z][a-z0-9-]*)", rest):
                assert option in options, f"{path.name}: bakeoff {command} {option}"
        else:
            pytest.fail(f"{path.name}: bakeoff {command} is no command")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
