"""The site of the documentation builds strictly, asks no other host, and its references are those of the code."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
import yaml

from bakeoff.cli.app import app
from bakeoff.methods.registry import method_specs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "scripts" / "reference_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(reference: ModuleType) -> dict[str, str]:
    return reference.reference_pages()


def _commands() -> dict[str, Any]:
    found = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found[f"bakeoff {name}"] = command
        found.update({f"bakeoff {name} {verb}": one for verb, one in getattr(command, "commands", {}).items()})
    return found


def test_every_option_of_every_command_is_in_the_reference(pages: dict[str, str]) -> None:
    parts = re.split(r"^## ", pages["reference/command-line.md"], flags=re.MULTILINE)
    sections = {part.partition("\n")[0]: part for part in parts[1:]}
    assert set(sections) == set(_commands())
    for name, command in _commands().items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden and "--help" not in parameter.opts:
                for option in (*parameter.opts, *parameter.secondary_opts):
                    assert f"`{option}`" in sections[name], f"{name} {option}"


def test_every_method_is_in_the_reference(pages: dict[str, str]) -> None:
    named = re.findall(r"^### (.+)$", pages["reference/methods.md"], flags=re.MULTILINE)
    assert sorted(named) == sorted(spec.name for spec in method_specs())


def test_every_verb_of_the_workbench_is_in_the_reference(pages: dict[str, str]) -> None:
    modules = {path.stem for path in (ROOT / "src" / "bakeoff" / "workbench").glob("[a-z]*.py")}
    named = set(re.findall(r"^## bakeoff\.workbench\.(\w+) ", pages["reference/python/workbench.md"], re.MULTILINE))
    assert named == modules
    assert "::: bakeoff.workbench.run.run" in pages["reference/python/workbench.md"]


def test_every_page_is_in_the_navigation(reference: ModuleType, pages: dict[str, str]) -> None:
    listed = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted({*written, *pages, *reference.ROOT_PAGES.values(), "examples.md"})


def test_no_font_of_another_host_is_named() -> None:
    text = re.sub(r"!!python\S+", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    settings = yaml.safe_load(text)
    assert settings["theme"]["font"] is False
    assert "http" not in text


def test_it_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(built)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = {path: path.read_text(encoding="utf-8") for path in built.rglob("*.html")}
    assert built / "cookbook" / "fifty-labels.html" in html
    for path, text in html.items():
        assert not re.search(r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?(?:https?:)?//", text), path
        assert not re.search(r"<link\b[^>]*rel=[\"']?(?:stylesheet|preconnect|icon)[^>]*(?:https?:)?//", text), path
    assert "--finalist-seeds" in html[built / "reference" / "command-line.html"]
